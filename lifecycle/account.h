/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ACCOUNT_H
#define LIFECYCLE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The user that scripts run as.
 */

#define ACCOUNT_GROUPS_MAX 256

struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[ACCOUNT_GROUPS_MAX]; /* supplementary: membership of "docker" counts here */
	size_t group_count;
	char name[64]; /* for messages and USER */
	char home[256];
};

/* "user", "user:group"; both may be numbers. A uid nobody has a name for needs a group. */
must_check bool account_find(struct account *account, const char *text, const char *setting,
			     struct error *err);

#endif
