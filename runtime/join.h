/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_JOIN_H
#define RUNTIME_JOIN_H

#include "runtime/init.h"

/*
 * A process on its way into a container that runs: everything it needs, prepared by the parent
 * before the clone. All descriptors are O_CLOEXEC.
 */
struct join_plan {
	struct init_plan init; /* the part of the way that it shares with init */
	const struct cgroup *cgroup;
	int target;         /* a pidfd of the container's init */
	int root;           /* of a container without a mount namespace, else -1 */
	int namespaces;     /* CLONE_NEW* of those to join */
	bool is_born_there; /* in the v2 group, of a hybrid host too */
	bool is_in_cgroup;  /* in all of them: born there, or led there by a stage */
	bool is_joined;     /* the stage has joined the namespaces */
};

/* In the cloned process. Ends in execve, or reports why not. */
_Noreturn void join_run(struct join_plan *plan);

/* The two halves that a stage does on its behalf, in this order. */
must_check bool join_cgroups(struct join_plan *plan, struct error *err);
must_check bool join_namespaces(struct join_plan *plan, struct error *err);
/* setns(2) for some of them, CLONE_NEW*; as that one fails. */
int join_some(struct join_plan *plan, int namespaces);

#endif
