/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/texts.h"
#include "image/limits.h"
#include "image/place.h"
#include "image/whiteout.h"

#define NAMES_MAX 65536
#define BLOCK     (128 << 10)

/* A file with more than one name: the first is the file, the others are links to it. */
struct linked {
	dev_t dev;
	ino_t inode;
	char *path;
};

struct packer {
	const struct pack *pack;
	struct archive *archive;
	struct linked *linked; /* open addressing; an empty slot has no path */
	size_t room, count;
	char *block, *names, *value;
};

static bool failed(const struct packer *packer, struct error *err)
{
	int number = archive_errno(packer->archive);
	const char *text = archive_error_string(packer->archive);

	return error_set(err, number > 0 ? error_kind_of(number) : ERROR_SYSTEM,
			 "write the archive: %s",
			 number == EPIPE ? "nobody reads it any more"
			 : text          ? text
					 : "unknown");
}

/* -- hard links ---------------------------------------------------------------------------------
 */

static struct linked *slot_of(struct packer *packer, const struct stat *info)
{
	size_t at = (size_t)info->st_ino % packer->room;

	while (packer->linked[at].path &&
	       (packer->linked[at].inode != info->st_ino || packer->linked[at].dev != info->st_dev))
		at = (at + 1) % packer->room;
	return &packer->linked[at];
}

static void make_room(struct packer *packer)
{
	struct linked *old = packer->linked;
	size_t room = packer->room;

	packer->room = room ? 2 * room : 256;
	packer->linked = mem_array(packer->room, sizeof(*packer->linked));
	for (size_t i = 0; i < room; i++) {
		const struct stat info = { .st_dev = old[i].dev, .st_ino = old[i].inode };

		if (old[i].path)
			*slot_of(packer, &info) = old[i];
	}
	free(old);
}

/* The name the file has in the archive already; NULL: this is the first. */
static const char *first_name(struct packer *packer, const struct stat *info, const char *path)
{
	if (2 * packer->count >= packer->room)
		make_room(packer);

	struct linked *slot = slot_of(packer, info);

	if (slot->path)
		return slot->path;
	*slot = (struct linked){ info->st_dev, info->st_ino, mem_strdup(path) };
	packer->count++;
	return NULL;
}

/* -- one entry ----------------------------------------------------------------------------------
 */

/* What overlay or this machine's file system means by them is nobody else's business. */
static bool is_xattr_wanted(const char *name)
{
	return strncmp(name, "trusted.", 8) != 0 && strncmp(name, "user.overlay.", 13) != 0 &&
	       strncmp(name, "system.", 7) != 0 && strcmp(name, "security.selinux") != 0;
}

/* Of `base` in the working directory, which is its parent; a symlink's are its own. */
static bool add_xattrs(struct packer *packer, const char *base, struct archive_entry *entry,
		       struct error *err)
{
	ssize_t length = llistxattr(base, packer->names, NAMES_MAX);

	if (length < 0)
		return errno == ENOTSUP || errno == ENOENT ? true
							   : error_sys(err, "list attributes");
	for (const char *name = packer->names; name < packer->names + length;
	     name += strlen(name) + 1) {
		if (!is_xattr_wanted(name))
			continue;

		ssize_t size = lgetxattr(base, name, packer->value, LIMIT_ENTRY_XATTR);

		if (size < 0 && errno != ENODATA && errno != ENOTSUP)
			return error_sys(err, "read extended attribute %.100s", name);
		if (size >= 0)
			archive_entry_xattr_add_entry(entry, name, packer->value, (size_t)size);
	}
	return true;
}

static struct archive_entry *describe(const struct stat *info, const char *path)
{
	struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return NULL;
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, info->st_mode & S_IFMT);
	archive_entry_set_perm(entry, info->st_mode & 07777);
	archive_entry_set_uid(entry, info->st_uid);
	archive_entry_set_gid(entry, info->st_gid);
	archive_entry_set_mtime(entry, info->st_mtim.tv_sec, 0);
	if (S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode))
		archive_entry_set_rdev(entry, info->st_rdev);
	return entry;
}

