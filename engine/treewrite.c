/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hardlinks.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/tarout.h"

/*
 * A tree as a tar archive. Files that have several names come once and then as hard links.
 */

#define CHUNK     65536
#define DEPTH_MAX 1024 /* directories within each other: each holds two descriptors */
#define LINK_MAX  4096 /* bytes of a symlink's target */
#define XATTR_MAX (64 << 10)

struct writer {
	struct tarout tar;
	struct hardlinks links;
	bool is_one_mount;
	dev_t device;
};

static bool put_content(struct writer *writer, int file, const char *path, struct error *err)
{
	autofree char *chunk = mem_alloc(CHUNK);
	int64_t left = writer->tar.left;

	while (left > 0) {
		ssize_t got = read(file, chunk, left < CHUNK ? (size_t)left : CHUNK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "read %s", path);
		if (got == 0)
			break; /* it has shrunk meanwhile */
		if (!tarout_data(&writer->tar, chunk, (size_t)got, err))
			return false;
		left -= got;
	}
	return tarout_fill(&writer->tar, err);
}

/* Capabilities of programs are the attributes that matter. */
static void read_xattrs(int file, struct buf *extra)
{
	static const char name[] = "security.capability";
	char value[256];
	ssize_t size = fgetxattr(file, name, value, sizeof(value));

	if (size > 0)
		tarout_add_record(extra, "SCHILY.xattr.security.capability", value, (size_t)size);
}

static bool put_file(struct writer *writer, int dir, const char *name, struct tarout_entry *entry,
		     const struct stat *info, struct error *err)
{
	autobuf struct buf extra;

	buf_init(&extra, XATTR_MAX);
	if (info->st_nlink > 1 &&
	    !hardlinks_first(&writer->links, info, entry->path, &entry->link, err))
		return false;
	if (entry->link) {
		entry->type = TAROUT_HARDLINK;
		return tarout_put(&writer->tar, entry, err);
	}
	autoclose int file = -1;
	if (!path_open_stored(dir, name, PATH_NO_LINKS, &file, err))
		return err->kind == ERROR_NOT_FOUND || error_in(err, "%s", entry->path);
	read_xattrs(file, &extra);
	entry->type = TAROUT_FILE;
	entry->size = info->st_size;
	entry->extra = extra.length ? &extra : NULL;
	return tarout_put(&writer->tar, entry, err) && put_content(writer, file, entry->path, err);
}

static bool put_symlink(struct writer *writer, int dir, const char *name,
			struct tarout_entry *entry, struct error *err)
{
	char target[LINK_MAX];
	ssize_t length = readlinkat(dir, name, target, sizeof(target) - 1);

	if (length < 0)
		return errno == ENOENT || error_sys(err, "read link %s", entry->path);
	target[length] = '\0';
	entry->type = TAROUT_SYMLINK;
	entry->link = target;
	return tarout_put(&writer->tar, entry, err);
}

static bool put_directory(struct writer *writer, int dir, const char *path, int depth,
			  struct error *err);

static bool put_one(struct writer *writer, int dir, const char *name, const char *path, int depth,
		    struct error *err)
{
	struct stat info;

	if (strlen(path) > PATH_MAX)
		return error_set(err, ERROR_INPUT, "%.200s…: name too long", path);
	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || error_sys(err, "look at %s", path);
	struct tarout_entry entry = { .path = path,
				      .mode = info.st_mode & 07777,
				      .uid = info.st_uid,
				      .gid = info.st_gid,
				      .mtime = info.st_mtime,
				      .device = info.st_rdev };
	switch (info.st_mode & S_IFMT) {
	case S_IFREG:
		return put_file(writer, dir, name, &entry, &info, err);
	case S_IFLNK:
		return put_symlink(writer, dir, name, &entry, err);
	case S_IFDIR:
		break;
	case S_IFCHR:
	case S_IFBLK:
		entry.type = S_ISCHR(info.st_mode) ? TAROUT_CHAR : TAROUT_BLOCK;
		return tarout_put(&writer->tar, &entry, err);
	case S_IFIFO:
		entry.type = TAROUT_FIFO;
		return tarout_put(&writer->tar, &entry, err);
	default:
		return true; /* a socket means nothing to anybody else */
	}
	entry.type = TAROUT_DIRECTORY;
	if (!tarout_put(&writer->tar, &entry, err))
		return false;
	if (writer->is_one_mount && info.st_dev != writer->device)
		return true;
	autoclose int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return errno == ENOENT || error_sys(err, "open %s", path);
	return put_directory(writer, below, path, depth + 1, err);
}

/* `path` is the directory's own name in the archive, "" at the top. */
static bool put_directory(struct writer *writer, int dir, const char *path, int depth,
			  struct error *err)
{
	if (path_is_made_by_kernel(dir)) /* a container's /proc is empty: see path_open_stored */
		return true;

	autodir DIR *list = file_list(dir, ".");

	if (!list)
		return error_sys(err, "list %s", *path ? path : "/");
	if (depth > DEPTH_MAX)
		return error_set(err, ERROR_INPUT, "%s: directories are too deep", path);
	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(list, *path ? path : "/", &entry, err)) && entry) {
		autofree char *below = mem_printf("%s%s%s", path, *path ? "/" : "", entry->d_name);

		if (!put_one(writer, dirfd(list), entry->d_name, below, depth, err))
			return false;
	}
	return is_read;
}

static bool begin(struct writer *writer, const struct tree_archive *archive, struct error *err)
{
	struct stat info;

	*writer = (struct writer){ .is_one_mount = archive->is_one_mount };
	if (fstat(archive->from, &info) < 0)
		return error_sys(err, "look at the directory");
	writer->device = info.st_dev;
	tarout_open(&writer->tar, archive->to);
	return true;
}

static bool finish(struct writer *writer, bool is_good, struct error *err)
{
	is_good = is_good && tarout_end(&writer->tar, err);
	tarout_close(&writer->tar);
	hardlinks_done(&writer->links);
	return is_good;
}

bool tree_write(const struct tree_archive *archive, struct error *err)
{
	struct writer writer;

	return begin(&writer, archive, err) &&
	       finish(&writer, put_directory(&writer, archive->from, archive->prefix, 0, err), err);
}

bool tree_write_one(const struct tree_archive *archive, const char *name, struct error *err)
{
	struct writer writer;

	return begin(&writer, archive, err) &&
	       finish(&writer, put_one(&writer, archive->from, name, archive->prefix, 0, err), err);
}

int64_t tree_size(const char *directory)
{
	char *const paths[] = { (char *)(uintptr_t)directory, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	int64_t bytes = 0;

	for (FTSENT *entry; walk && (entry = fts_read(walk));)
		if (entry->fts_info == FTS_F)
			bytes += entry->fts_statp->st_size;
	if (walk)
		fts_close(walk);
	return bytes;
}
