/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/caps.h"
#include "runtime/cgroupsystemd.h"
#include "runtime/hook.h"
#include "runtime/hostmount.h"
#include "runtime/hostroot.h"
#include "runtime/idmap.h"
#include "runtime/kernel.h"
#include "runtime/label.h"
#include "runtime/record.h"
#include "runtime/rootless.h"
#include "runtime/spawn.h"
#include "runtime/tty.h"

/*
 * Making a container, outside. The order is such that a kill at any moment leaves nothing that
 * `delete --force` could not find, and that the parent works while init does:
 *
 *   read and check the config, compile the filter, take the name
 *   clone init                                    init: mounts, devices …
 *   save the state (pid, start time, groups)
 *   make the control groups, write the limits
 *   JOIN                                          init: joins, pivots, becomes, executes
 *   answer init until it has executed the program
 */

struct container {
	struct arena arena;
	struct buf config; /* its text, until it is saved */
	struct spec spec;
	struct state state;
	struct state_dir dir;
	struct init_plan plan;
	struct spawned spawned;
	int notify;  /* the container's notify socket, or -1 */
	int console; /* where the terminal's master comes, if it is for us; -1 */
	enum container_rootless rootless;
	bool is_without_cgroups; /* by the caller's wish */
};

void container_options_init(struct container_options *options)
{
	*options = (struct container_options){ .stdio = { -1, -1, -1 } };
}

const char *container_status_name(enum container_status status)
{
	static const char *const names[] = {
		[CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
		[CONTAINER_STOPPED] = "stopped",
	};

	return names[status];
}

/* -- preparing ------------------------------------------------------------------------------- */

static void init_empty(struct container *self)
{
	struct init_plan *plan = &self->plan;

	state_dir_init(&self->dir);
	self->notify = self->console = -1;
	self->spawned = (struct spawned){ .pid = -1, .pidfd = -1, .sync = -1 };
	plan->rootfs.root = plan->proc = plan->start_fifo = plan->result_fifo = plan->console = -1;
	for (int kind = 0; kind < NAMESPACE_KINDS; kind++)
		plan->namespaces[kind] = -1;
	plan->arena = &self->arena;
	plan->spec = &self->spec;
	plan->state = &self->state;
	plan->rootfs.spec = &self->spec;
	plan->rootfs.cgroup = &self->state.cgroup;
	self->state.arena = &self->arena;
}

/* What only the set-up needs: descriptors, the filter. */
static void close_plan(struct init_plan *plan)
{
	int *const fds[] = { &plan->proc, &plan->start_fifo, &plan->result_fifo, &plan->console,
			     &plan->rootfs.root };

	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		mem_cleanup_close(fds[i]);
		*fds[i] = -1;
	}
	for (int kind = 0; kind < NAMESPACE_KINDS; kind++) {
		mem_cleanup_close(&plan->namespaces[kind]);
		plan->namespaces[kind] = -1;
	}
	seccomp_filter_done(&plan->filter);
}

void container_forget(struct container *self)
{
	if (!self)
		return;
	close_plan(&self->plan);
	mem_cleanup_close(&self->spawned.pidfd);
	mem_cleanup_close(&self->spawned.sync);
	mem_cleanup_close(&self->notify);
	mem_cleanup_close(&self->console);
	state_dir_close(&self->dir);
	state_done(&self->state);
	buf_done(&self->config);
	arena_done(&self->arena);
	free(self);
}

static bool read_bundle(struct container *self, const struct container_options *options,
			struct error *err)
{
	const char *bundle = options->bundle;
	const char *config = options->config ? options->config : "config.json";
	char resolved[PATH_MAX];
	autoclose int dir = -1;

