/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/artifactfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"

#define BESIDE    ".partial"
#define READ_SIZE 65536

int artifactfile_create(int dir, struct error *err)
{
	int fd = -1;

	/* Not truncated but made anew: an old one may be somebody's open file. */
	if (unlinkat(dir, BESIDE, 0) < 0 && errno != ENOENT)
		error_sys(err, "remove %s", BESIDE);
	else if ((fd = openat(dir, BESIDE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			      0600)) < 0)
		error_sys(err, "create %s", BESIDE);
	return fd;
}

bool artifactfile_publish(int fd, int dir, const char *name, struct error *err)
{
	if (fsync(fd) < 0)
		return error_sys(err, "fsync %s", name);
	if (renameat(dir, BESIDE, dir, name) < 0)
		return error_sys(err, "rename to %s", name);
	return file_sync_dir(dir, ".", err);
}

void artifactfile_discard(int dir)
{
	unlinkat(dir, BESIDE, 0);
}

/* The owner is the component's user with its group; "Permissions.java" has the same table. */
mode_t artifactfile_mode(enum recipe_permission read, enum recipe_permission execute)
{
	mode_t mode = S_IRUSR;

	if (execute != RECIPE_NOBODY)
		mode |= S_IXUSR | S_IXGRP;
	if (read != RECIPE_NOBODY || execute != RECIPE_NOBODY)
		mode |= S_IRGRP;
	if (read == RECIPE_ALL)
		mode |= S_IROTH;
	if (execute == RECIPE_ALL)
		mode |= S_IXOTH;
	return mode;
}

bool artifactfile_own(int fd, const struct account *account, mode_t mode, struct error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return error_sys(err, "stat");
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_INPUT, "not a regular file");
	if (account && (status.st_uid != account->uid || status.st_gid != account->gid) &&
	    fchown(fd, account->uid, account->gid) < 0)
		return error_sys(err, "give it to %s", account->name);
	if ((status.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return error_sys(err, "chmod");
	return true;
}

bool artifactfile_digest(int fd, const char *name, struct digest *digest, struct error *err)
{
	autofree char *bytes = mem_alloc(READ_SIZE);
	struct hash hash;
	off_t offset = 0;
	ssize_t got;

	hash_init(&hash);
	while ((got = pread(fd, bytes, READ_SIZE, offset)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		hash_add(&hash, bytes, (size_t)got);
		offset += got;
	}
	if (got == 0)
		hash_finish(&hash, digest);
	else
		error_sys(err, "read %s", name);
	hash_done(&hash);
	return got == 0;
}
