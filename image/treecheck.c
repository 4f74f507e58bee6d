/* SPDX-License-Identifier: Apache-2.0 */
#include "image/treecheck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/limits.h"
#include "image/place.h"
#include "image/untar.h"
#include "image/whiteout.h"

#define BLOCK (16 << 10)

/*
 * What can only be judged at the end. A directory may be described several times: the last one
 * counts. In an opaque one there are no whiteouts; that it is one is a trusted attribute, which is
 * hidden from us, but the archive says so.
 */
enum note_kind {
	NOTE_OPAQUE,
	NOTE_MISSING, /* a whiteout */
	NOTE_DESCRIBED,
};

struct note {
	ino_t inode; /* of the directory */
	enum note_kind kind;
	size_t number; /* in the archive's order */
	mode_t mode;
	int64_t uid, gid;
	char *path;
};

/* A file in .wh..wh.plnk, which is there under its other names alone. */
struct shared {
	char *path;
	struct note said;
	int64_t size;
	bool is_sparse; /* the content is not known */
	struct digest content;
	ino_t checked; /* 0: none of its names was yet */
};

struct shared_name {
	char *path, *target;
};

struct treecheck {
	int diff;
	struct untar tar;
	struct note *notes;
	size_t count, room;
	struct shared *shared;
	size_t shared_count, shared_room;
	struct shared_name *names; /* of shared files */
	size_t name_count, name_room;
};

static bool differs(struct error *err, const char *what)
{
	return error_set(err, ERROR_CORRUPT, "%s", what);
}

/* -- attributes ---------------------------------------------------------------------------------
 */

static bool check_owner_and_mode(const struct stat *info, const struct note *said,
				 struct error *err)
{
	if (info->st_uid != (uid_t)said->uid || info->st_gid != (gid_t)said->gid)
		return differs(err, "has another owner than it had");
	if (!S_ISLNK(info->st_mode) && (info->st_mode & 07777) != said->mode)
		return differs(err, "has another mode than it had");
	return true;
}

/* Others than user.* may be refused or rewritten by the kernel. */
static bool check_xattr(int fd, const char *name, const void *value, size_t size, struct error *err)
{
	autofree char *is = NULL;
	ssize_t length;

	if (strncmp(name, "user.", 5) != 0 || strncmp(name, "user.overlay.", 13) == 0 ||
	    size > LIMIT_ENTRY_XATTR)
		return true;
	is = mem_alloc(size + 1);
	length = fgetxattr(fd, name, is, size);
	if (length < 0 && errno == ENOTSUP)
		return true;
	return (length == (ssize_t)size && memcmp(is, value, size) == 0) ||
	       error_set(err, ERROR_CORRUPT, "has lost its attribute %.100s", name);
}

static bool check_xattrs(struct treecheck *check, int parent, const char *base, struct error *err)
{
	const char *name;
	const void *value;
	size_t size;

	if (untar_xattr_count(&check->tar) == 0)
		return true;

	autoclose int fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "open");
	while (untar_next_xattr(&check->tar, &name, &value, &size))
		if (!check_xattr(fd, name, value, size, err))
			return false;
	return true;
}

/* -- files that AUFS kept -----------------------------------------------------------------------
 */

static bool note_shared(struct treecheck *check, const struct entry *entry, const char *path,
			struct error *err)
{
	struct shared made = {
		.said = { .mode = entry->mode, .uid = entry->uid, .gid = entry->gid },
		.size = entry->size,
		.is_sparse = entry->is_sparse
	};
	struct hash hash;
	const void *bytes;
	size_t count = 1;
	int64_t offset;
	bool is_good = true;

	hash_init(&hash);
	while (!entry->is_sparse && is_good && count > 0) {
		is_good = untar_data(&check->tar, &bytes, &count, &offset, err);
		if (is_good && count > 0)
			hash_add(&hash, bytes, count);
	}
	hash_finish(&hash, &made.content);
	hash_done(&hash);
	if (!is_good)
		return false;
	if (check->shared_count == check->shared_room) {
		check->shared_room = check->shared_room ? 2 * check->shared_room : 64;
		check->shared =
			mem_resize(check->shared, check->shared_room, sizeof(*check->shared));
	}
	made.path = mem_strdup(path);
	check->shared[check->shared_count++] = made;
	return true;
}

