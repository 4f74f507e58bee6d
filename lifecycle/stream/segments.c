/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lifecycle/stream/wire.h"

#define NAME_DIGITS   19
#define NAME_SIZE     (NAME_DIGITS + sizeof(".log"))
#define SCAN_STEP     (64 * 1024) /* bytes; more only for a message that is larger */
#define PAGE_SIZE_MAX 65536
#define SYNC_SIZE_MIN (1 << 20) /* smaller segments are left to the kernel's own pace */

static void make_name(char name[NAME_SIZE], int64_t first)
{
	snprintf(name, NAME_SIZE, "%019" PRId64 ".log", first);
}

static bool parse_name(const char *name, int64_t *first)
{
	if (strspn(name, "0123456789") != NAME_DIGITS || strcmp(name + NAME_DIGITS, ".log") != 0)
		return false;
	errno = 0;
	*first = strtoll(name, NULL, 10);
	return errno == 0;
}

static bool is_in_memory(const struct stream *stream)
{
	return stream->definition.persistence == PERSISTENCE_MEMORY;
}

struct segment *segments_active(const struct stream *stream)
{
	return &stream->segments[stream->segment_count - 1];
}

static struct segment *add_segment(struct stream *stream, int64_t first)
{
	if (stream->segment_count == stream->segment_capacity) {
		stream->segment_capacity =
			stream->segment_capacity ? stream->segment_capacity * 2 : 4;
		stream->segments = mem_resize(stream->segments, stream->segment_capacity,
					      sizeof(*stream->segments));
	}
	stream->segments[stream->segment_count++] = (struct segment){ .first = first };
	return segments_active(stream);
}

/* -- finding them -------------------------------------------------------------------------------
 */

static int compare_segments(const void *a, const void *b)
{
	const struct segment *left = a, *right = b;

	return (left->first > right->first) - (left->first < right->first);
}

static bool list_files(struct stream *stream, struct error *err)
{
	autodir DIR *dir = file_list(stream->dir, ".");
	int64_t first;

	if (!dir)
		return error_sys(err, "list the segments");
	for (;;) {
		errno = 0;

		const struct dirent *entry = readdir(dir);

		if (!entry && errno)
			return error_sys(err, "list the segments");
		if (!entry)
			break;
		if (parse_name(entry->d_name, &first))
			add_segment(stream, first);
	}
	if (stream->segment_count)
		qsort(stream->segments, stream->segment_count, sizeof(*stream->segments),
		      compare_segments);
	return true;
}

/* Size and time of a segment as its file has them. */
static bool look_at(struct stream *stream, struct segment *segment, struct error *err)
{
	char head[RECORD_HEAD_SIZE];
	struct record record;
	struct stat status;
	int fd;

	if (!segments_reader(stream, segment, &fd, err))
		return false;
	if (fstat(fd, &status) < 0)
		return error_sys(err, "look at segment %" PRId64, segment->first);
	segment->size = status.st_size;
	if (segment->size > 0) /* until mend_newest knows better */
		stream->newest_time = (int64_t)status.st_mtim.tv_sec * 1000;
	if (pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head)) {
		record_read_head(head, &record);
		segment->time = record.time;
	}
	stream->stored += segment->size;
	return true;
}

/* -- the newest ---------------------------------------------------------------------------------
 */

/* A window on a file that is read through. */
struct scan {
	int fd;
	int64_t offset; /* of the window's first byte */
	struct buf window;
};

/* Makes sure that `count` bytes at `offset` are in the window; false at the end of the file. */
static bool fill(struct scan *scan, int64_t offset, size_t count)
{
	size_t step = count > SCAN_STEP ? count : SCAN_STEP;

	if (offset >= scan->offset &&
	    offset + (int64_t)count <= scan->offset + (int64_t)scan->window.length)
		return true;
	buf_clear(&scan->window);
	scan->offset = offset;

	char *to = buf_reserve(&scan->window, step);
	ssize_t got = to ? pread(scan->fd, to, step, offset) : -1;

	if (got > 0)
		buf_commit(&scan->window, (size_t)got);
	return got >= (ssize_t)count;
}

/* The record at `offset`, if there is a sound one. */
static bool scan_record(struct scan *scan, int64_t offset, int64_t sequence, struct record *record)
{
	if (!fill(scan, offset, RECORD_HEAD_SIZE))
		return false;
	record_read_head(scan->window.data + (offset - scan->offset), record);
	return record->length <= WIRE_FRAME_MAX && record->sequence == sequence &&
	       fill(scan, offset, RECORD_HEAD_SIZE + (size_t)record->length) &&
	       record_is_sound(record,
			       scan->window.data + (offset - scan->offset) + RECORD_HEAD_SIZE);
}

