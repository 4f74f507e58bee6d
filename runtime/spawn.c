/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "base/proc.h"
#include "runtime/hook.h"
#include "runtime/kernel.h"
#include "runtime/sync.h"

/*
 * Outside of the container. One clone3 makes init, in its pid namespace (in a user namespace: in
 * all of its namespaces at once). Only what a process cannot do for itself needs a stage in
 * between, which joins and then clones init as its own sibling (CLONE_PARENT): a pid or time
 * namespace holds only children of who entered it, and a user namespace must be entered before
 * others are made in it.
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
	       spaces[NAMESPACE_TIME].is_wanted || (spaces[NAMESPACE_USER].is_wanted && joins_any);
}

/* The cgroup namespace is made later, inside the group; the time namespace by the stage; others by
 * init itself. */
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

	if (cgroup->is_unified && cgroup->count > 0) {
		struct kernel_clone into = { .flags = how.flags | CLONE_INTO_CGROUP,
					     .cgroup = cgroup->places[0].dir };
		pid_t pid = kernel_clone(&into);

		*is_in_cgroup = pid >= 0;
		if (pid >= 0)
			return pid;
	}
	*is_in_cgroup = false;
	return kernel_clone(&how);
}

/* -- the stage ------------------------------------------------------------------------------- */

static bool write_file(int dir, const char *name, const char *text, struct error *err)
{
	autoclose int fd = -1;

	if (!path_open(dir, name, PATH_BENEATH, O_WRONLY, 0, &fd, err))
		return false;
	if (write(fd, text, strlen(text)) < 0)
		return error_sys(err, "write \"%s\" to /proc/%s", text, name);
	return true;
}

static bool make_time_namespace(const struct init_plan *plan, struct error *err)
{
	const struct spec *spec = plan->spec;

	if (!spec->namespaces[NAMESPACE_TIME].is_wanted || spec->namespaces[NAMESPACE_TIME].path)
		return true;
	if (unshare(CLONE_NEWTIME) < 0)
		return error_sys(err, "make a time namespace");
	for (size_t i = 0; i < spec->time_offset_count; i++) {
		char line[96];

		snprintf(line, sizeof(line), "%.16s %.64s", spec->time_offsets[i].name,
			 spec->time_offsets[i].value);
		if (!write_file(plan->proc, "self/timens_offsets", line, err))
			return false;
	}
	return true;
}

