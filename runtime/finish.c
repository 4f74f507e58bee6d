/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/finish.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/major.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/caps.h"
#include "runtime/hook.h"
#include "runtime/kernel.h"
#include "runtime/label.h"
#include "runtime/program.h"
#include "runtime/schedule.h"
#include "runtime/self.h"
#include "runtime/signame.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/* -- prepare --------------------------------------------------------------------------------- */

static bool is_null_device(int fd, struct stat *info)
{
	return fstat(fd, info) == 0 && S_ISCHR(info->st_mode) && info->st_rdev == makedev(1, 3);
}

/* A null device that nobody else has, on a file system that goes with its descriptor. -1: it cannot
 * be made, as in a user namespace. */
static int make_null(void)
{
	autoclose int mount = kernel_new_mount(&(struct kernel_mount){ .type = "tmpfs" });

	if (mount < 0 || mknodat(mount, "null", S_IFCHR | 0666, makedev(1, 3)) < 0 ||
	    fchmodat(mount, "null", 0666, 0) < 0)
		return -1;
	return openat(mount, "null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

/* The container's, if what it has there really is one. */
static int find_null(const struct init_plan *plan)
{
	autoclose int own = -1;
	struct error ignored;
	struct stat info;

	if (path_open(plan->rootfs.root, "dev/null", PATH_NO_LINKS, O_RDWR, 0, &own, &ignored) &&
	    is_null_device(own, &info))
		return take_fd(&own);
	return make_null();
}

/* The host's /dev/null, inherited, is an inode whose mode and owner the container's root could
 * change, for the whole machine. A container can remove its own before somebody joins it. */
static bool replace_null_streams(const struct init_plan *plan, struct error *err)
{
	autoclose int own = -1;
	struct stat info;

	for (int fd = 0; fd < 3; fd++) {
		if (!is_null_device(fd, &info))
			continue;
		if (own < 0)
			own = find_null(plan);
		if (own < 0)
			return !plan->is_joining || error_set(err, ERROR_DENIED,
							      "the container's /dev/null is none, "
							      "and another cannot be made");
		if (dup2(own, fd) < 0)
			return error_sys(err, "replace standard stream %d", fd);
	}
	return true;
}

static bool open_cwd(const struct init_plan *plan, int *cwd, struct error *err)
{
	const char *name = plan->spec->process.cwd;
	int root = plan->rootfs.root;

	return plan->is_joining
		       ? path_open(root, name, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, cwd, err)
		       : path_make_dirs(root, name, 0755, cwd, err);
}

/* Resolved below the root and held open: neither a link nor /proc/self/fd/N can make the host's
 * file system the working directory (CVE-2024-21626). */
bool finish_prepare(struct finish *finish, struct error *err)
{
	const struct init_plan *plan = finish->plan;

	if (!open_cwd(plan, &finish->cwd, err)) {
		if (err->sys == ENOENT) /* runc's words, without the name a second time */
			error_set(err, ERROR_NOT_FOUND, "no such file or directory");
		return error_in(err, "chdir to cwd (\"%s\") set in config.json failed",
				plan->spec->process.cwd);
	}
	return plan->spec->process.has_terminal || replace_null_streams(plan, err);
}

/* -- become ---------------------------------------------------------------------------------- */

static bool enter_cwd(const struct finish *finish, struct error *err)
{
	char name[PATH_MAX];

	if (fchdir(finish->cwd) < 0)
		return error_sys(err, "chdir to cwd (\"%s\") set in config.json",
				 finish->plan->spec->process.cwd);
	/* The kernel says "(unreachable)…" of what lies outside our root. */
	if (syscall(SYS_getcwd, name, sizeof(name)) < 0 || name[0] != '/')
		return error_set(err, ERROR_DENIED,
				 "current working directory is outside of container mount "
				 "namespace root -- possible container breakout detected");
	return true;
}

bool finish_set_rlimits(pid_t pid, const struct spec_process *process, struct error *err)
{
	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct spec_rlimit *wanted = &process->rlimits[i];
		struct rlimit64 limit = { .rlim_cur = wanted->soft, .rlim_max = wanted->hard };

		if (prlimit64(pid, wanted->resource, &limit, NULL) < 0)
			return error_sys(err, "set rlimit %s", spec_rlimit_name(wanted->resource));
	}
	return true;
}

/* Raising a limit needs rights outside of a user namespace: then the parent does it for us. */
static bool set_rlimits(const struct init_plan *plan, struct error *err)
{
	struct sync_message message = { .step = SYNC_LIMITS };

	if (plan->lacks_limits)
		return sync_send(plan->sync, &message, err) &&
		       sync_expect(plan->sync, SYNC_LIMITED, &message, err);
	return finish_set_rlimits(0, &plan->spec->process, err);
}

/* Pipes, sockets and pseudo-terminals. A disk or a null device is the machine's: whom it belongs to
 * is not for a container to change (CVE-2026-88265). */
static bool may_be_given(const struct stat *info)
{
	unsigned int device = major(info->st_rdev);

	return S_ISFIFO(info->st_mode) || S_ISSOCK(info->st_mode) ||
	       (S_ISCHR(info->st_mode) && device >= UNIX98_PTY_SLAVE_MAJOR &&
		device < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT);
}

/* What was opened by root shall be usable as /dev/stdout by the user. */
static void own_stdio(uid_t uid)
{
	struct stat info;

	for (int fd = 0; uid != 0 && fd < 3; fd++)
		if (fstat(fd, &info) == 0 && info.st_uid != uid && may_be_given(&info))
			(void)!fchown(fd, uid, (gid_t)-1);
}

/* From the engine, of its own init: as soon as a container is up it may be told to end, and the
 * first process of a pid namespace misses what comes before it can listen. What is blocked waits.
 */
#define KEEP_SIGNALS "org.mooring.signals-wait"

static void hold_signals(const struct init_plan *plan)
{
	const struct json *annotations = plan->spec->annotations;
	sigset_t all;

	if (plan->is_joining || !annotations || !json_get(annotations, KEEP_SIGNALS))
		return;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

/* podman's --group-add keep-groups: its caller's, instead of the config's. crun's annotation. */
#define KEEP_GROUPS "run.oci.keep_original_groups"

static bool keeps_groups(const struct spec *spec)
{
	const struct json *wish =
		spec->annotations ? json_get(spec->annotations, KEEP_GROUPS) : NULL;

	return wish && strcmp(wish->text, "0") != 0;
}

static bool set_user(const struct spec *spec, struct error *err)
{
	const struct spec_user *user = &spec->process.user;

	/* In a user namespace that denies setgroups there is nothing to clear either. */
	if (!keeps_groups(spec) && setgroups(user->group_count, user->groups) < 0 &&
	    (errno != EPERM || user->group_count > 0))
		return error_sys(err, "set supplementary groups");
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return error_sys(err, "set group %u", user->gid);
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return error_sys(err, "set user %u", user->uid);
	umask(user->umask);
	return true;
}

/* Closed, not only O_CLOEXEC: what leads to the host, ours or forgotten by our caller, could be
 * named as /proc/self/fd/N in the program's path (CVE-2024-21626), and a created container waits
 * for days. What is kept tells the runtime of a failure, and waits for `start`. */
static bool close_ways_out(const struct init_plan *plan, struct error *err)
{
	unsigned int kept[] = { (unsigned int)plan->sync, (unsigned int)plan->start_fifo,
				(unsigned int)plan->result_fifo };
	unsigned int from = 3 + plan->preserve_fds;

	for (;;) {
		unsigned int next = ~0U; /* the lowest of those that are kept, -1 being none */

		for (size_t i = 0; i < COUNT_OF(kept); i++)
			next = kept[i] >= from && kept[i] < next ? kept[i] : next;
		if (next > from && kernel_close_range(from, next - 1) < 0)
			return error_sys(err, "close descriptors");
		if (next == ~0U)
			return true;
		from = next + 1;
	}
}

/*
 * By the end: the user, its groups and limits, the capabilities and the filter of the config.
 * Not before: the filter, since what it forbids we could not do any more. The program is looked up
 * as the user, while system calls are still free. The filter needs CAP_SYS_ADMIN or
 * no_new_privileges, so it goes in before the capabilities go, and capset and execve are all that a
 * profile has to allow for our sake.
 */
bool finish_become(struct finish *finish, enum container_fault *fault, struct error *err)
{
	struct init_plan *plan = finish->plan;
	struct spec_process *process = &plan->spec->process;

	if (personality(plan->spec->personality) < 0)
		return error_sys(err, "set the personality");
	if (!schedule_set(process, plan->spec->resources.cpus, err) ||
	    !schedule_memory(plan->spec->memory_policy, err))
		return false;
	if (!label_program(plan->proc, process, err) || !enter_cwd(finish, err) ||
	    (finish->slave >= 0 && !tty_adopt(finish->slave, err)) || !close_ways_out(plan, err))
		return false;
	program_complete_env(plan->arena, process);
	own_stdio(process->user.uid);
	if (!set_rlimits(plan, err))
		return false;
	finish->capabilities = caps_available();
	if (!caps_limit(&process->capabilities, err) || !set_user(plan->spec, err))
		return false;
	if (!program_find(process, finish->program, fault, err))
		return false;
	if (process->has_no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, "set no_new_privs");
	return true;
}

/* -- execute --------------------------------------------------------------------------------- */

/*
 * From here on what the profile notifies waits for its agent, which therefore has to have the
 * listener first. The filter holds for us already: all we use is write, which cannot be one of
 * those calls, read and close, which the agent may answer. A parent without rights over the
 * machine may take a descriptor from us only if we are dumpable, as the program will be.
 */
static bool load_filter(const struct init_plan *plan, struct error *err)
{
	struct sync_message message = { .step = SYNC_LISTENER };

	if (plan->is_watched_by_user && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return error_sys(err, "become dumpable");
	if (!seccomp_load(&plan->filter, &message.listener, err))
		return false;
	if (message.listener < 0)
		return true;
	if (!sync_report(plan->sync, &message, err) || !sync_await(plan->sync, SYNC_LISTENED, err))
		return false;
	/* Or calls would wait for an agent that is gone, while we keep its end open. */
	close(message.listener);
	return true;
}

static bool lock_in(const struct finish *finish, struct error *err)
{
	const struct init_plan *plan = finish->plan;
	const struct spec_capabilities *wanted = &plan->spec->process.capabilities;

	if (plan->filter.length > 0 && plan->spec->process.user.uid != 0 &&
	    !plan->spec->process.has_no_new_privileges && !caps_regain(err))
		return false;
	if (plan->filter.length > 0 && !load_filter(plan, err))
		return false;
	return caps_apply(wanted, finish->capabilities, err);
}

/* Only the machine's root may join a process that is not dumpable; an ordinary user's own exec
 * could not. By now nothing of the host's is open but the two FIFOs, our caller's environment is
 * overwritten, our program is not his to write (or a copy: self.c), and in a pid namespace of its
 * own nobody else is there to look. */
static bool let_user_in(const struct init_plan *plan, struct error *err)
{
	if (!plan->lets_user_in || !plan->state->has_pid_namespace)
		return true;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 || error_sys(err, "become dumpable");
}

/* `create` ends here; the creator goes away and a later `start` lets us go on. */
static bool wait_for_start(const struct init_plan *plan, struct error *err)
{
	struct sync_message message = { .step = SYNC_CREATED };
	char byte;
	ssize_t got;

	self_forget_caller();
	if (!let_user_in(plan, err) || !sync_report(plan->sync, &message, err))
		return false;
	close(plan->sync);
	do {
		got = read(plan->start_fifo, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got != 1)
		return error_sys(err, "wait for start");
	return true;
}

/* In the words that docker and podman look for: "exec /x: no such file or directory". */
static bool cannot_execute(const char *program, enum container_fault *fault, struct error *err)
{
	bool is_missing = errno == ENOENT || errno == ENOTDIR;
	const char *reason = error_words(errno);

	*fault = is_missing ? CONTAINER_FAULT_NOT_FOUND : CONTAINER_FAULT_NOT_EXECUTABLE;
	return error_set(err, error_kind_of(errno), "exec %s: %c%s", program, tolower(reason[0]),
			 reason + 1);
}

static bool execute(const struct finish *finish, enum container_fault *fault, struct error *err)
{
	const struct init_plan *plan = finish->plan;
	const struct spec_process *process = &plan->spec->process;
	struct hook_place inside = { .kind = HOOK_START_CONTAINER,
				     .env = process->env,
				     .status = CONTAINER_CREATED,
				     .pid = getpid() };

	if (!hook_run(&plan->spec->hooks[HOOK_START_CONTAINER], &inside, plan->state, err))
		return false;
	execve(finish->program, (char *const *)(uintptr_t)process->args,
	       (char *const *)(uintptr_t)process->env);
	return cannot_execute(finish->program, fault, err);
}

static void die(int signal)
{
	self_end(128 + signal);
}

/* The first process of a pid namespace gets no signal that it has no handler for: without one a
 * created container could only be killed. execve brings the defaults back. */
static void stay_mortal(void)
{
	struct sigaction action = { .sa_handler = die };

	for (int signal = 1; signal < NSIG; signal++) {
		if (signame_asks_to_end(signal))
			sigaction(signal, &action, NULL);
	}
}

bool finish_execute(struct finish *finish, enum container_fault *fault, struct error *err)
{
	const struct init_plan *plan = finish->plan;

	/* The filter may forbid it later: */
	if (plan->is_joining)
		prctl(PR_SET_PDEATHSIG, 0); /* the program may outlive us: join.c */
	if (plan->start_fifo >= 0)
		stay_mortal();
	else
		hold_signals(plan);
	if (!lock_in(finish, err))
		return false;
	if (plan->start_fifo < 0)
		return execute(finish, fault, err);
	if (!wait_for_start(plan, err))
		return false;
	/* Nobody listens to the conversation any more, but `start` reads the other FIFO. */
	if (!execute(finish, fault, err))
		(void)!write(plan->result_fifo, err->text, strlen(err->text));
	self_end(1);
}