static void add_shared_name(struct treecheck *check, const char *path, const char *target)
{
	if (check->name_count == check->name_room) {
		check->name_room = check->name_room ? 2 * check->name_room : 64;
		check->names = mem_resize(check->names, check->name_room, sizeof(*check->names));
	}
	check->names[check->name_count++] =
		(struct shared_name){ mem_strdup(path), mem_strdup(target) };
}

static int compare_shared(const void *a, const void *b)
{
	const struct shared *left = a, *right = b;

	return strcmp(left->path, right->path);
}

static bool check_content(int fd, const struct digest *said, struct error *err)
{
	char block[BLOCK];
	struct digest is;
	struct hash hash;
	ssize_t got;

	hash_init(&hash);
	while ((got = read(fd, block, sizeof(block))) > 0)
		hash_add(&hash, block, (size_t)got);
	hash_finish(&hash, &is);
	hash_done(&hash);
	if (got < 0)
		return error_sys(err, "read");
	return digest_is_equal(&is, said) || differs(err, "has another content than it had");
}

static bool check_shared_name(struct treecheck *check, const struct shared_name *name,
			      struct error *err)
{
	const struct shared key = { .path = name->target };
	struct shared *shared = check->shared_count
					? bsearch(&key, check->shared, check->shared_count,
						  sizeof(*check->shared), compare_shared)
					: NULL;
	autoclose int fd = -1;
	struct stat info;

	if (!shared) /* the archive would not have been unpacked */
		return error_set(err, ERROR_CORRUPT, "has no content");
	if (!path_open(check->diff, name->path, PATH_IN_ROOT, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
		       &fd, err))
		return false;
	if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
		return differs(err, "is of another kind than it was");
	if (shared->checked)
		return info.st_ino == shared->checked ||
		       differs(err, "is no longer the same file as its other name");
	shared->checked = info.st_ino;
	if (info.st_size != shared->size)
		return differs(err, "has another size than it had");
	return check_owner_and_mode(&info, &shared->said, err) &&
	       (shared->is_sparse || check_content(fd, &shared->content, err));
}

static bool check_shared(struct treecheck *check, struct error *err)
{
	if (check->shared_count > 0)
		qsort(check->shared, check->shared_count, sizeof(*check->shared), compare_shared);
	for (size_t i = 0; i < check->name_count; i++)
		if (!check_shared_name(check, &check->names[i], err))
			return error_in(err, "%.200s", check->names[i].path);
	return true;
}

/* -- sparse files -------------------------------------------------------------------------------
 *
 * What a split keeps of them is their content itself, not where it is: nobody else compares it.
 */