static bool mend_newest(struct stream *stream, struct error *err)
{
	struct segment *active = segments_active(stream);
	struct scan scan = { .fd = stream->active_fd };
	struct record record;
	int64_t end = 0;

	stream->next_sequence = active->first;
	buf_init(&scan.window, RECORD_HEAD_SIZE + WIRE_FRAME_MAX + SCAN_STEP);
	while (scan_record(&scan, end, stream->next_sequence, &record)) {
		end += RECORD_HEAD_SIZE + (int64_t)record.length;
		stream->next_sequence++;
		stream->newest_time = record.time;
	}
	buf_done(&scan.window);
	if (end < active->size && ftruncate(stream->active_fd, end) < 0)
		return error_sys(err, "cut off a torn message");
	stream->stored -= active->size - end;
	active->size = end;
	return true;
}

static bool open_active(struct stream *stream, int flags, struct error *err)
{
	char name[NAME_SIZE];

	make_name(name, segments_active(stream)->first);

	int fd = openat(stream->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	if (fd < 0)
		return error_sys(err, "open segment %s", name);
	drop_fd(&stream->active_fd);
	stream->active_fd = fd;
	return true;
}

static bool start_in_memory(struct stream *stream, struct error *err)
{
	add_segment(stream, 0);
	stream->active_fd = memfd_create("stream", MFD_CLOEXEC);
	return stream->active_fd >= 0 || error_sys(err, "memfd_create");
}

bool segments_recover(struct stream *stream, struct error *err)
{
	if (is_in_memory(stream))
		return start_in_memory(stream, err);
	if (!list_files(stream, err))
		return false;
	if (stream->segment_count == 0) {
		add_segment(stream, 0);
		return open_active(stream, O_CREAT, err);
	}
	if (!open_active(stream, 0, err))
		return false;
	for (size_t i = 0; i < stream->segment_count; i++)
		if (!look_at(stream, &stream->segments[i], err))
			return false;
	return mend_newest(stream, err);
}

/* -- one after the other ------------------------------------------------------------------------
 */

bool segments_reader(struct stream *stream, const struct segment *segment, int *fd,
		     struct error *err)
{
	char name[NAME_SIZE];

	*fd = stream->active_fd;
	if (is_in_memory(stream) || (stream->active_fd >= 0 && segment == segments_active(stream)))
		return true;
	if (stream->reader_fd >= 0 && stream->reader_segment == segment->first) {
		*fd = stream->reader_fd;
		return true;
	}
	drop_fd(&stream->reader_fd);
	make_name(name, segment->first);
	*fd = openat(stream->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return error_sys(err, "open segment %s", name);
	stream->reader_fd = *fd;
	stream->reader_segment = segment->first;
	return true;
}

/* What lies in segments that are closed is on the disk, so that a power cut can only tear the
 * newest, which is mended. */
static bool settle(struct stream *stream, struct error *err)
{
	if (!stream->definition.is_flushed && segments_active(stream)->size < SYNC_SIZE_MIN)
		return true;
	if (fdatasync(stream->active_fd) < 0)
		return error_sys(err, "write a segment to the disk");
	return true;
}

/* Holes are made of whole pages. */
static int64_t next_page(int64_t offset)
{
	return (offset + PAGE_SIZE_MAX - 1) / PAGE_SIZE_MAX * PAGE_SIZE_MAX;
}

bool segments_roll(struct stream *stream, struct error *err)
{
	struct segment before = *segments_active(stream);

	if (is_in_memory(stream)) {
		add_segment(stream, stream->next_sequence)->start =
			next_page(before.start + before.size);
		return true;
	}
	if (!settle(stream, err))
		return false;
	add_segment(stream, stream->next_sequence);
	if (!open_active(stream, O_CREAT | O_TRUNC, err)) {
		stream->segment_count--;
		return false;
	}
	return !stream->definition.is_flushed || file_sync_dir(stream->dir, ".", err);
}

static bool free_segment(struct stream *stream, const struct segment *segment, struct error *err)
{
	char name[NAME_SIZE];

	if (is_in_memory(stream)) {
		/* Up to where the next one begins. */
		if (segment->size > 0 &&
		    fallocate(stream->active_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      segment->start, next_page(segment->size)) < 0)
			return error_sys(err, "free the memory of old messages");
		stream->budget->used -= segment->size;
		return true;
	}
	if (stream->reader_segment == segment->first)
		drop_fd(&stream->reader_fd);
	make_name(name, segment->first);
	if (unlinkat(stream->dir, name, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove segment %s", name);
	return true;
}

bool segments_drop_oldest(struct stream *stream, struct error *err)
{
	if (!free_segment(stream, &stream->segments[0], err))
		return false;
	stream->stored -= stream->segments[0].size;
	stream->segment_count--;
	memmove(stream->segments, stream->segments + 1,
		stream->segment_count * sizeof(*stream->segments));
	return true;
}
