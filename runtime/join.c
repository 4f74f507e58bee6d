/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/finish.h"
#include "runtime/idmap.h"
#include "runtime/kernel.h"
#include "runtime/label.h"
#include "runtime/record.h"
#include "runtime/schedule.h"
#include "runtime/self.h"
#include "runtime/spawn.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/*
 * From the clone to the user's program, in a container that is there already. The order:
 *
 *   groups      while the host's /sys/fs/cgroup is still ours to name: from here on limits hold
 *   namespaces  all at once, by the pidfd of the container's init
 *   finish      as init does it: user, capabilities, filter, execve (finish.c)
 *
 * The process is in the container's pid namespace from its birth, and so in its /proc: it is not
 * dumpable before (exec.c), and every descriptor that leads to the host is closed as soon as it has
 * been used. Names are resolved inside only.
 */

bool join_cgroups(struct join_plan *plan, struct error *err)
{
	const struct spec_process *process = &plan->init.spec->process;
	int doors[CGROUP_PLACES_MAX];
	size_t count;

	if (process->affinity_initial.words)
		record_step("nsexec-0[%d]: affinity: 0x%lx", (int)getpid(),
			    process->affinity_initial.words[0]);
	if (!schedule_affinity(&process->affinity_initial, err))
		return false;
	if (!plan->is_in_cgroup &&
	    (!cgroup_doors(plan->cgroup, plan->is_born_there, doors, &count, err) ||
	     !cgroup_enter(doors, count, err)))
		return false;
	plan->is_in_cgroup = true;
	if (!rdt_join(&plan->init.state->rdt, 0, err))
		return false;
	schedule_any_cpu();
	return schedule_affinity(&process->affinity_final, err);
}

/* Before Linux 5.8: one by one. The pid is that of the pidfd as long as it can be signalled. */
static int join_by_file(struct join_plan *plan, int namespaces)
{
	static const struct {
		int flag;
		const char *file;
	} kinds[] = { { CLONE_NEWTIME, "time" },     { CLONE_NEWNS, "mnt" },
		      { CLONE_NEWPID, "pid" },       { CLONE_NEWNET, "net" },
		      { CLONE_NEWUTS, "uts" },       { CLONE_NEWIPC, "ipc" },
		      { CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWUSER, "user" } };
	int fds[COUNT_OF(kinds)], result = 0;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		autofree char *path =
			mem_printf("/proc/%d/ns/%s", plan->init.state->pid, kinds[i].file);

		fds[i] = namespaces & kinds[i].flag ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	}
	if (kernel_pidfd_signal(plan->target, 0) < 0)
		result = -1;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (result == 0 && namespaces & kinds[i].flag)
			result = setns(fds[i], kinds[i].flag);
		mem_cleanup_close(&fds[i]);
	}
	return result;
}

int join_some(struct join_plan *plan, int namespaces)
{
	int result = setns(plan->target, namespaces);

	return result < 0 && errno == EINVAL ? join_by_file(plan, namespaces) : result;
}

/* In a user namespace we are nobody at first. */
bool join_namespaces(struct join_plan *plan, struct error *err)
{
	if (join_some(plan, plan->namespaces) < 0)
		return error_sys(err, "join the container's namespaces");
	plan->is_joined = true;
	if (!(plan->namespaces & CLONE_NEWUSER))
		return true;
	if (!idmap_become_somebody(&plan->init.spec->process.user, err))
		return false;
	/* fs.suid_dumpable says what a change of user makes of it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_sys(err, "become non-dumpable");
	return true;
}

static bool join_keyring(const struct init_plan *plan, struct error *err)
{
	autofree char *name = mem_printf("_ses.%s", plan->state->id);

	if (!label_keys(plan->proc, plan->spec->process.selinux_label, err))
		return false;
	if (kernel_join_keyring(name) < 0 && errno != ENOSYS && errno != EPERM && errno != EACCES)
		return error_sys(err, "join the container's session keyring");
	return true;
}

/* In the caller's mount tree its root is one directory of many. */
static bool enter_root(struct join_plan *plan, struct error *err)
{
	if (plan->root < 0)
		return true;
	if (fchdir(plan->root) < 0 || chroot(".") < 0)
		return error_sys(err, "change to the container's root");
	drop_fd(&plan->root);
	return true;
}

static bool come_in(struct join_plan *plan, struct error *err)
{
	struct init_plan *init = &plan->init;

	init_reset_signals();
	setsid();
	if (!plan->is_joined && (!spawn_set_oom_score(init, SPAWN_SELF, err) ||
				 !join_cgroups(plan, err) || !join_namespaces(plan, err)))
		return false;
	if (!enter_root(plan, err))
		return false;
	close(plan->target);
	if (!init->is_without_keyring && !join_keyring(init, err))
		return false;
	init->rootfs.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return init->rootfs.root >= 0 || error_sys(err, "open the container's root");
}

static bool set_up(struct join_plan *plan, enum container_fault *fault, struct error *err)
{
	struct init_plan *init = &plan->init;
	struct finish finish = { .plan = init, .cwd = -1, .slave = -1 };

	if (!come_in(plan, err))
		return false;
	if (init->spec->process.has_terminal &&
	    !tty_open(&init->rootfs, init->console, false, &finish.slave, err))
		return false;
	return finish_prepare(&finish, err) && finish_become(&finish, fault, err) &&
	       finish_execute(&finish, fault, err);
}

_Noreturn void join_run(struct join_plan *plan)
{
	struct sync_message message = { .step = SYNC_FAILED };
	struct error ignored;

	/* Stopped by a process of the container's, it would stay; finish.c takes it back. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(plan->init.parents_fds[0]);
	if (!set_up(plan, &message.fault, &message.error))
		(void)!sync_report(plan->init.sync, &message, &ignored);
	self_end(1);
}
