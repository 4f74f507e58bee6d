/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "lifecycle/stream/server.h"
#include "lifecycle/stream/wire.h"

/*
 * One client. Bytes are read into the server's scratch buffer and frames are taken from there as
 * they are; only what is left of a frame is kept. So an idle client costs a struct.
 *
 * Answers are gathered while the frames of one read are dealt with, and then sent at once.
 */

#define CONNECT_FRAME_MAX 4096 /* bytes, of who has not shown a token */
#define EARLY_ID_SIZE     300  /* of a request that is too large: its id is within */

static int64_t now(const struct session *session)
{
	return stream_clock_now(session->server->clock);
}

static size_t backlog(const struct session *session)
{
	return session->out.length - session->sent;
}

/* -- opening, closing ---------------------------------------------------------------------------
 */

/* Of answers that wait for an earlier one. */
static size_t held_bytes(const struct session *session)
{
	size_t bytes = 0;

	for (const struct pending *held = session->pending; held; held = held->next)
		bytes += held->frame.length;
	return bytes;
}

static bool is_full(const struct session *session)
{
	return backlog(session) + held_bytes(session) >= SESSION_BACKLOG_MAX ||
	       session->pending_count >= SESSION_PENDING_MAX;
}

/* One who has been told to go is read on, and not listened to: closing on what he has sent
 * would take back what he was told. */
static void want(struct session *session)
{
	bool is_held_off = session->is_starved || session->stage == SESSION_CHECKING ||
			   (session->stage != SESSION_CLOSING && is_full(session));
	bool may_read = !session->is_at_end && !session->is_dead && !is_held_off;

	loop_want(session->server->clock->loop, &session->watch,
		  (may_read ? LOOP_READ : 0) | (backlog(session) > 0 ? LOOP_WRITE : 0));
}

static void account(struct session *session)
{
	session->server->backlog += (int64_t)backlog(session) - session->counted;
	session->counted = (int64_t)backlog(session);
}

bool session_is_over(const struct session *session)
{
	if (session->is_dead)
		return true;
	return session->is_at_end && backlog(session) == 0 && !session->pending &&
	       !session->is_starved && session->stage != SESSION_CHECKING;
}

static void call_reaper(struct session *session)
{
	loop_arm(session->server->clock->loop, &session->server->reaper, 0);
}

static void release(struct session *session)
{
	if (session->reserved == 0)
		return;
	session->server->reserved -= session->reserved;
	session->reserved = 0;
	call_reaper(session); /* others may wait for it */
}

void session_close(struct session *session)
{
	struct server *server = session->server;

	for (struct session **link = &server->sessions; *link; link = &(*link)->next) {
		if (*link == session) {
			*link = session->next;
			break;
		}
	}
	server->session_count--;
	release(session);
	session_forget_pending(session);
	link_forget(server->link, &session->token_call);
	loop_unwatch(server->clock->loop, &session->watch);
	close(session->watch.fd);
	buf_done(&session->in);
	buf_done(&session->out);
	session->sent = 0;
	account(session);
	call_reaper(session);
	free(session->connect_id);
	free(session->version);
	free(session);
}

void session_abandon(struct session *session)
{
	buf_done(&session->out);
	session->sent = 0;
	account(session);
	session->is_dead = true;
	want(session);
	call_reaper(session);
}

/* -- sending ------------------------------------------------------------------------------------
 */

static bool has_room(const struct session *session)
{
	struct pollfd poll_fd = { .fd = session->watch.fd, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT);
}

static void finish_output(struct session *session)
{
	buf_done(&session->out);
	session->sent = 0;
	if (session->stage == SESSION_CLOSING && !session->is_dead)
		shutdown(session->watch.fd, SHUT_WR);
	if (session_is_over(session))
		call_reaper(session);
}

/* The kernel says that there is room only if there is a lot of it, so that a frame's first bytes do
 * not come alone: some clients cannot put them together again. */
