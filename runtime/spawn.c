/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/finish.h"
#include "runtime/hook.h"
#include "runtime/hostmount.h"
#include "runtime/idmap.h"
#include "runtime/kernel.h"
#include "runtime/netdevice.h"
#include "runtime/notify.h"
#include "runtime/record.h"
#include "runtime/rootless.h"
#include "runtime/signame.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/*
 * Outside of the container. One clone3 makes init, in its pid namespace (in a user namespace: in
 * all of its namespaces at once). Only what a process cannot do for itself needs a stage in
 * between, which joins and then clones init as its own sibling (CLONE_PARENT): a pid namespace
 * holds only children of who entered it, and a user namespace must be entered before others are
 * made in it.
 */

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

static bool needs_stage(const struct spec *spec)
{
	const struct spec_namespace *spaces = spec->namespaces;
	bool joins_any = false;

	for (int kind = 0; kind < NAMESPACE_KINDS; kind++)
		joins_any = joins_any || spaces[kind].path;
	return spaces[NAMESPACE_USER].path || spaces[NAMESPACE_PID].path ||
	       (spaces[NAMESPACE_USER].is_wanted && joins_any);
}

/* The cgroup namespace is made later, inside the group; the time namespace and others by init
 * itself. */
static uint64_t new_namespaces(const struct spec *spec)
{
	uint64_t flags = 0;

	for (int kind = 0; kind < NAMESPACE_KINDS; kind++)
		if (spec->namespaces[kind].is_wanted && !spec->namespaces[kind].path &&
		    kind != NAMESPACE_CGROUP && kind != NAMESPACE_TIME)
			flags |= init_clone_flag((enum namespace_kind)kind);
	return flags & ~init_late_namespaces(spec);
}

/* Born in the group where the kernel can (5.7), else moved by the parent later. */
static pid_t clone_init(const struct init_plan *plan, const struct cgroup *cgroup, uint64_t more,
			bool *is_in_cgroup)
{
	struct kernel_clone how = { .flags = new_namespaces(plan->spec) | more };
	const struct cgroup_place *place = cgroup_birthplace(cgroup);

	if (place && place->dir >= 0) {
		struct kernel_clone into = { .flags = how.flags | CLONE_INTO_CGROUP,
					     .cgroup = place->dir };
		pid_t pid = kernel_clone(&into);

		*is_in_cgroup = pid >= 0;
		if (pid >= 0)
			return pid;
	}
	*is_in_cgroup = false;
	return kernel_clone(&how);
}

#define PROC_ROOT_INODE 1
#define PID_SIZE        16 /* in decimal, with the end */

/* Checked to be a whole procfs, not something mounted over a part of it. */
bool spawn_open_proc(struct init_plan *plan, struct error *err)
{
	struct statfs fs;
	struct stat info;

	plan->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (plan->proc < 0 || fstatfs(plan->proc, &fs) < 0 || fstat(plan->proc, &info) < 0)
		return error_sys(err, "open /proc");
	if (fs.f_type != PROC_SUPER_MAGIC || info.st_ino != PROC_ROOT_INODE)
		return error_set(err, ERROR_DENIED, "/proc is not a procfs");
	return true;
}

bool spawn_take_filter(struct init_plan *plan, struct error *err)
{
	if (!plan->spec->seccomp)
		return true;
	if (!seccomp_compile(plan->spec->seccomp, &plan->filter, err))
		return false;
	record_step("seccomp filter flags: %u", plan->filter.flags);
	plan->is_watched_by_user = plan->filter.has_notify && geteuid() != 0;
	return true;
}

/* Our number where plan->proc was mounted, whatever pid namespace we are in ourselves. */
static bool own_number(const struct init_plan *plan, char number[PID_SIZE], struct error *err)
{
	ssize_t length = readlinkat(plan->proc, "self", number, PID_SIZE - 1);

	if (length < 0)
		return error_sys(err, "read /proc/self");
	number[length] = '\0';
	return true;
}

bool spawn_set_oom_score(const struct init_plan *plan, pid_t pid, struct error *err)
{
	int64_t score = plan->spec->process.oom_score_adj;
	char number[PID_SIZE], text[16];
	autoclose int fd = -1;

	if (score == SPEC_UNSET)
		return true;
	if (pid == SPAWN_SELF && !own_number(plan, number, err))
		return false;
	if (pid != SPAWN_SELF)
		snprintf(number, sizeof(number), "%d", (int)pid);

	autofree char *name = mem_printf("%s/oom_score_adj", number);

	snprintf(text, sizeof(text), "%d", (int)score);
	if (!path_open(plan->proc, name, PATH_NO_LINKS, O_WRONLY, 0, &fd, err))
		return false;
	/* Lowering it takes the machine's root: not worth failing for. */
	if (write(fd, text, strlen(text)) < 0 && (errno != EACCES || !rootless_is_caller()))
		return error_sys(err, "set oom_score_adj to %s", text);
	return true;
}

/* -- the stage ------------------------------------------------------------------------------- */

