/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/finish.h"
#include "runtime/hook.h"
#include "runtime/idmap.h"
#include "runtime/kernel.h"
#include "runtime/label.h"
#include "runtime/netdevice.h"
#include "runtime/schedule.h"
#include "runtime/self.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/*
 * The container's first process, from the clone to the user's program. The order is the point:
 *
 *   come in    as the caller's root, new namespaces: nothing of the container exists yet
 *   build      mounts, devices: the host is still visible, the image is not trusted
 *   join       the control groups: from here on the limits hold
 *   protect    sysctls, then read-only and masked paths: the last writes through the host's procfs
 *   pivot      the host's files are out of reach, except through open descriptors (all O_CLOEXEC)
 *   finish     user, capabilities, filter; wait for start; execve (finish.c)
 *
 * The process is not dumpable from its first moment until execve, so that nobody in a shared pid
 * namespace can look into it or reach our program through /proc/PID/exe (an ordinary user's,
 * waiting for its start: see finish.c).
 */

/* -- come in --------------------------------------------------------------------------------- */

unsigned long init_clone_flag(enum namespace_kind kind)
{
	static const unsigned long flags[NAMESPACE_KINDS] = {
		[NAMESPACE_USER] = CLONE_NEWUSER,   [NAMESPACE_CGROUP] = CLONE_NEWCGROUP,
		[NAMESPACE_IPC] = CLONE_NEWIPC,     [NAMESPACE_UTS] = CLONE_NEWUTS,
		[NAMESPACE_NETWORK] = CLONE_NEWNET, [NAMESPACE_PID] = CLONE_NEWPID,
		[NAMESPACE_MOUNT] = CLONE_NEWNS,    [NAMESPACE_TIME] = CLONE_NEWTIME,
	};

	return flags[kind];
}

/* Making a network namespace takes most of a millisecond, during which the parent can make control
 * groups: so init makes what it can by itself. In a user namespace everything has to be made with
 * it, to belong to it. */
uint64_t init_late_namespaces(const struct spec *spec)
{
	static const enum namespace_kind late[] = { NAMESPACE_MOUNT, NAMESPACE_NETWORK,
						    NAMESPACE_IPC, NAMESPACE_UTS };
	uint64_t flags = 0;

	if (spec->namespaces[NAMESPACE_USER].is_wanted)
		return 0;
	for (size_t i = 0; i < COUNT_OF(late); i++)
		if (spec->namespaces[late[i]].is_wanted && !spec->namespaces[late[i]].path)
			flags |= init_clone_flag(late[i]);
	return flags;
}

bool init_join(const struct init_plan *plan, struct error *err)
{
	bool is_done[NAMESPACE_KINDS] = { false };

	/* First with the caller's rights, then the user namespace, then the rest with its rights.
	 */
	for (int round = 0; round < 2; round++)
		for (int kind = NAMESPACE_KINDS - 1; kind >= 0; kind--) {
			int fd = plan->namespaces[kind];

			if (fd < 0 || is_done[kind])
				continue;
			is_done[kind] = setns(fd, (int)init_clone_flag(kind)) == 0;
			if (!is_done[kind] && (round == 1 || errno != EPERM))
				return error_sys(err, "join namespace %s",
						 plan->spec->namespaces[kind].path);
		}
	return true;
}