void session_flush(struct session *session)
{
	bool was_full = is_full(session);

	while (backlog(session) > 0 && has_room(session)) {
		ssize_t count = send(session->watch.fd, session->out.data + session->sent,
				     backlog(session), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno != EAGAIN && errno != EINTR) {
			session_abandon(session);
			return;
		}
		if (count > 0) {
			session->sent += (size_t)count;
			session->since = now(session);
		}
	}
	if (backlog(session) == 0) {
		finish_output(session);
	} else if (session->sent > session->out.length / 2) {
		buf_consume(&session->out, session->sent);
		session->sent = 0;
	}
	if (was_full && !is_full(session) && session->in.length > 0) {
		session->is_starved = true; /* and no longer: requests that had to wait */
		call_reaper(session);
	}
	account(session);
	want(session);
}

static void on_writable(struct loop_watch *watch)
{
	struct session *session = watch->context;

	session_flush(session);
	if (session->stage == SESSION_OPEN && !is_full(session)) {
		session_wake(session, NULL);
		session_resume(session);
	}
	call_reaper(session); /* others may have waited until less is on its way */
}

/* -- greeting -----------------------------------------------------------------------------------
 */

/* The last thing he hears. */
static void refuse(struct session *session, const char *id, int status, const char *text)
{
	char version = WIRE_CONNECT_VERSION;

	buf_add(&session->out, &version, 1);
	answer_status(&session->out, WIRE_CONNECT_ANSWER, id ? id : "", status, text);
	session->stage = SESSION_CLOSING;
}

static void welcome(struct session *session)
{
	char version = WIRE_CONNECT_VERSION;
	struct buf *out = &session->out;

	buf_add(out, &version, 1);

	size_t start =
		answer_begin(out, WIRE_CONNECT_ANSWER, session->connect_id, WIRE_SUCCESS, "", 4);

	cbor_add_text(out, "protocolVersion", session->version);
	cbor_put_text(out, "supportedProtocolVersions");
	cbor_put_array(out, 2);
	cbor_put_text(out, "1.0.0");
	cbor_put_text(out, "1.1.0");
	cbor_add_text(out, "serverVersion", "mooring-" MOORING_VERSION);
	cbor_add_text(out, "clientIdentifier",
		      session->author
			      ? authors_name(&session->server->depot->authors, session->author)
			      : "anonymous");
	answer_end(out, start);
	session->stage = SESSION_OPEN;
}

static void on_token(struct link_call *call, struct link_answer *answer)
{
	struct session *session = call->context;
	const char *component = NULL;
	struct error err;

	if (!answer->is_ok)
		refuse(session, session->connect_id, WIRE_UNAUTHORIZED, answer->text);
	else if (!json_text(answer->json, "component", &component, &err) ||
		 !authors_number(&session->server->depot->authors, component, &session->author,
				 &err))
		refuse(session, session->connect_id, WIRE_FAILED_TO_CONNECT, err.text);
	else
		welcome(session);
	session_flush(session);
	session_resume(session);
}

static bool is_supported(const char *version)
{
	return strcmp(version, "1.1.0") == 0 || strcmp(version, "1.0.0") == 0;
}

static bool is_version(const char *text)
{
	int dots = 0;

	if (text[0] == '\0' || strspn(text, "0123456789.") != strlen(text))
		return false;
	for (; *text; text++)
		dots += *text == '.';
	return dots == 2;
}

/* The version he asks for, or the newest that both know; NULL: there is none. */
static const char *choose_version(struct arena *arena, const struct cbor *map, const char *wanted)
{
	const struct cbor *others = cbor_get(map, "otherSupportedProtocolVersions");
	const char *best = NULL;

	if (is_supported(wanted))
		return wanted;
	for (const struct cbor *other = others && others->type == CBOR_ARRAY ? others->child : NULL;
	     other; other = other->next) {
		const char *text = other->type != CBOR_TEXT
					   ? ""
					   : arena_strndup(arena, other->bytes, other->length);

		if (is_supported(text) && (!best || strcmp(text, best) > 0))
			best = text;
	}
	return best;
}

