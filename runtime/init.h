/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_INIT_H
#define RUNTIME_INIT_H

#include "runtime/container.h"
#include "runtime/mount.h"
#include "runtime/seccomp.h"
#include "runtime/state.h"

/*
 * Everything init needs, prepared by the parent before the clone. All descriptors are O_CLOEXEC.
 */
struct init_plan {
	struct arena *arena;
	struct spec *spec;
	struct state *state; /* for hooks that run inside */
	struct rootfs rootfs;
	struct seccomp_filter filter; /* compiled; length 0: none */
	int sync;                     /* init's end of the conversation */
	int parents_fds[3];           /* the other end, the state's directories: init closes them */
	int proc;                     /* the host's procfs, verified */
	int namespaces[NAMESPACE_KINDS]; /* those to join; -1 */
	int stdio[3];                    /* -1: as inherited */
	int start_fifo, result_fifo;     /* `create`: see state.h; -1 */
	int console;                     /* where the master of a terminal is sent; -1 */
	unsigned int preserve_fds;
	bool is_joined;        /* a stage has joined the namespaces already */
	bool is_joining;       /* not init at all: it joins a container, and makes nothing in it */
	bool runs_early_hooks; /* SYNC_HOOKS and SYNC_HOOKED take place */
	bool lacks_limits;     /* SYNC_LIMITS and SYNC_LIMITED take place */
	bool is_without_keyring;
	bool lets_user_in;       /* its owner, an ordinary user, may exec before the start */
	bool is_watched_by_user; /* it takes the filter's listener as an ordinary user: see finish.c
				  */
};

/* In the cloned process. Ends in execve, or reports why not. */
_Noreturn void init_run(struct init_plan *plan);

/* Joins the namespaces of the plan that have paths; those that need other rights once more after
 * the user namespace. */
must_check bool init_join(const struct init_plan *plan, struct error *err);

/* What the caller ignored or blocked is not the container's business. */
void init_reset_signals(void);

/* CLONE_NEW* of the namespaces that init makes for itself after the clone, and of one kind. */
uint64_t init_late_namespaces(const struct spec *spec);
unsigned long init_clone_flag(enum namespace_kind kind);

#endif
