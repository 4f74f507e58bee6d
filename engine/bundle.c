/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "engine/bundledevice.h"
#include "engine/bundlelimit.h"
#include "engine/mounts.h"
#include "engine/netsysctl.h"
#include "engine/propagation.h"

#define DEFAULT_PATH       "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define INIT_PATH          "/sbin/docker-init" /* where docker has it */
#define INIT_HOLDS_SIGNALS "org.mooring.signals-wait"
#define SHM_SIZE           (64LL << 20)

/* Environment. -------------------------------------------------------------------------------- */

static size_t key_length(const char *variable)
{
	return strcspn(variable, "=");
}

/* Replaces the variable where it stands, or appends it; "KEY" alone takes it away. */
static void set_variable(struct texts *env, const char *variable)
{
	size_t length = key_length(variable);
	bool is_removal = variable[length] == '\0';
	size_t kept = 0;
	bool was_there = false;

	for (size_t i = 0; i < env->count; i++) {
		bool is_same = key_length(env->items[i]) == length &&
			       strncmp(env->items[i], variable, length) == 0;

		if (is_same && is_removal)
			continue;
		env->items[kept++] = is_same ? variable : env->items[i];
		was_there |= is_same;
	}
	env->count = kept;
	if (env->items)
		env->items[kept] = NULL;
	if (!was_there && !is_removal)
		texts_add(env, variable);
}

static bool has_variable(const struct texts *env, const char *key)
{
	for (size_t i = 0; i < env->count; i++) {
		if (key_length(env->items[i]) == strlen(key) &&
		    strncmp(env->items[i], key, strlen(key)) == 0)
			return true;
	}
	return false;
}

void bundle_env(const struct bundle *bundle, struct arena *arena, struct texts *env)
{
	const struct container *container = bundle->container;

	texts_add(env, DEFAULT_PATH);
	texts_add(env, arena_printf(arena, "HOSTNAME=%s", container->hostname));
	if (container->has_tty)
		texts_add(env, "TERM=xterm");
	texts_add_all(env, bundle->link_env.items, bundle->link_env.count);
	for (size_t i = 0; i < container->env.count; i++)
		set_variable(env, container->env.items[i]);
	if (!has_variable(env, "HOME"))
		texts_add(env, arena_printf(arena, "HOME=%s", bundle->user.home));
}

static const char *const init_words[] = { INIT_PATH, "--" };

/* The process. -------------------------------------------------------------------------------- */

static void write_user(struct jsonout *out, const struct user *user)
{
	jsonout_object(out, "user");
	jsonout_int(out, "uid", user->uid);
	jsonout_int(out, "gid", user->gid);
	jsonout_int(out, "umask", 022);
	jsonout_array(out, "additionalGids");
	for (size_t i = 0; i < user->group_count; i++)
		jsonout_int(out, NULL, user->groups[i]);
	jsonout_array_end(out);
	jsonout_object_end(out);
}

bool bundle_write_process(struct jsonout *out, const char *key, const struct bundle *bundle,
			  struct arena *arena, struct error *err)
{
	const struct container *container = bundle->container;
	autotexts struct texts argv = { 0 };
	autotexts struct texts env = { 0 };

	if (container->has_init)
		texts_add_all(&argv, init_words, COUNT_OF(init_words));
	container_argv(container, &argv);
	bundle_env(bundle, arena, &env);
	jsonout_object(out, key);
	jsonout_bool(out, "terminal", container->has_tty);
	if (container->has_tty && container->console_rows) {
		jsonout_object(out, "consoleSize");
		jsonout_int(out, "height", container->console_rows);
		jsonout_int(out, "width", container->console_columns);
		jsonout_object_end(out);
	}
	write_user(out, &bundle->user);
	jsonout_texts(out, "args", argv.items, argv.count);
	jsonout_texts(out, "env", env.items, env.count);
	jsonout_text(out, "cwd", *container->workdir ? container->workdir : "/");
	confine_write_capabilities(out, &bundle->confinement, bundle->user.uid == 0);
	if (!limit_write_rlimits(out, container, err))
		return false;
	jsonout_bool(out, "noNewPrivileges", bundle->confinement.has_no_new_privileges);
	if (bundle->confinement.apparmor)
		jsonout_text(out, "apparmorProfile", bundle->confinement.apparmor);
	jsonout_int(out, "oomScoreAdj", container->oom_score_adj);
	jsonout_object_end(out);
	return true;
}