static bool is_zero(const char *bytes, size_t count)
{
	return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* The next bytes of the file are `said`; NULL: zeros. */
static bool check_bytes(int fd, const char *said, size_t count, int64_t offset, struct error *err)
{
	char block[BLOCK];

	while (count > 0) {
		ssize_t got = pread(fd, block, count < BLOCK ? count : BLOCK, offset);

		if (got < 0)
			return error_sys(err, "read");
		if (got == 0 ||
		    !(said ? memcmp(block, said, (size_t)got) == 0 : is_zero(block, (size_t)got)))
			return differs(err, "has another content than it had");
		said = said ? said + got : NULL;
		count -= (size_t)got;
		offset += got;
	}
	return true;
}

/* What is a hole on the disk need not be read. */
static bool check_hole(int fd, int64_t from, int64_t to, struct error *err)
{
	while (from < to) {
		int64_t data = lseek(fd, from, SEEK_DATA);
		int64_t left;

		if (data >= to || (data < 0 && errno == ENXIO))
			return true;
		from = data > from ? data : from;
		left = to - from;
		if (!check_bytes(fd, NULL, left < BLOCK ? (size_t)left : BLOCK, from, err))
			return false;
		from += left < BLOCK ? left : BLOCK;
	}
	return true;
}

static bool check_sparse(struct treecheck *check, int parent, const char *base, int64_t size,
			 struct error *err)
{
	autoclose int fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const void *bytes;
	size_t count = 1;
	int64_t offset, end = 0;

	if (fd < 0)
		return error_sys(err, "open");
	while (count > 0) {
		if (!untar_data(&check->tar, &bytes, &count, &offset, err))
			return false;
		if (count == 0)
			break;
		if (!check_hole(fd, end, offset, err) ||
		    !check_bytes(fd, bytes, count, offset, err))
			return false;
		end = offset + (int64_t)count;
	}
	return check_hole(fd, end, size, err);
}

/* -- entries ------------------------------------------------------------------------------------
 */

static void add_note(struct treecheck *check, const struct note *note, const char *path)
{
	if (check->count == check->room) {
		check->room = check->room ? 2 * check->room : 64;
		check->notes = mem_resize(check->notes, check->room, sizeof(*check->notes));
	}

	struct note *made = &check->notes[check->count];

	*made = *note;
	made->number = check->count++;
	made->path = mem_strdup(path);
}

static bool check_symlink(int parent, const char *base, const char *target, struct error *err)
{
	char is[LIMIT_ENTRY_PATH + 1];
	ssize_t length = readlinkat(parent, base, is, sizeof(is));

	return (length >= 0 && (size_t)length == strlen(target) &&
		memcmp(is, target, (size_t)length) == 0) ||
	       differs(err, "leads elsewhere than it did");
}

static bool check_hard_link(struct treecheck *check, const struct stat *info, const char *own,
			    const char *target, struct error *err)
{
	struct place_name name;
	struct stat other;
	autoclose int parent = -1;

	if (!place_name_parse(&name, target, err))
		return false;
	if (whiteout_is_shared(name.text)) {
		add_shared_name(check, own, name.text);
		return true;
	}
	return (path_open(check->diff, name.parent, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, &parent,
			  err) &&
		fstatat(parent, name.base, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
		other.st_ino == info->st_ino) ||
	       differs(err, "is no longer the same file as its other name");
}

/* What the same layer has under the name wins. */
static bool check_whiteout(struct treecheck *check, int parent, const struct place_name *name,
			   struct error *err)
{
	const char *hidden = name->base + strlen(WHITEOUT_PREFIX);
	struct stat info;
	struct note note = { .kind = NOTE_OPAQUE };

	if (fstat(parent, &info) < 0)
		return error_sys(err, "stat its directory");
	note.inode = info.st_ino;
	if (strcmp(name->base, WHITEOUT_OPAQUE) != 0) {
		if (fstatat(parent, hidden, &info, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
		note.kind = NOTE_MISSING;
	}
	add_note(check, &note, name->text);
	return true;
}

static bool is_kind(const struct stat *info, enum entry_type type)
{
	static const mode_t kinds[] = {
		[ENTRY_FILE] = S_IFREG, [ENTRY_DIRECTORY] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_CHAR] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK,     [ENTRY_FIFO] = S_IFIFO
	};

	return type == ENTRY_HARDLINK || (info->st_mode & S_IFMT) == kinds[type];
}

static bool check_entry(struct treecheck *check, int parent, const struct place_name *name,
			const struct entry *entry, struct error *err)
{
	struct note said = {
		.kind = NOTE_DESCRIBED, .mode = entry->mode, .uid = entry->uid, .gid = entry->gid
	};
	const char *base = name->text[0] ? name->base : ".";
	bool is_device = entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK;
	struct stat info;

	if (fstatat(parent, base, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return is_device || differs(err, "is lost");
	if (!is_kind(&info, entry->type))
		return differs(err, "is of another kind than it was");
	if (entry->type == ENTRY_HARDLINK)
		return check_hard_link(check, &info, name->text, entry->link, err);
	if (entry->type == ENTRY_FILE && info.st_size != entry->size)
		return differs(err, "has another size than it had");
	if (entry->type == ENTRY_SYMLINK && !check_symlink(parent, base, entry->link, err))
		return false;
	said.inode = info.st_ino;
	if (entry->type == ENTRY_DIRECTORY)
		add_note(check, &said, name->text);
	else if (!check_owner_and_mode(&info, &said, err))
		return false;
	if (entry->type != ENTRY_FILE && entry->type != ENTRY_DIRECTORY)
		return true;
	return check_xattrs(check, parent, base, err) &&
	       (!entry->is_sparse || check_sparse(check, parent, base, entry->size, err));
}

static bool check_name(struct treecheck *check, const struct entry *entry,
		       const struct place_name *name, struct error *err)
{
	autoclose int parent = -1;

	if (!path_open(check->diff, name->parent, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, &parent,
		       err))
		return (whiteout_is_name(name->base) && err->sys == ENOTDIR) || /* needed none */
		       differs(err, "is lost with its directory");
	if (whiteout_is_name(name->base))
		return check_whiteout(check, parent, name, err);
	return check_entry(check, parent, name, entry, err);
}

static bool check_entries(struct treecheck *check, struct error *err)
{
	struct place_name name;
	struct entry entry;
	bool is_end;

	for (;;) {
		if (!untar_next(&check->tar, &entry, &is_end, err))
			return false;
		if (is_end)
			return untar_drain(&check->tar, err);
		if (!place_name_parse(&name, entry.path, err))
			return false;
		if (entry.type == ENTRY_FILE && whiteout_is_shared(name.text) &&
		    !note_shared(check, &entry, name.text, err))
			return false;
		if (!whiteout_is_leftover(name.text) && !check_name(check, &entry, &name, err))
			return error_in(err, "%.200s", name.text[0] ? name.text : "/");
	}
}

/* -- the end ------------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
	const struct note *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return left->number < right->number ? -1 : 1;
}

static bool check_directory(const struct treecheck *check, const struct note *said,
			    struct error *err)
{
	autoclose int dir = -1;
	struct stat info;

	/* Replaced by a later entry: then nothing is known of it. */
	if (!path_open(check->diff, said->path, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, &dir, err) ||
	    fstat(dir, &info) < 0 || info.st_ino != said->inode)
		return true;
	return check_owner_and_mode(&info, said, err) ||
	       error_in(err, "%.200s", said->path[0] ? said->path : "/");
}

/* By directory: is it opaque? which whiteouts are missing? how was it described? */
static bool check_notes(const struct treecheck *check, struct error *err)
{
	bool is_opaque = false;

	if (check->count > 0)
		qsort(check->notes, check->count, sizeof(*check->notes), compare);
	for (size_t i = 0; i < check->count; i++) {
		const struct note *note = &check->notes[i];
		bool is_last = i + 1 == check->count || note[1].inode != note->inode;

		is_opaque = is_opaque || note->kind == NOTE_OPAQUE;
		if (note->kind == NOTE_MISSING && !is_opaque)
			return error_set(err, ERROR_CORRUPT, "%.200s: is lost", note->path);
		if (note->kind == NOTE_DESCRIBED && is_last && !check_directory(check, note, err))
			return false;
		is_opaque = is_opaque && !is_last;
	}
	return true;
}

bool treecheck_run(int archive, int diff, struct error *err)
{
	struct treecheck check = { .diff = diff };
	struct untar_input input = { .fd = archive };
	bool is_good = untar_open(&check.tar, &input, err) && check_entries(&check, err) &&
		       check_notes(&check, err) && check_shared(&check, err);

	for (size_t i = 0; i < check.count; i++)
		free(check.notes[i].path);
	free(check.notes);
	for (size_t i = 0; i < check.shared_count; i++)
		free(check.shared[i].path);
	free(check.shared);
	for (size_t i = 0; i < check.name_count; i++) {
		free(check.names[i].path);
		free(check.names[i].target);
	}
	free(check.names);
	untar_close(&check.tar);
	return is_good;
}
