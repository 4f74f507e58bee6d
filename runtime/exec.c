/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "runtime/found.h"
#include "runtime/hostroot.h"
#include "runtime/join.h"
#include "runtime/kernel.h"
#include "runtime/label.h"
#include "runtime/record.h"
#include "runtime/spawn.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/*
 * exec, outside of the container. One clone: setns(CLONE_NEWPID) by the pidfd of the container's
 * init decides the pid namespace of our next child, which is born in the v2 group too, and does the
 * rest itself (join.c). It is our child, so that when we end it is our caller's, with nobody in
 * between.
 *
 * Only without rights over the pid namespace, that is: without the machine's root, a stage has to
 * enter the user namespace first and clone from there, as our child again (CLONE_PARENT).
 */

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

struct exec {
	const struct exec_options *options;
	struct found found;
	struct spec spec;
	struct join_plan plan;
	struct spawned spawned;
	int group;   /* the v2 group's directory; -1 */
	int console; /* our end of the pair through which the terminal's master comes; -1 */
};

static void init_empty(struct exec *self, const struct exec_options *options)
{
	struct init_plan *init = &self->plan.init;

	*self = (struct exec){ .options = options, .group = -1, .console = -1 };
	self->spawned = (struct spawned){ .pid = -1, .pidfd = -1, .sync = -1 };
	found_init(&self->found);
	self->plan.target = self->plan.root = -1;
	self->plan.cgroup = &self->found.state.cgroup;
	init->rootfs.root = init->proc = init->start_fifo = init->result_fifo = init->console = -1;
	init->is_joining = true;
	init->arena = &self->found.arena;
	init->spec = &self->spec;
	init->state = &self->found.state;
	init->rootfs.spec = &self->spec;
	init->rootfs.is_screen_ours = options->is_screen_ours;
	init->preserve_fds = options->preserve_fds;
}

static void done(struct exec *self)
{
	int *const fds[] = { &self->plan.target,    &self->plan.root, &self->group,
			     &self->plan.init.proc, &self->console,   &self->plan.init.console,
			     &self->spawned.sync };

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		mem_cleanup_close(fds[i]);
	seccomp_filter_done(&self->plan.init.filter);
	found_done(&self->found);
}

/* -- what is there --------------------------------------------------------------------------- */

/* Its namespaces are those of its init only once that has finished making them: before, joining
 * would lead to the host's files. */
static bool find(struct exec *self, struct error *err)
{
	const struct exec_options *options = self->options;
	struct found *found = &self->found;

	if (!state_find(options->state_root, options->id, &found->dir, err) ||
	    !state_settle(&found->dir, options->id, err) ||
	    !state_load(&found->dir, &found->arena, &found->state, err))
		return false;
	self->plan.target = found_open_init(found);
	if (self->plan.target < 0)
		return error_set(err, ERROR_NOT_FOUND, "cannot exec in a stopped container");
	if (!options->ignores_pause && cgroup_is_stuck(&found->state.cgroup))
		return error_set(err, ERROR_EXISTS,
				 "cannot exec in a paused container (use --ignore-paused to "
				 "override)");
	return true;
}

/* The config as it was when the container was made, with the process that is asked for. */
static bool read_config(struct exec *self, struct error *err)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, SPEC_SIZE_MAX);
	if (!file_read(self->found.dir.dir, STATE_CONFIG, &text, err) ||
	    !spec_parse(&self->found.arena, text.data, text.length, &self->spec, err))
		return false;
	memset(self->spec.hooks, 0, sizeof(self->spec.hooks)); /* they have had their turn */
	state_dir_close(&self->found.dir);
	return exec_read_process(self->options, &self->found.arena, &self->spec.process, err);
}

static bool check_terminal(const struct exec *self, struct error *err)
{
	bool has_terminal = self->spec.process.has_terminal;
	bool is_detached = self->options->is_detached;
	const char *socket = self->options->console_socket;

	if (is_detached && has_terminal && !socket && !self->options->keeps_terminal)
		return error_set(err, ERROR_INPUT,
				 "cannot allocate tty if runc will detach without setting console "
				 "socket");
	if (socket && (!is_detached || !has_terminal))
		return error_set(err, ERROR_INPUT,
				 "cannot use console socket if runc will not detach or allocate "
				 "tty");
	return true;
}

