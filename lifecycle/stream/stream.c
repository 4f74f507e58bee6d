/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "lifecycle/stream/segments.h"
#include "lifecycle/stream/wire.h"

#define SEGMENT_SIZE_MAX (64LL << 20) /* what a restart reads through */
#define SEGMENT_COUNT_AIM                                                                          \
	1024 /* segments grow with the stream, so that there are not many more                     \
	      */
#define CLOCK_IS_SET 1704067200000 /* 2024: a message from before it has no age worth the name */

/* -- making, opening, removing ------------------------------------------------------------------
 */

/* A name has no character that a file name must not have, but it may be "." or "..". */
char *stream_file_name(const char *name)
{
	return strspn(name, ".") == strlen(name) && strlen(name) <= 2 ? mem_printf("%%%s", name)
								      : mem_strdup(name);
}

static struct stream *new_stream(struct memory_budget *budget)
{
	struct stream *stream = mem_alloc(sizeof(*stream));

	stream->dir = stream->active_fd = stream->reader_fd = -1;
	stream->budget = budget;
	return stream;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	if (stream->definition.persistence == PERSISTENCE_MEMORY)
		stream->budget->used -= stream->stored;
	drop_fd(&stream->reader_fd);
	drop_fd(&stream->active_fd);
	drop_fd(&stream->dir);
	free(stream->segments);
	arena_done(&stream->arena);
	free(stream);
}

static bool set_definition(struct stream *stream, const char *bytes, size_t length,
			   struct error *err)
{
	struct arena arena = { 0 };
	struct definition definition;
	const struct cbor *map;

	if (!cbor_parse(&arena, bytes, length, &map, err) ||
	    !definition_parse(&definition, &arena, map, err)) {
		arena_done(&arena);
		return error_in(err, "definition");
	}
	arena_done(&stream->arena);
	stream->arena = arena;
	stream->definition = definition;
	return true;
}

static bool write_definition(int dir, const struct buf *text, struct error *err)
{
	return buf_check(text, "the definition", err) &&
	       file_replace(dir, STREAM_FILE_DEFINITION, text->data, text->length, 0600,
			    FILE_DURABLE, err);
}

static bool read_directory(struct stream *stream, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, DEFINITION_SIZE_MAX);
	return file_read(stream->dir, STREAM_FILE_DEFINITION, &text, err) &&
	       set_definition(stream, text.data, text.length, err) && segments_recover(stream, err);
}

bool stream_open(struct stream **stream, int parent, const char *file, struct memory_budget *budget,
		 struct error *err)
{
	struct stream *opened = new_stream(budget);
	bool is_good;

	opened->dir = openat(parent, file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	is_good = opened->dir >= 0 ? read_directory(opened, err) : error_sys(err, "open");
	if (!is_good) {
		stream_free(opened);
		return error_in(err, "stream \"%s\"", file);
	}
	*stream = opened;
	return true;
}

/* Made under a name no stream can have, and moved into place when it is whole. */
bool stream_create(struct stream **stream, int parent, const struct definition *definition,
		   struct memory_budget *budget, struct error *err)
{
	static const char draft[] = "%new";
	autofree char *file = stream_file_name(definition->name);
	autoclose int dir = -1;
	autobuf struct buf text;

