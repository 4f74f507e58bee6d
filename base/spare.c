/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char *spare_of(const char *name)
{
	return mem_printf("%s.spare", name);
}

/* Allocated, not written: no byte goes to the flash for it. Where the file system has no such call
 * it is written after all. */
static bool allocate(int fd, const char *name, size_t size, struct error *err)
{
	static const char zeros[SPARE_SIZE];

	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0)
		return true;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return error_sys(err, "allocate %s", name);
	for (size_t done = 0; done < size; done += sizeof(zeros))
		if (!file_write(fd, name, zeros, sizeof(zeros), err))
			return false;
	return true;
}

bool spare_keep(int dir, const char *name, size_t size, struct error *err)
{
	autofree char *spare = spare_of(name);
	size_t whole = size < SPARE_SIZE ? SPARE_SIZE : size;
	autoclose int fd =
		openat(dir, spare, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0) {
		if (allocate(fd, spare, whole, err))
			return true;
		unlinkat(dir, spare, 0); /* one without space would pass for one that has it */
		return false;
	}
	if (errno != EEXIST)
		return error_sys(err, "create %s", spare);
	if (whole == SPARE_SIZE)
		return true;
	fd = openat(dir, spare, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? allocate(fd, spare, whole, err) : error_sys(err, "open %s", spare);
}

/* By one write, so that no reader sees half of each; all that stood there is overwritten. */
static bool overwrite(int fd, const char *name, const void *bytes, size_t count, struct error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return error_sys(err, "stat %s", name);
	size_t length = (size_t)status.st_size > count ? (size_t)status.st_size : count;
	autofree char *text = mem_alloc(length + 1);
	memset(text, '\n', length);
	memcpy(text, bytes, count);
	ssize_t written = pwrite(fd, text, length, 0);
	return written == (ssize_t)length ||
	       (written < 0 ? error_sys(err, "write %s", name)
			    : error_set(err, ERROR_NO_SPACE, "write %s: cut short", name));
}

static bool make_last(int fd, const char *name, enum file_lasting lasting, struct error *err)
{
	return lasting == FILE_VOLATILE || fsync(fd) == 0 || error_sys(err, "fsync %s", name);
}

/* The spare in the place of the file. The second fsync is for the rename, which goes to the disk
 * with the file that it moved. */
static bool use_spare(int dir, const char *spare, const char *name, const void *bytes, size_t count,
		      mode_t mode, enum file_lasting lasting, struct error *err)
{
	autoclose int fd = openat(dir, spare, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return error_sys(err, "open %s", spare);
	bool was_written = lseek(fd, 0, SEEK_END) != 0; /* to allocate it */
	if (!overwrite(fd, name, bytes, count, err))
		return false;
	if ((was_written && ftruncate(fd, (off_t)count) < 0) || fchmod(fd, mode) < 0)
		return error_sys(err, "finish %s", spare);
	if (!make_last(fd, name, lasting, err))
		return false;
	if (renameat(dir, spare, dir, name) < 0)
		return error_sys(err, "rename to %s", name);
	return make_last(fd, name, lasting, err);
}

static bool use_old(int dir, const char *name, const void *bytes, size_t count,
		    enum file_lasting lasting, struct error *err)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return error_sys(err, "open %s", name);
	if (status.st_size > SPARE_SIZE || count > SPARE_SIZE) /* a cut would leave half of each */
		return error_set(err, ERROR_NO_SPACE, "write %s: %s", name, error_words(ENOSPC));
	return overwrite(fd, name, bytes, count, err) && make_last(fd, name, lasting, err);
}

bool spare_replace(int dir, const char *name, const void *bytes, size_t count, mode_t mode,
		   enum file_lasting lasting, struct error *err)
{
	autofree char *spare = spare_of(name);
	struct error second; /* the first failure is the cause */

	if (file_replace(dir, name, bytes, count, mode, lasting, err))
		return true;
	return err->kind == ERROR_NO_SPACE &&
	       (use_spare(dir, spare, name, bytes, count, mode, lasting, &second) ||
		use_old(dir, name, bytes, count, lasting, &second));
}

bool spare_become(int dir, const char *name, const void *bytes, size_t count, mode_t mode,
		  enum file_lasting lasting, struct error *err)
{
	autofree char *spare = spare_of(name);
	struct error ignored;

	return use_spare(dir, spare, name, bytes, count, mode, lasting, &ignored) ||
	       spare_replace(dir, name, bytes, count, mode, lasting, err);
}
