/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_RDT_H
#define RUNTIME_RDT_H

#include <sys/types.h>

#include "runtime/spec.h"

/*
 * The group of the resctrl file system in which a container is: its share of the caches and of the
 * memory's bandwidth (Intel RDT). The machine's owner mounts the file system.
 */
struct rdt {
	const char *root;    /* where resctrl is mounted */
	const char *group;   /* NULL: the config asks for none */
	const char *monitor; /* a group that only counts, below it; NULL: none */
	bool is_own;         /* named after the container: removed with it */
};

/* Before anything is made: finds resctrl, and the group unless it is to be made. `root` instead of
 * looking for it, or NULL. The paths live in the arena. */
must_check bool rdt_find(struct arena *arena, const char *root, const struct spec_rdt *wanted,
			 const char *id, struct rdt *rdt, struct error *err);
/* Makes what is missing, writes the schemata. */
must_check bool rdt_make(const struct rdt *rdt, const struct spec_rdt *wanted, struct error *err);
/* Moves a process in, 0 is the caller; without a group there is nothing to do. */
must_check bool rdt_join(const struct rdt *rdt, pid_t pid, struct error *err);
/* Removes what was made for the container alone; missing is success. */
must_check bool rdt_remove(const struct rdt *rdt, struct error *err);

#endif
