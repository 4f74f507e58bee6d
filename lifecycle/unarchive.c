/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/unarchive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "lifecycle/artifactfile.h"
#include "lifecycle/interpolate.h"

/*
 * How this works: mooring-unzip, which reads the archive, runs as a user that owns nothing but a
 * new, empty directory. What it has written there is given to the component's user and renamed into
 * place. The directory has the archive's time, by which the next deployment knows it.
 */

#define NEW_NAME   ".new" /* no stem can be that: a file name that begins with a dot has no stem */
#define NOBODY     65534
#define DEPTH_MAX  64
#define REASON_MAX 1000

/* -- the helper ---------------------------------------------------------------------------------
 */

/* The first line of what it says. */
static void read_reason(int fd, struct buf *reason)
{
	struct error ignored;

	buf_init(reason, REASON_MAX);
	(void)!file_read_fd(fd, "mooring-unzip", reason, &ignored);
	reason->data[strcspn(reason->data, "\n")] = '\0';
}

static bool run_helper(int archive, int dir, struct error *err)
{
	autofree char *program = NULL;
	const struct proc_user nobody = { .uid = NOBODY, .gid = NOBODY };
	autobuf struct buf reason = { 0 };
	autoclose int reader = -1;
	struct proc proc;
	int ends[2], status;
	bool is_good;

	if (!proc_helper("mooring-unzip", &program, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	reader = ends[0];

	const char *const argv[] = { program, NULL };
	const char *const env[] = { NULL };
	const struct proc_fd fds[] = { { archive, STDIN_FILENO },
				       { ends[1], STDERR_FILENO },
				       { dir, 3 } };

	is_good = proc_spawn(&(struct proc_options){ .argv = argv,
						     .env = env,
						     .fds = fds,
						     .fd_count = COUNT_OF(fds),
						     .user = geteuid() == 0 ? &nobody : NULL,
						     .parent_death_signal = SIGKILL },
			     &proc, err);
	close(ends[1]);
	if (!is_good)
		return false;
	read_reason(reader, &reason);
	drop_fd(&reader); /* one that says too much would wait for ever to be heard */
	if (!proc_wait(&proc, &status, err))
		return false;
	return proc_exit_code(status) == 0 ||
	       error_set(err, ERROR_INPUT, "%s",
			 *reason.data ? reason.data : "mooring-unzip was killed");
}

/* -- whose the files are ------------------------------------------------------------------------
 */

struct owner {
	const struct account *account; /* NULL: ours */
	mode_t mode;
	struct error *err;
};

static bool own_all(const struct owner *owner, int dir, int depth);

static bool own_entry(const struct owner *owner, int dir, const char *name, int depth)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	bool is_good;

	if (fd < 0 || fstat(fd, &status) < 0) {
		error_sys(owner->err, "open %s", name);
		mem_cleanup_close(&fd);
		return false;
	}
	if (S_ISDIR(status.st_mode))
		return own_all(owner, fd, depth + 1);
	is_good = artifactfile_own(fd, owner->account, owner->mode, owner->err);
	close(fd);
	return is_good;
}

/* Takes `dir` over. Recursion is bounded by DEPTH_MAX. */
static bool own_all(const struct owner *owner, int dir, int depth)
{
	const struct account *account = owner->account;
	uid_t uid = account ? account->uid : geteuid();
	gid_t gid = account ? account->gid : getegid();
	autodir DIR *list = fdopendir(dir);
	struct dirent *entry;

	if (!list) {
		close(dir);
		return error_sys(owner->err, "read a directory");
	}
	if (depth > DEPTH_MAX)
		return error_set(owner->err, ERROR_INPUT, "nested too deeply");
	while ((entry = readdir(list)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !own_entry(owner, dirfd(list), entry->d_name, depth))
			return false;
	if (fchown(dirfd(list), uid, gid) < 0 || fchmod(dirfd(list), 0755) < 0)
		return error_sys(owner->err, "give a directory to the component");
	return true;
}

/* -- into place ---------------------------------------------------------------------------------
 */

/* "app.tar.zip" becomes "app.tar"; a name without extension stays. */
static char *stem_of(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && dot != file ? mem_printf("%.*s", (int)(dot - file), file) : mem_strdup(file);
}

static bool is_same(int parent, const char *stem, const struct timespec *time)
{
	struct stat status;

	return fstatat(parent, stem, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(status.st_mode) && status.st_mtim.tv_sec == time->tv_sec &&
	       status.st_mtim.tv_nsec == time->tv_nsec;
}

static bool fill(const struct artifact_context *context, const struct recipe_artifact *artifact,
		 int archive, int dir, struct error *err)
{
	struct owner owner = { .account = context->account,
			       .mode = artifactfile_mode(artifact->read, artifact->execute),
			       .err = err };
	int copy;

	if (geteuid() == 0 && fchown(dir, NOBODY, NOBODY) < 0)
		return error_sys(err, "prepare the directory");
	if (!run_helper(archive, dir, err))
		return false;
	copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? error_sys(err, "dup") : own_all(&owner, copy, 0);
}

static bool publish(int parent, int dir, const char *stem, const struct timespec *time,
		    struct error *err)
{
	const struct timespec times[] = { *time, *time };

	if (futimens(dir, times) < 0)
		return error_sys(err, "set the time");
	if (!path_remove_tree(parent, stem, err))
		return false;
	if (syncfs(dir) < 0 || renameat(parent, NEW_NAME, parent, stem) < 0)
		return error_sys(err, "rename to %s", stem);
	return file_sync_dir(parent, stem, err);
}

static bool make_new(int parent, int *dir, struct error *err)
{
	if (!path_remove_tree(parent, NEW_NAME, err))
		return false;
	if (mkdirat(parent, NEW_NAME, 0700) < 0)
		return error_sys(err, "make a directory");
	*dir = openat(parent, NEW_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir >= 0 || error_sys(err, "open a directory");
}

bool unarchive(const struct artifact_context *context, const struct recipe *recipe,
	       const struct recipe_artifact *artifact, int fd, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *path =
		interpolate_unarchived(&arena, context->root, recipe->name, recipe->version_text);
	autofree char *stem = stem_of(artifact->file);
	autoclose int parent = -1;
	autoclose int dir = -1;
	struct error ignored;
	struct stat status;

	if (!path_make_own_dirs(path, 0755, err))
		return false;
	parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || fstat(fd, &status) < 0)
		return error_sys(err, "open %s", path);
	if (is_same(parent, stem, &status.st_mtim))
		return true;
	if (make_new(parent, &dir, err) && fill(context, artifact, fd, dir, err) &&
	    publish(parent, dir, stem, &status.st_mtim, err))
		return true;
	(void)!path_remove_tree(parent, NEW_NAME, &ignored);
	return error_in(err, "Unarchive");
}
