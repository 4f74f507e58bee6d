/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/fetch_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/privilege.h"

#define FILES_MAX   256
#define ADDRESS_MAX (1ULL << 30)

/* What libcurl, OpenSSL and the resolver need. Names that an architecture does not have are passed
 * over. */
static const char *const allowed[] = {
	/* bytes */
	"read",
	"readv",
	"pread64",
	"write",
	"writev",
	"close",
	"dup",
	"fcntl",
	"fcntl64",
	"lseek",
	"_llseek",
	"pipe2",
	"eventfd2",
	"socketpair",
	/* network */
	"accept4", /* where something was listened on before */
	"connect",
	"bind",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"send",
	"sendto",
	"recv",
	"recvfrom",
	"sendmsg",
	"recvmsg",
	"sendmmsg",
	"recvmmsg",
	"recvmmsg_time64",
	"shutdown",
	/* waiting */
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"poll",
	"ppoll",
	"ppoll_time64",
	"select",
	"_newselect",
	"pselect6",
	"pselect6_time64",
	"futex",
	"futex_time64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"nanosleep",
	"restart_syscall",
	"sched_yield",
	/* looking at files */
	"fstat",
	"fstat64",
	"stat",
	"stat64",
	"lstat",
	"lstat64",
	"newfstatat",
	"fstatat64",
	"statx",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getdents64",
	"getcwd",
	/* memory and threads */
	"mmap",
	"mmap2",
	"munmap",
	"mprotect",
	"mremap",
	"madvise",
	"brk",
	"set_robust_list",
	"get_robust_list",
	"rseq",
	"set_tid_address",
	"membarrier",
	"sched_getaffinity",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigreturn",
	"sigaltstack",
	"gettid",
	"exit",
	"exit_group",
	"tgkill",
	/* who and when */
	"getpid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getuid32",
	"geteuid32",
	"getgid32",
	"getegid32",
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"gettimeofday",
	"time",
	"getrandom",
	"uname",
	"sysinfo",
};

static bool allow(scmp_filter_ctx filter, const char *name, unsigned int count,
		  struct scmp_arg_cmp condition)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR || number < 0)
		return true; /* not on this machine */
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, &condition) == 0;
}

static bool allow_conditional(scmp_filter_ctx filter)
{
	const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
	static const scmp_datum_t families[] = { AF_INET, AF_INET6, AF_NETLINK };
	static const scmp_datum_t requests[] = { FIONREAD, FIONBIO };

	for (size_t i = 0; i < COUNT_OF(families); i++)
		if (!allow(filter, "socket", 1, SCMP_A0(SCMP_CMP_EQ, families[i], 0)))
			return false;
	for (size_t i = 0; i < COUNT_OF(requests); i++)
		if (!allow(filter, "ioctl", 1, SCMP_A1(SCMP_CMP_EQ, requests[i], 0)))
			return false;
	/* Reading only; threads only (clone3 does not exist here, glibc then takes clone); limits
	 * only looked at. */
	return allow(filter, "openat", 1, SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY)) &&
	       allow(filter, "open", 1, SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY)) &&
	       allow(filter, "clone", 1,
		     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_NEWUSER, CLONE_THREAD)) &&
	       allow(filter, "prlimit64", 1, SCMP_A2(SCMP_CMP_EQ, 0, 0)) &&
	       allow(filter, "prctl", 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
}

/* Everything else does not exist, so that libraries fall back as they would on an older kernel. */
static bool filter_calls(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	bool is_ok = filter != NULL;

	for (size_t i = 0; is_ok && i < COUNT_OF(allowed); i++)
		is_ok = allow(filter, allowed[i], 0, SCMP_A0(SCMP_CMP_EQ, 0, 0));
	is_ok = is_ok && allow_conditional(filter) && seccomp_load(filter) == 0;
	if (filter)
		seccomp_release(filter);
	return is_ok || error_set(err, ERROR_UNSUPPORTED,
				  "cannot load the system call filter: does this kernel have "
				  "CONFIG_SECCOMP_FILTER?");
}

static bool set_limit(int which, rlim_t value)
{
	struct rlimit limit = { value, value };

	return setrlimit((__rlimit_resource_t)which, &limit) == 0;
}

static bool set_limits(struct error *err)
{
	bool is_ok = set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_NOFILE, FILES_MAX);

#ifndef IS_SANITIZED
	is_ok = is_ok && set_limit(RLIMIT_AS, ADDRESS_MAX);
#endif
	return is_ok || error_sys(err, "set resource limits");
}

bool fetch_confine(struct error *err)
{
	if (!privilege_become_nobody(err) || !set_limits(err))
		return false;
	/* Changing the user reset both: who else runs as nobody must not read our memory, and
	 * whoever started us takes us along. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return error_sys(err, "give up privileges");
	return filter_calls(err);
}
