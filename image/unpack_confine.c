/* SPDX-License-Identifier: Apache-2.0 */
#include "image/unpack_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/callfilter.h"

/* -- capabilities -------------------------------------------------------------------------------
 */

#define CAP(name) (1ULL << (name))

/* To write files that belong to others, as a layer says. */
#define LAYER_CAPS                                                                                 \
	(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) |              \
	 CAP(CAP_MKNOD) | CAP(CAP_SETFCAP))

/* And to mark directories opaque (trusted.*), and to confine the processes it starts. */
#define STORE_CAPS (LAYER_CAPS | CAP(CAP_SYS_ADMIN) | CAP(CAP_SETPCAP))

static bool keep_capabilities(uint64_t kept, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(kept & CAP(cap)))
			prctl(PR_CAPBSET_DROP, cap, 0, 0,
			      0); /* without SETPCAP: not ours to drop */
	if (syscall(SYS_capget, &header, data) < 0)
		return error_sys(err, "read capabilities");
	for (int half = 0; half < 2; half++) {
		uint32_t mask = (uint32_t)(kept >> (32 * half));

		data[half].permitted &= mask;
		data[half].effective = data[half].permitted;
		data[half].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return error_sys(err, "drop capabilities");
	return true;
}

/* -- system calls -------------------------------------------------------------------------------
 */

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442 /* since Linux 5.12, everywhere the same */
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#ifdef SYS_mmap2
#define SYS_MMAP SYS_mmap2
#else
#define SYS_MMAP SYS_mmap
#endif

/* What leads out of a store that is "/", or to other processes. kill remains: workers need it. */
static const int denied[] = {
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_mount_setattr,
	SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_tkill,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	SYS_open_by_handle_at,
	SYS_setns,
	SYS_unshare,
	SYS_clone3,
	SYS_ptrace,
	SYS_bpf,
	SYS_keyctl,
	SYS_perf_event_open,
	SYS_add_key,
	SYS_fsopen,
	SYS_fsmount,
	SYS_request_key,
	SYS_init_module,
	SYS_move_mount,
	SYS_open_tree,
	SYS_finit_module,
	SYS_delete_module,
	SYS_fsconfig,
	SYS_fspick,
	SYS_kexec_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_syslog,
	SYS_acct,
	SYS_quotactl,
	SYS_socket,
	SYS_connect,
	SYS_bind,
	SYS_listen,
	SYS_execve,
	SYS_execveat,
	SYS_io_uring_setup,
	SYS_userfaultfd,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_personality,
	SYS_vhangup,
#ifdef SYS_clock_settime64
	SYS_clock_settime64,
#endif
#ifdef SYS_umount
	SYS_umount,
#endif
#ifdef SYS_stime
	SYS_stime,
#endif
#ifdef SYS_socketcall
	SYS_socketcall,
#endif
};

/* All that decompressing needs; pread64 reads a layer out of an archive. */
static const int allowed[] = {
	SYS_read,         SYS_write,  SYS_pread64, SYS_exit,   SYS_exit_group,
	SYS_brk,          SYS_munmap, SYS_MMAP,    SYS_mremap, SYS_madvise,
	SYS_rt_sigreturn, SYS_futex,  SYS_close,   SYS_getpid, SYS_getrandom,
#ifdef SYS_futex_time64
	SYS_futex_time64,
#endif
#ifdef IS_SANITIZED
	SYS_sigaltstack, /* asked for before every call that does not return; refused, it asks for
			    ever */
#endif
};

#define CLONE_NEW_ANY                                                                              \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

/* A kernel without such filters has to do. */
static bool load(struct callfilter *filter, uint32_t otherwise, struct error *err)
{
	return callfilter_load(filter, otherwise, err) || err->kind == ERROR_UNSUPPORTED;
}

/* No code is loaded from here on: iconv and the like would take it from the tree being unpacked. */
static bool deny_calls(struct error *err)
{
	struct callfilter filter;

	callfilter_begin(&filter);
	callfilter_bits(&filter, SYS_MMAP, 2, PROT_EXEC, CALLFILTER_REFUSE);
	callfilter_bits(&filter, SYS_mprotect, 2, PROT_EXEC, CALLFILTER_REFUSE);
	callfilter_bits(&filter, SYS_clone, 0, CLONE_NEW_ANY, CALLFILTER_REFUSE);
	callfilter_calls(&filter, denied, COUNT_OF(denied), CALLFILTER_REFUSE);
	return load(&filter, SECCOMP_RET_ALLOW, err);
}

/* We are root like the machine's other daemons: no capability is needed to end those. */
static bool deny_signals(struct error *err)
{
	static const int signals[] = { SYS_kill, SYS_tgkill };
	struct callfilter filter;

	callfilter_begin(&filter);
	callfilter_calls(&filter, signals, COUNT_OF(signals), CALLFILTER_REFUSE);
	return load(&filter, SECCOMP_RET_ALLOW, err);
}

/* All that decompressing needs is there. */
static bool allow_pipes(struct error *err)
{
	struct callfilter filter;

	callfilter_begin(&filter);
	callfilter_calls(&filter, allowed, COUNT_OF(allowed), SECCOMP_RET_ALLOW);
	return load(&filter, CALLFILTER_REFUSE, err);
}

/* -- the three steps ----------------------------------------------------------------------------
 */

#define DEAD (MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID | MS_NOEXEC)

/* The store alone, on a mount that makes its devices and programs dead files. */
static bool enter_store(const char *root, struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM ? true : error_sys(err, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, "make mounts private");
	if (mount(root, root, NULL, MS_BIND, NULL) < 0)
		return error_sys(err, "bind the store %s", root);
	/* In a user namespace how access times are kept is not ours to change. */
	if (mount(NULL, root, NULL, DEAD | MS_NOATIME, NULL) < 0 &&
	    (errno != EPERM || mount(NULL, root, NULL, DEAD, NULL) < 0))
		return error_sys(err, "remount the store %s", root);
	return true;
}

bool confine_to_store(const char *root, struct error *err)
{
	if (!enter_store(root, err))
		return false;
	if (chdir(root) < 0)
		return error_sys(err, "open the store %s", root);
	if (chroot(".") < 0 && errno != EPERM)
		return error_sys(err, "chroot to the store %s", root);
	umask(0);
	return keep_capabilities(STORE_CAPS, err) && deny_calls(err);
}

bool confine_to_layer(struct error *err)
{
	return keep_capabilities(LAYER_CAPS, err) && deny_signals(err);
}

bool confine_to_pipes(struct error *err)
{
	return keep_capabilities(0, err) && allow_pipes(err);
}