/* -- what it takes --------------------------------------------------------------------------- */

static bool prepare(struct exec *self, struct error *err)
{
	const struct spec_process *process = &self->spec.process;
	struct init_plan *init = &self->plan.init;
	bool needs_proc = process->oom_score_adj != SPEC_UNSET || process->apparmor_profile ||
			  process->selinux_label;

	for (int kind = 0; kind < NAMESPACE_KINDS; kind++)
		if (self->spec.namespaces[kind].is_wanted)
			self->plan.namespaces |= (int)init_clone_flag((enum namespace_kind)kind);
	if (!label_check(&self->spec, err))
		return false;
	if (!self->spec.namespaces[NAMESPACE_MOUNT].is_wanted &&
	    !hostroot_open(&self->found.state, &self->plan.root, err))
		return false;
	init->is_without_keyring = self->found.state.is_without_keyring;
	init->lacks_limits = self->plan.namespaces & CLONE_NEWUSER && process->rlimit_count > 0;
	return spawn_take_filter(init, err) &&
	       exec_find_cgroups(&self->options->cgroups, &self->found.state.cgroup, err) &&
	       (!process->has_terminal ||
		tty_open_way(self->options->console_socket, &init->console, &self->console, err)) &&
	       (!needs_proc || spawn_open_proc(init, err));
}

/* -- the clone ------------------------------------------------------------------------------- */

/* Opens the v2 group; the second time that of init, which may have moved and made the first one
 * unfit for processes. */
static bool open_group(struct exec *self, bool is_second)
{
	struct cgroup *cgroup = &self->found.state.cgroup;
	const struct cgroup_place *place = cgroup_birthplace(cgroup);
	struct error ignored;

	if (!place)
		return false;
	if (is_second && (!cgroup->is_unified || self->options->cgroups.count > 0 ||
			  !exec_follow_init(self->found.state.pid, cgroup, &ignored)))
		return false;
	mem_cleanup_close(&self->group);
	self->group = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return true;
}

/* Born in the v2 group; else the child moves itself. */
static pid_t clone_child(struct exec *self)
{
	struct kernel_clone plain = { .flags = 0 };

	for (int try = 0; try < 2 && open_group(self, try > 0); try++) {
		struct kernel_clone into = { .flags = CLONE_INTO_CGROUP, .cgroup = self->group };
		pid_t pid;

		self->plan.is_born_there = true;
		self->plan.is_in_cgroup = self->found.state.cgroup.is_unified;
		pid = kernel_clone(&into);
		if (pid >= 0)
			return pid;
	}
	self->plan.is_born_there = self->plan.is_in_cgroup = false;
	return kernel_clone(&plain);
}

/* What is visible in the container from its first moment must not be looked into. */
static bool hide(struct error *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_sys(err, "become non-dumpable");
	return true;
}

_Noreturn static void run_stage(struct exec *self)
{
	struct sync_message message = { .step = SYNC_FAILED };
	struct error ignored;
	int turn[2];

	/* Once hidden, our files are not ours to write to. */
	if (spawn_set_oom_score(&self->plan.init, SPAWN_SELF, &message.error) &&
	    hide(&message.error) && join_cgroups(&self->plan, &message.error) &&
	    join_namespaces(&self->plan, &message.error) && sync_turn_open(turn, &message.error)) {
		struct kernel_clone how = { .flags = CLONE_PARENT };

		message.pid = kernel_clone(&how);
		if (message.pid == 0) {
			sync_turn_wait(turn);
			join_run(&self->plan);
		}
		if (message.pid > 0)
			message.step = SYNC_CLONED;
		else
			error_sys(&message.error, "clone into the container");
	}
	(void)!sync_send(self->plan.init.sync, &message, &ignored);
	_exit(0);
}

static bool spawn_by_stage(struct exec *self, struct error *err)
{
	struct sync_message message;
	pid_t stage = clone_child(self);
	bool is_good;

	if (stage < 0)
		return error_sys(err, "clone a stage");
	if (stage == 0)
		run_stage(self);
	is_good = sync_expect(self->spawned.sync, SYNC_CLONED, &message, err);
	(void)proc_reap(stage, NULL);
	self->spawned.pid = is_good ? message.pid : -1;
	return is_good;
}