static bool put_header(struct packer *packer, struct archive_entry *entry, struct error *err)
{
	int status = archive_write_header(packer->archive, entry);

	/* A warning is about a name that is no UTF-8: its bytes are written all the same. */
	return status == ARCHIVE_OK || status == ARCHIVE_WARN || failed(packer, err);
}

/* A file that shrinks meanwhile is filled with zeros, one that grows is cut: as tar does. */
static bool put_content(struct packer *packer, int fd, int64_t size, struct error *err)
{
	while (size > 0) {
		size_t want = size < BLOCK ? (size_t)size : BLOCK;
		ssize_t got = read(fd, packer->block, want);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "read");
		if (got == 0)
			return true;
		if (archive_write_data(packer->archive, packer->block, (size_t)got) !=
		    (la_ssize_t)got)
			return failed(packer, err);
		size -= got;
	}
	return true;
}

static bool put_file(struct packer *packer, int parent, const char *base,
		     struct archive_entry *entry, struct error *err)
{
	/* Not blocking: it may be a fifo by now. */
	autoclose int fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return error_sys(err, "open");
	if (!S_ISREG(info.st_mode))
		return error_set(err, ERROR_SYSTEM, "changed while it was read");
	archive_entry_set_size(entry, info.st_size);
	return put_header(packer, entry, err) && put_content(packer, fd, info.st_size, err);
}

static bool put_symlink(struct packer *packer, int parent, const char *base,
			struct archive_entry *entry, struct error *err)
{
	char target[LIMIT_ENTRY_PATH + 1];
	ssize_t length = readlinkat(parent, base, target, LIMIT_ENTRY_PATH);

	if (length < 0)
		return error_sys(err, "read symlink");
	target[length] = '\0';
	archive_entry_set_symlink(entry, target);
	return put_header(packer, entry, err);
}

static bool put_described(struct packer *packer, int parent, const char *base,
			  const struct stat *info, const char *path, struct archive_entry *entry,
			  struct error *err)
{
	const char *first = !S_ISDIR(info->st_mode) && info->st_nlink > 1
				    ? first_name(packer, info, path)
				    : NULL;

	if (first) {
		archive_entry_set_hardlink(entry, first);
		return put_header(packer, entry, err);
	}
	if (fchdir(parent) < 0)
		return error_sys(err, "enter its directory");
	if (!add_xattrs(packer, base, entry, err))
		return false;
	if (S_ISREG(info->st_mode))
		return put_file(packer, parent, base, entry, err);
	if (S_ISLNK(info->st_mode))
		return put_symlink(packer, parent, base, entry, err);
	return put_header(packer, entry, err);
}

/* An empty file named `prefix` + `base`, beside what it speaks of. */
static bool put_mark(struct packer *packer, const char *above, const char *prefix, const char *base,
		     const struct stat *info, struct error *err)
{
	const struct stat mark = { .st_mode = S_IFREG | 0600, .st_mtim = info->st_mtim };
	autofree char *path = mem_printf("%s%s%s%s", above, *above ? "/" : "", prefix, base);
	struct archive_entry *entry = describe(&mark, path);

	if (!entry)
		return error_set(err, ERROR_SYSTEM, "libarchive cannot start");
	archive_entry_set_size(entry, 0);

	bool is_good = put_header(packer, entry, err);

	archive_entry_free(entry);
	return is_good;
}

/* -- directories --------------------------------------------------------------------------------
 */

static bool put_directory(struct packer *packer, int dir, const char *path, int depth,
			  struct error *err);

static bool put_below(struct packer *packer, int parent, const char *base, const char *path,
		      int depth, struct error *err)
{
	autoclose int dir = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat info;

	if (dir < 0 || fstat(dir, &info) < 0)
		return error_sys(err, "open directory");
	if (packer->pack->is_upper && place_is_opaque(dir) &&
	    !put_mark(packer, path, WHITEOUT_OPAQUE, "", &info, err))
		return false;
	return put_directory(packer, dir, path, depth + 1, err);
}

