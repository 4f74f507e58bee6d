/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolverconfine.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"

#define NOBODY    65534
#define FILES_MAX 32768
#define RULES_MAX 160

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE_ARCH AUDIT_ARCH_ARM
#elif defined(__i386__)
#define NATIVE_ARCH AUDIT_ARCH_I386
#elif defined(__riscv)
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#endif

/* Sockets, waiting, memory, time; nothing that takes a name. Each architecture has some of them. */
static const int allowed[] = {
	SYS_read,
	SYS_write,
	SYS_close,
	SYS_socket,
	SYS_connect,
	SYS_accept4,
	SYS_setsockopt,
	SYS_getsockopt,
	SYS_sendto,
	SYS_sendmsg,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_shutdown,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_clock_gettime,
	SYS_getrandom,
	SYS_munmap,
	SYS_mremap,
	SYS_brk,
	SYS_madvise,
	SYS_fcntl,
	SYS_restart_syscall,
	SYS_rt_sigreturn,
	SYS_exit,
	SYS_exit_group,
#ifdef SYS_mmap
	SYS_mmap,
#endif
#ifdef SYS_mmap2
	SYS_mmap2,
#endif
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef SYS_send
	SYS_send,
	SYS_recv,
#endif
#ifdef SYS_clock_gettime64
	SYS_clock_gettime64,
#endif
#ifdef SYS_fcntl64
	SYS_fcntl64,
#endif
#ifdef IS_SANITIZED
	SYS_mprotect,
	SYS_futex,
	SYS_sigaltstack,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_getpid,
	SYS_gettid,
	SYS_openat,
	SYS_readlink,
	SYS_fstat,
	SYS_newfstatat,
	SYS_prctl,
	SYS_sched_yield,
	SYS_clone,
	SYS_wait4,
	SYS_ptrace,
#endif
};

static void add(struct sock_filter *rules, unsigned short *count, uint16_t code, uint32_t k,
		uint8_t if_true, uint8_t if_false)
{
	rules[(*count)++] =
		(struct sock_filter){ .code = code, .jt = if_true, .jf = if_false, .k = k };
}

static bool filter_calls(struct error *err)
{
	struct sock_filter rules[RULES_MAX];
	struct sock_fprog program = { .filter = rules };

	add(rules, &program.len, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0,
	    0);
	add(rules, &program.len, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	add(rules, &program.len, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	add(rules, &program.len, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	for (size_t i = 0; i < COUNT_OF(allowed); i++) {
		add(rules, &program.len, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i], 0, 1);
		add(rules, &program.len, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	}
	add(rules, &program.len, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 && errno != EINVAL)
		return error_sys(err, "install the system call filter");
	return true; /* EINVAL: a kernel without seccomp */
}

/* EINVAL: in a user namespace that does not map nobody. There root is no more than its owner. */
static bool become_nobody(struct error *err)
{
	if (geteuid() != 0)
		return true;
	if ((setgroups(0, NULL) != 0 && errno != EPERM) ||
	    (setresgid(NOBODY, NOBODY, NOBODY) != 0 && errno != EINVAL) ||
	    (setresuid(NOBODY, NOBODY, NOBODY) != 0 && errno != EINVAL))
		return error_sys(err, "become the user nobody");
	return true;
}

static bool drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) == 0 || error_sys(err, "drop capabilities");
}

bool resolver_confine(struct error *err)
{
	const struct rlimit none = { 0, 0 }, files = { FILES_MAX, FILES_MAX };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return error_sys(err, "set resource limits");
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 && errno != EPERM)
		return error_sys(err, "set resource limits");
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	if (!become_nobody(err) || !drop_capabilities(err))
		return false;
	/* Changing the user reset it: who else runs as nobody must not read our memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_sys(err, "give up privileges");
	return filter_calls(err);
}