/* Mounts. ------------------------------------------------------------------------------------- */

static void write_mount(struct jsonout *out, const char *target, const char *type,
			const char *source, const char *options)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "destination", target);
	jsonout_text(out, "type", type);
	jsonout_text(out, "source", source);
	jsonout_array(out, "options");
	while (*options) {
		size_t length = strcspn(options, ",");

		if (length)
			jsonout_text_n(out, NULL, options, length);
		options += length + (options[length] == ',');
	}
	jsonout_array_end(out);
	jsonout_object_end(out);
}

static bool is_mounted_by_user(const struct container *container, const char *target)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		if (strcmp(container->mounts[i].target, target) == 0)
			return true;
	}
	return false;
}

/* A mount of the user's at the same place wins. */
static void write_default(struct jsonout *out, const struct container *container,
			  const char *target, const char *type, const char *options)
{
	if (!is_mounted_by_user(container, target))
		write_mount(out, target, type, type, options);
}

static void write_default_mounts(struct jsonout *out, const struct bundle *bundle,
				 struct arena *arena)
{
	const struct container *container = bundle->container;
	const char *access = container->is_privileged ? "rw" : "ro";
	int64_t shm_size = container->shm_size ? container->shm_size : SHM_SIZE;

	write_default(out, container, "/proc", "proc", "nosuid,noexec,nodev");
	write_default(out, container, "/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	write_default(out, container, "/dev/pts", "devpts",
		      "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
	/* A sysfs shows a network, and only its owner's root may mount one. */
	if (bundle->is_rootless && strcmp(container->network, "host") == 0)
		write_mount(out, "/sys", "bind", "/sys", "rbind,nosuid,noexec,nodev,ro");
	else
		write_default(out, container, "/sys", "sysfs",
			      arena_printf(arena, "nosuid,noexec,nodev,%s", access));
	write_default(out, container, "/sys/fs/cgroup", "cgroup",
		      arena_printf(arena, "nosuid,noexec,nodev,%s", access));
	if (strcmp(container->ipc_mode, "host") == 0) {
		/* Only the root of the host's namespace may mount its queues; machines without them
		 * have nothing to show. */
		if (!bundle->is_rootless)
			write_default(out, container, "/dev/mqueue", "mqueue",
				      "nosuid,noexec,nodev");
		else if (faccessat(AT_FDCWD, "/dev/mqueue", F_OK, 0) == 0)
			write_mount(out, "/dev/mqueue", "bind", "/dev/mqueue",
				    "rbind,nosuid,noexec,nodev");
		write_mount(out, "/dev/shm", "bind", "/dev/shm", "rbind,nosuid,noexec,nodev");
		return;
	}
	write_default(out, container, "/dev/mqueue", "mqueue", "nosuid,noexec,nodev");
	if (strcmp(container->ipc_mode, "none") == 0)
		return;
	if (bundle->joint.shm) {
		write_mount(out, "/dev/shm", "bind", bundle->joint.shm,
			    "rbind,nosuid,noexec,nodev");
		return;
	}
	if (!is_mounted_by_user(container, "/dev/shm"))
		write_mount(out, "/dev/shm", "tmpfs", "shm",
			    arena_printf(arena, "nosuid,noexec,nodev,mode=1777,size=%lld",
					 (long long)shm_size));
}

static void write_host_files(struct jsonout *out, const struct bundle *bundle, struct arena *arena)
{
	static const char *const names[] = { "resolv.conf", "hostname", "hosts" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const char *target = arena_printf(arena, "/etc/%s", names[i]);

		if (!is_mounted_by_user(bundle->container, target))
			write_mount(out, target, "bind",
				    arena_printf(arena, "%s/%s", bundle->host_files, names[i]),
				    bundle->container->is_readonly ? "rbind,rprivate,ro"
								   : "rbind,rprivate");
	}
}

static bool write_init_mount(struct jsonout *out, const struct bundle *bundle, struct error *err)
{
	autofree char *program = NULL;

	if (!bundle->container->has_init)
		return true;
	if (!proc_helper("mooring-init", &program, err))
		return error_in(err, "--init");
	write_mount(out, INIT_PATH, "bind", program, "bind,ro,rprivate");
	return true;
}

static void write_user_mount(struct jsonout *out, const struct bundle *bundle, size_t i,
			     struct arena *arena)
{
	const struct container_mount *mount = &bundle->container->mounts[i];

