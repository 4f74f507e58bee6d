/* SPDX-License-Identifier: Apache-2.0 */
#include "image/fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "base/passfd.h"
#include "image/limits.h"
#include "image/report.h"

/* More different things no registry has to say in one pull. */
#define WARNINGS_MAX  16
#define NOTICED_MS    1000
#define LIMIT_WAIT_MS (24LL * 60 * 60 * 1000)

/* -- replies ------------------------------------------------------------------------------------
 */

void fetcher_done(struct fetcher *fetcher)
{
	arena_done(&fetcher->arena);
	fetcher->told = (struct texts){ 0 };
}

/* Every reply brings them again: each is passed on once. */
static bool tell_warnings(struct fetcher *fetcher, const struct json *root, struct error *err)
{
	autofree char *copy = NULL;
	const char *warnings;
	char *rest;

	if (!json_text_or(root, "warnings", "", &warnings, err))
		return false;
	rest = copy = mem_strdup(warnings);
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		autofree char *text = mem_printf("The registry says: %s", line);

		if (!*line || texts_has(&fetcher->told, text) ||
		    fetcher->told.count == WARNINGS_MAX)
			continue;
		texts_add_in(&fetcher->told, &fetcher->arena, arena_strdup(&fetcher->arena, text));
		report_notice(text);
	}
	return true;
}

/* Who waits for long should say for what: once, not each second as mooring-fetch does, and not for
 * moments. */
static bool tell_wait(struct fetcher *fetcher, const struct json *root, struct error *err)
{
	const char *why;
	int64_t left_ms;

	if (!json_text_or(root, "waiting", NULL, &why, err) ||
	    !json_int_or(root, "wait_ms", 0, &left_ms, err))
		return false;
	if (!why || left_ms < NOTICED_MS || left_ms > LIMIT_WAIT_MS ||
	    clock_ms() + left_ms < fetcher->waits_until_ms + NOTICED_MS)
		return true;

	autofree char *text = mem_printf("%s: trying again in %lld seconds", why,
					 (long long)(left_ms + 999) / 1000);

	fetcher->waits_until_ms = clock_ms() + left_ms;
	report_notice(text);
	return true;
}

static bool parse_failure(const struct json *root, struct fetch_reply *reply, struct error *err)
{
	const char *kind, *text;

	if (!json_text_or(root, "kind", "system", &kind, err) ||
	    !json_text_or(root, "text", "mooring-fetch gave no reason", &text, err))
		return false;
	reply->state = FETCH_FAILED;
	error_set(&reply->err, error_kind_of_word(kind), "%s", text);
	return true;
}

static bool parse_success(const struct json *root, struct fetch_reply *reply, struct error *err)
{
	const char *media_type, *digest;

	if (!json_text_or(root, "media_type", "", &media_type, err) ||
	    !json_text_or(root, "digest", "", &digest, err) ||
	    !json_int_or(root, "size", 0, &reply->bytes, err) ||
	    !json_int_or(root, "whole", 0, &reply->whole, err) ||
	    !json_bool_or(root, "mounted", false, &reply->is_mounted, err))
		return false;
	reply->state = FETCH_DONE;
	if (strlen(media_type) > MEDIA_TYPE_MAX)
		return error_set(err, ERROR_INPUT, "media type is too long");
	memcpy(reply->media_type, media_type, strlen(media_type) + 1);
	return digest[0] == '\0' || digest_parse(&reply->digest, digest, err);
}

static bool parse_reply(struct fetcher *fetcher, const char *packet, size_t length,
			struct fetch_reply *reply, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	bool is_ok;

	*reply = (struct fetch_reply){ .state = FETCH_PROGRESS };
	if (!json_parse(&arena, "mooring-fetch's reply", packet, length, &root, err) ||
	    !json_int(root, "id", &reply->id, err))
		return false;
	if (!json_get(root, "ok"))
		return json_int_or(root, "progress", 0, &reply->bytes, err) &&
		       tell_wait(fetcher, root, err);
	return json_bool_or(root, "ok", false, &is_ok, err) && tell_warnings(fetcher, root, err) &&
	       (is_ok ? parse_success(root, reply, err) : parse_failure(root, reply, err));
}

bool fetcher_receive(struct fetcher *fetcher, struct fetch_reply *reply, struct error *err)
{
	autofree char *packet = mem_alloc(LIMIT_FETCH_PACKET);
	ssize_t length;

	while ((length = recv(fetcher->socket, packet, LIMIT_FETCH_PACKET, 0)) < 0 &&
	       errno == EINTR)
		;
	if (length < 0)
		return error_sys(err, "receive from mooring-fetch");
	if (length == 0)
		return error_set(err, ERROR_SYSTEM, "mooring-fetch ended unexpectedly");
	return parse_reply(fetcher, packet, (size_t)length, reply, err);
}

