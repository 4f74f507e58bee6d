/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolverconfine.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/callfilter.h"
#include "base/privilege.h"

#define FILES_MAX 32768

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
#ifdef SYS_clock_gettime64 /* 32 bits: musl has no name for the other */
	SYS_clock_gettime64,
#else
	SYS_clock_gettime,
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

/* A kernel without such filters has to do. */
static bool filter_calls(struct error *err)
{
	struct callfilter filter;

	callfilter_begin(&filter);
	callfilter_calls(&filter, allowed, COUNT_OF(allowed), SECCOMP_RET_ALLOW);
	return callfilter_load(&filter, CALLFILTER_REFUSE, err) || err->kind == ERROR_UNSUPPORTED;
}

bool resolver_confine(struct error *err)
{
	const struct rlimit none = { 0, 0 }, files = { FILES_MAX, FILES_MAX };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return error_sys(err, "set resource limits");
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 && errno != EPERM)
		return error_sys(err, "set resource limits");
	if (!privilege_become_nobody(err))
		return false;
	/* Changing the user reset it: who else runs as nobody must not read our memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_sys(err, "become non-dumpable");
	return filter_calls(err);
}
