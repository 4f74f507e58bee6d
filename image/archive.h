/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_ARCHIVE_H
#define IMAGE_ARCHIVE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"
#include "image/events.h"
#include "image/store.h"

/*
 * docker load and docker save. The work is done by mooring-unpack.
 */

/* Reads an archive (docker save's, an OCI layout in a tar; plain, gzip, zstd, xz, bzip2) from `fd`,
 * a file or a pipe, or an OCI layout from a directory. `platform` ("linux/arm64"; NULL: this
 * machine's) chooses where the archive has several, and is insisted on. `watcher` hears of every
 * image and name. */
must_check bool image_load(const struct store *store, int fd, const char *platform,
			   const struct image_watcher *watcher, struct error *err);

/* Writes the images to `fd` as one archive that docker, podman and we can load. A name without a
 * tag means all its tags. Fails with ERROR_NOT_FOUND ("No such image: x") before a byte is written,
 * also if an image is not for `platform` (NULL: any). */
must_check bool image_save(const struct store *store, const struct texts *names,
			   const char *platform, int fd, struct error *err);

#endif
