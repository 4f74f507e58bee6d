/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: each entry's parent directory is opened below the layer's root (place.c); the
 * entry itself is created in it by its last component, never following a symlink, never over
 * something that is there: what is there is removed first, unless both are directories. Attributes
 * are set on the open file in the only order that works: owner, extended attributes (chown clears
 * capabilities), mode (chown clears set-id bits), times.
 */
#include "image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/xattrs.h"
#include "image/room.h"
#include "image/whiteout.h"

/* -- attributes ---------------------------------------------------------------------------------
 */

/* On an open file, or (fd -1) on `base` in the working directory, which is its parent. */
static bool set_xattrs(struct layer *layer, int fd, const char *base, struct error *err)
{
	const char *name;
	const void *value;
	size_t size;

	if (untar_xattr_count(layer->tar) > LIMIT_ENTRY_XATTRS)
		return error_set(err, ERROR_INPUT, "more than %d extended attributes",
				 LIMIT_ENTRY_XATTRS);
	while (untar_next_xattr(layer->tar, &name, &value, &size)) {
		if (size > LIMIT_ENTRY_XATTR)
			return error_set(err, ERROR_INPUT, "extended attribute %.100s is too large",
					 name);
		if (!xattr_is_of_file(name))
			continue;

		int status = fd >= 0 ? fsetxattr(fd, name, value, size, 0)
				     : lsetxattr(base, name, value, size, 0);

		if (status < 0 && !xattr_can_lack(name, errno))
			return error_sys(err, "set extended attribute %.100s", name);
	}
	return true;
}

static bool check_ids(const struct entry *entry, struct error *err)
{
	if (entry->uid < 0 || entry->uid > LIMIT_ENTRY_ID || entry->gid < 0 ||
	    entry->gid > LIMIT_ENTRY_ID)
		return error_set(err, ERROR_INPUT, "owner %lld:%lld is out of range",
				 (long long)entry->uid, (long long)entry->gid);
	return true;
}

static bool set_owner_and_mode(struct layer *layer, int fd, const struct entry *entry,
			       struct error *err)
{
	if (fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) < 0)
		return error_sys(err, "chown");
	if (untar_xattr_count(layer->tar) > 0 && !set_xattrs(layer, fd, NULL, err))
		return false;
	if (fchmod(fd, entry->mode) < 0)
		return error_sys(err, "chmod");
	return true;
}

/* Most files are root's and have the mode that they were made with: to look is cheaper than to set
 * both, since what is set goes through the file system's journal. */
static bool is_as_made(struct layer *layer, int fd, const struct entry *entry)
{
	struct stat info;

	return untar_xattr_count(layer->tar) == 0 && fstat(fd, &info) == 0 &&
	       (info.st_mode & 07777) == entry->mode && info.st_uid == (uid_t)entry->uid &&
	       info.st_gid == (gid_t)entry->gid;
}

