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
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_FIRST   1024
#define READ_STEP    16384
#define BESIDE       ".tmp-" /* in the name of a file that is to replace another */

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
			return error_sys(err, "read %s", name);
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
		return error_sys(err, "open %s", name);
	return file_read_fd(fd, name, buf, err);
}

/* The file behind a descriptor, or NAME below a directory; without the suffix of one that is to
 * replace another. False: not told, or neither of the two. */
static bool tell_path(int fd, const char *name, char path[PATH_MAX])
{
	char link[sizeof("/proc/self/fd/") + 12] = "/proc/self/cwd";
	char own[PATH_MAX];
	struct stat status = { 0 };

	if (fd != AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlinkat(AT_FDCWD, link, own, sizeof(own) - 1);
	if (length <= 0 || own[0] != '/' || stat(link, &status) < 0)
		return false;
	own[length] = '\0';
	if (S_ISDIR(status.st_mode))
		return snprintf(path, PATH_MAX, "%s%s%s", *name == '/' ? "" : own,
				*name == '/' ? "" : "/", name) < PATH_MAX;
	char *suffix = strstr(own, BESIDE);
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

bool file_error(int fd, const char *verb, const char *name, struct error *err)
{
	char path[PATH_MAX], mount[PATH_MAX];
	int sys = errno;

	if (error_kind_of(sys) == ERROR_NO_SPACE && tell_path(fd, name, path)) {
		snprintf(mount, sizeof(mount), "%s", path);
		find_mount(mount);
		error_set(err, ERROR_NO_SPACE, "%s %s: %s (make room on %s: see df and df -i)",
			  verb, path, error_words(sys), mount);
		err->sys = sys;
		return false;
	}
	errno = sys;
	return error_sys(err, "%s %s", verb, name);
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
		return error_sys(err, "open %s", name);
	if (fsync(fd) < 0)
		return error_sys(err, "fsync %s", name);
	return true;
}

/* "a/b" → "a"; "b" → "."; "/b" → "/" */
static char *directory_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (!slash)
		return mem_strdup(".");
	return slash == name ? mem_strdup("/") : mem_printf("%.*s", (int)(slash - name), name);
}

/* A name nobody else uses: two writers of one file must not share the file beside it. */
static int open_beside(int dir, const char *name, mode_t mode, char **beside)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		struct timespec now;
		char *candidate;

		clock_gettime(CLOCK_MONOTONIC, &now);
		candidate = mem_printf("%s" BESIDE "%d-%lx", name, (int)getpid(),
				       (unsigned long)now.tv_nsec + (unsigned long)attempt);

		int fd = openat(dir, candidate,
				O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

		if (fd >= 0) {
			*beside = candidate;
			return fd;
		}
		free(candidate);
		if (errno != EEXIST)
			return -1;
	}
	return -1;
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

/* Renamed over the old one, and the rename made to last. */
static bool publish(int dir, const char *beside, const char *name, enum file_lasting lasting,
		    struct error *err)
{
	if (renameat(dir, beside, dir, name) < 0)
		return file_error(dir, "rename to", name, err);
	if (lasting == FILE_VOLATILE)
		return true;

	autofree char *parent = directory_of(name);

	return file_sync_dir(dir, parent, err);
}

bool file_replace(int dir, const char *name, const void *bytes, size_t count, mode_t mode,
		  enum file_lasting lasting, struct error *err)
{
	autofree char *beside = NULL;
	autoclose int fd = open_beside(dir, name, mode, &beside);

	if (fd < 0)
		return file_error(dir, "create", name, err);
	if (fill(fd, name, bytes, count, mode, lasting, err) &&
	    publish(dir, beside, name, lasting, err))
		return true;
	unlinkat(dir, beside, 0); /* after a rename it is no longer there: harmless */
	return false;
}

void file_sweep(int dir)
{
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *entries = own < 0 ? NULL : fdopendir(own);

	if (!entries)
		mem_cleanup_close(&own);
	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		if (strstr(entry->d_name, BESIDE))
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

bool file_lock(int dir, const char *name, enum file_lock_mode mode, int *fd, struct error *err)
{
	autoclose int lock = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int operation = mode == FILE_LOCK_SHARED ? LOCK_SH : LOCK_EX;

	if (lock < 0)
		return file_error(dir, "open lock", name, err);
	if (mode == FILE_LOCK_TRY)
		operation |= LOCK_NB;
	while (flock(lock, operation) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return error_set(err, ERROR_EXISTS, "%s is in use by another process",
					 name);
		return error_sys(err, "lock %s", name);
	}
	*fd = take_fd(&lock);
	return true;
}
