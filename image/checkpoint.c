/* SPDX-License-Identifier: Apache-2.0 */
#include "image/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/layout.h"
#include "image/limits.h"

#define FILE_NAME LAYOUT_RESUME
#define FILE_NEW  LAYOUT_RESUME ".new"
#define MAGIC     "mooring resume 3"

/* Directories are known by inode number: a copy of the store has others, and must not be taken for
 * the store. */
struct identity {
	uint64_t file_system, diff, split;
};

/* The file: this, then `dir_count` times a record and its path, then the CRC-32 of all that: a
 * decoder's state that flash has lost bits of must not be gone on with. It never leaves the
 * machine. */
struct head {
	char magic[sizeof(MAGIC)];
	uint32_t size; /* of this structure: another build's is none of ours */
	uint32_t dir_count;
	struct identity identity;
	struct checkpoint checkpoint;
};

struct record {
	uint64_t inode;
	int64_t seconds, nanoseconds;
	uint32_t length;
	uint8_t has_mtime, is_implied, is_opaque;
};

static struct identity identify(int dir)
{
	struct identity identity = { 0 };
	struct statvfs fs;
	struct stat info;

	if (fstatvfs(dir, &fs) == 0)
		identity.file_system = fs.f_fsid;
	if (fstatat(dir, "diff", &info, AT_SYMLINK_NOFOLLOW) == 0)
		identity.diff = info.st_ino;
	if (fstatat(dir, LAYOUT_SPLIT, &info, AT_SYMLINK_NOFOLLOW) == 0)
		identity.split = info.st_ino;
	return identity;
}

/* -- writing ------------------------------------------------------------------------------------
 */

/* The newest mark that is not beyond what is unpacked; NULL: none. */
static const struct pump_mark *find_mark(const struct checkpoint_shared *shared, int64_t tar)
{
	const struct pump_mark *best = NULL;

	for (size_t i = 0; i < PUMP_MARKS; i++) {
		const struct pump_mark *one = &shared->marks.marks[i];
		int64_t out = __atomic_load_n(&one->out, __ATOMIC_ACQUIRE);

		if (out > 0 && out <= tar && (!best || out > best->out))
			best = one;
	}
	return best;
}

static void print_dirs(const struct dirs *dirs, struct buf *text)
{
	for (size_t i = 0; i < dirs->count; i++) {
		const struct dir *dir = &dirs->list[i];
		const char *path = dirs_path(dirs, dir);
		const struct record record = { .inode = dir->inode,
					       .seconds = dir->mtime.tv_sec,
					       .nanoseconds = dir->mtime.tv_nsec,
					       .length = (uint32_t)strlen(path),
					       .has_mtime = dir->has_mtime,
					       .is_implied = dir->is_implied,
					       .is_opaque = dir->is_opaque };

		buf_add(text, &record, sizeof(record));
		buf_add(text, path, record.length);
	}
}