/* What we start later, to stay when we go, is none of the container's to see: it would be root of
 * the host in there. Who may not come back from its pid namespace sends a stage. */
static bool can_come_back(int own)
{
	return setns(own, CLONE_NEWPID) == 0;
}

static bool clone_in(struct exec *self, struct error *err)
{
	bool has_pids = self->plan.namespaces & CLONE_NEWPID;
	autoclose int own = has_pids ? open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC) : -1;

	if (has_pids && own < 0)
		return error_sys(err, "open our pid namespace");
	if (has_pids && !can_come_back(own))
		return spawn_by_stage(self, err);
	if (has_pids && join_some(&self->plan, CLONE_NEWPID) < 0) {
		if (errno == EPERM && self->plan.namespaces & CLONE_NEWUSER)
			return spawn_by_stage(self, err);
		return error_sys(err, "join the container's pid namespace");
	}
	if (!hide(err))
		return false;
	self->spawned.pid = clone_child(self);
	if (self->spawned.pid == 0)
		join_run(&self->plan);
	if (self->spawned.pid < 0)
		return error_sys(err, "clone into the container");
	return !has_pids || can_come_back(own) ||
	       error_sys(err, "come back from the container's pid namespace");
}

static bool spawn(struct exec *self, enum container_fault *fault, struct error *err)
{
	int ends[2];

	record_step("nsexec container setup");
	if (!sync_open(ends, err))
		return false;
	autoclose int inside = ends[1];

	self->spawned.sync = ends[0];
	self->plan.init.parents_fds[0] = ends[0];
	self->plan.init.sync = inside;
	if (!clone_in(self, err))
		return false;
	record_step("child process in init()");
	mem_cleanup_close(&inside); /* or its end would not be the end of the stream */
	inside = -1;
	self->spawned.pidfd = kernel_pidfd_open(self->spawned.pid);
	if (self->spawned.pidfd < 0)
		return error_sys(err, "open a pidfd");
	if (!spawn_converse(&self->plan.init, &self->spawned, fault, err))
		return false;
	record_step("setns_init: about to exec");
	return true;
}

/* -- all of it ------------------------------------------------------------------------------- */

static bool tell(const struct exec *self, struct executed *executed, struct error *err)
{
	const struct exec_options *options = self->options;

	return spawn_write_pid(&self->spawned, options->pid_file, err) &&
	       spawn_send_pidfd(&self->spawned, options->pidfd_socket, "setns", err) &&
	       (self->console < 0 || tty_receive(self->console, &executed->master, err));
}

static bool start(struct exec *self, struct executed *executed, enum container_fault *fault,
		  struct error *err)
{
	if (!find(self, err) || !read_config(self, err) || !check_terminal(self, err) ||
	    !prepare(self, err))
		return false;
	if (!spawn(self, fault, err))
		return error_in(err, "unable to start container process");
	return tell(self, executed, err);
}

/* Also while we were at it. `why` we failed tells it of one whose state is gone already. */
static bool has_ended(const struct exec *self, const struct error *why)
{
	const struct state *state = &self->found.state;

	return state->pid > 0 ? proc_is_ending(state->pid, state->start_time)
			      : why->kind == ERROR_NOT_FOUND;
}

bool exec_start(const struct exec_options *options, struct executed *executed,
		enum container_fault *fault, struct error *err)
{
	struct exec self;
	bool is_good;

	*fault = CONTAINER_FAULT_OTHER;
	*executed = (struct executed){ .pid = -1, .pidfd = -1, .master = -1 };
	init_empty(&self, options);
	is_good = start(&self, executed, fault, err);
	if (is_good) {
		executed->pid = self.spawned.pid;
		executed->pidfd = self.spawned.pidfd;
	} else {
		if (*fault == CONTAINER_FAULT_OTHER && has_ended(&self, err))
			*fault = CONTAINER_FAULT_ENDED;
		spawn_undo(&self.spawned);
		mem_cleanup_close(&executed->master);
		executed->master = -1;
	}
	done(&self);
	return is_good;
}
