/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/profile.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>

#include "base/attr.h"

/* Names that a kernel or architecture does not have are ignored by every runtime. */
static const char always[] =
	"_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat "
	"capget capset chdir chmod chown chown32 clock_adjtime clock_adjtime64 "
	"clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
	"clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 "
	"dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
	"epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group "
	"faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir "
	"fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
	"fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 "
	"fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 "
	"futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area "
	"getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid "
	"getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid "
	"getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 "
	"getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid "
	"getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 "
	"inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents "
	"io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill "
	"landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 "
	"lgetxattr link linkat listen listmount listxattr listxattrat llistxattr "
	"lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier "
	"memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 "
	"mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
	"mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal "
	"msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at "
	"nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe "
	"pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 "
	"preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 "
	"pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg "
	"recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename "
	"renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending "
	"rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
	"rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max "
	"sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
	"sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 "
	"sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield "
	"seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile "
	"sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area "
	"set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 "
	"setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
	"setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid "
	"setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget "
	"shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn "
	"socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat "
	"sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete "
	"timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 "
	"timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
	"timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink "
	"unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 "
	"waitid waitpid write writev";

#if defined(__x86_64__)
static const char native[] = "arch_prctl modify_ldt";
static const char *const architectures[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
#elif defined(__i386__)
static const char native[] = "modify_ldt";
static const char *const architectures[] = { "SCMP_ARCH_X86" };
#elif defined(__aarch64__) || defined(__arm__)
static const char native[] = "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls "
			     "sync_file_range2";
#ifdef __aarch64__
static const char *const architectures[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" };
#else
static const char *const architectures[] = { "SCMP_ARCH_ARM" };
#endif
#else
#error "name this architecture for seccomp"
#endif

#ifndef CAP_PERFMON /* Linux 5.8 */
#define CAP_PERFMON 38
#define CAP_BPF     39
#endif

static const struct release {
	int capability;
	const char *names;
} releases[] = {
	{ CAP_DAC_READ_SEARCH, "open_by_handle_at" },
	{ CAP_SYS_ADMIN,
	  "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
	  "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount "
	  "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog "
	  "umount umount2 unshare" },
	{ CAP_SYS_BOOT, "reboot" },
	{ CAP_SYS_CHROOT, "chroot" },
	{ CAP_SYS_MODULE, "delete_module init_module finit_module" },
	{ CAP_SYS_PACCT, "acct" },
	{ CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise" },
	{ CAP_SYS_RAWIO, "iopl ioperm" },
	{ CAP_SYS_TIME, "settimeofday stime clock_settime clock_settime64" },
	{ CAP_SYS_TTY_CONFIG, "vhangup" },
	{ CAP_SYS_NICE, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node" },
	{ CAP_SYSLOG, "syslog" },
	{ CAP_BPF, "bpf" },
	{ CAP_PERFMON, "perf_event_open" },
};

/* Address families: all but DECnet, Econet, ATM's signalling, IrDA, IUCV, CAIF, ALG and VSOCK. */
static const int families[] = { 13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29,
				30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45 };
#define FAMILIES_BELOW 12 /* and all of these */

/* What personality(2) may be asked for: Linux, UNAME26, 32 bits, both; and what it is. */
static const int64_t personalities[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };

#define SYS_SOCKET       1          /* of socketcall: linux/net.h */
#define CLONE_NAMESPACES 0x7e020000 /* every CLONE_NEW… flag but that for time */

static bool has(uint64_t capabilities, int capability)
{
	return capabilities >> capability & 1;
}

static void add_names(struct jsonout *out, const char *names)
{
	while (*names) {
		size_t length = strcspn(names, " ");

		jsonout_text_n(out, NULL, names, length);
		names += length + (names[length] == ' ');
	}
}

static void begin_rule(struct jsonout *out, const char *name, const char *action)
{
	jsonout_object(out, NULL);
	jsonout_array(out, "names");
	jsonout_text(out, NULL, name);
	jsonout_array_end(out);
	jsonout_text(out, "action", action);
	jsonout_array(out, "args");
}

static void add_condition(struct jsonout *out, const char *op, int64_t value)
{
	jsonout_object(out, NULL);
	jsonout_int(out, "index", 0);
	jsonout_int(out, "value", value);
	jsonout_text(out, "op", op);
	jsonout_object_end(out);
}

static void end_rule(struct jsonout *out)
{
	jsonout_array_end(out);
	jsonout_object_end(out);
}

/* Several conditions on one argument are alternatives, by runc's reading and ours. */
static void add_conditional(struct jsonout *out, uint64_t capabilities)
{
	begin_rule(out, "socket", "SCMP_ACT_ALLOW");
	add_condition(out, "SCMP_CMP_LT", FAMILIES_BELOW);
	for (size_t i = 0; i < COUNT_OF(families); i++)
		add_condition(out, "SCMP_CMP_EQ", families[i]);
	end_rule(out);
	begin_rule(out, "personality", "SCMP_ACT_ALLOW");
	for (size_t i = 0; i < COUNT_OF(personalities); i++)
		add_condition(out, "SCMP_CMP_EQ", personalities[i]);
	end_rule(out);
	if (has(capabilities, CAP_SYS_ADMIN))
		return;
	begin_rule(out, "clone", "SCMP_ACT_ALLOW");
	add_condition(out, "SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES);
	end_rule(out);
}

/* clone3's flags lie in memory, where no filter can see them: C libraries fall back to clone. */
static void hide_clone3(struct jsonout *out)
{
	jsonout_object(out, NULL);
	jsonout_array(out, "names");
	jsonout_text(out, NULL, "clone3");
	jsonout_array_end(out);
	jsonout_text(out, "action", "SCMP_ACT_ERRNO");
	jsonout_int(out, "errnoRet", ENOSYS);
	jsonout_object_end(out);
}

/* The rule for socket(2) means socketcall's, too, as libseccomp has it: this one comes first, and
 * says what is not the default anyway, since that would be no rule. */
static void hide_socketcall(struct jsonout *out)
{
	begin_rule(out, "socketcall", "SCMP_ACT_ERRNO");
	add_condition(out, "SCMP_CMP_EQ", SYS_SOCKET);
	jsonout_array_end(out);
	jsonout_int(out, "errnoRet", ENOSYS);
	jsonout_object_end(out);
}

void profile_write(struct jsonout *out, uint64_t capabilities, bool is_for_64_bits)
{
	bool has_socketcall = !is_for_64_bits || sizeof(void *) == sizeof(uint32_t);

	jsonout_object(out, "seccomp");
	jsonout_text(out, "defaultAction", "SCMP_ACT_ERRNO");
	jsonout_int(out, "defaultErrnoRet", EPERM);
	jsonout_texts(out, "architectures", architectures, COUNT_OF(architectures));
	jsonout_array(out, "syscalls");
	if (!has_socketcall)
		hide_socketcall(out);
	jsonout_object(out, NULL);
	jsonout_array(out, "names");
	add_names(out, always);
	add_names(out, native);
	add_names(out, "process_vm_readv process_vm_writev ptrace");
	if (has_socketcall)
		add_names(out, "socketcall");
	for (size_t i = 0; i < COUNT_OF(releases); i++)
		if (has(capabilities, releases[i].capability))
			add_names(out, releases[i].names);
	jsonout_array_end(out);
	jsonout_text(out, "action", "SCMP_ACT_ALLOW");
	jsonout_object_end(out);
	add_conditional(out, capabilities);
	if (!has(capabilities, CAP_SYS_ADMIN))
		hide_clone3(out);
	jsonout_array_end(out);
	jsonout_object_end(out);
}