static bool write_new(int dir, const struct head *head, const struct dirs *dirs, struct error *err)
{
	autoclose int fd = openat(dir, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	autobuf struct buf text;

	buf_init(&text, 2 * LIMIT_LAYER_DIRECTORIES);
	if (fd < 0)
		return error_sys(err, "create %s", FILE_NEW);
	print_dirs(dirs, &text);

	uint32_t sum = crc32_add(0, head, sizeof(*head));

	if (text.length > 0)
		sum = crc32_add(sum, text.data, text.length);
	buf_add(&text, &sum, sizeof(sum));
	return buf_check(&text, FILE_NEW, err) &&
	       file_write(fd, FILE_NEW, head, sizeof(*head), err) &&
	       file_write(fd, FILE_NEW, text.data, text.length, err);
}

/* Most decoders are small: room that they do not need is not written to, and costs no memory. */
static void copy_mark(struct pump_mark *to, const struct pump_mark *from)
{
	/* Read once: the pump could change it. */
	uint32_t size = __atomic_load_n(&from->decoder_size, __ATOMIC_RELAXED);

	if (size > PUMP_DECODER)
		size = PUMP_DECODER;
	memcpy(to, from, offsetof(struct pump_mark, decoder) + size);
	to->decoder_size = size;
}

static void fill_head(struct head *head, const struct checkpointing *state,
		      const struct checkpoint_place *place, const struct dirs *dirs)
{
	memcpy(head->magic, MAGIC, sizeof(MAGIC));
	head->size = sizeof(*head);
	head->dir_count = (uint32_t)dirs->count;
	head->identity = identify(state->dir);
	head->checkpoint.blob = *state->blob;
	head->checkpoint.tar = state->base + place->tar;
	head->checkpoint.entries = place->entries;
	head->checkpoint.bytes = place->bytes;
	if (place->file)
		head->checkpoint.file = *place->file;
}

bool checkpoint_take(struct checkpointing *state, const struct checkpoint_place *place,
		     struct split *split, const struct dirs *dirs, struct error *err)
{
	struct timespec now;

	if (state->dir < 0 || __atomic_load_n(&state->shared->is_pending, __ATOMIC_ACQUIRE))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (state->base > 0 && state->last == 0) /* first what was unpacked already, once more */
		state->last = now.tv_sec;
	if (now.tv_sec - state->last < CHECKPOINT_SECONDS)
		return true;

	const struct pump_mark *mark = find_mark(state->shared, state->base + place->tar);

	if (!mark) /* asked for after every entry of a layer that can have none: be quick */
		return true;

	autofree struct head *head = mem_alloc(sizeof(*head));

	fill_head(head, state, place, dirs);
	copy_mark(&head->checkpoint.mark, mark);
	state->last = now.tv_sec;
	state->is_own = true;
	if (!split_cut(split, place->tar, &head->checkpoint.split, err) ||
	    !write_new(state->dir, head, dirs, err))
		return false;
	__atomic_store_n(&state->shared->is_pending, 1, __ATOMIC_RELEASE);
	if (write(state->flush, "c", 1) != 1) /* full: another time */
		__atomic_store_n(&state->shared->is_pending, 0, __ATOMIC_RELEASE);
	return true;
}

void checkpoint_drop(struct checkpointing *state)
{
	if (state->dir < 0)
		return;
	checkpoint_forget(state->dir);
	fsync(state->dir);
	state->dir = -1;
}

void checkpoint_settle(int dir, struct checkpoint_shared *shared)
{
	if (renameat(dir, FILE_NEW, dir, FILE_NAME) == 0)
		fsync(dir); /* a name in a journal of seconds ago is none after a power cut */
	__atomic_store_n(&shared->is_pending, 0, __ATOMIC_RELEASE);
}

int64_t checkpoint_base(const struct checkpoint *checkpoint)
{
	return checkpoint->tar - checkpoint->file.done - checkpoint->file.header_length;
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool is_sound_file(const struct checkpoint_file *file, int64_t tar)
{
	return file->header_length <= CHECKPOINT_HEADER && file->header_length % 512 == 0 &&
	       file->done >= 0 && (file->header_length > 0 || file->done == 0) &&
	       file->done <= tar && file->header_length <= tar - file->done;
}

static bool is_sound(const struct head *head, const struct digest *blob)
{
	const struct checkpoint *checkpoint = &head->checkpoint;
	const struct pump_mark *mark = &checkpoint->mark;

	return memcmp(head->magic, MAGIC, sizeof(MAGIC)) == 0 && head->size == sizeof(*head) &&
	       memchr(checkpoint->blob.text, '\0', sizeof(checkpoint->blob.text)) &&
	       digest_is_equal(&checkpoint->blob, blob) && mark->in > 0 && mark->out > 0 &&
	       mark->out <= checkpoint->tar && mark->compression <= COMPRESSION_ZSTD &&
	       mark->decoder_size <= PUMP_DECODER && checkpoint->split >= 0 &&
	       checkpoint->entries >= 0 && checkpoint->bytes >= 0 &&
	       is_sound_file(&checkpoint->file, checkpoint->tar);
}

/* Takes the sum off. */
static bool has_right_sum(struct buf *text)
{
	uint32_t sum;

	if (text->length < sizeof(struct head) + sizeof(sum))
		return false;
	text->length -= sizeof(sum);
	memcpy(&sum, text->data + text->length, sizeof(sum));
	return sum == crc32_add(0, text->data, text->length);
}

static bool read_dirs(const struct buf *text, uint32_t count, struct dirs *dirs)
{
	size_t at = sizeof(struct head);
	struct error ignored;

	for (uint32_t i = 0; i < count; i++) {
		struct record record;
		struct dir *dir;

		if (text->length - at < sizeof(record))
			return false;
		memcpy(&record, text->data + at, sizeof(record));
		at += sizeof(record);
		if (text->length - at < record.length || record.length > LIMIT_ENTRY_PATH)
			return false;

		autofree char *path = mem_printf("%.*s", (int)record.length, text->data + at);

		at += record.length;
		if (!dirs_put(dirs, record.inode, path, true, &dir, &ignored))
			return false;
		dir->mtime = (struct timespec){ record.seconds, record.nanoseconds };
		dir->has_mtime = record.has_mtime;
		dir->is_implied = record.is_implied;
		dir->is_opaque = record.is_opaque;
	}
	return at == text->length;
}

bool checkpoint_read(int dir, const struct digest *blob, struct checkpoint *checkpoint,
		     struct dirs *dirs)
{
	autofree struct head *head = mem_alloc(sizeof(*head));
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, 2 * LIMIT_LAYER_DIRECTORIES);
	if (!file_read(dir, FILE_NAME, &text, &ignored) || !has_right_sum(&text))
		return false;
	memcpy(head, text.data, sizeof(*head));

	const struct identity identity = identify(dir);

	if (memcmp(&identity, &head->identity, sizeof(identity)) != 0)
		return false;
	if (!is_sound(head, blob) || (dirs && !read_dirs(&text, head->dir_count, dirs)))
		return false;
	*checkpoint = head->checkpoint;
	return true;
}

bool checkpoint_is_there(int dir)
{
	return faccessat(dir, FILE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void checkpoint_forget(int dir)
{
	unlinkat(dir, FILE_NEW, 0);
	unlinkat(dir, FILE_NAME, 0);
}

/* -- going on -----------------------------------------------------------------------------------
 */

static bool restore_dir(int dir, const struct dirs *dirs, int depth, struct error *err);

static bool restore_entry(int parent, const char *name, const struct dirs *dirs, int depth,
			  struct error *err)
{
	autoclose int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat info;

	if (dir < 0)
		return errno == ENOTDIR ? true : error_sys(err, "open %s", name);
	if (fstat(dir, &info) < 0)
		return error_sys(err, "stat %s", name);
	if (!dirs_find(dirs, info.st_ino))
		return path_remove_tree(parent, name, err);
	return restore_dir(dir, dirs, depth + 1, err);
}

static bool restore_dir(int dir, const struct dirs *dirs, int depth, struct error *err)
{
	autodir DIR *entries = file_list(dir, ".");

	if (!entries)
		return error_sys(err, "read directory");
	if (depth > LIMIT_PACK_DEPTH)
		return error_set(err, ERROR_UNSUPPORTED, "directories are nested too deeply");
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
		if (path_is_component(entry->d_name) &&
		    (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
		    !restore_entry(dir, entry->d_name, dirs, depth, err))
			return false;
	return true;
}

bool checkpoint_restore(int diff, const struct dirs *dirs, struct error *err)
{
	return restore_dir(diff, dirs, 0, err);
}
