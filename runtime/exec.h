/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_EXEC_H
#define RUNTIME_EXEC_H

#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/flag.h"

/*
 * One more process in a container that is there: `exec`.
 */

/* What differs from the process of the container's config. Texts as on the command line; NULL:
 * as in the config. */
struct exec_changes {
	const char **args; /* NULL-terminated */
	const char *cwd;
	const char *user; /* "UID" or "UID:GID" */
	const char *apparmor_profile, *selinux_label;
	const char *no_new_privileges;
	struct flag_list env, groups, capabilities; /* added */
	bool has_terminal;
};

struct exec_options {
	const char *state_root, *id;
	const char *process_file; /* a process object: it alone counts; NULL: the config's */
	struct exec_changes changes;
	struct flag_list cgroups;   /* "[CONTROLLER,…:]PATH" below the container's own */
	const char *pid_file;       /* the pid, decimal, no newline; NULL: none */
	const char *console_socket; /* receives the pty master of a terminal; NULL: none */
	const char *pidfd_socket;   /* receives the pidfd; NULL: none */
	unsigned int preserve_fds;  /* 3 … 3+N-1 are inherited as they are */
	bool is_detached;           /* the caller will not stay */
	bool is_screen_ours;        /* see struct container_options */
	bool keeps_terminal;        /* though detached, it stays at the terminal's other end */
	bool ignores_pause;         /* a frozen container will do: it starts when that goes on */
};

/* The process: our child, which we reap. */
struct executed {
	pid_t pid;
	int pidfd;
	int master; /* of its terminal, if it goes to no socket; -1 */
};

/* Returns once the program has been executed; on failure nothing is left behind. The descriptors
 * are the caller's. Of a container that was not found at all, too, *fault says that it has ended.
 */
must_check bool exec_start(const struct exec_options *options, struct executed *executed,
			   enum container_fault *fault, struct error *err);

/* -- parts ------------------------------------------------------------------------------------- */

/* The process to execute, in place of that of the config. */
must_check bool exec_read_process(const struct exec_options *options, struct arena *arena,
				  struct spec_process *process, struct error *err);
/* Changes the container's groups into those to join. */
must_check bool exec_find_cgroups(const struct flag_list *wanted, struct cgroup *cgroup,
				  struct error *err);
/* The container's init may have left the group that was made for it: the one it is in (v2). */
must_check bool exec_follow_init(pid_t init, struct cgroup *cgroup, struct error *err);

#endif