	buf_init(&text, DEFINITION_SIZE_MAX);
	definition_put(definition, &text);
	if (!path_remove_tree(parent, draft, err))
		return false;
	if (mkdirat(parent, draft, 0700) < 0 ||
	    (dir = openat(parent, draft, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return error_sys(err, "make stream \"%s\"", definition->name);
	if (!write_definition(dir, &text, err))
		return error_in(err, "make stream \"%s\"", definition->name);
	if (renameat(parent, draft, parent, file) < 0)
		return error_sys(err, "make stream \"%s\"", definition->name);
	return file_sync_dir(parent, ".", err) && stream_open(stream, parent, file, budget, err);
}

bool stream_redefine(struct stream *stream, const struct definition *definition, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, DEFINITION_SIZE_MAX);
	definition_put(definition, &text);
	return write_definition(stream->dir, &text, err) &&
	       set_definition(stream, text.data, text.length, err);
}

bool stream_destroy(struct stream *stream, int parent, int trash, struct error *err)
{
	autofree char *file = stream_file_name(stream->definition.name);

	if (!path_remove_tree(trash, file, err))
		return false;
	if (renameat(parent, file, trash, file) < 0)
		return error_sys(err, "remove stream \"%s\"", stream->definition.name);
	return file_sync_dir(parent, ".", err) && path_remove_tree(trash, file, err);
}

/* -- dropping -----------------------------------------------------------------------------------
 */

static int64_t first_end(const struct stream *stream)
{
	return stream->segment_count > 1 ? stream->segments[1].first : stream->next_sequence;
}

static bool drop_oldest(struct stream *stream, struct error *err)
{
	if (stream->segment_count == 1 && !segments_roll(stream, err))
		return false;
	if (stream->before_drop) {
		stream->is_dropping = true;
		stream->before_drop(stream, stream->segments[1].first);
		stream->is_dropping = false;
	}
	return segments_drop_oldest(stream, err);
}

bool stream_expire(struct stream *stream, int64_t now, struct error *err)
{
	int64_t ttl = stream->definition.ttl;

	while (ttl && stream->stored > 0) {
		/* The next one's first message is younger than all in this one. */
		int64_t newest = stream->segment_count > 1 && stream->segments[1].size > 0
					 ? stream->segments[1].time
					 : stream->newest_time;

		if (newest < CLOCK_IS_SET || now - newest <= ttl)
			break;
		if (!drop_oldest(stream, err))
			return error_in(err, "stream \"%s\"", stream->definition.name);
	}
	return true;
}

/* -- appending ----------------------------------------------------------------------------------
 */

static int64_t size_of_record(size_t length)
{
	return RECORD_HEAD_SIZE + (int64_t)length;
}

bool stream_could_hold(const struct stream *stream, size_t length)
{
	return length <= WIRE_MESSAGE_MAX && size_of_record(length) <= stream->definition.size_max;
}

/* A stream whose segment is as large as all of it would lose everything at once. */
static int64_t segment_size(const struct stream *stream)
{
	int64_t size = stream->definition.segment_size;
	int64_t share = stream->stored / SEGMENT_COUNT_AIM;

	if (size >= stream->definition.size_max)
		size = stream->definition.size_max / 4;
	if (size > SEGMENT_SIZE_MAX)
		size = SEGMENT_SIZE_MAX;
	return size > share ? size : share;
}

static bool make_room(struct stream *stream, int64_t size, struct error *err)
{
	bool may_drop = stream->definition.strategy == STRATEGY_OVERWRITE_OLDEST;

	while (size > stream->definition.size_max - stream->stored) {
		if (stream->stored == 0 || stream->is_dropping ||
		    (!may_drop && stream->finished < first_end(stream)))
			return error_set(err, ERROR_NO_SPACE,
					 "stream is full: %lld of %lld bytes are in use",
					 (long long)stream->stored,
					 (long long)stream->definition.size_max);
		if (!drop_oldest(stream, err))
			return false;
	}
	return true;
}

static bool take_from_budget(struct stream *stream, int64_t size, struct error *err)
{
	struct memory_budget *budget = stream->budget;

	if (stream->definition.persistence != PERSISTENCE_MEMORY)
		return true;
	if (size > budget->limit - budget->used) {
		error_set(err, ERROR_NO_SPACE,
			  "streams in memory may hold %lld bytes together, and %lld are in use",
			  (long long)budget->limit, (long long)budget->used);
		err->sys = ENOMEM;
		return false;
	}
	budget->used += size;
	return true;
}

static bool write_record(struct stream *stream, char head[RECORD_HEAD_SIZE], const void *payload,
			 size_t length, struct error *err)
{
	struct segment *active = segments_active(stream);
	struct iovec parts[] = { { head, RECORD_HEAD_SIZE },
				 { (void *)(uintptr_t)payload, length } };
	int64_t offset = active->start + active->size;
	ssize_t written = pwritev(stream->active_fd, parts, COUNT_OF(parts), offset);

	if (written == (ssize_t)size_of_record(length))
		return true;
	if (written >= 0)
		errno = ENOSPC; /* what a short write to a file means */
	error_sys(err, "write a message of stream \"%s\"", stream->definition.name);
	if (ftruncate(stream->active_fd, offset) < 0)
		err->sys = errno; /* the next start cuts it off */
	return false;
}

bool stream_append(struct stream *stream, uint32_t author, const void *payload, size_t length,
		   int64_t now, int64_t *sequence, struct error *err)
{
	struct record record = { .sequence = stream->next_sequence, .time = now, .author = author };
	int64_t size = size_of_record(length);
	char head[RECORD_HEAD_SIZE];

	if (!make_room(stream, size, err))
		return false;
	if (segments_active(stream)->size > 0 &&
	    segments_active(stream)->size + size > segment_size(stream) &&
	    !segments_roll(stream, err))
		return false;
	record_write_head(&record, payload, length, head);
	if (!take_from_budget(stream, size, err))
		return false;
	if (!write_record(stream, head, payload, length, err)) {
		if (stream->definition.persistence == PERSISTENCE_MEMORY)
			stream->budget->used -= size;
		return false;
	}

	struct segment *active = segments_active(stream);

	if (active->size == 0)
		active->time = now;
	active->size += size;
	stream->stored += size;
	stream->newest_time = now;
	*sequence = stream->next_sequence++;
	if (stream->definition.is_flushed && stream->definition.persistence == PERSISTENCE_FILE &&
	    fdatasync(stream->active_fd) < 0)
		return error_sys(err, "write a message of stream \"%s\" to the disk",
				 stream->definition.name);
	return true;
}

int64_t stream_newest(const struct stream *stream)
{
	return stream->next_sequence - 1;
}

int64_t stream_oldest(const struct stream *stream)
{
	return stream->segments[0].first;
}