/* -- requests -----------------------------------------------------------------------------------
 */

struct request {
	struct buf text;
	struct jsonout out;
};

static void begin(struct fetcher *fetcher, struct request *request, const char *op,
		  const char *reference)
{
	buf_init(&request->text, LIMIT_FETCH_PACKET);
	jsonout_init(&request->out, &request->text, false);
	jsonout_object(&request->out, NULL);
	jsonout_int(&request->out, "id", ++fetcher->last_id);
	jsonout_text(&request->out, "op", op);
	if (reference)
		jsonout_text(&request->out, "reference", reference);
	if (fetcher->is_from_origin)
		jsonout_bool(&request->out, "origin", true);
}

/* `to` is for the reply's body, `from` the request's, or -1. */
static bool send_request(struct fetcher *fetcher, struct request *request, int to, int from,
			 struct error *err)
{
	jsonout_object_end(&request->out);
	jsonout_done(&request->out);

	const int fds[] = { to, from };
	bool is_sent = buf_check(&request->text, "request", err) &&
		       (passfd_send(fetcher->socket, request->text.data, request->text.length, fds,
				    from >= 0 ? 2 : 1, 0) >= 0 ||
			error_sys(err, "ask mooring-fetch"));

	buf_done(&request->text);
	return is_sent;
}

bool fetcher_request_blob(struct fetcher *fetcher, const struct fetch_blob *blob, int64_t *id,
			  struct error *err)
{
	struct request request;

	begin(fetcher, &request, "blob", blob->reference);
	jsonout_text(&request.out, "digest", blob->digest->text);
	jsonout_text(&request.out, "part", "filesystem layer");
	jsonout_int(&request.out, "size", blob->size);
	jsonout_int(&request.out, "offset", blob->offset);
	*id = fetcher->last_id;
	return send_request(fetcher, &request, blob->to, -1, err);
}

bool fetcher_request_object(struct fetcher *fetcher, const struct fetch_object *object, int64_t *id,
			    struct error *err)
{
	struct request request;

	begin(fetcher, &request, "s3", NULL);
	jsonout_text(&request.out, "uri", object->uri);
	jsonout_int(&request.out, "offset", object->offset);
	if (object->length >= 0)
		jsonout_int(&request.out, "length", object->length);
	*id = fetcher->last_id;
	return send_request(fetcher, &request, object->to, -1, err);
}

/* -- small things -------------------------------------------------------------------------------
 */

static bool is_answer(const struct fetcher *fetcher, const struct fetch_reply *reply)
{
	return reply->id == fetcher->last_id && reply->state != FETCH_PROGRESS;
}

static bool take_answer(const struct fetch_reply *reply, struct error *err)
{
	if (reply->state == FETCH_FAILED)
		*err = reply->err;
	return reply->state == FETCH_DONE;
}

/* The final reply to the last request; `push` is told of what happens before, or NULL. */
static bool wait_reply(struct fetcher *fetcher, const struct fetch_push *push,
		       struct fetch_reply *reply, struct error *err)
{
	do {
		if (!fetcher_receive(fetcher, reply, err))
			return false;
		if (push && push->on_sent && reply->state == FETCH_PROGRESS)
			push->on_sent(push->context, reply->bytes);
	} while (!is_answer(fetcher, reply));
	return take_answer(reply, err);
}

/* Until the body begins: what it waits for should be told meanwhile, not afterwards. */
static bool wait_body(struct fetcher *fetcher, int from, struct fetch_reply *reply,
		      struct error *err)
{
	struct pollfd polls[] = { { .fd = from, .events = POLLIN },
				  { .fd = fetcher->socket, .events = POLLIN } };

	while (!is_answer(fetcher, reply)) {
		if (poll(polls, COUNT_OF(polls), -1) < 0 && errno != EINTR)
			return error_sys(err, "wait");
		if (polls[0].revents)
			return true;
		if (polls[1].revents && !fetcher_receive(fetcher, reply, err))
			return false;
	}
	return true;
}

/* The body first, then the reply; an endless body ends at the buffer's limit. */
static bool read_body(struct fetcher *fetcher, int from, struct buf *body,
		      struct fetch_reply *reply, struct error *err)
{
	*reply = (struct fetch_reply){ .state = FETCH_PROGRESS };
	if (!wait_body(fetcher, from, reply, err) ||
	    !file_read_fd(from, "the registry's answer", body, err))
		return false;
	return is_answer(fetcher, reply) ? take_answer(reply, err)
					 : wait_reply(fetcher, NULL, reply, err);
}