	if (!realpath(bundle, resolved))
		return error_sys(err, "bundle %s", bundle);
	dir = open(resolved, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open bundle %s", resolved);
	if (!spec_load(&self->arena, options->config ? AT_FDCWD : dir, config, &self->config,
		       &self->spec, err))
		return false;
	self->state.bundle = arena_strdup(&self->arena, resolved);
	self->plan.rootfs.bundle = self->state.bundle;
	return true;
}

/* The path itself must not be a link: what it points to could change between look and use. */
static bool find_root(struct container *self, struct error *err)
{
	const char *path = self->spec.root_path;
	autofree char *below =
		path[0] == '/' ? NULL : mem_printf("%s/%s", self->state.bundle, path);
	autofree char *cleaned = path_clean(below ? below : path);
	struct stat info;

	if (lstat(cleaned, &info) < 0)
		return error_sys(err, "root file system %s", cleaned);
	if (!S_ISDIR(info.st_mode))
		return error_set(err, ERROR_INPUT,
				 "root file system %s must be a directory, not a link to one",
				 cleaned);
	self->state.rootfs = arena_strdup(&self->arena, cleaned);
	self->plan.rootfs.path = self->state.rootfs;
	return true;
}

/* A path may name the namespace that we are in ourselves. Then what the config changes in it, it
 * would change for the machine. */
static bool check_foreign(const struct spec *spec, int kind, int fd, struct error *err)
{
	static const char *const own[NAMESPACE_KINDS] = { [NAMESPACE_UTS] = "/proc/self/ns/uts",
							  [NAMESPACE_IPC] = "/proc/self/ns/ipc",
							  [NAMESPACE_NETWORK] = "/proc/self/ns/net",
							  [NAMESPACE_MOUNT] = "/proc/self/ns/mnt" };
	const bool is_changed[NAMESPACE_KINDS] = {
		[NAMESPACE_UTS] = spec->hostname || spec->domainname || spec->sysctl_count > 0,
		[NAMESPACE_IPC] = spec->sysctl_count > 0,
		[NAMESPACE_NETWORK] = spec->sysctl_count > 0,
		[NAMESPACE_MOUNT] = true,
	};
	struct stat ours, named;

	if (!is_changed[kind] || stat(own[kind], &ours) < 0 || fstat(fd, &named) < 0 ||
	    ours.st_dev != named.st_dev || ours.st_ino != named.st_ino)
		return true;
	return error_set(err, ERROR_INPUT,
			 "config.json: linux.namespaces: %s is the caller's own namespace, and a "
			 "container with a mount tree, host name or sysctls would change it",
			 spec->namespaces[kind].path);
}

static bool open_namespaces(struct init_plan *plan, struct error *err)
{
	for (int kind = 0; kind < NAMESPACE_KINDS; kind++) {
		const char *path = plan->spec->namespaces[kind].path;

		if (!path)
			continue;
		plan->namespaces[kind] = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (plan->namespaces[kind] < 0)
			return error_sys(err, "open namespace %s", path);
		if (ioctl(plan->namespaces[kind], NS_GET_NSTYPE) != (int)init_clone_flag(kind))
			return error_set(err, ERROR_INPUT,
					 "config.json: linux.namespaces: %s is no %s namespace",
					 path, spec_namespace_name((enum namespace_kind)kind));
		if (!check_foreign(plan->spec, kind, plan->namespaces[kind], err))
			return false;
	}
	return idmap_check_joined(plan->spec, plan->namespaces[NAMESPACE_USER], err);
}

static bool prepare_plan(struct container *self, const struct container_options *options,
			 struct error *err)
{
	struct init_plan *plan = &self->plan;
	const struct spec *spec = &self->spec;

	memcpy(plan->stdio, options->stdio, sizeof(plan->stdio));
	plan->preserve_fds = options->service.listen_count + options->preserve_fds;
	plan->is_without_keyring = options->is_without_keyring;
	plan->rootfs.is_without_pivot = options->is_without_pivot;
	plan->rootfs.is_screen_ours = options->is_screen_ours;
	plan->rootfs.is_user_namespaced = spec->namespaces[NAMESPACE_USER].is_wanted;
	plan->runs_early_hooks =
		spec->hooks[HOOK_PRESTART].count > 0 || spec->hooks[HOOK_CREATE_RUNTIME].count > 0;
	plan->lets_user_in = geteuid() != 0;
	plan->lacks_limits = plan->rootfs.is_user_namespaced && spec->process.rlimit_count > 0;
	if (!spawn_take_filter(plan, err))
		return false;
	if (spec->process.has_terminal &&
	    !tty_open_way(options->console_socket, &plan->console, &self->console, err))
		return false;
	return spawn_open_proc(plan, err) && open_namespaces(plan, err);
}

/* What can be said before anything is made. */
static bool check_options(const struct container *self, const struct container_options *options,
			  struct error *err)
{
	if (options->is_without_pivot && self->spec.root_propagation & MS_PRIVATE)
		return error_set(err, ERROR_INPUT,
				 "rootfsPropagation of [r]private is not safe without pivot_root");
	if (self->spec.process.has_terminal && !options->console_socket && !options->takes_terminal)
		return error_set(err, ERROR_INPUT,
				 "cannot allocate tty if runc will detach without setting console "
				 "socket");
	if (!self->spec.process.has_terminal && options->console_socket)
		return error_set(err, ERROR_INPUT,
				 "cannot use console socket if runc will not detach or allocate "
				 "tty");
	return true;
}

static bool find_cgroups(struct container *self, const struct container_options *options,
			 struct error *err)
{
	const struct cgroup_wish wish = { .path = self->spec.cgroups_path,
					  .id = options->id,
					  .is_systemd = options->is_systemd };

