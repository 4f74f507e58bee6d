/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"

#define READ_FIRST   1024
#define READ_STEP    16384

#define FULL         " (make room on "
#define READ_ONLY    " is mounted read-only"

#define FDINFO_MAX   4096
#define MOUNT_NUMBER "mnt_id:"

/* What to ask for first: all of a file that says how large it is, and a byte more, which tells that
 * it is not larger. Those of /proc say nothing. */
static size_t first_step(int fd, size_t *expected)
{
	struct stat status;

	*expected = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (size_t)status.st_size : 0;
	return *expected ? *expected + 1 : READ_FIRST;
}

bool file_read_fd(int fd, const char *name, struct buf *buf, struct error *err)
{
	char spill; /* a byte beyond the limit tells a file that fits exactly from one that does not
		     */
	size_t begin = buf->length;
	size_t expected;
	size_t wanted = first_step(fd, &expected);

	for (;; wanted = READ_STEP) {
		size_t room = buf->limit - buf->length;
		size_t step = room < wanted ? room : wanted;
		char *to = step > 0 ? buf_reserve(buf, step) : &spill;
		ssize_t got = read(fd, to, step > 0 ? step : 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return file_error(fd, "read", name, err);
		if (got == 0)
			return true;
		if (step == 0) {
			buf->is_cut = true;
			return buf_check(buf, name, err);
		}
		buf_commit(buf, (size_t)got);
		if (expected && buf->length - begin == expected && step > expected)
			return true;
	}
}

bool file_read(int dir, const char *name, struct buf *buf, struct error *err)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return file_error(dir, "open", name, err);
	return file_read_fd(fd, name, buf, err);
}

/* The file behind a descriptor, or NAME below a directory; without the suffix of one that is to
 * replace another. False: not told, or neither of the two. */
static bool tell_path(int fd, const char *name, char path[PATH_MAX])
{
	char link[PATH_OF_FD_MAX] = "/proc/self/cwd";
	char own[PATH_MAX];
	struct stat status = { 0 };

	if (fd != AT_FDCWD)
		path_of_fd(fd, link);
	ssize_t length = readlinkat(AT_FDCWD, link, own, sizeof(own) - 1);
	if (length <= 0 || own[0] != '/' || stat(link, &status) < 0)
		return false;
	own[length] = '\0';
	if (S_ISDIR(status.st_mode) && strcmp(name, ".") == 0)
		return snprintf(path, PATH_MAX, "%s", own) < PATH_MAX;
	if (S_ISDIR(status.st_mode))
		return snprintf(path, PATH_MAX, "%s%s%s", *name == '/' ? "" : own,
				*name == '/' ? "" : "/", name) < PATH_MAX;
	char *suffix = strstr(own, NEWFILE_BESIDE);
	if (suffix)
		*suffix = '\0';
	return S_ISREG(status.st_mode) && snprintf(path, PATH_MAX, "%s", own) > 0;
}

/* Cuts the path of a file to where its file system is mounted. */
static void find_mount(char *path)
{
	struct stat below = { 0 }, above;
	bool is_first = true;

	for (char *slash; (slash = strrchr(path, '/')); is_first = false, below = above) {
		*slash = '\0';
		if (stat(*path ? path : "/", &above) < 0 ||
		    (!is_first && above.st_dev != below.st_dev)) {
			*slash = '/';
			return;
		}
	}
	strcpy(path, "/");
}

bool file_add_remedy(const char *path, struct error *err)
{
	bool is_full = err->kind == ERROR_NO_SPACE && err->sys != 0;

	if ((!is_full && err->sys != EROFS) || strstr(err->text, FULL) ||
	    strstr(err->text, READ_ONLY))
		return false;

	struct stat status;
	bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
	autofree char *here = *path == '/' ? NULL : getcwd(NULL, 0);
	autofree char *full =
		mem_printf("%s/%s%s", here ? here : "", path, is_directory ? "/file" : "");
	autofree char *mount = path_clean(full);

	find_mount(mount);
	return is_full ? error_behind(err, FULL "%s: see df and df -i)", mount)
		       : error_behind(err, " (%s" READ_ONLY ": see dmesg)", mount);
}

/* Of the disk, not of what was asked for: which disk is what one wants to know then. */
static bool is_of_storage(int sys)
{
	return error_kind_of(sys) == ERROR_NO_SPACE || sys == EROFS || sys == EIO;
}

bool file_error(int fd, const char *verb, const char *name, struct error *err)
{
	char path[PATH_MAX];
	int sys = errno;
	bool is_told = is_of_storage(sys) && tell_path(fd, name, path);

	errno = sys;
	error_sys(err, "%s %s", verb, is_told ? path : name);
	return is_told && file_add_remedy(path, err);
}