/* Of what cannot be opened: symlinks, devices, fifos. */
static bool set_attributes_at(struct layer *layer, int parent, const char *base,
			      const struct entry *entry, struct error *err)
{
	const struct timespec times[2] = { entry->mtime, entry->mtime };

	if (fchownat(parent, base, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "chown");
	if (untar_xattr_count(layer->tar) > 0 &&
	    (fchdir(parent) < 0 || !set_xattrs(layer, -1, base, err)))
		return false;
	/* fchmodat follows symlinks, but this is none: we made it just now, and are alone here. */
	if (entry->type != ENTRY_SYMLINK && fchmodat(parent, base, entry->mode, 0) < 0)
		return error_sys(err, "chmod");
	if (utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set times");
	return true;
}

/* -- making -------------------------------------------------------------------------------------
 */

static bool check_space(struct layer *layer, int fd, size_t count, struct error *err)
{
	layer->unchecked += (int64_t)count;
	if (layer->unchecked < RESERVE_CHECK)
		return true;
	layer->unchecked = 0;
	return room_check_disk(fd, err);
}

static bool write_at(int fd, const char *bytes, size_t count, int64_t offset, struct error *err)
{
	while (count > 0) {
		ssize_t written = pwrite(fd, bytes, count, offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return error_sys(err, "write");
		bytes += written;
		offset += written;
		count -= (size_t)written;
	}
	return true;
}

/* Zeros become a hole, which costs neither room nor the flash's life: a container can make a file
 * of a terabyte of them in no time, and leave it to a commit. Not in a file that was begun before,
 * which may have something else there. */
static bool put_data(const struct layer *layer, int fd, const char *bytes, size_t count,
		     int64_t offset, bool is_at_end, struct error *err)
{
	if (!is_at_end || layer->done > 0 || !mem_is_zero(bytes, count))
		return write_at(fd, bytes, count, offset, err);
	return ftruncate(fd, offset + (int64_t)count) == 0 || error_sys(err, "write");
}

/* A full pipe says the same: the flusher has work. */
static void tell_flusher(struct layer *layer, int64_t bytes)
{
	layer->unflushed += bytes;
	if (layer->flush < 0 || layer->unflushed < FLUSH_BYTES)
		return;
	layer->unflushed = 0;
	(void)!write(layer->flush, "f", 1);
}

/* Of the content of `entry` so much is written, up to `end`. */
static bool note_written(struct layer *layer, const struct entry *entry, size_t count, int64_t end,
			 struct error *err)
{
	const struct checkpoint_place place = { .tar = entry->start + end,
						.entries = layer->tar->entries - 1,
						.bytes = layer->bytes,
						.file = &layer->file };

	tell_flusher(layer, (int64_t)count);
	if (layer->file.header_length == 0)
		return true;
	layer->file.done = end;
	return checkpoint_take(&layer->checkpointing, &place, layer->tar->input.split,
			       &layer->place.dirs, err);
}

static bool write_data(struct layer *layer, int fd, const struct entry *entry, struct error *err)
{
	const void *bytes;
	size_t count;
	int64_t offset, end = 0;

	do {
		if (!untar_data(layer->tar, &bytes, &count, &offset, err))
			return false;
		if (count == 0)
			break;
		if (offset < 0 || offset > entry->size || (int64_t)count > entry->size - offset)
			return error_set(err, ERROR_CORRUPT, "data beyond the file's size");

		bool is_at_end = offset >= end;

		end = offset + (int64_t)count;
		if (end <= layer->done)
			continue;
		if (!check_space(layer, fd, count, err) ||
		    !put_data(layer, fd, bytes, count, offset, is_at_end, err) ||
		    !note_written(layer, entry, count, end, err))
			return false;
	} while (count > 0);
	/* The last record may lack its padding, but nothing of the content. */
	if (!entry->is_sparse && end < entry->size)
		return error_set(err, ERROR_CORRUPT, "unexpected EOF");
	if (end < entry->size && ftruncate(fd, entry->size) < 0) /* it ends with a hole */
		return error_sys(err, "write");
	layer->bytes += entry->size;
	return layer->bytes <= layer->room ||
	       error_set(err, ERROR_NO_SPACE,
			 "no space left on device: the layer exceeds the store's limit");
}

/* The file that an earlier run had begun. */
static bool open_begun(int parent, const char *base, int64_t done, int *fd, struct error *err)
{
	autoclose int opened = openat(parent, base, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;

	if (opened < 0 || fstat(opened, &info) < 0 || !S_ISREG(info.st_mode) ||
	    info.st_nlink != 1 || info.st_size < done)
		return error_set(err, ERROR_CORRUPT, "what was begun is not there");
	*fd = take_fd(&opened);
	return true;
}

static bool make_file(struct layer *layer, int parent, const char *base, const struct entry *entry,
		      struct error *err)
{
	const struct timespec times[2] = { entry->mtime, entry->mtime };

	if (entry->size < 0 || entry->size > LIMIT_LAYER_FILE)
		return error_set(err, ERROR_INPUT, "a file of %lld bytes", (long long)entry->size);

	autoclose int fd = -1;

	if (layer->done == 0)
		fd = openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    entry->mode & 0777);
	else if (!open_begun(parent, base, layer->done, &fd, err))
		return false;
	if (fd < 0)
		return error_sys(err, "create");
	if (!write_data(layer, fd, entry, err) ||
	    (!is_as_made(layer, fd, entry) && !set_owner_and_mode(layer, fd, entry, err)))
		return false;
	if (futimens(fd, times) < 0)
		return error_sys(err, "set times");
	return true;
}

static bool make_directory(struct layer *layer, int parent, const char *base, const char *path,
			   const struct entry *entry, struct error *err)
{
	bool is_fresh = mkdirat(parent, base, 0700) == 0;
	bool is_whiteout = !is_fresh && errno == EEXIST && place_is_whiteout(parent, base);
	struct dir *dir;

	if (is_whiteout) { /* "without what the layers below have" and "a directory": opaque */
		if (unlinkat(parent, base, 0) < 0 || mkdirat(parent, base, 0700) < 0)
			return error_sys(err, "create directory");
		is_fresh = true;
	}

	autoclose int fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		errno = EEXIST; /* something else is there: make_entry removes it */
	if (fd < 0)
		return error_sys(err, "create directory");
	if (!set_owner_and_mode(layer, fd, entry, err) ||
	    !place_note(&layer->place, fd, path, is_fresh, &dir, err))
		return false;
	dir->mtime = entry->mtime;
	dir->has_mtime = true;
	dir->is_implied = false;
	dir->is_opaque = dir->is_opaque || is_whiteout;
	return true;
}

static bool is_same_file(int parent, const char *base, const struct stat *info)
{
	struct stat other;

	return fstatat(parent, base, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
	       other.st_ino == info->st_ino && other.st_dev == info->st_dev;
}

/* To a name inside this layer. The link itself is linked, if it is a symlink. */
static bool make_hardlink(struct layer *layer, int parent, const char *base,
			  const struct entry *entry, struct error *err)
{
	struct place_name target;
	struct stat info;

	if (!place_name_parse(&target, entry->link, err))
		return error_in(err, "hard link");

	bool is_shared = whiteout_is_shared(target.text);

	if (is_shared)
		whiteout_place_shared(&target);

	autoclose int dir = -1;

	if (!place_open(&layer->place, target.parent, O_PATH | O_DIRECTORY, &dir, err) &&
	    err->sys == 0)
		return false;
	if ((!is_shared && whiteout_is_name(target.base)) || dir < 0 ||
	    fstatat(dir, target.base, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
	    place_is_whiteout(dir, target.base))
		return error_set(err, ERROR_INPUT,
				 "hard link to %.200s, which is not in this layer", entry->link);
	if (is_same_file(parent, base, &info))
		return true; /* to itself, or the same link again */
	if (linkat(dir, target.base, parent, base, 0) < 0)
		return error_sys(err, "hard link to %.200s", entry->link);
	return true;
}

static bool make_symlink(struct layer *layer, int parent, const char *base,
			 const struct entry *entry, struct error *err)
{
	if (entry->link[0] == '\0' || strlen(entry->link) > LIMIT_ENTRY_PATH)
		return error_set(err, ERROR_INPUT, "a symlink's target is empty or too long");
	if (!place_check_link(&layer->place, entry->link, err))
		return false;
	if (symlinkat(entry->link, parent, base) < 0)
		return error_sys(err, "symlink");
	return set_attributes_at(layer, parent, base, entry, err);
}

static bool make_node(struct layer *layer, int parent, const char *base, const struct entry *entry,
		      struct error *err)
{
	static const mode_t types[] = {
		[ENTRY_CHAR] = S_IFCHR,
		[ENTRY_BLOCK] = S_IFBLK,
		[ENTRY_FIFO] = S_IFIFO,
	};
	dev_t device = entry->type == ENTRY_FIFO ? 0 : entry->device;

	if (mknodat(parent, base, types[entry->type] | 0600, device) < 0)
		return errno == EPERM ? true : /* rootless: docker and podman go on without */
			       error_sys(err, "make device or fifo");
	return set_attributes_at(layer, parent, base, entry, err);
}

static bool make_once(struct layer *layer, int parent, const struct place_name *name,
		      const struct entry *entry, struct error *err)
{
	switch (entry->type) {
	case ENTRY_FILE:
		return make_file(layer, parent, name->base, entry, err);
	case ENTRY_DIRECTORY:
		return make_directory(layer, parent, name->base, name->text, entry, err);
	case ENTRY_SYMLINK:
		return make_symlink(layer, parent, name->base, entry, err);
	case ENTRY_HARDLINK:
		return make_hardlink(layer, parent, name->base, entry, err);
	case ENTRY_CHAR:
	case ENTRY_BLOCK:
	case ENTRY_FIFO:
		break;
	}
	return make_node(layer, parent, name->base, entry, err);
}

/* A name that comes twice: the last one counts. */
static bool make_entry(struct layer *layer, int parent, const struct place_name *name,
		       const struct entry *entry, struct error *err)
{
	if (make_once(layer, parent, name, entry, err))
		return true;
	if (err->sys != EEXIST)
		return false;
	/* When a layer goes on, what is there may be its own, from the last time. */
	if (layer->checkpointing.base == 0 || layer->checkpointing.is_own)
		checkpoint_drop(&layer->checkpointing);
	return path_remove_tree(parent, name->base, err) &&
	       make_once(layer, parent, name, entry, err);
}

/* -- entries ------------------------------------------------------------------------------------
 */

/* "./" and "/": the root itself, which can only be described. */
static bool describe_root(struct layer *layer, const struct entry *entry, struct error *err)
{
	struct dir *dir;

	if (entry->type != ENTRY_DIRECTORY)
		return error_set(err, ERROR_INPUT, "the root of a layer is not a directory");
	if (!set_owner_and_mode(layer, layer->place.root, entry, err) ||
	    !place_note(&layer->place, layer->place.root, "", false, &dir, err))
		return false;
	dir->mtime = entry->mtime;
	dir->has_mtime = true;
	dir->is_implied = false;
	return true;
}

/* The content is not kept; of a large file the headers are, to go on inside of it. */
static bool begin_content(struct layer *layer, const struct entry *entry, const char *name,
			  struct error *err)
{
	struct split *split = layer->tar->input.split;
	struct checkpoint_file *file = &layer->file;

	if (layer->done > 0) {
		split_go_on(split, entry->start + layer->done, entry->start + entry->size);
		return layer->done <= entry->size ||
		       error_set(err, ERROR_CORRUPT, "what was begun is another file");
	}
	if (entry->size >= CHECKPOINT_FILE && layer->checkpointing.dir >= 0 && layer->at >= 0 &&
	    split_copy(split, layer->at, entry->start, file->header, sizeof(file->header)))
		file->header_length = (uint32_t)(entry->start - layer->at);
	return split_file(split, entry->start, entry->size, name, err);
}

/* Needed until the end, and kept with the headers, as nobody finds it here later. */
static bool put_shared(struct layer *layer, const struct entry *entry, struct place_name *name,
		       struct error *err)
{
	struct stat info;
	int parent;

	whiteout_place_shared(name);
	if (!place_parent(&layer->place, name, &parent, err))
		return false;
	if (fstatat(parent, name->base, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode))
		return error_set(err, ERROR_INPUT, "a symlink leads to its place");
	return make_entry(layer, parent, name, entry, err);
}

/* What the layers below have there is hidden by something that is no directory: nothing is left for
 * a whiteout to do. */
static bool is_hidden_anyway(struct layer *layer, const struct place_name *name)
{
	autoclose int fd = -1;
	struct error err;

	return whiteout_is_name(name->base) &&
	       !place_open(&layer->place, name->parent, O_PATH | O_DIRECTORY, &fd, &err) &&
	       err.sys == ENOTDIR;
}

static bool put_entry(struct layer *layer, const struct entry *entry, struct error *err)
{
	struct place_name name;
	int parent;

	if (!place_name_parse(&name, entry->path, err) || !check_ids(entry, err))
		return false;
	if (name.text[0] == '\0')
		return describe_root(layer, entry, err);
	if (entry->type == ENTRY_FILE && whiteout_is_shared(name.text))
		return put_shared(layer, entry, &name, err);
	if (whiteout_is_leftover(name.text))
		return true;
	if (entry->type == ENTRY_FILE && !entry->is_sparse && entry->size > 0 &&
	    !whiteout_is_name(name.base) && !begin_content(layer, entry, name.text, err))
		return false;
	if (!place_parent(&layer->place, &name, &parent, err))
		return is_hidden_anyway(layer, &name);
	if (whiteout_is_name(name.base))
		return whiteout_put(&layer->place, parent, &name, err);
	return make_entry(layer, parent, &name, entry, err);
}

/* Where the entry ends in the archive, what follows can be read without what came before. A sparse
 * file's content has another length there. */
static bool end_entry(struct layer *layer, const struct entry *entry, struct error *err)
{
	int64_t size = entry->type == ENTRY_FILE ? entry->size : 0;
	const struct checkpoint_place place = { .tar = entry->start + (size + 511) / 512 * 512,
						.entries = layer->tar->entries,
						.bytes = layer->bytes };

	layer->file.header_length = 0; /* which says that there is nothing behind it */
	layer->file.done = layer->done = 0;
	layer->at = entry->is_sparse ? -1 : place.tar;
	tell_flusher(layer, FLUSH_ENTRY);
	return entry->is_sparse ||
	       checkpoint_take(&layer->checkpointing, &place, layer->tar->input.split,
			       &layer->place.dirs, err);
}

static bool put_all(struct layer *layer, struct error *err)
{
	struct entry entry;
	bool is_end;

	for (;;) {
		if (!untar_next(layer->tar, &entry, &is_end, err))
			return false;
		if (is_end)
			return true;
		if (!put_entry(layer, &entry, err))
			return error_in(err, "%.200s", entry.path);
		if (!end_entry(layer, &entry, err))
			return false;
	}
}

/* -- the end ------------------------------------------------------------------------------------
 */

/* Leaves *fd -1 if the directory was removed or replaced later on. */
static bool open_noted(struct layer *layer, const struct dir *dir, int *fd, struct error *err)
{
	const char *path = dirs_path(&layer->place.dirs, dir);
	struct stat info;

	if (!place_open(&layer->place, path, O_RDONLY | O_DIRECTORY, fd, err))
		return err->sys != 0;
	if (fstat(*fd, &info) < 0 || info.st_ino != dir->inode)
		drop_fd(fd);
	return true;
}

static void add_note(struct buf *notes, char kind, const char *path)
{
	buf_add_char(notes, kind);
	buf_add(notes, path, strlen(path) + 1);
}

static bool finish_dir(struct layer *layer, const struct dir *dir, struct buf *notes,
		       struct error *err)
{
	const char *path = dirs_path(&layer->place.dirs, dir);
	autoclose int fd = -1;

	if (!open_noted(layer, dir, &fd, err))
		return false;
	if (fd < 0)
		return true;

	const struct timespec times[2] = { dir->mtime, dir->mtime };

	if (dir->is_opaque) {
		if (!whiteout_clear(fd, err)) /* nothing below is seen anyway */
			return error_in(err, "%s", path);
		add_note(notes, 'o', path);
	}
	if (dir->is_implied)
		add_note(notes, 'i', path);
	if (dir->has_mtime && futimens(fd, times) < 0)
		return error_sys(err, "set times of %s", path);
	return true;
}

static bool finish(struct layer *layer, int to, struct error *err)
{
	autobuf struct buf notes;
	const struct dirs *dirs = &layer->place.dirs;

	buf_init(&notes, 2 * LIMIT_LAYER_DIRECTORIES);
	if (!whiteout_clear_shared(layer->place.root, err))
		return false;
	for (size_t i = 0; i < dirs->count; i++)
		if (!finish_dir(layer, &dirs->list[i], &notes, err))
			return false;
	return buf_check(&notes, "notes of a layer", err) &&
	       file_write(to, "notes of a layer", notes.data, notes.length, err);
}

/* A file that was begun is begun once more: by its headers, and without what is there. */
static void go_on(struct layer *layer, const struct checkpoint *checkpoint,
		  struct untar_input *input)
{
	layer->file = checkpoint->file;
	layer->done = checkpoint->file.done;
	input->prefix = checkpoint->file.header;
	input->prefix_length = checkpoint->file.header_length;
	input->gap = checkpoint->file.done;
}

bool layer_extract(const struct layer_files *files, struct dirs *dirs, int64_t *entries,
		   int64_t *bytes, struct error *err)
{
	struct untar tar;
	struct layer layer = { .tar = &tar,
			       .flush = files->flush,
			       .room = files->room,
			       .bytes = *bytes,
			       .checkpointing = files->checkpointing };
	struct untar_input input = { .fd = files->from, .ring = files->ring };

	if (files->checkpoint)
		go_on(&layer, files->checkpoint, &input);

	bool is_good = split_new(files->split, &input.split, err) &&
		       place_init(&layer.place, files->diff, dirs, err);

	is_good = untar_open(&tar, &input, err) && is_good;
	tar.entries = *entries;
	is_good = is_good && put_all(&layer, err) && finish(&layer, files->notes, err) &&
		  untar_drain(&tar, err) && split_finish(input.split, err);
	*entries = tar.entries;
	*bytes = layer.bytes;
	place_done(&layer.place);
	untar_close(&tar);
	split_free(input.split);
	return is_good;
}
