/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/streamconfine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/callfilter.h"
#include "base/mem.h"

/* -- system calls -------------------------------------------------------------------------------
 */

/* What keeping files, serving sockets that are open, and the C library need. Some names exist on
 * some architectures only. */
static const int allowed[] = {
	SYS_read,          SYS_readv,           SYS_pread64,      SYS_write,
	SYS_writev,        SYS_pwrite64,        SYS_pwritev,      SYS_close,
	SYS_lseek,         SYS_fcntl,           SYS_dup,          SYS_ftruncate,
	SYS_fallocate,     SYS_fdatasync,       SYS_fsync,        SYS_fchmod,
	SYS_flock,         SYS_openat,          SYS_openat2,      SYS_mkdirat,
	SYS_renameat2,     SYS_unlinkat,        SYS_getdents64,   SYS_fstat,
	SYS_statx,         SYS_memfd_create,    SYS_ppoll,        SYS_epoll_create1,
	SYS_epoll_ctl,     SYS_epoll_pwait,     SYS_accept4,      SYS_recvmsg,
	SYS_recvfrom,      SYS_sendmsg,         SYS_sendto,       SYS_shutdown,
	SYS_munmap,        SYS_mremap,          SYS_madvise,      SYS_brk,
	SYS_clock_gettime, SYS_getrandom,       SYS_rt_sigaction, SYS_rt_sigprocmask,
	SYS_rt_sigreturn,  SYS_restart_syscall, SYS_exit,         SYS_exit_group,
	SYS_getpid,        SYS_gettid,          SYS_tgkill,       SYS_futex,
	SYS_signalfd4,
#ifdef SYS_mmap
	SYS_mmap,
#endif
#ifdef SYS_mmap2
	SYS_mmap2,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
#ifdef SYS_fstatat64
	SYS_fstatat64,     SYS_fstat64,         SYS__llseek,      SYS_ftruncate64,
	SYS_fcntl64,
#endif
#ifdef SYS_poll
	SYS_poll,
#endif
#ifdef SYS_ppoll_time64
	SYS_ppoll_time64,  SYS_clock_gettime64, SYS_futex_time64,
#endif
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
};

/* Everything else does not exist. */
static bool filter_calls(struct error *err)
{
	struct callfilter filter;

	callfilter_begin(&filter);
	callfilter_calls(&filter, allowed, COUNT_OF(allowed), SECCOMP_RET_ALLOW);
	return callfilter_load(&filter, SECCOMP_RET_ERRNO | ENOSYS, err);
}

/* -- files --------------------------------------------------------------------------------------
 */

#define HANDLED                                                                                    \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
	 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |                              \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                              \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                              \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                            \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
#define WANTED                                                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |                            \
	 LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |                             \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_REG)

/* Landlock's first version does not let a file be renamed from one directory to another, and a
 * stream that is deleted is: then there is no Landlock. */
#define VERSION_WITH_REFER 2
#define ACCESS_FS_REFER    (1ULL << 13)

static bool keep_to(const char *directory, struct error *err)
{
	struct landlock_ruleset_attr attributes = { .handled_access_fs =
							    HANDLED | ACCESS_FS_REFER };
	struct landlock_path_beneath_attr rule = { .allowed_access = WANTED | ACCESS_FS_REFER };
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	autoclose int rules = -1;
	autoclose int top = -1;

	if (version < VERSION_WITH_REFER)
		return true;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	top = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	rule.parent_fd = top;
	if (rules < 0 || top < 0 ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return error_sys(err, "confine ourselves to %s", directory);
	return true;
}

bool stream_confine(const char *directory, struct error *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_sys(err, "give up privileges");
	return keep_to(directory, err) && filter_calls(err);
}