bool file_write(int fd, const char *name, const void *bytes, size_t count, struct error *err)
{
	const char *next = bytes;

	while (count > 0) {
		ssize_t written = write(fd, next, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return file_error(fd, "write", name, err);
		next += written;
		count -= (size_t)written;
	}
	return true;
}

/* statx tells it since Linux 5.8, procfs ever since. */
bool file_mount_number(int fd, int64_t *number, struct error *err)
{
	autofree char *name = mem_printf("/proc/self/fdinfo/%d", fd);
	autobuf struct buf text;

	buf_init(&text, FDINFO_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return false;

	const char *line = strstr(text.data, MOUNT_NUMBER);

	*number = line ? strtoll(line + strlen(MOUNT_NUMBER), NULL, 10) : 0;
	return *number > 0 || error_set(err, ERROR_UNSUPPORTED, "%s has no %s", name, MOUNT_NUMBER);
}

bool file_sync_dir(int dir, const char *name, struct error *err)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return file_error(dir, "open", name, err);
	return fsync(fd) == 0 || file_error(fd, "fsync", ".", err);
}

static bool fill(int fd, const char *name, const void *bytes, size_t count, mode_t mode,
		 enum file_lasting lasting, struct error *err)
{
	if (!file_write(fd, name, bytes, count, err))
		return false;
	if (fchmod(fd, mode) < 0) /* the umask had its say at open */
		return error_sys(err, "chmod %s", name);
	if (lasting == FILE_DURABLE && fsync(fd) < 0)
		return file_error(fd, "fsync", name, err);
	return true;
}

/* Says it again with the whole path, if something is full. */
static bool error_of(int dir, const char *verb, const char *name, struct error *err)
{
	errno = err->sys;
	return file_error(dir, verb, name, err);
}

static bool replace(enum newfile_way way, int dir, const char *name, const void *bytes,
		    size_t count, mode_t mode, enum file_lasting lasting, struct error *err)
{
	autofree char *parent = path_parent(name);
	struct newfile file;
	bool is_done = (newfile_open(dir, name, way, mode, &file, err) ||
			error_of(dir, "create", name, err)) &&
		       fill(file.fd, name, bytes, count, mode, lasting, err) &&
		       (newfile_publish(&file, err) || error_of(dir, "rename to", name, err));

	newfile_drop(&file);
	return is_done && (lasting == FILE_VOLATILE || file_sync_dir(dir, parent, err));
}

bool file_replace(int dir, const char *name, const void *bytes, size_t count, mode_t mode,
		  enum file_lasting lasting, struct error *err)
{
	return replace(NEWFILE_BRIEF, dir, name, bytes, count, mode, lasting, err);
}

bool file_replace_outside(int dir, const char *name, const void *bytes, size_t count, mode_t mode,
			  enum file_lasting lasting, struct error *err)
{
	return replace(NEWFILE_UNSEEN, dir, name, bytes, count, mode, lasting, err);
}

DIR *file_list(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list)
		mem_cleanup_close(&fd); /* keeps errno */
	return list;
}

void file_sweep(int dir)
{
	autodir DIR *entries = file_list(dir, ".");

	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		if (strstr(entry->d_name, NEWFILE_BESIDE))
			unlinkat(dir, entry->d_name, 0);
	}
}

bool file_next(DIR *dir, const char *name, struct dirent **entry, struct error *err)
{
	do {
		errno = 0;
		*entry = readdir(dir);
	} while (*entry &&
		 (strcmp((*entry)->d_name, ".") == 0 || strcmp((*entry)->d_name, "..") == 0));
	return *entry || errno == 0 || error_sys(err, "list %s", name);
}

static bool take_lock(int file, const char *name, enum file_lock_mode mode, struct error *err)
{
	int operation = mode == FILE_LOCK_SHARED ? LOCK_SH : LOCK_EX;

	if (mode == FILE_LOCK_TRY)
		operation |= LOCK_NB;
	while (flock(file, operation) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return error_set(err, ERROR_EXISTS, "%s is in use by another process",
					 name);
		return error_sys(err, "lock %s", name);
	}
	return true;
}

bool file_lock(int dir, const char *name, enum file_lock_mode mode, int *fd, struct error *err)
{
	autoclose int lock = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (lock < 0)
		return file_error(dir, "open lock", name, err);
	if (!take_lock(lock, name, mode, err))
		return false;
	*fd = take_fd(&lock);
	return true;
}

bool file_lock_dir(int dir, const char *name, enum file_lock_mode mode, int *fd, struct error *err)
{
	autoclose int lock = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock < 0)
		return error_sys(err, "open directory %s", name);
	if (!take_lock(lock, name, mode, err))
		return false;
	*fd = take_fd(&lock);
	return true;
}
