/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/self.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/kernel.h"

/*
 * Why. Until its execve, init is this program, and the kernel lets a process open its own
 * /proc/self/exe whatever we do: an image whose entry point is "#!/proc/self/exe" makes the kernel
 * execute the host's file as the container's program. From then on it is a process of the container
 * like any other; root in there can keep its /proc/PID/exe open, let it end and write to it: the
 * host's runtime is theirs.
 *
 * What is done. That file is reached through the mount it was executed from. If that mount is
 * read-only, opening it for writing fails, whoever tries. So we take a detached, private copy of
 * the mount of our own file (nobody else has a path to it), make it read-only and execute the
 * program from there: two system calls and one execve of a small static file (0.3 ms), no copy of
 * the program in memory. Who starts us can do it for us (self_execute). A mount that is read-only
 * already does not do: it may be remounted for an update while someone still holds our file through
 * it.
 *
 * An ordinary user may not do that with mounts. Mostly the file is not his to write; if it is, or
 * if we are root of a user namespace alone, we execute a sealed copy in memory instead.
 *
 * The rest of the protection: init is not dumpable until execve, every descriptor is O_CLOEXEC, and
 * the program is static, so no library of an image is ever loaded into it.
 */

#define EXE       "/proc/self/exe"
#define COPY_STEP (16 << 20)

/* Our view is attached nowhere, so that the file's path in it is that of its top. */
static bool is_own_view(void)
{
	char path[2];

	return readlink(EXE, path, sizeof(path)) == 1 && path[0] == '/';
}

/* -- the copy -------------------------------------------------------------------------------- */

#ifndef MFD_EXEC /* Linux 6.3 */
#define MFD_EXEC 0x10U
#endif

static bool is_own_file(void)
{
	struct stat info;

	return stat(EXE, &info) < 0 || info.st_uid == geteuid() || access(EXE, W_OK) == 0;
}

static bool is_sealed(void)
{
	autoclose int self = open(EXE, O_RDONLY | O_CLOEXEC);
	int seals = fcntl(self, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_WRITE;
}

static int make_memory_file(void)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("mooring-runc", flags | MFD_EXEC);

	return fd < 0 && errno == EINVAL ? memfd_create("mooring-runc", flags) : fd;
}

static bool fill(int copy, struct error *err)
{
	autoclose int self = open(EXE, O_RDONLY | O_CLOEXEC);
	ssize_t got = self < 0 ? -1 : 1;

	while (got > 0)
		got = sendfile(copy, self, NULL, COPY_STEP);
	if (got < 0 ||
	    fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return error_sys(err, "copy this program to memory");
	return true;
}

static bool execute_copy(char **argv, struct error *err)
{
	autoclose int copy = make_memory_file();

	if (copy < 0)
		return error_sys(err, "make a memory file");
	if (!fill(copy, err))
		return false;
	syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
	return error_sys(err, "execute this program from its copy in memory");
}

/* -- all of it ------------------------------------------------------------------------------- */

/* -1 where it cannot be had: not the machine's root; or before Linux 5.12, which changes attached
 * mounts only. */
static int make_view(const char *program)
{
	int view = kernel_clone_tree(AT_FDCWD, program, false);

	if (view >= 0 && kernel_set_attributes(view, false, MOUNT_ATTR_RDONLY, 0) < 0)
		drop_fd(&view);
	return view;
}

void self_execute(const char *program, char **argv)
{
	autoclose int view = geteuid() == 0 ? make_view(program) : -1;

	if (view >= 0)
		syscall(SYS_execveat, view, "", argv, environ, AT_EMPTY_PATH);
	execv(program, argv);
}

bool self_protect(char **argv, struct error *err)
{
	autoclose int view = -1;
	struct statvfs fs;

	if (geteuid() != 0)
		return !is_own_file() || is_sealed() || execute_copy(argv, err);
	/* Inherited by init, which a shared pid namespace shows to others from its first moment. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_sys(err, "become non-dumpable");
	if (statvfs(EXE, &fs) < 0)
		return error_sys(err, "look at " EXE);
	if (fs.f_flag & ST_RDONLY && is_own_view())
		return true;
	view = make_view(EXE);
	if (view < 0 && (errno == EPERM || errno == EINVAL))
		return is_sealed() || execute_copy(argv, err);
	if (view < 0)
		return error_sys(err, "make a read-only view of this program");
	syscall(SYS_execveat, view, "", argv, environ, AT_EMPTY_PATH);
	return error_sys(err, "execute this program from its read-only view");
}

/* -- what our caller told us ----------------------------------------------------------------- */

/* Where the kernel put arguments and environment, one behind the other, and shows them to others
 * as /proc/PID/cmdline and environ. */
static struct {
	char *start;
	size_t arguments, all; /* bytes */
	char **copy;           /* of the arguments */
} told;

static char *end_of_last(char **strings, char *end)
{
	for (; *strings; strings++)
		end = *strings + strlen(*strings) + 1;
	return end;
}

char **self_take_arguments(int argc, char **argv)
{
	if (argc == 0)
		return argv;
	told.start = argv[0];
	told.arguments = (size_t)(end_of_last(argv, argv[0]) - argv[0]);
	told.all = (size_t)(end_of_last(environ, argv[0] + told.arguments) - argv[0]);

	told.copy = mem_array((size_t)argc + 1, sizeof(*told.copy));
	char *text = mem_alloc(told.arguments);
	memcpy(text, argv[0], told.arguments);
	for (int i = 0; i < argc; i++)
		told.copy[i] = text + (argv[i] - argv[0]);
	return told.copy;
}

void self_forget_caller(void)
{
	static char *nothing[] = { NULL };

	environ = nothing;
	if (!told.start)
		return;
	explicit_bzero(told.start, told.all);
	snprintf(told.start, told.arguments, "mooring-runc init");
}

_Noreturn void self_end(int status)
{
	syscall(SYS_exit_group, status);
	__builtin_trap();
}
