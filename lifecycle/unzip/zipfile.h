/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_UNZIP_ZIPFILE_H
#define LIFECYCLE_UNZIP_ZIPFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * ZIP archives (PKWARE's APPNOTE 6.3) as recipes have them: stored or deflated, not encrypted,
 * below 4 GiB. What is in the archive is believed only as far as it was checked: names are taken
 * apart and opened one by one below the directory, sizes and checksums must be what the archive
 * promised.
 */

#define ZIPFILE_ENTRIES_MAX     65535 /* fewer than so many: the number stands for ZIP64 */
#define ZIPFILE_DIRECTORIES_MAX 65535
#define ZIPFILE_DEPTH_MAX       32
#define ZIPFILE_NAME_MAX        4096
#define ZIPFILE_SECONDS_MAX     900 /* of the processor's time: mooring-unzip is ended then */
#define ZIPFILE_TOTAL_MAX       (INT64_C(8) * 1024 * 1024 * 1024) /* of all that is written */

/* Each byte of the archive is read for one file at most.
 *
 * Writes all files of the archive `fd` (a regular file) below `dir`. Directories are made as they
 * are needed; links are written as files that hold where they lead, and nothing is ever followed.
 * A name that leads out of the directory fails, and so does a disk that is full. */
must_check bool zipfile_extract(int fd, int dir, struct error *err);

#endif
