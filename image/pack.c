/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hardlinks.h"
#include "base/mem.h"
#include "base/texts.h"
#include "base/xattrs.h"
#include "image/limits.h"
#include "image/place.h"
#include "image/tarout.h"
#include "image/whiteout.h"

#define NAMES_MAX 65536
#define BLOCK     (128 << 10)

struct packer {
	const struct pack *pack;
	struct tarout tar;
	struct hardlinks links;
	char *block, *names, *value;
	struct buf extra; /* the current entry's extended attributes */
};

/* -- one entry ----------------------------------------------------------------------------------
 */

/* What overlay or this machine's file system means by them is nobody else's business. */
static bool is_xattr_wanted(const char *name)
{
	return xattr_is_of_file(name) && strncmp(name, "system.", 7) != 0;
}

static void add_xattr(struct packer *packer, const char *name, size_t size)
{
	autofree char *key = mem_printf("SCHILY.xattr.%s", name);

	tarout_add_record(&packer->extra, key, packer->value, size);
}

/* Of `base` in the working directory, which is its parent; a symlink's are its own. */
static bool read_xattrs(struct packer *packer, const char *base, struct error *err)
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
			add_xattr(packer, name, (size_t)size);
	}
	return true;
}

static enum tarout_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return TAROUT_DIRECTORY;
	case S_IFLNK:
		return TAROUT_SYMLINK;
	case S_IFCHR:
		return TAROUT_CHAR;
	case S_IFBLK:
		return TAROUT_BLOCK;
	case S_IFIFO:
		return TAROUT_FIFO;
	default:
		return TAROUT_FILE;
	}
}

static struct tarout_entry describe(const struct stat *info, const char *path)
{
	return (struct tarout_entry){ .type = type_of(info->st_mode),
				      .path = path,
				      .mode = info->st_mode & 07777,
				      .uid = info->st_uid,
				      .gid = info->st_gid,
				      .mtime = info->st_mtim.tv_sec,
				      .device = info->st_rdev };
}

/* A file that grows meanwhile is cut; one that shrinks is filled up by tarout. */
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
		if (!tarout_data(&packer->tar, packer->block, (size_t)got, err))
			return false;
		size -= got;
	}
	return true;
}

static bool put_file(struct packer *packer, int parent, const char *base,
		     struct tarout_entry *entry, struct error *err)
{
	/* Not blocking: it may be a fifo by now. */
	autoclose int fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return error_sys(err, "open");
	if (!S_ISREG(info.st_mode))
		return error_set(err, ERROR_SYSTEM, "changed while it was read");
	entry->size = info.st_size;
	return tarout_put(&packer->tar, entry, err) && put_content(packer, fd, info.st_size, err);
}

static bool put_symlink(struct packer *packer, int parent, const char *base,
			struct tarout_entry *entry, struct error *err)
{
	char target[LIMIT_ENTRY_PATH + 1];
	ssize_t length = readlinkat(parent, base, target, LIMIT_ENTRY_PATH);

	if (length < 0)
		return error_sys(err, "read symlink");
	target[length] = '\0';
	entry->link = target;
	return tarout_put(&packer->tar, entry, err);
}

static bool put_described(struct packer *packer, int parent, const char *base,
			  const struct stat *info, struct tarout_entry *entry, struct error *err)
{
	bool is_linked = !S_ISDIR(info->st_mode) && info->st_nlink > 1;

	entry->link = NULL;
	if (is_linked && !hardlinks_first(&packer->links, info, entry->path, &entry->link, err))
		return false;
	if (entry->link) {
		entry->type = TAROUT_HARDLINK;
		return tarout_put(&packer->tar, entry, err);
	}
	if (fchdir(parent) < 0)
		return error_sys(err, "enter its directory");
	buf_clear(&packer->extra);
	if (!read_xattrs(packer, base, err))
		return false;
	entry->extra = &packer->extra;
	if (S_ISREG(info->st_mode))
		return put_file(packer, parent, base, entry, err);
	if (S_ISLNK(info->st_mode))
		return put_symlink(packer, parent, base, entry, err);
	return tarout_put(&packer->tar, entry, err);
}

/* An empty file named `prefix` + `base`, beside what it speaks of. */
static bool put_mark(struct packer *packer, const char *above, const char *prefix, const char *base,
		     const struct stat *info, struct error *err)
{
	autofree char *path = mem_printf("%s%s%s%s", above, *above ? "/" : "", prefix, base);
	const struct tarout_entry mark = {
		.type = TAROUT_FILE, .path = path, .mode = 0600, .mtime = info->st_mtim.tv_sec
	};

	return tarout_put(&packer->tar, &mark, err);
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

static bool list(int dir, struct arena *arena, struct texts *names, struct error *err)
{
	autodir DIR *entries = file_list(dir, ".");

	if (!entries)
		return error_sys(err, "read directory");

	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(entries, "it", &entry, err)) && entry)
		texts_add(names, arena_strdup(arena, entry->d_name));
	texts_sort(names);
	return is_read;
}

/* Only made to be mounted on: a file without bytes, a link, a directory of nothing else. */
static bool is_bare(const struct packer *packer, int parent, const char *base, const char *path)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts names = { 0 };
	struct stat info;
	struct error ignored; /* what cannot be read is put, which fails */

	if (!packer->pack->bare || !texts_has(packer->pack->bare, path) ||
	    fstatat(parent, base, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (!S_ISDIR(info.st_mode))
		return S_ISLNK(info.st_mode) || (S_ISREG(info.st_mode) && info.st_size == 0);
	autoclose int dir = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || !list(dir, &arena, &names, &ignored))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		if (!is_bare(packer, dir, names.items[i],
			     arena_printf(&arena, "%s/%s", path, names.items[i])))
			return false;
	}
	return true;
}

static bool put_entry(struct packer *packer, int parent, const char *base, const char *above,
		      const char *path, int depth, struct error *err)
{
	struct stat info;

	if (fstatat(parent, base, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? true : error_sys(err, "stat");
	if (S_ISSOCK(info.st_mode) || is_bare(packer, parent, base, path))
		return true;
	if (packer->pack->is_upper && place_is_whiteout(parent, base))
		return put_mark(packer, above, WHITEOUT_PREFIX, base, &info, err);

	struct tarout_entry entry = describe(&info, path);

	return put_described(packer, parent, base, &info, &entry, err) &&
	       (!S_ISDIR(info.st_mode) || put_below(packer, parent, base, path, depth, err));
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

static bool put_all(struct packer *packer, struct error *err)
{
	const struct pack *pack = packer->pack;
	const char *as = pack->as ? pack->as : pack->only;

	return (pack->only ? put_entry(packer, pack->dir, pack->only, "", as, 0, err)
			   : put_directory(packer, pack->dir, "", 0, err)) &&
	       tarout_end(&packer->tar, err);
}

static void finish(struct packer *packer)
{
	hardlinks_done(&packer->links);
	tarout_close(&packer->tar);
	buf_done(&packer->extra);
	free(packer->block);
	free(packer->names);
	free(packer->value);
}

bool pack_tree(const struct pack *pack, int to, struct error *err)
{
	struct packer packer = { .pack = pack };

	tarout_open(&packer.tar, to);
	buf_init(&packer.extra, LIMIT_PAX_HEADER);
	packer.block = mem_alloc(BLOCK);
	packer.names = mem_alloc(NAMES_MAX);
	packer.value = mem_alloc(LIMIT_ENTRY_XATTR);

	bool is_good = put_all(&packer, err);

	finish(&packer);
	return is_good;
}