	if (mounts_is_hidden(bundle->container, mount))
		return;
	if (mount->kind == MOUNT_TMPFS)
		write_mount(out, mount->target, "tmpfs", "tmpfs",
			    arena_printf(arena, "nosuid,nodev,noexec,relatime,%s", mount->options));
	else
		write_mount(out, mount->target, "bind", bundle->sources[i],
			    arena_printf(arena, "%s,%s%s", mount->is_flat ? "bind" : "rbind",
					 propagation_of(mount->options),
					 !mount->is_readonly      ? ""
					 : mount->is_readonly_top ? ",ro"
								  : ",rro"));
}

/* Whether files of ours go on top: a volume at /etc itself hides none of those that we keep there.
 * But what is mounted on a shared mount is mounted for the host, too. */
static bool is_below_ours(const struct container_mount *mount)
{
	return (strcmp(mount->target, "/etc") == 0 || strcmp(mount->target, "/sbin") == 0) &&
	       !propagation_is_shared(mount);
}

/* Ours go before any other mount of the user's: there a link of the image's could lead them. */
static bool write_user_mounts(struct jsonout *out, const struct bundle *bundle, struct arena *arena,
			      struct error *err)
{
	const struct container *container = bundle->container;

	for (size_t i = 0; i < container->mount_count; i++)
		if (is_below_ours(&container->mounts[i]))
			write_user_mount(out, bundle, i, arena);
	write_host_files(out, bundle, arena);
	if (!write_init_mount(out, bundle, err))
		return false;
	for (size_t i = 0; i < container->mount_count; i++)
		if (!is_below_ours(&container->mounts[i]))
			write_user_mount(out, bundle, i, arena);
	return true;
}

/* Namespaces, paths, cgroup. ------------------------------------------------------------------ */

static void write_namespace(struct jsonout *out, const char *type, const char *path)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "type", type);
	if (path)
		jsonout_text(out, "path", path);
	jsonout_object_end(out);
}

static void write_namespaces(struct jsonout *out, const struct bundle *bundle)
{
	const struct container *container = bundle->container;

	jsonout_array(out, "namespaces");
	write_namespace(out, "mount", NULL);
	if (strcmp(container->uts_mode, "host") != 0)
		write_namespace(out, "uts", NULL);
	if (strcmp(container->pid_mode, "host") != 0)
		write_namespace(out, "pid", bundle->joint.pid_namespace);
	if (strcmp(container->ipc_mode, "host") != 0)
		write_namespace(out, "ipc", bundle->joint.ipc_namespace);
	if (strcmp(container->cgroupns_mode, "private") == 0)
		write_namespace(out, "cgroup", NULL);
	jsonout_array_end(out);
}

/* Those of the network are set where its namespace is made: see prepare.c. */
static void write_sysctls(struct jsonout *out, const struct bundle *bundle, struct arena *arena)
{
	const struct texts *sysctls = &bundle->container->sysctls;

	jsonout_object(out, "sysctl");
	for (size_t i = 0; i < sysctls->count; i++) {
		const char *text = sysctls->items[i];
		size_t length = key_length(text);

		if (!netsysctl_is_one(text))
			jsonout_text(out, arena_strndup(arena, text, length), text + length + 1);
	}
	jsonout_object_end(out);
}

/* Of the processors' own sensors: how often each was too hot tells what others do with it. */
static void add_thermal_paths(struct arena *arena, struct texts *paths)
{
	for (unsigned int i = 0;; i++) {
		const char *path =
			arena_printf(arena, "/sys/devices/system/cpu/cpu%u/thermal_throttle", i);

		if (access(path, F_OK) < 0)
			return;
		texts_add_in(paths, arena, path);
	}
}

void bundle_masked_paths(struct arena *arena, struct texts *paths)
{
	static const char *const masked[] = {
		"/proc/asound",
		"/proc/acpi",
		"/proc/interrupts", /* when others type, and what they type (moby 28.2) */
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/proc/sched_debug",
		"/proc/scsi",
		"/sys/firmware",
		"/sys/devices/virtual/powercap",
	};

	for (size_t i = 0; i < COUNT_OF(masked); i++)
		texts_add_in(paths, arena, masked[i]);
	add_thermal_paths(arena, paths);
}

