/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ECRCACHE_H
#define CLI_ECRCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * Passwords of ECR, which are good for 12 hours: ROOT/ecr.json, for its owner alone. A device that
 * pulls often asks AWS twice a day. What is lost or unreadable is fetched again.
 */
struct ecrcache_entry {
	const char *username, *password;
	int64_t expires; /* Unix time */
};

/* Whose password it is for which registry. False: none that is still good. In `arena`. */
bool ecrcache_find(struct arena *arena, const char *root, const char *host, const char *principal,
		   struct ecrcache_entry *entry);

/* Keeps what mooring-fetch has written into `fd`: lines of
 * {"host","username","password","expires"}. */
must_check bool ecrcache_keep(const char *root, const char *principal, int fd, struct error *err);

#endif
