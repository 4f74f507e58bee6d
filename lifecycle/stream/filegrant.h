/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_FILEGRANT_H
#define LIFECYCLE_STREAM_FILEGRANT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "lifecycle/account.h"

/*
 * The nucleus opens a component's file for the stream manager, which may open none: as the
 * component's user, and only below directories that are the component's. Without the first, a
 * component could have uploaded what its user may not read; without the second, a container could
 * have uploaded files of the host that it does not even see.
 */
struct file_grant {
	const struct account *account;  /* NULL: we ourselves */
	const char *const *directories; /* absolute, NULL-terminated */
};

/* Opens a regular file for reading. ERROR_DENIED: not below the directories, or the user may not;
 * ERROR_NOT_FOUND: there is none; ERROR_INPUT: no regular file. No symlink leads out. */
must_check bool file_grant_open(const struct file_grant *grant, const char *path, int *fd,
				struct error *err);

#endif
