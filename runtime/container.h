/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/service.h"

/*
 * The OCI runtime as a library: a bundle in, a supervised process out.
 *
 * Two ways in. A process that stays the parent of the container's init (`mooring-runc run`, the
 * monitor) holds a struct container from container_launch to container_release. The OCI verbs
 * (create, start, state, kill, delete) find a container by its name below the state root, across
 * processes.
 */

/* What if the caller may not make control groups? A container that asks for nothing of them can do
 * without. */
enum container_rootless {
	CONTAINER_ROOTLESS_AUTO, /* it does, if the caller is not the machine's root */
	CONTAINER_ROOTLESS_YES,
	CONTAINER_ROOTLESS_NO,
};

/* What goes into a new container beyond its bundle. */
struct container_options {
	const char *state_root; /* one directory per container below it; made if missing */
	const char *id;         /* one plain name: letters, digits and _+-. */
	const char *bundle;     /* the directory of config.json; relative root paths start here */
	const char *config;     /* the file, if it is not the bundle's config.json */
	const char *pid_file;   /* the init's pid, decimal, no newline; NULL: none */
	const char *console_socket; /* receives the pty master of a terminal; NULL: none */
	const char *pidfd_socket;   /* receives the init's pidfd; NULL: none */
	int stdio[3];               /* become 0, 1 and 2 of the container; -1: ours are inherited */
	unsigned int preserve_fds; /* 3 … 3+N-1 are inherited as they are, behind the service's */
	struct service service;    /* sockets and readiness of a service of systemd */
	enum container_rootless rootless;
	bool is_systemd;         /* the control groups belong to a unit of systemd */
	bool is_without_cgroups; /* no control groups: it stays in the caller's */
	bool takes_terminal;     /* container_launch: the caller asks for it afterwards */
	bool is_screen_ours;     /* and shows it on a terminal that adds returns to newlines */
	bool is_without_pivot;   /* root is a ramdisk: MS_MOVE and chroot */
	bool is_without_keyring; /* stay in the caller's session keyring */
};

/* All empty: no stdio of its own, no files. */
void container_options_init(struct container_options *options);

/* Why the user's program is not running, as docker's exit codes tell it. */
enum container_fault {
	CONTAINER_FAULT_OTHER,          /* 125: anything before its execve */
	CONTAINER_FAULT_NOT_EXECUTABLE, /* 126: permission denied, a directory, no interpreter */
	CONTAINER_FAULT_NOT_FOUND,      /* 127: no such program in the container */
	CONTAINER_FAULT_ENDED,          /* exec: the container has ended, or is about to */
};

/* A container whose init is our child. */
struct container;

/* Makes the container and starts its program. Returns once the program has been executed; on
 * failure nothing is left behind (process, cgroup, state) and *fault says which exit code fits.
 * The caller's child: waited for by container_wait alone. The caller should be single-threaded. */
must_check bool container_launch(const struct container_options *options,
				 struct container **container, enum container_fault *fault,
				 struct error *err);

pid_t container_pid(const struct container *container);
/* The master of its terminal, which is the caller's now; -1: it has none, or it was taken already.
 */
int container_take_terminal(struct container *container);
/* Polls readable once init has exited. Owned by the container. */
int container_pidfd(const struct container *container);
/* The socket on which the container says that it is ready, or -1; see service.h. */
int container_notify_socket(const struct container *container);
/* Signals init. A container that is gone already counts as signalled. */
must_check bool container_signal(struct container *container, int signal, struct error *err);
/* Reaps init (blocks until it exits); *status is as from waitpid. */
must_check bool container_wait(struct container *container, int *status, struct error *err);
/* True if the kernel's out-of-memory killer struck in its cgroup. Ask before container_release. */
bool container_is_oom_killed(const struct container *container);
/* After container_wait: ends what is left in the cgroup, removes cgroup and state, runs poststop
 * hooks, frees. NULL is accepted. On failure the container is freed all the same. */
must_check bool container_release(struct container *container, struct error *err);
/* Frees without touching the running container (`run --detach`, `run --keep`). */
void container_forget(struct container *container);

/* The OCI verbs. ---------------------------------------------------------------------------- */

/* Makes the container up to the point just before the user's program; container_start lets go. */
must_check bool container_create(const struct container_options *options,
				 enum container_fault *fault, struct error *err);
/* `notify`: the service manager's socket, or NULL; it returns once the container is ready then. */
must_check bool container_start(const char *state_root, const char *id, const char *notify,
				struct error *err);

enum container_reach {
	CONTAINER_INIT,     /* the init process alone */
	CONTAINER_EVERYONE, /* every process of the container; a dead one is success */
};
must_check bool container_kill(const char *state_root, const char *id, int signal,
			       enum container_reach reach, struct error *err);

/* Suspends every process, those that are executed into it later too; lets them go on. */
must_check bool container_pause(const char *state_root, const char *id, struct error *err);
must_check bool container_resume(const char *state_root, const char *id, struct error *err);

/* Removes a stopped container. `is_forced`: a running one is killed, a missing one is success, and
 * of one whose state cannot be read as much as possible is ended. A poststop hook that failed is no
 * failure: *warning tells of it, its text is empty otherwise. */
must_check bool container_delete(const char *state_root, const char *id, bool is_forced,
				 struct error *warning, struct error *err);

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
};
const char *container_status_name(enum container_status status);

#endif
