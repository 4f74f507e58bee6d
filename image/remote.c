/* SPDX-License-Identifier: Apache-2.0 */
#include "image/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define STEP_FIRST (16 << 10) /* a header, and the document behind it */

/* Asks for a part of the object; *from is the caller's, and what it brings. */
static bool request(struct remote *remote, int64_t offset, int64_t length, int *from, int64_t *id,
		    struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* a wish */

	const struct fetch_object object = {
		.uri = remote->uri, .offset = offset, .length = length, .to = ends[1]
	};
	autoclose int reading = ends[0];
	bool is_asked = fetcher_request_object(&remote->fetcher, &object, id, err);

	/* Closed first: who holds the writing end would wait for itself. */
	mem_cleanup_close(&ends[1]);
	if (is_asked)
		*from = take_fd(&reading);
	return is_asked;
}

/* -- a piece at a time --------------------------------------------------------------------------
 */

static bool read_all(int from, char *to, size_t count, size_t *got, struct error *err)
{
	for (*got = 0; *got < count;) {
		ssize_t step = read(from, to + *got, count - *got);

		if (step < 0 && errno == EINTR)
			continue;
		if (step < 0)
			return error_sys(err, "read the archive");
		if (step == 0)
			break;
		*got += (size_t)step;
	}
	return true;
}

/* No layer is being read meanwhile. */
static bool read_part(struct remote *remote, void *to, size_t count, struct fetch_reply *reply,
		      struct error *err)
{
	autoclose int from = -1;
	int64_t id;
	size_t got;

	if (!request(remote, remote->at, (int64_t)count, &from, &id, err) ||
	    !read_all(from, to, count, &got, err))
		return false;
	do {
		if (!fetcher_receive(&remote->fetcher, reply, err))
			return false;
	} while (reply->id != id || reply->state == FETCH_PROGRESS);
	if (reply->state == FETCH_FAILED) {
		*err = reply->err;
		return false;
	}
	if (got < count)
		return error_set(err, ERROR_CORRUPT, "%s: unexpected EOF", remote->uri);
	remote->at += (int64_t)got;
	return true;
}

bool remote_open(struct remote *remote, int fetch, const char *uri, struct error *err)
{
	struct fetch_reply reply;

	*remote = (struct remote){ .fetcher = { .socket = fetch }, .uri = uri, .step = STEP_FIRST };
	if (!read_part(remote, remote->head, REMOTE_HEAD, &reply, err))
		return false;
	remote->size = reply.whole;
	return remote->size >= REMOTE_HEAD ||
	       error_set(err, ERROR_UNSUPPORTED, "%s: the server does not say how long it is", uri);
}

bool remote_read(struct remote *remote, void *to, size_t room, size_t *count, struct error *err)
{
	int64_t left = remote->size - remote->at;
	struct fetch_reply reply;

	*count = remote->step < room ? remote->step : room;
	if ((int64_t)*count > left)
		*count = (size_t)left;
	remote->step *= 2;
	if (remote->step > room)
		remote->step = room;
	return *count == 0 || read_part(remote, to, *count, &reply, err);
}

void remote_skip(struct remote *remote, int64_t count)
{
	remote->at += count;
	remote->step = STEP_FIRST;
}

/* -- layers -------------------------------------------------------------------------------------
 */

static struct remote_layer *find(struct remote *remote, const struct stage *stage)
{
	for (size_t i = 0; i < LAYERS_AT_ONCE; i++)
		if (remote->layers[i].stage == stage)
			return &remote->layers[i];
	return NULL;
}

static bool start(struct remote *remote, const struct stage *stage, int64_t offset, int64_t length,
		  int *from, struct error *err)
{
	struct remote_layer *layer = find(remote, NULL);

	if (!layer)
		return error_set(err, ERROR_SYSTEM, "more than %d layers at once", LAYERS_AT_ONCE);
	if (!request(remote, offset, length, from, &layer->id, err))
		return false;
	layer->stage = stage;
	layer->is_answered = false;
	return true;
}

bool remote_stream(struct remote *remote, const struct stage *stage, int *from, struct error *err)
{
	return start(remote, stage, 0, -1, from, err);
}

bool remote_start(struct remote *remote, int64_t offset, int64_t size, struct stage *stage,
		  struct error *err)
{
	autoclose int from = -1;

	if (!start(remote, stage, offset, size, &from, err))
		return false;

	const struct pump_source source = { .fd = from, .offset = -1, .size = size };

	return stage_start(stage, &source, err);
}

/* Answers come in any order. */
static bool await(struct remote *remote, const struct remote_layer *wanted, struct error *err)
{
	while (!wanted->is_answered) {
		struct fetch_reply reply;

		if (!fetcher_receive(&remote->fetcher, &reply, err))
			return false;
		for (size_t i = 0; i < LAYERS_AT_ONCE; i++) {
			struct remote_layer *layer = &remote->layers[i];

			if (!layer->stage || layer->id != reply.id || reply.state == FETCH_PROGRESS)
				continue;
			layer->is_answered = true;
			layer->reply = reply;
		}
	}
	return true;
}

/* If mooring-fetch only lost its reader, the reader knows better. */
bool remote_finish(struct remote *remote, const struct stage *stage, bool is_good,
		   struct error *err)
{
	struct remote_layer *layer = find(remote, stage);
	struct error problem;

	if (!layer)
		return is_good;

	bool is_answered = await(remote, layer, &problem);

	layer->stage = NULL;
	if (is_answered && layer->reply.state == FETCH_DONE)
		return is_good;
	if (is_answered)
		problem = layer->reply.err;
	if (is_good || problem.kind != ERROR_SYSTEM)
		*err = problem;
	return false;
}
