/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_OOMWATCH_H
#define RUNTIME_OOMWATCH_H

#include "runtime/cgroup.h"

/*
 * Word from the kernel when its out-of-memory killer struck in a group: an eventfd on v1, inotify
 * on v2.
 */

struct oomwatch {
	int fd; /* polls readable when there may be news; -1: the host does not tell */
	const struct cgroup *cgroup;
	uint64_t known; /* v2: how often it has struck */
};

must_check bool oomwatch_open(struct oomwatch *watch, const struct cgroup *cgroup,
			      struct error *err);
/* Takes what `fd` has to say; true if it struck since the last time. */
bool oomwatch_take(struct oomwatch *watch);
void oomwatch_close(struct oomwatch *watch);

#endif
