/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive that lies unpacked in a directory: an OCI layout, or what podman calls docker-dir. Its
 * files are members like those of a seekable tar archive: documents are read, layers stay where
 * they are until one is wanted.
 */
#include "image/tarball.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "image/limits.h"

static bool read_dir(struct tarball *tarball, int dir, const char *above, int depth,
		     struct error *err);

/* Its first bytes tell whether it is worth keeping. */
static bool read_file(struct tarball *tarball, int dir, const char *base, const char *path,
		      struct error *err)
{
	autoclose int fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct tarball_member *member;
	struct stat info;
	char head[TARBALL_HEAD];

	if (fd < 0 && errno == ELOOP)
		return true; /* a symlink is no part of it */
	if (fd < 0 || fstat(fd, &info) < 0)
		return error_sys(err, "open");
	if (!S_ISREG(info.st_mode))
		return true;

	ssize_t length = pread(fd, head, sizeof(head), 0);

	if (length < 0)
		return error_sys(err, "read");
	if (!tarball_add(tarball, path, info.st_size, &member, err))
		return false;
	if (info.st_size > LIMIT_IMAGE_JSON || !tarball_is_document(head, (size_t)length))
		return true;

	char *document;
	autobuf struct buf text;

	buf_init(&text, LIMIT_IMAGE_JSON);
	if (!tarball_keep(tarball, member, &document, err) || !file_read_fd(fd, "it", &text, err))
		return false;
	if (text.length != (size_t)member->size)
		return error_set(err, ERROR_CORRUPT, "changed while it was read");
	memcpy(document, text.data ? text.data : "", text.length);
	return true;
}

static bool read_below(struct tarball *tarball, int dir, const char *base, const char *path,
		       int depth, struct error *err)
{
	autoclose int below = openat(dir, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (below >= 0)
		return read_dir(tarball, below, path, depth + 1, err);
	return errno == ENOTDIR ? read_file(tarball, dir, base, path, err) : error_sys(err, "open");
}

static bool read_dir(struct tarball *tarball, int dir, const char *above, int depth,
		     struct error *err)
{
	autodir DIR *entries = file_list(dir, ".");

	if (!entries)
		return error_sys(err, "read directory");
	if (depth > LIMIT_ARCHIVE_DEPTH)
		return true; /* no layout has anything there */
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
		if (!path_is_component(entry->d_name))
			continue;

		autofree char *path = mem_printf("%s%s%s", above, *above ? "/" : "", entry->d_name);

		if (!read_below(tarball, dir, entry->d_name, path, depth, err))
			return error_in(err, "%.200s", path);
	}
	return true;
}

bool loosefiles_open(struct tarball *tarball, struct error *err)
{
	tarball->is_seekable = tarball->is_directory = true;
	return read_dir(tarball, tarball->fd, "", 0, err);
}

bool loosefiles_start(struct tarball *tarball, const struct tarball_member *member,
		      struct stage *stage, struct error *err)
{
	autoclose int fd = -1;

	if (!path_open(tarball->fd, member->name, PATH_NO_LINKS, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
		       0, &fd, err))
		return false;

	const struct pump_source source = { .fd = fd, .offset = 0, .size = member->size };

	return stage_start(stage, &source, err);
}
