/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ARTIFACTFILE_H
#define LIFECYCLE_ARTIFACTFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/digest.h"
#include "lifecycle/artifact.h"

/*
 * One artifact on disk: written beside, given its owner and mode, renamed into place.
 */

/* A file to write into, in `dir`; there is one at a time (the deployment's lock sees to it), so a
 * crash leaves one at most, and it is written over. -1 (and err) if that fails. */
int artifactfile_create(int dir, struct error *err) must_check;
/* Makes it last, under its name. */
must_check bool artifactfile_publish(int fd, int dir, const char *name, struct error *err);
void artifactfile_discard(int dir);

/* Owner and mode; nothing happens to a file that has both. `account` NULL: the owner stays. */
must_check bool artifactfile_own(int fd, const struct account *account, mode_t mode,
				 struct error *err);
mode_t artifactfile_mode(enum recipe_permission read, enum recipe_permission execute);

/* SHA-256 of the whole file, whatever the offset is. */
must_check bool artifactfile_digest(int fd, const char *name, struct digest *digest,
				    struct error *err);

#endif