const char *const *bundle_readonly_paths(size_t *count)
{
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger" };

	*count = COUNT_OF(readonly);
	return readonly;
}

static void write_paths(struct jsonout *out, struct arena *arena)
{
	struct texts masked = { 0 };
	size_t readonly;
	const char *const *readonly_paths = bundle_readonly_paths(&readonly);

	bundle_masked_paths(arena, &masked);
	jsonout_texts(out, "maskedPaths", masked.items, masked.count);
	jsonout_texts(out, "readonlyPaths", readonly_paths, readonly);
}

/* A component's script says where its containers belong, so that the component's limits hold for
 * them. Only below the place that the nucleus has for components, whoever set the variable. */
static const char *cgroup_parent(const struct container *container)
{
	static const char components[] = "/greengrass/";
	const char *parent = getenv("MOORING_CGROUP_PARENT");

	if (*container->cgroup_parent)
		return container->cgroup_parent;
	return parent && strncmp(parent, components, strlen(components)) == 0 &&
			       !strstr(parent, "..")
		       ? parent
		       : "/docker";
}

/* By default the runtime cuts every mount off from the host's. */
static void write_propagation(struct jsonout *out, const struct container *container)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		if (propagation_is_shared(&container->mounts[i])) {
			jsonout_text(out, "rootfsPropagation", "shared");
			return;
		}
	}
}

static bool write_linux(struct jsonout *out, const struct bundle *bundle, struct arena *arena,
			struct error *err)
{
	const struct container *container = bundle->container;
	const char *parent = cgroup_parent(container);

	jsonout_object(out, "linux");
	write_namespaces(out, bundle);
	write_propagation(out, container);
	write_sysctls(out, bundle, arena);
	if (!bundle->has_no_groups)
		jsonout_text(out, "cgroupsPath",
			     arena_printf(arena, "%s/%s", parent, container->id));
	jsonout_object(out, "resources");
	if (!bundle->has_no_groups)
		if (!limit_write_resources(out, container, err) ||
		    !device_write_rules(out, container, err))
			return false;
	jsonout_object_end(out);
	if (!device_write_nodes(out, container, arena, err))
		return false;
	confine_write_seccomp(out, &bundle->confinement);
	if (!bundle->confinement.has_open_paths)
		write_paths(out, arena);
	jsonout_object_end(out);
	return true;
}

static void write_annotations(struct jsonout *out, const struct container *container,
			      struct arena *arena)
{
	if (!container->annotations.count && !container->has_init)
		return;
	jsonout_object(out, "annotations");
	if (container
		    ->has_init) /* it asks for signals itself: the runtime is to lose none before */
		jsonout_text(out, INIT_HOLDS_SIGNALS, "1");
	for (size_t i = 0; i < container->annotations.count; i++) {
		const char *pair = container->annotations.items[i];
		size_t length = key_length(pair);

		jsonout_text(out, arena_strndup(arena, pair, length), pair + length + 1);
	}
	jsonout_object_end(out);
}

bool bundle_write(const struct bundle *bundle, struct arena *arena, struct buf *text,
		  struct error *err)
{
	const struct container *container = bundle->container;
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "ociVersion", "1.0.2");
	bool is_done = bundle_write_process(&out, "process", bundle, arena, err);
	if (is_done) {
		jsonout_object(&out, "root");
		jsonout_text(&out, "path", "rootfs");
		jsonout_bool(&out, "readonly", container->is_readonly);
		jsonout_object_end(&out);
		if (strcmp(container->uts_mode, "host") != 0) {
			jsonout_text(&out, "hostname", container->hostname);
			if (*container->domainname)
				jsonout_text(&out, "domainname", container->domainname);
		}
		jsonout_array(&out, "mounts");
		write_default_mounts(&out, bundle, arena);
		is_done = write_user_mounts(&out, bundle, arena, err);
	}
	if (is_done) {
		jsonout_array_end(&out);
		write_annotations(&out, container, arena);
		is_done = write_linux(&out, bundle, arena, err);
	}
	if (is_done)
		jsonout_object_end(&out);
	jsonout_done(&out);
	return is_done && buf_check(text, "config.json", err);
}
