/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/profile.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>

#include "base/attr.h"

/*
 * Data, and the few lines that write it. What docker allows always; what it allows with a
 * capability; and the calls of which only some forms are allowed. Names the kernel or the
 * architecture does not know are skipped by the runtime.
 */

/* clang-format off */ /* a list of words */
static const char *const always[] = {
	"_llseek", "_newselect", "accept", "accept4", "access", "adjtimex", "alarm", "bind",
	"brk", "capget", "capset", "chdir", "chmod", "chown", "chown32", "clock_adjtime",
	"clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close", "close_range",
	"connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
	"epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit",
	"exit_group", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate",
	"fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchown", "fchown32", "fchownat",
	"fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork",
	"fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64",
	"fsync", "ftruncate", "ftruncate64", "futex", "futex_time64", "futex_waitv", "futimesat",
	"get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents", "getdents64",
	"getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups",
	"getgroups32", "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid",
	"getpriority", "getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32",
	"getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday",
	"getuid", "getuid32", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
	"io_pgetevents_time64", "io_setup", "io_submit", "io_uring_enter", "io_uring_register",
	"io_uring_setup", "ioctl", "ioprio_get", "ioprio_set", "ipc", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32", "lgetxattr",
	"link", "linkat", "listen", "listxattr", "llistxattr", "lremovexattr", "lseek",
	"lsetxattr", "lstat", "lstat64", "madvise", "membarrier", "memfd_create", "memfd_secret",
	"mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap",
	"mmap2", "mprotect", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "mremap",
	"msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap",
	"nanosleep", "newfstatat", "open", "openat", "openat2", "pause", "pidfd_open",
	"pidfd_send_signal", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "prctl", "pread64",
	"preadv", "preadv2", "prlimit64", "process_mrelease", "ptrace", "pselect6", "pselect6_time64",
	"pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv",
	"recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "remap_file_pages",
	"removexattr", "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "rseq",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
	"sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
	"sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
	"sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget", "semop",
	"semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg",
	"sendmsg", "sendto", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid",
	"setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32",
	"setitimer", "setpgid", "setpriority", "setregid", "setregid32", "setresgid",
	"setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit",
	"setsid", "setsockopt", "setuid", "setuid32", "setxattr", "shmat", "shmctl", "shmdt",
	"shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4", "sigprocmask", "sigreturn",
	"socket", "socketcall", "socketpair", "splice", "stat", "stat64", "statfs", "statfs64",
	"statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee",
	"tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_gettime64", "timer_settime", "timer_settime64", "timerfd_create",
	"timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times",
	"tkill", "truncate", "truncate64", "ugetrlimit", "umask", "uname", "unlink", "unlinkat",
	"utime", "utimensat", "utimensat_time64", "utimes", "vfork", "vmsplice", "wait4",
	"waitid", "waitpid", "write", "writev",
};
/* clang-format on */

struct group {
	int capability;
	const char *const *names; /* NULL-terminated */
};

#define NAMES(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static const struct group groups[] = {
	{ CAP_DAC_READ_SEARCH, NAMES("open_by_handle_at") },
	{ CAP_SYS_ADMIN,
	  NAMES("bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen",
		"fspick", "lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree",
		"perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname",
		"setns", "syslog", "umount", "umount2", "unshare") },
	{ CAP_SYS_BOOT, NAMES("reboot") },
	{ CAP_SYS_CHROOT, NAMES("chroot") },
	{ CAP_SYS_MODULE, NAMES("delete_module", "init_module", "finit_module") },
	{ CAP_SYS_PACCT, NAMES("acct") },
	{ CAP_SYS_PTRACE, NAMES("kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv",
				"process_vm_writev") },
	{ CAP_SYS_RAWIO, NAMES("iopl", "ioperm") },
	{ CAP_SYS_TIME, NAMES("settimeofday", "stime", "clock_settime", "clock_settime64") },
	{ CAP_SYS_TTY_CONFIG, NAMES("vhangup") },
	{ CAP_SYS_NICE,
	  NAMES("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node") },
	{ CAP_SYSLOG, NAMES("syslog") },
	{ CAP_BPF, NAMES("bpf") },
	{ CAP_PERFMON, NAMES("perf_event_open") },
};