void init_reset_signals(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signal = 1; signal <= SIGRTMAX; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			sigaction(signal, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool place_stdio(const struct init_plan *plan, struct error *err)
{
	for (int fd = 0; fd < 3; fd++)
		if (plan->stdio[fd] >= 0 && dup2(plan->stdio[fd], fd) < 0)
			return error_sys(err, "pass standard stream %d", fd);
	return true;
}

/* The user namespace is ours once its ids are mapped. What only the caller's rights can reach is
 * opened before we give them up for its root. */
static bool enter_user_namespace(struct init_plan *plan, struct error *err)
{
	const struct spec_namespace *user = &plan->spec->namespaces[NAMESPACE_USER];
	struct sync_message message;

	if (!user->is_wanted)
		return true;
	if (!user->path && !sync_expect(plan->sync, SYNC_MAPPED, &message, err))
		return false;
	if (!rootfs_open(&plan->rootfs, err))
		return false;
	return idmap_become_somebody(&plan->spec->process.user, err);
}

static bool write_time_offset(const struct init_plan *plan, const struct spec_pair *offset,
			      struct error *err)
{
	autofree char *line = mem_printf("%s %s", offset->name, offset->value);
	autoclose int fd = -1;

	if (!path_open(plan->proc, "self/timens_offsets", PATH_BENEATH, O_WRONLY, 0, &fd, err))
		return false;
	if (write(fd, line, strlen(line)) < 0)
		return error_sys(err, "linux.timeOffsets: set the clock \"%s\"", line);
	return true;
}

/* Its clocks can be set as long as nobody is in it, so we go in last. While we still are whom the
 * kernel lets write below /proc/self: before the user changes. */
static bool make_time_namespace(const struct init_plan *plan, struct error *err)
{
	const struct spec *spec = plan->spec;
	autoclose int made = -1;

	if (!spec->namespaces[NAMESPACE_TIME].is_wanted || spec->namespaces[NAMESPACE_TIME].path)
		return true;
	if (unshare(CLONE_NEWTIME) < 0)
		return error_sys(err, "make a time namespace");
	for (size_t i = 0; i < spec->time_offset_count; i++)
		if (!write_time_offset(plan, &spec->time_offsets[i], err))
			return false;
	made = openat(plan->proc, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (made < 0 || setns(made, CLONE_NEWTIME) < 0)
		return error_sys(err, "enter the time namespace");
	return true;
}

static bool raise_loopback(struct error *err)
{
	autoclose int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		return error_sys(err, "bring up the loopback interface");
	return true;
}

static bool come_in(struct init_plan *plan, struct error *err)
{
	const struct spec_namespace *network = &plan->spec->namespaces[NAMESPACE_NETWORK];

	init_reset_signals();
	setsid(); /* fails only if we lead one already */
	if (!place_stdio(plan, err))
		return false;
	if (!plan->is_joined && !init_join(plan, err))
		return false;
	if (unshare((int)init_late_namespaces(plan->spec)) < 0)
		return error_sys(err, "make namespaces");
	if (!make_time_namespace(plan, err) || !enter_user_namespace(plan, err))
		return false;
	/* Not earlier: the maps of a process that is not dumpable belong to the machine's root. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_sys(err, "become non-dumpable");
	if (!plan->is_without_keyring) {
		autofree char *name = mem_printf("_ses.%s", plan->state->id);

		if (!label_keys(plan->proc, plan->spec->process.selinux_label, err))
			return false;
		if (kernel_join_keyring(name) < 0 && errno != ENOSYS && errno != EPERM)
			return error_sys(err, "join a session keyring");
	}
	return !network->is_wanted || network->path || raise_loopback(err);
}

/* -- join ------------------------------------------------------------------------------------ */

static bool join_cgroups(const struct init_plan *plan, struct error *err)
{
	const struct spec_namespace *group = &plan->spec->namespaces[NAMESPACE_CGROUP];
	struct cgroup *places = &plan->state->cgroup;
	struct sync_message message;

	if (!sync_expect(plan->sync, SYNC_JOIN, &message, err) ||
	    !cgroup_enter(message.fds, message.fd_count, err))
		return false;
	if (message.fd_count == 0 && !places->is_unified)
		cgroup_done(places); /* the parent could not make any, and goes without */
	schedule_any_cpu();          /* the caller may have been bound to one */
	/* Only now: the namespace's top is the group in which it is made. */
	if (group->is_wanted && !group->path && unshare(CLONE_NEWCGROUP) < 0)
		return error_sys(err, "make a cgroup namespace");
	return true;
}

/* -- build ----------------------------------------------------------------------------------- */

/* The parent makes the control groups meanwhile: we wait for it as late as possible. */
static bool build(struct init_plan *plan, struct error *err)
{
	struct rootfs *rootfs = &plan->rootfs;

	if (rootfs->root < 0 && !rootfs_open(rootfs, err))
		return false;
	umask(0); /* modes are meant as they are written */
	return rootfs_mount(rootfs, err) && rootfs_make_devices(rootfs, err) &&
	       join_cgroups(plan, err) && rootfs_mount_cgroups(rootfs, err) &&
	       netdevice_ask(plan, err);
}

static bool run_early_hooks(const struct init_plan *plan, struct error *err)
{
	struct hook_place inside = { .kind = HOOK_CREATE_CONTAINER,
				     .directory = plan->rootfs.path,
				     .status = CONTAINER_CREATING,
				     .pid = getpid() };
	struct sync_message message = { .step = SYNC_HOOKS };

	if (plan->runs_early_hooks && (!sync_send(plan->sync, &message, err) ||
				       !sync_expect(plan->sync, SYNC_HOOKED, &message, err)))
		return false;
	return hook_run(&plan->spec->hooks[HOOK_CREATE_CONTAINER], &inside, plan->state, err);
}

/* -- protect --------------------------------------------------------------------------------- */

static bool set_names(const struct spec *spec, struct error *err)
{
	if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return error_sys(err, "set hostname %s", spec->hostname);
	if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return error_sys(err, "set domain name %s", spec->domainname);
	return true;
}

/* Through the host's procfs, which no image can have touched; the values are those of the
 * namespaces we are in. One write each: a value must not become two. */
static bool set_sysctl(const struct init_plan *plan, const struct spec_pair *sysctl,
		       struct error *err)
{
	autofree char *path = mem_printf("sys/%s", sysctl->name);
	autoclose int fd = -1;

	if (!path_open(plan->proc, path, PATH_NO_LINKS, O_WRONLY, 0, &fd, err))
		return false;
	if (write(fd, sysctl->value, strlen(sysctl->value)) < 0)
		return error_sys(err, "write \"%s\"", sysctl->value);
	return true;
}

static bool protect(struct init_plan *plan, struct error *err)
{
	if (!set_names(plan->spec, err))
		return false;
	for (size_t i = 0; i < plan->spec->sysctl_count; i++)
		if (!set_sysctl(plan, &plan->spec->sysctls[i], err))
			return error_in(err, "sysctl %s", plan->spec->sysctls[i].name);
	return rootfs_protect(&plan->rootfs, err);
}

/* -- all of it ------------------------------------------------------------------------------- */

static bool set_up(struct init_plan *plan, enum container_fault *fault, struct error *err)
{
	struct finish finish = { .plan = plan, .cwd = -1, .slave = -1 };

	if (!come_in(plan, err) || !build(plan, err) || !run_early_hooks(plan, err))
		return false;
	if (plan->spec->process.has_terminal &&
	    !tty_open(&plan->rootfs, plan->console, true, &finish.slave, err))
		return false;
	return finish_prepare(&finish, err) && protect(plan, err) &&
	       rootfs_pivot(&plan->rootfs, err) && finish_become(&finish, fault, err) &&
	       finish_execute(&finish, fault, err);
}

_Noreturn void init_run(struct init_plan *plan)
{
	struct sync_message message = { .step = SYNC_FAILED };
	struct error ignored;

	/* Or we would not notice that the parent is gone, and its lock would live on in us. */
	for (size_t i = 0; i < COUNT_OF(plan->parents_fds); i++)
		close(plan->parents_fds[i]);
	if (!set_up(plan, &message.fault, &message.error)) {
		if (message.fault == CONTAINER_FAULT_OTHER)
			error_in(&message.error, "error during container init");
		(void)!sync_report(plan->sync, &message, &ignored);
	}
	self_end(1);
}