	self->is_without_cgroups = options->is_without_cgroups;
	if (self->is_without_cgroups)
		return rootless_check_limits(&self->spec, err);
	return cgroup_find(&self->state.cgroup, &wish, err);
}

static void add_service(struct container *self, const struct container_options *options)
{
	autofree char *state_dir = mem_printf("%s/%s", options->state_root, options->id);

	service_add(&options->service, state_dir, &self->arena, &self->spec);
}

static bool take_name(struct container *self, const struct container_options *options,
		      struct error *err)
{
	return state_reserve(options->state_root, options->id, &self->dir, err) &&
	       (!options->service.notify || service_make_dir(self->dir.dir, err));
}

static bool prepare(struct container *self, const struct container_options *options,
		    struct error *err)
{
	if (!state_check_id(options->id, err) || !read_bundle(self, options, err) ||
	    !find_root(self, err) || !check_options(self, options, err) ||
	    !rootless_check(&self->spec, err) || !idmap_check(&self->spec, err) ||
	    !label_check(&self->spec, err) ||
	    !rdt_find(&self->arena, NULL, self->spec.rdt, options->id, &self->state.rdt, err) ||
	    !find_cgroups(self, options, err) || !prepare_plan(self, options, err))
		return false;
	caps_warn(&self->spec.process);
	add_service(self, options);
	self->rootless = options->rootless;
	self->state.id = arena_strdup(&self->arena, options->id);
	self->state.created = clock_now_text(&self->arena);
	self->state.version = self->spec.version;
	self->state.is_without_keyring = options->is_without_keyring;
	self->state.annotations = self->spec.annotations;
	self->state.raw_hooks = self->spec.raw_hooks;
	memcpy(self->state.hooks, self->spec.hooks, sizeof(self->state.hooks));
	self->state.has_pid_namespace = self->spec.namespaces[NAMESPACE_PID].is_wanted &&
					!self->spec.namespaces[NAMESPACE_PID].path;
	return take_name(self, options, err);
}

/* -- making ---------------------------------------------------------------------------------- */

static bool make_cgroups(struct container *self, struct error *err)
{
	struct cgroup *cgroup = &self->state.cgroup;

	if (self->is_without_cgroups ||
	    (cgroupsystemd_start(cgroup, &self->spec, self->spawned.pid, err) &&
	     cgroup_make(cgroup, err) && cgroup_limit(cgroup, &self->spec, err) &&
	     cgroup_delegate(cgroup, &self->spec, err)))
		return true;
	if (cgroup->unit.is_started)
		return false; /* init must be gone first: it would not heed systemd's SIGTERM */
	cgroup_undo(cgroup);
	if (!rootless_may_skip_cgroups(&self->spec, self->rootless, err))
		return false;
	cgroup_done(cgroup);
	return self->spawned.pid < 0 || state_save(&self->dir, &self->state, err);
}

static bool save_state(struct container *self, struct error *err)
{
	self->state.pid = self->spawned.pid;
	return proc_start_time(self->state.pid, &self->state.start_time, err) &&
	       state_save(&self->dir, &self->state, err) &&
	       state_save_config(&self->dir, &self->config, err);
}

/* Where groups, or the root, come before init: a kill in between leaves a state that leads to them.
 * It names us, with a start that no process has: stopped, and nobody to signal. */
static bool note_early(struct container *self, struct error *err)
{
	self->state.pid = getpid();
	self->state.start_time = 0;
	return state_save(&self->dir, &self->state, err);
}

/* Without a mount namespace. */
static bool place_root(struct container *self, struct error *err)
{
	return self->spec.namespaces[NAMESPACE_MOUNT].is_wanted ||
	       (hostroot_make(&self->plan.rootfs, &self->state.root_mount, err) &&
		note_early(self, err) && hostroot_attach(&self->plan.rootfs, err));
}

/* Only now the state says that the unit is ours, to be stopped with the container: it might have
 * been somebody else's. */
static bool settle_unit(struct container *self, struct error *err)
{
	if (cgroupsystemd_has_moved(&self->state.cgroup.unit))
		self->spawned.is_in_cgroup = true;
	return state_save(&self->dir, &self->state, err);
}

static bool spawn_all(struct container *self, enum container_fault *fault, struct error *err)
{
	struct cgroup *cgroup = &self->state.cgroup;

	/* On v2 init is born in its group; on v1 it builds while the groups are made, but for that
	 * of a hybrid host's v2. systemd wants init to be there before the group is. */
	bool is_born_inside = cgroup_birthplace(cgroup) && !cgroup->unit.name;
	bool is_made = is_born_inside && cgroup->is_unified;

	if (!place_root(self, err) || (is_born_inside && !note_early(self, err)))
		return false;
	if (is_born_inside &&
	    !(is_made ? make_cgroups(self, err) : cgroup_make_birthplace(cgroup, err)))
		return false;
	self->plan.parents_fds[1] = self->dir.root;
	self->plan.parents_fds[2] = self->dir.dir;
	if (!spawn_init(&self->plan, cgroup, &self->spawned, err) || !save_state(self, err) ||
	    !spawn_set_oom_score(&self->plan, self->spawned.pid, err) ||
	    !spawn_map_ids(&self->plan, &self->spawned, err))
		return false;
	if (!is_made && !make_cgroups(self, err))
		return false;
	if (cgroup->unit.is_started && !settle_unit(self, err))
		return false;
	if (!rdt_make(&self->state.rdt, self->spec.rdt, err) ||
	    !rdt_join(&self->state.rdt, self->spawned.pid, err))
		return false;
	if (!hostmount_help(&self->plan, &self->spawned, fault, err) ||
	    !spawn_let_join(&self->spawned, cgroup, err) ||
	    !spawn_converse(&self->plan, &self->spawned, fault, err))
		return false;
	record_step("init: closing the pipe to signal completion");
	return true;
}

static void run_poststop(const struct container *self)
{
	struct hook_place place = { .kind = HOOK_POSTSTOP,
				    .directory = self->state.bundle,
				    .status = CONTAINER_STOPPED };
	struct error ignored;

	(void)!hook_run(&self->state.hooks[HOOK_POSTSTOP], &place, &self->state, &ignored);
}

/* A container that never came to life is destroyed like any other. */
static void undo(struct container *self)
{
	bool has_begun = self->spawned.pid > 0;
	struct error ignored;

	spawn_undo(&self->spawned);
	cgroup_undo(&self->state.cgroup);
	(void)!rdt_remove(&self->state.rdt, &ignored);
	(void)!hostroot_remove(&self->state, &ignored);
	if (self->dir.dir >= 0)
		(void)!state_remove(&self->dir, self->state.id, &ignored);
	if (has_begun)
		run_poststop(self);
	container_forget(self);
}

static bool make(struct container *self, const struct container_options *options,
		 enum container_fault *fault, struct error *err)
{
	if (!spawn_all(self, fault, err))
		return error_in(err, "unable to start container process");
	return spawn_write_pid(&self->spawned, options->pid_file, err) &&
	       spawn_send_pidfd(&self->spawned, options->pidfd_socket, "standard", err);
}

/* -- create ---------------------------------------------------------------------------------- */

/* Both ends open for init, so that opening never blocks and reading waits for `start`. */
static bool make_fifo(const struct container *self, const char *name, int *fd, struct error *err)
{
	if (mkfifoat(self->dir.dir, name, 0600) < 0)
		return error_sys(err, "make %s", name);
	*fd = openat(self->dir.dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return error_sys(err, "open %s", name);
	return true;
}

bool container_create(const struct container_options *options, enum container_fault *fault,
		      struct error *err)
{
	struct container *self = mem_alloc(sizeof(*self));

	*fault = CONTAINER_FAULT_OTHER;
	init_empty(self);
	if (!prepare(self, options, err) ||
	    !make_fifo(self, STATE_FIFO, &self->plan.start_fifo, err) ||
	    !make_fifo(self, STATE_RESULT, &self->plan.result_fifo, err) ||
	    !make(self, options, fault, err)) {
		undo(self);
		return false;
	}
	state_unlock(&self->dir);
	container_forget(self);
	return true;
}

/* -- launch ---------------------------------------------------------------------------------- */

/* A hook that fails after the start ends the container, as since runtime-spec 1.3. */
static bool run_poststart(struct container *self, struct error *err)
{
	struct hook_place place = { .kind = HOOK_POSTSTART,
				    .directory = self->state.bundle,
				    .status = CONTAINER_RUNNING,
				    .pid = self->spawned.pid };

	state_unlock(&self->dir); /* a hook may exec in the container */
	return hook_run(&self->state.hooks[HOOK_POSTSTART], &place, &self->state, err);
}

/* From here on only what container_release needs is kept, since a monitor keeps it for long. */
static void settle(struct container *self)
{
	struct arena kept = { 0 };

	close_plan(&self->plan);
	buf_done(&self->config);
	cgroup_close(&self->state.cgroup);
	mem_cleanup_close(&self->spawned.sync);
	self->spawned.sync = -1;
	if (self->state.hooks[HOOK_POSTSTOP].count > 0 || self->state.rdt.group ||
	    self->state.root_mount)
		return;
	self->state.id = arena_strdup(&kept, self->state.id);
	arena_done(&self->arena);
	self->arena = kept;
}

bool container_launch(const struct container_options *options, struct container **container,
		      enum container_fault *fault, struct error *err)
{
	struct container *self = mem_alloc(sizeof(*self));

	*fault = CONTAINER_FAULT_OTHER;
	init_empty(self);
	if (!prepare(self, options, err) ||
	    (options->service.notify && !service_listen(self->dir.dir, &self->notify, err)) ||
	    !make(self, options, fault, err) || !run_poststart(self, err)) {
		undo(self);
		return false;
	}
	settle(self);
	*container = self;
	return true;
}

pid_t container_pid(const struct container *self)
{
	return self->state.pid;
}

int container_pidfd(const struct container *self)
{
	return self->spawned.pidfd;
}

int container_take_terminal(struct container *self)
{
	struct error none;
	int master = -1;

	if (self->console >= 0 && !tty_receive(self->console, &master, &none))
		master = -1;
	mem_cleanup_close(&self->console);
	self->console = -1;
	return master;
}

int container_notify_socket(const struct container *self)
{
	return self->notify;
}

bool container_signal(struct container *self, int signal, struct error *err)
{
	if (kernel_pidfd_signal(self->spawned.pidfd, signal) < 0 && errno != ESRCH)
		return error_sys(err, "signal the container");
	return true;
}

bool container_wait(struct container *self, int *status, struct error *err)
{
	if (!proc_reap(self->spawned.pid, status))
		return error_sys(err, "wait for the container");
	self->spawned.pid = -1;
	return true;
}

bool container_is_oom_killed(const struct container *self)
{
	return cgroup_is_oom_killed(&self->state.cgroup);
}

/* With a pid namespace of its own nothing has outlived init. */
static bool clean_up(struct container *self, struct error *err)
{
	if (!self->state.has_pid_namespace && !cgroup_signal_all(&self->state.cgroup, SIGKILL, err))
		return false;
	return cgroup_remove(&self->state.cgroup, err) && rdt_remove(&self->state.rdt, err) &&
	       hostroot_remove(&self->state, err) && state_remove(&self->dir, self->state.id, err);
}

bool container_release(struct container *self, struct error *err)
{
	bool is_good;

	if (!self)
		return true;
	is_good = clean_up(self, err);
	if (is_good)
		run_poststop(self);
	container_forget(self);
	return is_good;
}
