/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_IDHELPER_H
#define BASE_IDHELPER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * newuidmap(1) and newgidmap(1): set-uid programs that give an ordinary user's user namespace the
 * ids which /etc/subuid and /etc/subgid grant (subuid(5)).
 */

enum idhelper_kind {
	IDHELPER_UIDS,
	IDHELPER_GIDS,
};

struct idhelper_range {
	uint32_t inside, outside, count;
};

/* Maps the ranges into the user namespace of process `pid`, which has no such map yet. `name` is
 * for messages. Fails with ERROR_NOT_FOUND where the program is not installed, with ERROR_DENIED
 * and its own words where it refuses. */
must_check bool idhelper_map(enum idhelper_kind kind, pid_t pid, const char *name,
			     const struct idhelper_range *ranges, size_t count, struct error *err);

/* What is granted to the user with this name and number: up to `room` ranges, of which only outside
 * and count are filled in. A file that is not there grants nothing. */
size_t idhelper_grants(enum idhelper_kind kind, const char *user, uid_t uid,
		       struct idhelper_range *ranges, size_t room);

#endif
