/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Starting programs and waiting for them. A child gets exactly the descriptors it is given.
 */

struct proc_fd {
	int from; /* ours */
	int to;   /* the child's number */
};

/* Whom a program runs as; only root can start one as somebody else. */
struct proc_user {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary */
	size_t group_count;
};

struct proc_options {
	const char *const
		*argv; /* NULL-terminated; argv[0] is looked up on PATH unless it has a '/' */
	const char *const *env;    /* NULL: ours */
	const char *directory;     /* working directory; NULL: ours */
	const struct proc_fd *fds; /* 0, 1 and 2 are /dev/null unless named here */
	size_t fd_count;
	const struct proc_user *user; /* NULL: ours */
	const int *groups; /* cgroup.procs files that it joins, before it is anybody else */
	size_t group_count;
	bool is_session_leader;  /* setsid */
	int parent_death_signal; /* 0: none */
};

struct proc {
	pid_t pid;
	int pidfd; /* -1 where the kernel has none (< 5.3) */
};

#define PROC_FDS_MAX 32

/* Starts the program. An exec that fails is reported here, with its errno, and leaves no child. */
must_check bool proc_spawn(const struct proc_options *options, struct proc *proc,
			   struct error *err);

/* waitpid(2), however many signals come meanwhile. `status` may be NULL. False: errno. */
bool proc_reap(pid_t pid, int *status);
/* Waits; *status is as from waitpid. Closes the pidfd. */
must_check bool proc_wait(struct proc *proc, int *status, struct error *err);

/* Runs the program to its end and takes what it writes to its standard output into `output`, up to
 * that one's limit: more is a failure, and the program finds its output closed. Its standard error
 * is ours. *status is as from waitpid. */
must_check bool proc_output(const char *const *argv, struct buf *output, int *status,
			    struct error *err);

/* The shell's view of a wait status: the exit code, or 128 + the signal. */
int proc_exit_code(int status);

/* Where a helper program lives, relative to the running one: ../libexec/mooring/NAME when
 * installed, and the build tree's place for it otherwise. The caller frees it. */
must_check bool proc_helper(const char *name, char **path, struct error *err);

/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat): with the pid it
 * names a process for good. */
must_check bool proc_start_time(pid_t pid, unsigned long long *ticks, struct error *err);
/* False once that very process is gone (or a zombie). */
bool proc_is_alive(pid_t pid, unsigned long long start_time);
/* True from the moment its end has begun, when it is still alive: nothing joins its namespaces any
 * more. */
bool proc_is_ending(pid_t pid, unsigned long long start_time);

/* Whose child it is; 0 if it is not there, or somebody's outside of our pid namespace. */
pid_t proc_parent(pid_t pid);

/* The first thing that main does, whatever the caller was like: /dev/null stands in for standard
 * streams that are closed, or the first files we open would become them; and the ends of children
 * are seen, though he may ignore his own. */
void proc_settle(void);

#endif