#if defined(__x86_64__)
static const char *const architectures[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
static const char *const native[] = { "arch_prctl", "modify_ldt" };
#elif defined(__aarch64__)
static const char *const architectures[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" };
static const char *const native[] = { "arm_fadvise64_64", "arm_sync_file_range",
				      "breakpoint",       "cacheflush",
				      "set_tls",          "sync_file_range2" };
#elif defined(__arm__)
static const char *const architectures[] = { "SCMP_ARCH_ARM" };
static const char *const native[] = { "arm_fadvise64_64", "arm_sync_file_range",
				      "breakpoint",       "cacheflush",
				      "set_tls",          "sync_file_range2" };
#elif defined(__i386__)
static const char *const architectures[] = { "SCMP_ARCH_X86" };
static const char *const native[] = { "modify_ldt" };
#else
#error "name this architecture for seccomp"
#endif

/* personality(2): what Linux programs use, and asking. */
static const int64_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };

#define CLONE_NAMESPACES 0x7e020000 /* CLONE_NEW*: not without CAP_SYS_ADMIN */
#define ENOSYS_NUMBER    38 /* clone3 hides its flags in memory: "not there" makes libc use clone */

static void write_rule(struct jsonout *out, const char *const *names, size_t count)
{
	jsonout_object(out, NULL);
	jsonout_texts(out, "names", names, count);
	jsonout_text(out, "action", "SCMP_ACT_ALLOW");
	jsonout_object_end(out);
}

/* The call is allowed where its first argument compares so; masked: where none of the bits is set.
 */
static void write_condition(struct jsonout *out, const char *name, const char *comparison,
			    int64_t value)
{
	jsonout_object(out, NULL);
	jsonout_texts(out, "names", &name, 1);
	jsonout_text(out, "action", "SCMP_ACT_ALLOW");
	jsonout_array(out, "args");
	jsonout_object(out, NULL);
	jsonout_int(out, "index", 0);
	jsonout_int(out, "value", value);
	jsonout_text(out, "op", comparison);
	jsonout_object_end(out);
	jsonout_array_end(out);
	jsonout_object_end(out);
}

static void write_clone3(struct jsonout *out)
{
	const char *name = "clone3";

	jsonout_object(out, NULL);
	jsonout_texts(out, "names", &name, 1);
	jsonout_text(out, "action", "SCMP_ACT_ERRNO");
	jsonout_int(out, "errnoRet", ENOSYS_NUMBER);
	jsonout_object_end(out);
}

static size_t count_of(const char *const *names)
{
	size_t count = 0;

	while (names[count])
		count++;
	return count;
}

void profile_write(struct jsonout *out, uint64_t capabilities)
{
	jsonout_object(out, "seccomp");
	jsonout_text(out, "defaultAction", "SCMP_ACT_ERRNO");
	jsonout_texts(out, "architectures", architectures, COUNT_OF(architectures));
	jsonout_array(out, "syscalls");
	write_rule(out, always, COUNT_OF(always));
	write_rule(out, native, COUNT_OF(native));
	for (size_t i = 0; i < COUNT_OF(personalities); i++)
		write_condition(out, "personality", "SCMP_CMP_EQ", personalities[i]);
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		if (capabilities & (1ULL << groups[i].capability))
			write_rule(out, groups[i].names, count_of(groups[i].names));
	}
	if (!(capabilities & (1ULL << CAP_SYS_ADMIN))) {
		write_condition(out, "clone", "SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES);
		write_clone3(out);
	}
	jsonout_array_end(out);
	jsonout_object_end(out);
}
