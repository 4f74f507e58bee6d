/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <unistd.h>

#include "lifecycle/stream/segments.h"
#include "lifecycle/stream/stream.h"
#include "lifecycle/stream/wire.h"

/*
 * Reading: a sequence number leads to a segment by its name, and within it from head to head,
 * beginning at the nearest place that somebody has read to lately.
 */

#define WALK_STEP (64 * 1024)

static size_t find_segment(const struct stream *stream, int64_t sequence)
{
	size_t low = 0, high = stream->segment_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (stream->segments[middle].first <= sequence)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void start_near(const struct stream *stream, const struct segment *segment, int64_t sequence,
		       struct cursor *cursor)
{
	*cursor = (struct cursor){ .sequence = segment->first, .segment = segment->first };
	for (size_t i = 0; i < STREAM_HINTS; i++) {
		const struct cursor *hint = &stream->hints[i];

		if (hint->segment == segment->first && hint->sequence <= sequence &&
		    hint->sequence > cursor->sequence)
			*cursor = *hint;
	}
}

void stream_remember(struct stream *stream, const struct cursor *cursor)
{
	stream->hints[stream->hint] = *cursor;
	stream->hint = (stream->hint + 1) % STREAM_HINTS;
}

static bool damaged(const struct stream *stream, int64_t sequence, struct error *err)
{
	return error_set(err, ERROR_CORRUPT, "stream \"%s\": message %" PRId64 " is damaged",
			 stream->definition.name, sequence);
}

/* True if the head can be that of the cursor's record: the next one is found by its length. */
static bool is_plausible(const struct record *record, const struct cursor *cursor,
			 const struct segment *segment)
{
	return record->sequence == cursor->sequence && record->length <= WIRE_FRAME_MAX &&
	       cursor->offset + RECORD_HEAD_SIZE + (int64_t)record->length <= segment->size;
}

/* From head to head. Many heads are read at once where messages are small. */
static bool walk(struct stream *stream, const struct segment *segment, int64_t sequence,
		 struct cursor *cursor, struct error *err)
{
	autofree char *window = mem_alloc(WALK_STEP);
	int64_t window_start = 0;
	ssize_t window_size = 0;
	struct record record;
	int fd;

	if (!segments_reader(stream, segment, &fd, err))
		return false;
	while (cursor->sequence < sequence && cursor->offset < segment->size) {
		if (cursor->offset < window_start ||
		    cursor->offset + RECORD_HEAD_SIZE > window_start + window_size) {
			window_start = cursor->offset;
			window_size = pread(fd, window, WALK_STEP, segment->start + window_start);
			if (window_size < RECORD_HEAD_SIZE)
				return damaged(stream, cursor->sequence, err);
		}
		record_read_head(window + (cursor->offset - window_start), &record);
		if (!is_plausible(&record, cursor, segment))
			return damaged(stream, cursor->sequence, err);
		cursor->offset += RECORD_HEAD_SIZE + (int64_t)record.length;
		cursor->sequence++;
	}
	return true;
}

bool stream_seek(struct stream *stream, int64_t sequence, struct cursor *cursor, struct error *err)
{
	if (sequence < stream_oldest(stream))
		sequence = stream_oldest(stream);
	if (sequence > stream->next_sequence)
		sequence = stream->next_sequence;

	const struct segment *segment = &stream->segments[find_segment(stream, sequence)];

	start_near(stream, segment, sequence, cursor);
	return cursor->sequence == sequence || walk(stream, segment, sequence, cursor, err);
}

bool stream_peek(struct stream *stream, struct cursor *cursor, struct record *record,
		 bool *is_there, struct error *err)
{
	size_t i = find_segment(stream, cursor->sequence);
	const struct segment *segment = &stream->segments[i];
	char head[RECORD_HEAD_SIZE];
	int fd;

	*is_there = false;
	if (segment->first > cursor->sequence) /* dropped meanwhile */
		*cursor = (struct cursor){ segment->first, segment->first, 0 };
	while (cursor->segment != segment->first || cursor->offset >= segment->size) {
		if (cursor->segment == segment->first && ++i == stream->segment_count)
			return true;
		segment = &stream->segments[i];
		*cursor = (struct cursor){ segment->first, segment->first, 0 };
	}
	if (!segments_reader(stream, segment, &fd, err))
		return false;
	if (pread(fd, head, sizeof(head), segment->start + cursor->offset) != (ssize_t)sizeof(head))
		return damaged(stream, cursor->sequence, err);
	record_read_head(head, record);
	if (!is_plausible(record, cursor, segment))
		return damaged(stream, cursor->sequence, err);
	*is_there = true;
	return true;
}

bool stream_take(struct stream *stream, struct cursor *cursor, const struct record *record,
		 struct buf *out, struct error *err)
{
	const struct segment *segment = &stream->segments[find_segment(stream, cursor->sequence)];
	char *to = buf_reserve(out, record->length);
	int fd;

	if (!to)
		return error_set(err, ERROR_INPUT, "message %" PRId64 " does not fit",
				 cursor->sequence);
	if (!segments_reader(stream, segment, &fd, err))
		return false;
	if (pread(fd, to, record->length, segment->start + cursor->offset + RECORD_HEAD_SIZE) !=
		    (ssize_t)record->length ||
	    !record_is_sound(record, to))
		return damaged(stream, cursor->sequence, err);
	buf_commit(out, record->length);
	cursor->offset += RECORD_HEAD_SIZE + (int64_t)record->length;
	cursor->sequence++;
	return true;
}

void stream_skip_segment(struct stream *stream, struct cursor *cursor)
{
	size_t next = find_segment(stream, cursor->sequence) + 1;

	*cursor = next < stream->segment_count
			  ? (struct cursor){ stream->segments[next].first,
					     stream->segments[next].first, 0 }
			  : (struct cursor){ stream->next_sequence, segments_active(stream)->first,
					     segments_active(stream)->size };
}