static void check_token(struct session *session, const char *token)
{
	struct error err;

	if (session->is_local || !session->server->does_authenticate) {
		welcome(session);
		return;
	}
	if (!token) {
		refuse(session, session->connect_id, WIRE_UNAUTHORIZED,
		       "no token: is AWS_CONTAINER_AUTHORIZATION_TOKEN in the environment?");
		return;
	}
	session->token_call = (struct link_call){ .on_answer = on_token, .context = session };
	session->stage = SESSION_CHECKING;
	if (!link_ask_token(session->server->link, &session->token_call, token, &err))
		refuse(session, session->connect_id, WIRE_FAILED_TO_CONNECT, err.text);
}

static void connect_client(struct session *session, uint8_t operation, const char *payload,
			   size_t length)
{
	autoarena struct arena arena = { 0 };
	const char *id = "", *wanted, *token;
	const struct cbor *map;
	struct error err;

	if (!cbor_parse(&arena, payload, length, &map, &err) ||
	    !cbor_text(&arena, map, "requestId", &id, &err)) {
		refuse(session, id, WIRE_FAILED_TO_CONNECT, err.text);
	} else if (operation != WIRE_CONNECT) {
		refuse(session, id, WIRE_UNEXPECTED_OPERATION, "the first request must be Connect");
	} else if (!cbor_text(&arena, map, "protocolVersion", &wanted, &err)) {
		refuse(session, id, WIRE_INVALID_VERSION, err.text);
	} else if (!is_version(wanted)) {
		refuse(session, id, WIRE_INVALID_VERSION,
		       "protocolVersion: expected three numbers");
	} else if (!cbor_text_or_null(&arena, map, "authToken", &token, &err)) {
		refuse(session, id, WIRE_UNAUTHORIZED, err.text);
	} else {
		const char *version = choose_version(&arena, map, wanted);

		session->connect_id = mem_strdup(id);
		session->version = mem_strdup(version);
		if (version)
			check_token(session, token);
		else
			refuse(session, id, WIRE_UNSUPPORTED_VERSION,
			       "supported are versions 1.1.0 and 1.0.0");
	}
}

/* -- frames -------------------------------------------------------------------------------------
 */

/* A large request is taken up when there is memory for it; until then its client is not read. */
static bool reserve(struct session *session, int64_t size)
{
	struct server *server = session->server;

	if (size <= SERVER_BIG_FRAME || session->reserved > 0)
		return true;
	if (server->reserved + size > SERVER_RESERVED_MAX) {
		session->is_starved = true;
		return false;
	}
	server->reserved += size;
	session->reserved = size;
	session->since = now(session);
	return true;
}

static bool must_wait(struct session *session, uint8_t operation)
{
	if (is_full(session))
		return true;
	if (operation == WIRE_READ && session->server->backlog > SERVER_BACKLOG_MAX) {
		session->is_starved = true;
		return true;
	}
	return false;
}

/* Too large to be read: an answer, so that the client does not wait for one, and on to the next. */
static size_t refuse_large(struct session *session, const struct wire_header *header,
			   const char *payload, size_t length)
{
	autofree char *id = NULL;
	struct buf *out;

	if (length < EARLY_ID_SIZE)
		return 0;
	id = wire_early_id(payload, length);
	if (session->stage != SESSION_OPEN || !id) {
		session_abandon(session);
		return 0;
	}
	out = session_answer(session, id);
	answer_status(out, wire_answer_to(header->operation), id, WIRE_REQUEST_TOO_LARGE,
		      "the request is larger than 32 MiB");
	session->discard = header->payload - (uint32_t)length;
	return WIRE_HEADER_SIZE + length;
}

/* Takes one frame from the front; gives the bytes it took, 0 if it is not there yet or must wait.
 */