_Noreturn static void run_stage(struct init_plan *plan, const struct cgroup *cgroup)
{
	struct sync_message message = { .step = SYNC_FAILED };
	struct error ignored;
	bool is_in_cgroup;

	if (init_join(plan, &message.error) && make_time_namespace(plan, &message.error)) {
		message.pid = clone_init(plan, cgroup, CLONE_PARENT, &is_in_cgroup);
		if (message.pid == 0) {
			plan->is_joined = true;
			init_run(plan);
		}
		if (message.pid > 0)
			message.step = SYNC_CLONED;
		else
			error_sys(&message.error, "clone init");
		message.fault = is_in_cgroup; /* of no other use in this step */
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
	while (waitpid(stage, NULL, 0) < 0 && errno == EINTR)
		;
	if (!is_good)
		return false;
	spawned->pid = message.pid;
	spawned->is_in_cgroup = message.fault != CONTAINER_FAULT_OTHER;
	return true;
}

/* -- the clone ------------------------------------------------------------------------------- */

bool spawn_init(struct init_plan *plan, const struct cgroup *cgroup, struct spawned *spawned,
		struct error *err)
{
	int ends[2];

	*spawned = (struct spawned){ .pid = -1, .pidfd = -1, .sync = -1 };
	if (!sync_open(ends, err))
		return false;
	autoclose int inside = ends[1];

	spawned->sync = ends[0];
	plan->parents_fds[0] = ends[0];
	plan->sync = inside;
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
	spawned->pidfd = kernel_pidfd_open(spawned->pid);
	if (spawned->pidfd < 0)
		return error_sys(err, "open a pidfd of init");
	return true;
}

void spawn_undo(struct spawned *spawned)
{
	if (spawned->pid > 0) {
		kill(spawned->pid, SIGKILL); /* our unreaped child: the pid is still its own */
		while (waitpid(spawned->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	mem_cleanup_close(&spawned->pidfd);
	mem_cleanup_close(&spawned->sync);
	*spawned = (struct spawned){ .pid = -1, .pidfd = -1, .sync = -1 };
}

/* -- ids ------------------------------------------------------------------------------------- */

#define MAP_MAX 4095 /* the kernel takes one write of less than a page */

static bool write_map(const struct init_plan *plan, pid_t pid, const char *file,
		      const struct spec_id_map *maps, size_t count, struct error *err)
{
	autofree char *name = mem_printf("%d/%s", pid, file);
	autobuf struct buf text = { 0 };

	buf_init(&text, MAP_MAX);
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%u %u %u\n", maps[i].inside, maps[i].outside, maps[i].count);
	return buf_check(&text, file, err) && write_file(plan->proc, name, text.data, err);
}

/* The set-uid helpers of shadow, which know what /etc/subuid grants us. */
static bool run_helper(const char *helper, pid_t pid, const struct spec_id_map *maps, size_t count,
		       struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char **argv = arena_array(&arena, 3 * count + 3, sizeof(*argv));
	struct proc_options options = { .argv = argv };
	struct proc proc;
	size_t used = 0;
	int status;

	argv[used++] = helper;
	argv[used++] = arena_printf(&arena, "%d", pid);
	for (size_t i = 0; i < count; i++) {
		argv[used++] = arena_printf(&arena, "%u", maps[i].inside);
		argv[used++] = arena_printf(&arena, "%u", maps[i].outside);
		argv[used++] = arena_printf(&arena, "%u", maps[i].count);
	}
	if (!proc_spawn(&options, &proc, err) || !proc_wait(&proc, &status, err))
		return error_in(err, "map ids");
	if (status != 0)
		return error_set(err, ERROR_DENIED,
				 "%s refused the mapping: see /etc/subuid and /etc/subgid", helper);
	return true;
}

static bool is_own_id(const struct spec_id_map *maps, size_t count, uint32_t id)
{
	return count == 1 && maps[0].count == 1 && maps[0].outside == id;
}

/* Without privileges one may map oneself, and must give up setgroups for it. */
static bool map_unprivileged(const struct init_plan *plan, pid_t pid, struct error *err)
{
	const struct spec *spec = plan->spec;

	if (is_own_id(spec->uid_maps, spec->uid_map_count, geteuid()) &&
	    is_own_id(spec->gid_maps, spec->gid_map_count, getegid())) {
		autofree char *name = mem_printf("%d/setgroups", pid);

		return write_file(plan->proc, name, "deny", err) &&
		       write_map(plan, pid, "gid_map", spec->gid_maps, 1, err) &&
		       write_map(plan, pid, "uid_map", spec->uid_maps, 1, err);
	}
	return run_helper("newgidmap", pid, spec->gid_maps, spec->gid_map_count, err) &&
	       run_helper("newuidmap", pid, spec->uid_maps, spec->uid_map_count, err);
}

bool spawn_map_ids(const struct init_plan *plan, const struct spawned *spawned, struct error *err)
{
	const struct spec *spec = plan->spec;
	struct sync_message message = { .step = SYNC_MAPPED };
	bool is_good;

	if (!spec->namespaces[NAMESPACE_USER].is_wanted || spec->namespaces[NAMESPACE_USER].path)
		return true;
	is_good = geteuid() == 0 ? write_map(plan, spawned->pid, "gid_map", spec->gid_maps,
					     spec->gid_map_count, err) &&
					   write_map(plan, spawned->pid, "uid_map", spec->uid_maps,
						     spec->uid_map_count, err)
				 : map_unprivileged(plan, spawned->pid, err);
	return is_good && sync_send(spawned->sync, &message, err);
}

/* -- the conversation ------------------------------------------------------------------------ */

bool spawn_let_join(const struct spawned *spawned, const struct cgroup *cgroup, struct error *err)
{
	struct sync_message message = { .step = SYNC_JOIN };
	struct error failure;
	bool is_sent;

	if (cgroup->is_unified && !spawned->is_in_cgroup && !cgroup_add(cgroup, spawned->pid, err))
		return false;
	if (!cgroup->is_unified && !cgroup_doors(cgroup, message.fds, &message.fd_count, err))
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

	if (!hook_run(&plan->spec->hooks[HOOK_PRESTART], &place, plan->state, err))
		return false;
	place.kind = HOOK_CREATE_RUNTIME;
	return hook_run(&plan->spec->hooks[HOOK_CREATE_RUNTIME], &place, plan->state, err) &&
	       sync_send(spawned->sync, &message, err);
}

static bool set_limits(const struct init_plan *plan, const struct spawned *spawned,
		       struct error *err)
{
	const struct spec_process *process = &plan->spec->process;
	struct sync_message message = { .step = SYNC_LIMITED };

	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct spec_rlimit *wanted = &process->rlimits[i];
		struct rlimit64 limit = { .rlim_cur = wanted->soft, .rlim_max = wanted->hard };

		if (prlimit64(spawned->pid, (enum __rlimit_resource)wanted->resource, &limit,
			      NULL) < 0)
			return error_sys(err, "set rlimit number %d", wanted->resource);
	}
	return sync_send(spawned->sync, &message, err);
}

bool spawn_converse(const struct init_plan *plan, const struct spawned *spawned,
		    enum container_fault *fault, struct error *err)
{
	struct sync_message message;

	for (;;) {
		if (!sync_receive(spawned->sync, &message, err))
			return false;
		switch (message.step) {
		case SYNC_HOOKS:
			if (!run_early_hooks(plan, spawned, err))
				return false;
			break;
		case SYNC_LIMITS:
			if (!set_limits(plan, spawned, err))
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
