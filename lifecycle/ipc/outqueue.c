/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/outqueue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define KEEP_MAX 4096 /* an empty queue with a larger buffer gives it back */

void outqueue_init(struct outqueue *queue)
{
	*queue = (struct outqueue){ 0 };
	buf_init(&queue->bytes, OUTQUEUE_MAX);
}

void outqueue_done(struct outqueue *queue)
{
	buf_done(&queue->bytes);
	free(queue->notes);
	*queue = (struct outqueue){ 0 };
}

size_t outqueue_waiting(const struct outqueue *queue)
{
	return queue->bytes.length - queue->sent;
}

void outqueue_note(struct outqueue *queue, int32_t stream)
{
	if (queue->first + queue->count == queue->capacity) {
		if (queue->first > queue->capacity / 2) {
			memmove(queue->notes, queue->notes + queue->first,
				queue->count * sizeof(*queue->notes));
			queue->first = 0;
		} else {
			queue->capacity = queue->capacity ? queue->capacity * 2 : 8;
			queue->notes =
				mem_resize(queue->notes, queue->capacity, sizeof(*queue->notes));
		}
	}
	queue->notes[queue->first + queue->count++] = (struct outqueue_note){
		.length = (uint32_t)(queue->bytes.length - queue->noted),
		.stream = stream,
	};
	queue->noted = queue->bytes.length;
}

/* Takes the messages that have been written to their end off the front. */
static void compact(struct outqueue *queue)
{
	size_t gone = 0;

	while (queue->count && gone + queue->notes[queue->first].length <= queue->sent) {
		gone += queue->notes[queue->first].length;
		queue->first++;
		queue->count--;
	}
	buf_consume(&queue->bytes, gone);
	queue->sent -= gone;
	queue->noted -= gone;
}

/* Drops events, the oldest first, until at least `wanted` bytes are gone: those of `stream`, or of
 * any if it is 0. */
static size_t drop(struct outqueue *queue, int32_t stream, size_t wanted)
{
	struct outqueue_note *notes = queue->notes + queue->first;
	size_t from = 0, to = 0, kept = 0, dropped = 0, freed = 0;

	for (size_t i = 0; i < queue->count; i++) {
		struct outqueue_note note = notes[i];
		bool is_chosen = note.stream && (!stream || note.stream == stream);

		if (is_chosen && freed < wanted && from >= queue->sent) {
			freed += note.length;
			dropped++;
		} else {
			memmove(queue->bytes.data + to, queue->bytes.data + from, note.length);
			to += note.length;
			notes[kept++] = note;
		}
		from += note.length;
	}
	assert(from == queue->bytes.length);
	queue->bytes.length = queue->noted = to;
	queue->count = kept;
	return dropped;
}

size_t outqueue_make_room(struct outqueue *queue, int32_t stream)
{
	if (outqueue_waiting(queue) < OUTQUEUE_EVENTS_MAX)
		return 0;
	compact(queue);

	size_t target = OUTQUEUE_EVENTS_MAX / 4 * 3;
	size_t dropped = drop(queue, stream, outqueue_waiting(queue) - target);

	if (outqueue_waiting(queue) > target)
		dropped += drop(queue, 0, outqueue_waiting(queue) - target);
	return dropped;
}

void outqueue_forget(struct outqueue *queue, int32_t stream)
{
	if (!queue->count)
		return;
	compact(queue);
	drop(queue, stream, SIZE_MAX);
}

bool outqueue_flush(struct outqueue *queue, int fd, bool *is_moving, struct error *err)
{
	*is_moving = false;
	while (outqueue_waiting(queue)) {
		ssize_t count = send(fd, queue->bytes.data + queue->sent, outqueue_waiting(queue),
				     MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			break;
		if (count < 0)
			return error_sys(err, "write to a client");
		queue->sent += (size_t)count;
		*is_moving = true;
	}
	if (outqueue_waiting(queue) && queue->sent < OUTQUEUE_EVENTS_MAX / 4)
		return true; /* not worth the copying yet */
	compact(queue);
	if (!queue->count && queue->bytes.capacity > KEEP_MAX) {
		buf_done(&queue->bytes);
		free(queue->notes);
		queue->notes = NULL;
		queue->first = queue->capacity = 0;
	} else if (!queue->count) {
		queue->first = 0;
	}
	return true;
}