static size_t take_frame(struct session *session, const char *bytes, size_t length)
{
	struct wire_header header;

	if (length < WIRE_HEADER_SIZE)
		return 0;
	if (!wire_read_header(bytes, &header) ||
	    (session->stage == SESSION_CONNECT && header.payload > CONNECT_FRAME_MAX)) {
		session_abandon(session);
		return 0;
	}
	length -= WIRE_HEADER_SIZE;
	if (header.payload > WIRE_FRAME_MAX)
		return refuse_large(session, &header, bytes + WIRE_HEADER_SIZE,
				    length < header.payload ? length : header.payload);
	if (!reserve(session, header.payload) || length < header.payload ||
	    must_wait(session, header.operation))
		return 0;
	if (session->stage == SESSION_CONNECT)
		connect_client(session, header.operation, bytes + WIRE_HEADER_SIZE, header.payload);
	else
		operation_run(session, header.operation, bytes + WIRE_HEADER_SIZE, header.payload);
	release(session);
	return WIRE_HEADER_SIZE + header.payload;
}

static size_t take_greeting(struct session *session, const char *bytes)
{
	session->stage = SESSION_CONNECT;
	if (bytes[0] != WIRE_CONNECT_VERSION)
		refuse(session, NULL, WIRE_BAD_CONNECT_VERSION,
		       "the first byte must be the connect version, 1");
	return 1;
}

/* Takes what it can; gives the bytes it took. */
static size_t take_all(struct session *session, const char *bytes, size_t length)
{
	size_t taken = 0, step;

	do {
		size_t left = length - taken;

		step = 0;
		if (left == 0)
			break;
		if (session->discard > 0) {
			step = left < session->discard ? left : session->discard;
			session->discard -= (uint32_t)step;
		} else if (session->stage == SESSION_GREETING) {
			step = take_greeting(session, bytes);
		} else if (session->is_dead) {
			step = 0;
		} else if (session->stage == SESSION_CLOSING) {
			step = left;
		} else if (session->stage != SESSION_CHECKING) {
			step = take_frame(session, bytes + taken, left);
		}
		taken += step;
	} while (step > 0);
	return taken;
}

void session_resume(struct session *session)
{
	size_t taken;

	session->is_starved = false;
	taken = take_all(session, session->in.data, session->in.length);
	buf_consume(&session->in, taken);
	if (session->in.length == 0)
		buf_done(&session->in);
	session_flush(session);
	if (session_is_over(session))
		call_reaper(session);
}

/* -- receiving ----------------------------------------------------------------------------------
 */

/* Into the scratch buffer if nothing is left of before, else behind what is. */
static ssize_t receive(struct session *session)
{
	bool has_rest = session->in.length > 0;
	char *to = has_rest ? buf_reserve(&session->in, SERVER_SCRATCH_SIZE)
			    : session->server->scratch;
	ssize_t count = recv(session->watch.fd, to, SERVER_SCRATCH_SIZE, MSG_DONTWAIT);

	if (count <= 0)
		return count;
	if (has_rest) {
		buf_commit(&session->in, (size_t)count);
	} else {
		size_t taken = take_all(session, to, (size_t)count);

		buf_add(&session->in, to + taken, (size_t)count - taken);
	}
	return count;
}

static void on_readable(struct loop_watch *watch)
{
	struct session *session = watch->context;
	ssize_t count = session->is_at_end ? 0 : receive(session);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count < 0)
		session_abandon(session);
	if (count == 0)
		session->is_at_end = true;
	session_resume(session);
}

void session_open(struct server *server, int fd, bool is_local)
{
	struct session *session = mem_alloc(sizeof(*session));

	session->server = server;
	session->is_local = is_local;
	session->since = stream_clock_now(server->clock);
	buf_init(&session->in, WIRE_HEADER_SIZE + WIRE_FRAME_MAX + SERVER_SCRATCH_SIZE);
	buf_init(&session->out, 4UL * WIRE_ANSWER_MAX);
	session->watch = (struct loop_watch){
		.fd = fd, .on_ready = on_readable, .on_writable = on_writable, .context = session
	};
	session->next = server->sessions;
	server->sessions = session;
	server->session_count++;
	loop_watch(server->clock->loop, &session->watch);
}

void session_sweep(struct session *session)
{
	int64_t waited = now(session) - session->since;
	bool keeps_waiting = session->stage != SESSION_OPEN || session->reserved > 0;

	if ((keeps_waiting && waited > SERVER_PATIENCE_MS) ||
	    (backlog(session) > 0 && waited > SERVER_PATIENCE_OUT_MS))
		session_close(session);
}