_Noreturn static void run_stage(struct init_plan *plan, const struct cgroup *cgroup)
{
	struct sync_message message = { .step = SYNC_FAILED };
	struct error ignored;
	int turn[2];

	if (init_join(plan, &message.error) && sync_turn_open(turn, &message.error)) {
		message.pid = clone_init(plan, cgroup, CLONE_PARENT, &message.is_in_cgroup);
		if (message.pid == 0) {
			sync_turn_wait(turn);
			plan->is_joined = true;
			init_run(plan);
		}
		if (message.pid > 0)
			message.step = SYNC_CLONED;
		else
			error_sys(&message.error, "clone init");
	}
	(void)!sync_send(plan->sync, &message, &ignored);
	_exit(message.step == SYNC_CLONED ? 0 : 1);
}

static bool spawn_by_stage(struct init_plan *plan, const struct cgroup *cgroup,
			   struct spawned *spawned, struct error *err)
{
	struct kernel_clone plain = { .flags = 0 };
	struct sync_message message;
	pid_t stage = kernel_clone(&plain);
	bool is_good;

	if (stage < 0)
		return error_sys(err, "clone a stage");
	if (stage == 0)
		run_stage(plan, cgroup);
	is_good = sync_expect(spawned->sync, SYNC_CLONED, &message, err);
	(void)proc_reap(stage, NULL);
	if (!is_good)
		return false;
	spawned->pid = message.pid;
	spawned->is_in_cgroup = message.is_in_cgroup;
	return true;
}

/* -- the clone ------------------------------------------------------------------------------- */

bool spawn_init(struct init_plan *plan, const struct cgroup *cgroup, struct spawned *spawned,
		struct error *err)
{
	int ends[2];

	*spawned = (struct spawned){ .pid = -1, .pidfd = -1, .sync = -1 };
	record_step("nsexec container setup");
	if (!sync_open(ends, err))
		return false;
	autoclose int inside = ends[1];

	spawned->sync = ends[0];
	plan->parents_fds[0] = ends[0];
	plan->sync = plan->rootfs.sync = inside;
	if (needs_stage(plan->spec)) {
		if (!spawn_by_stage(plan, cgroup, spawned, err))
			return false;
	} else {
		spawned->pid = clone_init(plan, cgroup, 0, &spawned->is_in_cgroup);
		if (spawned->pid < 0)
			return error_sys(err, "clone init into its namespaces");
		if (spawned->pid == 0)
			init_run(plan);
	}
	record_step("child process in init()");
	spawned->pidfd = kernel_pidfd_open(spawned->pid);
	if (spawned->pidfd < 0)
		return error_sys(err, "open a pidfd of init");
	return true;
}

void spawn_undo(struct spawned *spawned)
{
	if (spawned->pid > 0) {
		kill(spawned->pid, SIGKILL); /* our unreaped child: the pid is still its own */
		(void)proc_reap(spawned->pid, NULL);
	}
	mem_cleanup_close(&spawned->pidfd);
	mem_cleanup_close(&spawned->sync);
	*spawned = (struct spawned){ .pid = -1, .pidfd = -1, .sync = -1 };
}

/* -- ids ------------------------------------------------------------------------------------- */

bool spawn_map_ids(const struct init_plan *plan, const struct spawned *spawned, struct error *err)
{
	const struct spec_namespace *user = &plan->spec->namespaces[NAMESPACE_USER];
	struct sync_message message = { .step = SYNC_MAPPED };

	if (!user->is_wanted || user->path)
		return true;
	return idmap_write(plan->spec, plan->proc, spawned->pid, err) &&
	       sync_send(spawned->sync, &message, err);
}

/* -- the conversation ------------------------------------------------------------------------ */

bool spawn_let_join(const struct spawned *spawned, const struct cgroup *cgroup, struct error *err)
{
	struct sync_message message = { .step = SYNC_JOIN };
	struct error failure;
	bool is_sent;

	if (cgroup->is_unified && !spawned->is_in_cgroup && !cgroup_add(cgroup, spawned->pid, err))
		return false;
	if (!cgroup->is_unified &&
	    !cgroup_doors(cgroup, spawned->is_in_cgroup, message.fds, &message.fd_count, err))
		return false;
	is_sent = sync_send(spawned->sync, &message, &failure);
	while (message.fd_count > 0)
		close(message.fds[--message.fd_count]);
	if (is_sent || failure.sys == EPIPE)
		return true; /* a dead init has left a message that says why */
	*err = failure;
	return false;
}

static bool run_early_hooks(const struct init_plan *plan, const struct spawned *spawned,
			    struct error *err)
{
	struct sync_message message = { .step = SYNC_HOOKED };
	struct hook_place place = { .kind = HOOK_PRESTART,
				    .directory = plan->state->bundle,
				    .status = CONTAINER_CREATING,
				    .pid = spawned->pid };

	bool is_run = hook_run(&plan->spec->hooks[HOOK_PRESTART], &place, plan->state, err);