static bool put_entry(struct packer *packer, int parent, const char *base, const char *above,
		      const char *path, int depth, struct error *err)
{
	struct stat info;

	if (fstatat(parent, base, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? true : error_sys(err, "stat");
	if (S_ISSOCK(info.st_mode))
		return true;
	if (packer->pack->is_upper && place_is_whiteout(parent, base))
		return put_mark(packer, above, WHITEOUT_PREFIX, base, &info, err);

	struct archive_entry *entry = describe(&info, path);

	if (!entry)
		return error_set(err, ERROR_SYSTEM, "libarchive cannot start");

	bool is_good = put_described(packer, parent, base, &info, path, entry, err);

	archive_entry_free(entry);
	return is_good &&
	       (!S_ISDIR(info.st_mode) || put_below(packer, parent, base, path, depth, err));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list(int dir, struct arena *arena, struct texts *names, struct error *err)
{
	autodir DIR *entries = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));

	if (!entries)
		return error_sys(err, "read directory");
	rewinddir(entries);
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
		if (path_is_component(entry->d_name))
			texts_add(names, arena_strdup(arena, entry->d_name));
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare);
	return true;
}

/* What is in `dir`, whose name in the archive is `path`. */
static bool put_directory(struct packer *packer, int dir, const char *path, int depth,
			  struct error *err)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts names = { 0 };

	if (depth > LIMIT_PACK_DEPTH)
		return error_set(err, ERROR_UNSUPPORTED, "directories are nested more than %d deep",
				 LIMIT_PACK_DEPTH);
	if (!list(dir, &arena, &names, err))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		const char *below = *path ? arena_printf(&arena, "%s/%s", path, names.items[i])
					  : names.items[i];

		if (!put_entry(packer, dir, names.items[i], path, below, depth, err))
			return depth == 0 || strchr(err->text, '/')
				       ? false
				       : error_in(err, "%.200s", below);
	}
	return true;
}

/* -- the archive --------------------------------------------------------------------------------
 */

static bool put_all(struct packer *packer, int to, struct error *err)
{
	const struct pack *pack = packer->pack;
	const char *as = pack->as ? pack->as : pack->only;

	archive_write_set_format_pax_restricted(packer->archive);
	archive_write_set_options(packer->archive, "xattrheader=SCHILY,hdrcharset=BINARY");
	archive_write_set_bytes_per_block(packer->archive, BLOCK);
	archive_write_set_bytes_in_last_block(packer->archive, 1); /* no padding to 10 KiB */
	if (archive_write_open_fd(packer->archive, to) != ARCHIVE_OK)
		return failed(packer, err);
	if (!(pack->only ? put_entry(packer, pack->dir, pack->only, "", as, 0, err)
			 : put_directory(packer, pack->dir, "", 0, err)))
		return false;
	return archive_write_close(packer->archive) == ARCHIVE_OK || failed(packer, err);
}

static void finish(struct packer *packer)
{
	for (size_t i = 0; i < packer->room; i++)
		free(packer->linked[i].path);
	free(packer->linked);
	free(packer->block);
	free(packer->names);
	free(packer->value);
}

bool pack_tree(const struct pack *pack, int to, struct error *err)
{
	struct packer packer = { .pack = pack, .archive = archive_write_new() };

	if (!packer.archive)
		return error_set(err, ERROR_SYSTEM, "libarchive cannot start");
	packer.block = mem_alloc(BLOCK);
	packer.names = mem_alloc(NAMES_MAX);
	packer.value = mem_alloc(LIMIT_ENTRY_XATTR);

	bool is_good = put_all(&packer, to, err);

	if (!is_good)
		archive_write_fail(packer.archive); /* no end: nobody takes it for whole */
	archive_write_free(packer.archive);
	finish(&packer);
	return is_good;
}
