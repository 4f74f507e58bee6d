/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MARKS_H
#define BASE_MARKS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

/*
 * Owner, mode and times of what was just made, as another file's are. They go to a descriptor and
 * never to a name: who may write to the directory can put a file of his own there in between, which
 * would become somebody else's and set-user-ID.
 */

enum marks_need {
	MARKS_ALL,     /* a mark that cannot be given is a failure */
	MARKS_ALLOWED, /* owner and times as far as the caller may give them */
};

/* `file` may be what O_PATH has opened, also a symlink, which has no mode. `name` is for errors. */
must_check bool marks_set(int file, const char *name, const struct stat *marks,
			  enum marks_need need, struct error *err);

/* The same for what only a name can be given to when it is made: a symlink, a pipe, a device.
 * ERROR_EXISTS if by now something else is called `name`. */
must_check bool marks_set_found(int dir, const char *name, const struct stat *marks,
				enum marks_need need, struct error *err);

#endif