	place.kind = HOOK_CREATE_RUNTIME;
	if (!is_run || !hook_run(&plan->spec->hooks[HOOK_CREATE_RUNTIME], &place, plan->state, err))
		return error_in(err, "error during container init");
	return sync_send(spawned->sync, &message, err);
}

static bool set_limits(const struct init_plan *plan, const struct spawned *spawned,
		       struct error *err)
{
	struct sync_message message = { .step = SYNC_LIMITED };

	return finish_set_rlimits(spawned->pid, &plan->spec->process, err) &&
	       sync_send(spawned->sync, &message, err);
}

static bool pass_listener(const struct init_plan *plan, const struct spawned *spawned, int number,
			  struct error *err)
{
	struct sync_message message = { .step = SYNC_LISTENED };
	autoclose int listener = kernel_pidfd_getfd(spawned->pidfd, number);

	if (listener < 0)
		return error_sys(err, "take the seccomp listener from the container");
	return notify_agent(&plan->filter, plan->state, spawned->pid, listener, err) &&
	       sync_send(spawned->sync, &message, err);
}

/*
 * Who shares its pid namespace can stop init, or what joins a container, before it has become the
 * program, and so hold us, and whoever waits for us, for ever. We let it go on, so often.
 */
#define STEP_MS   50
#define STOPS_MAX 100

static bool let_go_on(const struct spawned *spawned, int *stops, struct error *err)
{
	siginfo_t stopped = { 0 };

	if (waitid(P_PID, (id_t)spawned->pid, &stopped, WSTOPPED | WNOHANG) < 0 ||
	    stopped.si_pid == 0)
		return true;
	*stops += 1;
	if (*stops > STOPS_MAX)
		return error_set(err, ERROR_DENIED,
				 "a process of the container's stops it again and again (SIGSTOP)");
	kernel_pidfd_signal(spawned->pidfd, SIGCONT);
	return true;
}

/* By a signal that waits for the program, as all do, but is for us while there is none. */
static bool is_told_to_end(void)
{
	sigset_t waiting;
	bool is_told = false;

	sigemptyset(&waiting);
	sigpending(&waiting);
	for (int signal = 1; signal < NSIG; signal++)
		is_told |= sigismember(&waiting, signal) == 1 && signame_asks_to_end(signal);
	return is_told;
}

static bool wait_for_word(const struct init_plan *plan, const struct spawned *spawned,
			  struct error *err)
{
	struct pollfd word = { spawned->sync, POLLIN, 0 };
	int stops = 0;

	for (;;) {
		int ready = poll(&word, 1, STEP_MS);

		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return error_sys(err, "wait for init");
		if (!let_go_on(spawned, &stops, err))
			return false;
		if (plan->is_joining && is_told_to_end())
			return error_set(err, ERROR_SYSTEM, "a signal came before it had begun");
	}
}

bool spawn_converse(const struct init_plan *plan, const struct spawned *spawned,
		    enum container_fault *fault, struct error *err)
{
	struct sync_message message;

	for (;;) {
		if (!wait_for_word(plan, spawned, err) ||
		    !sync_receive(spawned->sync, &message, err))
			return false;
		switch (message.step) {
		case SYNC_HOOKS:
			if (!run_early_hooks(plan, spawned, err))
				return false;
			break;
		case SYNC_OPEN:
		case SYNC_IDMAP:
			if (!hostmount_answer(plan, spawned, &message, err))
				return false;
			break;
		case SYNC_NETWORK:
			if (message.fd_count != 1)
				return error_set(err, ERROR_CORRUPT, "no netlink socket came");
			if (!netdevice_answer(plan, spawned, message.fds[0], err))
				return false;
			break;
		case SYNC_LIMITS:
			if (!set_limits(plan, spawned, err))
				return false;
			break;
		case SYNC_LISTENER:
			if (!pass_listener(plan, spawned, message.listener, err))
				return false;
			break;
		case SYNC_CREATED:
			return true;
		case SYNC_CLOSED:
			if (plan->start_fifo < 0)
				return true;
			return error_set(err, ERROR_SYSTEM, "init is gone: was it killed?");
		case SYNC_FAILED:
			*fault = message.fault;
			*err = message.error;
			return false;
		default:
			return error_set(err, ERROR_CORRUPT, "unexpected message from init");
		}
	}
}

/* -- for the caller -------------------------------------------------------------------------- */

/* Written beside and renamed, without a newline: its readers are strict. */
bool spawn_write_pid(const struct spawned *spawned, const char *path, struct error *err)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", spawned->pid);

	return !path ||
	       file_replace(AT_FDCWD, path, text, (size_t)length, 0644, FILE_VOLATILE, err);
}

bool spawn_send_pidfd(const struct spawned *spawned, const char *path, const char *kind,
		      struct error *err)
{
	autoclose int socket = -1;

	return !path ||
	       (tty_connect(path, &socket, err) && tty_send(socket, spawned->pidfd, kind, err));
}
