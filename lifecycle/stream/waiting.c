/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "lifecycle/stream/server.h"
#include "lifecycle/stream/wire.h"

/* Clients give up at the very moment that they let a read wait for, and a late answer is the end of
 * their connection: ours comes a little earlier. */
#define MARGIN_MS 50

static bool is_read(const struct pending *pending)
{
	return pending->stream != NULL;
}

static struct pending *add_pending(struct session *session, const char *id)
{
	struct pending **end = &session->pending;
	struct pending *pending = mem_alloc(sizeof(*pending));

	while (*end)
		end = &(*end)->next;
	*end = pending;
	pending->session = session;
	pending->id = mem_strdup(id);
	session->pending_count++;
	return pending;
}

static void remove_pending(struct pending *pending)
{
	struct session *session = pending->session;

	for (struct pending **link = &session->pending; *link; link = &(*link)->next) {
		if (*link == pending) {
			*link = pending->next;
			break;
		}
	}
	session->pending_count--;
	loop_disarm(session->server->clock->loop, &pending->timer);
	buf_done(&pending->frame);
	free(pending->stream);
	free(pending->id);
	free(pending);
}

void session_forget_pending(struct session *session)
{
	while (session->pending)
		remove_pending(session->pending);
}

struct buf *session_answer(struct session *session, const char *id)
{
	for (struct pending *pending = session->pending; pending; pending = pending->next) {
		if (is_read(pending) && strcmp(pending->id, id) == 0) {
			struct pending *held = add_pending(session, id);

			buf_init(&held->frame, WIRE_HEADER_SIZE + WIRE_ANSWER_MAX);
			return &held->frame;
		}
	}
	return &session->out;
}

/* Answers that were only held back by this one, up to the next read of the same id. */
static void release_held(struct session *session, const char *id)
{
	struct pending *next;

	for (struct pending *pending = session->pending; pending; pending = next) {
		next = pending->next;
		if (strcmp(pending->id, id) != 0)
			continue;
		if (is_read(pending))
			break;
		buf_add(&session->out, pending->frame.data, pending->frame.length);
		remove_pending(pending);
	}
}

static bool has_earlier(const struct pending *read)
{
	const struct pending *pending = read->session->pending;

	for (; pending != read; pending = pending->next)
		if (is_read(pending) && strcmp(pending->id, read->id) == 0)
			return true;
	return false;
}

/* Of a read it becomes an answer that is held back. */
static void hold(struct pending *read)
{
	buf_init(&read->frame, WIRE_HEADER_SIZE + WIRE_ANSWER_MAX);
	operation_answer_read(read->session, read, &read->frame);
	loop_disarm(read->session->server->clock->loop, &read->timer);
	free(read->stream);
	read->stream = NULL;
}

static void complete(struct pending *read)
{
	struct session *session = read->session;
	autofree char *id = mem_strdup(read->id);

	if (has_earlier(read)) {
		hold(read);
		return;
	}
	operation_answer_read(session, read, &session->out);
	remove_pending(read);
	release_held(session, id);
}

static void on_timeout(struct loop_timer *timer)
{
	struct pending *read = timer->context;
	struct session *session = read->session;

	complete(read);
	session_flush(session);
}

void session_wait(struct session *session, const char *id, const char *stream,
		  const struct pending *options, int64_t milliseconds)
{
	struct pending *read = add_pending(session, id);
	int64_t margin = milliseconds / 4 < MARGIN_MS ? milliseconds / 4 : MARGIN_MS;

	read->stream = mem_strdup(stream);
	read->start = options->start;
	read->least = options->least;
	read->most = options->most;
	read->timer = (struct loop_timer){ .on_expiry = on_timeout, .context = read };
	loop_arm(session->server->clock->loop, &read->timer, milliseconds - margin);
}

static bool is_due(const struct pending *read)
{
	const struct stream *stream = depot_find(read->session->server->depot, read->stream);
	int64_t start = read->start;

	if (!stream)
		return true;
	if (start < stream_oldest(stream))
		start = stream_oldest(stream);
	return stream->next_sequence - start >= read->least;
}

/* Who does not fetch his answers waits on, so that they cannot fill our memory. */
void session_wake(struct session *session, const char *stream)
{
	struct pending *pending = session->pending;
	bool has_answered = false;

	while (pending && session->out.length - session->sent < SESSION_BACKLOG_MAX) {
		if (is_read(pending) && (!stream || strcmp(pending->stream, stream) == 0) &&
		    is_due(pending)) {
			complete(pending);
			has_answered = true;
			pending = session->pending; /* others may have gone with it */
			continue;
		}
		pending = pending->next;
	}
	if (has_answered)
		session_flush(session);
}

void server_wake_readers(struct server *server, const char *stream)
{
	for (struct session *session = server->sessions; session; session = session->next)
		if (session->pending)
			session_wake(session, stream);
}
