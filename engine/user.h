/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_USER_H
#define ENGINE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * "user[:group]" by the image's own /etc/passwd and /etc/group: files of a stranger, so they are
 * opened below the root, must be regular and none of the kernel's, and are read up to a limit. One
 * that cannot be read keeps nobody out who comes by number, or as root.
 */
struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary, the primary group first; in the arena */
	size_t group_count;
	const char *home; /* "/" if passwd does not know better */
};

/* `root` is the directory of the root file system; `text` as docker's --user ("" is root);
 * `more` are --group-add's names and numbers. */
must_check bool user_find(int root, struct arena *arena, const char *text, const struct texts *more,
			  struct user *user, struct error *err);

#endif