/* Sends the request with the writing end of a pipe, and reads the other. */
static bool ask_with(struct fetcher *fetcher, struct request *request, int from_file,
		     struct buf *body, struct fetch_reply *reply, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		buf_done(&request->text);
		jsonout_done(&request->out);
		return error_sys(err, "make a pipe");
	}

	autoclose int from = ends[0];
	bool is_sent = send_request(fetcher, request, ends[1], from_file, err);

	mem_cleanup_close(&ends[1]);
	return is_sent && read_body(fetcher, from, body, reply, err);
}

static bool ask(struct fetcher *fetcher, struct request *request, struct buf *body,
		struct fetch_reply *reply, struct error *err)
{
	return ask_with(fetcher, request, -1, body, reply, err);
}

bool fetcher_read_manifest(struct fetcher *fetcher, const char *reference, struct buf *body,
			   struct fetch_reply *reply, struct error *err)
{
	struct request request;

	begin(fetcher, &request, "manifest", reference);
	jsonout_text(&request.out, "accept", "index");
	return ask(fetcher, &request, body, reply, err);
}

bool fetcher_read_blob(struct fetcher *fetcher, const char *reference, const struct digest *digest,
		       int64_t size, struct buf *body, struct error *err)
{
	struct fetch_reply reply;
	struct request request;
	struct digest got;

	begin(fetcher, &request, "blob", reference);
	jsonout_text(&request.out, "digest", digest->text);
	jsonout_text(&request.out, "part", "image config");
	jsonout_int(&request.out, "size", size);
	if (!ask(fetcher, &request, body, &reply, err))
		return false;
	hash_digest(body->data ? body->data : "", body->length, &got);
	if ((int64_t)body->length != size || !digest_is_equal(&got, digest))
		return error_set(err, ERROR_CORRUPT,
				 "image config verification failed for digest %s", digest->text);
	return true;
}

/* The reply has no body. */
static bool ask_for_nothing(struct fetcher *fetcher, struct request *request, int from,
			    struct fetch_reply *reply, struct error *err)
{
	autobuf struct buf nothing;

	buf_init(&nothing, 0);
	return ask_with(fetcher, request, from, &nothing, reply, err);
}

bool fetcher_head_manifest(struct fetcher *fetcher, const char *reference,
			   struct fetch_reply *reply, struct error *err)
{
	struct request request;

	begin(fetcher, &request, "manifest", reference);
	jsonout_text(&request.out, "accept", "index");
	jsonout_bool(&request.out, "head", true);
	return ask_for_nothing(fetcher, &request, -1, reply, err);
}

/* -- pushing ------------------------------------------------------------------------------------
 */

bool fetcher_look(struct fetcher *fetcher, const char *reference, const struct digest *digest,
		  const char *from, enum fetch_look *found, struct error *err)
{
	struct fetch_reply reply = { 0 };
	struct request request;

	begin(fetcher, &request, "look", reference);
	jsonout_text(&request.out, "digest", digest->text);
	if (from)
		jsonout_text(&request.out, "from", from);
	bool is_there = ask_for_nothing(fetcher, &request, -1, &reply, err);

	*found = !is_there ? FETCH_ABSENT : reply.is_mounted ? FETCH_MOUNTED : FETCH_THERE;
	if (is_there || reply.state != FETCH_FAILED)
		return is_there;
	/* A token server may refuse all for what is asked of the other repository. */
	if (from && reply.err.kind == ERROR_DENIED)
		return fetcher_look(fetcher, reference, digest, NULL, found, err);
	return reply.err.kind == ERROR_NOT_FOUND;
}

/* The reply has no body, so what is sent can be watched; the pipe's other end is needed only to be
 * there. */
static bool send_watched(struct fetcher *fetcher, struct request *request,
			 const struct fetch_push *push, struct error *err)
{
	struct fetch_reply reply;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		buf_done(&request->text);
		jsonout_done(&request->out);
		return error_sys(err, "make a pipe");
	}

	bool is_done = send_request(fetcher, request, ends[1], push->body, err);

	close(ends[1]);
	is_done = is_done && wait_reply(fetcher, push, &reply, err);
	close(ends[0]);
	return is_done;
}

bool fetcher_push_blob(struct fetcher *fetcher, const struct fetch_push *push, struct error *err)
{
	struct request request;

	begin(fetcher, &request, "push-blob", push->reference);
	jsonout_text(&request.out, "digest", push->digest->text);
	jsonout_int(&request.out, "body_size", push->size);
	return send_watched(fetcher, &request, push, err);
}

bool fetcher_push_manifest(struct fetcher *fetcher, const char *reference, const char *media_type,
			   int64_t size, int body, struct error *err)
{
	struct fetch_reply reply;
	struct request request;

	begin(fetcher, &request, "push-manifest", reference);
	jsonout_text(&request.out, "media_type", media_type);
	jsonout_int(&request.out, "body_size", size);
	return ask_for_nothing(fetcher, &request, body, &reply, err);
}
