/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/passfd.h"

#define PACKET_MAX    65536
#define IDLE_MS       30000
#define TOTAL_SECONDS 3600 /* for one request: 5 MiB at 12 kbit/s */

/* -- one call -----------------------------------------------------------------------------------
 */

static void drop_call(struct fetcher *fetcher, struct fetch_call *call)
{
	for (struct fetch_call **link = &fetcher->calls; *link; link = &(*link)->next) {
		if (*link == call) {
			*link = call->next;
			break;
		}
	}
	call->id = 0;
	free(call->packet);
	call->packet = NULL;
	drop_fd(&call->body_fd);
	drop_fd(&call->reply_fd);
	if (!fetcher->calls)
		loop_arm(fetcher->clock->loop, &fetcher->idle, IDLE_MS);
}

static void fail_call(struct fetcher *fetcher, struct fetch_call *call, enum error_kind kind,
		      const char *text)
{
	struct fetch_reply reply = { .has_failed = true, .kind = kind, .text = text };

	buf_init(&reply.body, 0);
	drop_call(fetcher, call);
	call->on_reply(call, &reply);
}

void fetcher_forget(struct fetcher *fetcher, struct fetch_call *call)
{
	if (call->id)
		drop_call(fetcher, call);
}

/* -- the program --------------------------------------------------------------------------------
 */

static void let_go(struct fetcher *fetcher)
{
	if (fetcher->control.fd < 0)
		return;
	loop_unwatch(fetcher->clock->loop, &fetcher->control);
	drop_fd(&fetcher->control.fd);
}

/* Who asks again from inside on_reply asks a new one. */
static void fail_all(struct fetcher *fetcher, enum error_kind kind, const char *text)
{
	int64_t newest = fetcher->next_id - 1;
	struct fetch_call *call;

	for (;;) {
		for (call = fetcher->calls; call && call->id > newest; call = call->next)
			;
		if (!call)
			break;
		fail_call(fetcher, call, kind, text);
	}
}

static void send_call(struct fetcher *fetcher, struct fetch_call *call)
{
	int fds[2] = { call->reply_fd, call->body_fd };

	call->is_sent = true;
	/* A failure is seen as the socket's end. */
	if (passfd_send(fetcher->control.fd, call->packet, call->length, fds,
			call->body_fd >= 0 ? 2 : 1, MSG_DONTWAIT) < 0)
		log_warning("ask mooring-fetch: %s", strerror(errno));
	drop_fd(&call->body_fd);
}

/* -- replies ------------------------------------------------------------------------------------
 */

static bool read_reply(const struct json *json, int reply_fd, struct fetch_reply *reply,
		       struct error *err)
{
	const char *kind;
	int64_t status;
	bool is_ok;

	if (!json_bool_or(json, "ok", false, &is_ok, err) ||
	    !json_text_or(json, "kind", "system", &kind, err) ||
	    !json_text_or(json, "text", "failed", &reply->text, err) ||
	    !json_int_or(json, "status", 0, &status, err))
		return false;
	reply->has_failed = !is_ok;
	reply->kind = error_kind_of_word(kind);
	reply->status = (int)status;
	reply->headers = json_get(json, "headers");
	if (lseek(reply_fd, 0, SEEK_SET) < 0)
		return error_sys(err, "read a reply");
	return reply->has_failed || file_read_fd(reply_fd, "a reply", &reply->body, err);
}

static void deliver(struct fetcher *fetcher, const struct json *json)
{
	struct fetch_call *call = fetcher->calls;
	struct fetch_reply reply = { 0 };
	struct error err;
	int64_t id;

	if (!json_get(json, "ok") || !json_int(json, "id", &id, &err))
		return; /* how far it is */
	while (call && call->id != id)
		call = call->next;
	if (!call)
		return; /* forgotten */
	buf_init(&reply.body, FETCHER_REPLY_MAX);
	if (!read_reply(json, call->reply_fd, &reply, &err)) {
		reply.has_failed = true;
		reply.kind = err.kind;
		reply.text = err.text;
	}
	drop_call(fetcher, call);
	call->on_reply(call, &reply);
	buf_done(&reply.body);
}

static void on_packet(struct loop_watch *watch)
{
	struct fetcher *fetcher = watch->context;
	autofree char *packet = mem_alloc(PACKET_MAX);
	ssize_t size = recv(watch->fd, packet, PACKET_MAX, MSG_DONTWAIT);
	autoarena struct arena arena = { 0 };
	const struct json *json;
	struct error err;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		let_go(fetcher);
		fail_all(fetcher, ERROR_NETWORK, "mooring-fetch has ended");
		return;
	}
	if (json_parse(&arena, "answer of mooring-fetch", packet, (size_t)size, &json, &err))
		deliver(fetcher, json);
	else
		log_warning("%s", err.text);
}

static void on_started(struct link_call *asking, struct link_answer *answer)
{
	struct fetcher *fetcher = asking->context;

	if (!answer->is_ok || answer->fd < 0) {
		fail_all(fetcher, answer->is_ok ? ERROR_SYSTEM : answer->kind,
			 answer->is_ok ? "the nucleus gave no mooring-fetch" : answer->text);
		return;
	}
	fetcher->control = (struct loop_watch){ .fd = take_fd(&answer->fd),
						.on_ready = on_packet,
						.context = fetcher };
	loop_watch(fetcher->clock->loop, &fetcher->control);
	for (struct fetch_call *call = fetcher->calls; call; call = call->next)
		if (!call->is_sent)
			send_call(fetcher, call);
}

static void on_idle(struct loop_timer *timer)
{
	struct fetcher *fetcher = timer->context;

	if (!fetcher->calls)
		let_go(fetcher);
}

void fetcher_init(struct fetcher *fetcher, struct link *link, struct stream_clock *clock)
{
	*fetcher = (struct fetcher){ .link = link, .clock = clock, .next_id = 1 };
	fetcher->control.fd = -1;
	fetcher->asking = (struct link_call){ .on_answer = on_started, .context = fetcher };
	fetcher->idle = (struct loop_timer){ .on_expiry = on_idle, .context = fetcher };
}

void fetcher_done(struct fetcher *fetcher)
{
	while (fetcher->calls)
		drop_call(fetcher, fetcher->calls);
	link_forget(fetcher->link, &fetcher->asking);
	loop_disarm(fetcher->clock->loop, &fetcher->idle);
	let_go(fetcher);
}

/* -- requests -----------------------------------------------------------------------------------
 */

static void put_sign(struct jsonout *out, const struct fetch_request *request)
{
	jsonout_object(out, "sign");
	jsonout_text(out, "service", request->service);
	jsonout_text(out, "region", request->region);
	if (request->access_key) {
		jsonout_text(out, "access_key_id", request->access_key);
		jsonout_text(out, "secret_access_key", request->secret_key);
		if (request->session_token && request->session_token[0])
			jsonout_text(out, "session_token", request->session_token);
	}
	jsonout_object_end(out);
}

static void put_request(struct jsonout *out, const struct fetch_request *request, int64_t id)
{
	jsonout_object(out, NULL);
	jsonout_int(out, "id", id);
	jsonout_text(out, "op", "http");
	jsonout_text(out, "method", request->method);
	jsonout_text(out, "url", request->url);
	jsonout_object(out, "headers");
	for (size_t i = 0; i < FETCHER_HEADERS_MAX && request->headers[i].name; i++)
		jsonout_text(out, request->headers[i].name, request->headers[i].value);
	jsonout_object_end(out);
	if (request->text)
		jsonout_text(out, "body", request->text);
	if (request->body_fd >= 0)
		jsonout_int(out, "body_size", request->body_size);
	jsonout_int(out, "limit", FETCHER_REPLY_MAX);
	jsonout_int(out, "total_seconds", TOTAL_SECONDS);
	jsonout_array(out, "wanted");
	for (size_t i = 0; request->wanted && request->wanted[i]; i++)
		jsonout_text(out, NULL, request->wanted[i]);
	jsonout_array_end(out);
	if (request->service)
		put_sign(out, request);
	jsonout_object_end(out);
}

static bool make_packet(struct fetch_call *call, const struct fetch_request *request,
			struct error *err)
{
	struct buf text;
	struct jsonout out;
	bool is_good;

	buf_init(&text, PACKET_MAX);
	jsonout_init(&out, &text, false);
	put_request(&out, request, call->id);
	jsonout_done(&out);
	is_good = buf_check(&text, "the request to mooring-fetch", err);
	call->length = text.length;
	call->packet = buf_take(&text);
	return is_good;
}

bool fetcher_send(struct fetcher *fetcher, struct fetch_call *call,
		  const struct fetch_request *request, struct error *err)
{
	call->id = fetcher->next_id++;
	call->is_sent = false;
	call->next = fetcher->calls;
	fetcher->calls = call;
	call->body_fd = request->body_fd < 0 ? -1 : fcntl(request->body_fd, F_DUPFD_CLOEXEC, 0);
	call->reply_fd = memfd_create("reply", MFD_CLOEXEC);
	if (!make_packet(call, request, err)) {
		drop_call(fetcher, call);
		return false;
	}
	if (call->reply_fd < 0 || (request->body_fd >= 0 && call->body_fd < 0)) {
		error_sys(err, "send a request");
		drop_call(fetcher, call);
		return false;
	}
	loop_disarm(fetcher->clock->loop, &fetcher->idle);
	if (fetcher->control.fd >= 0) {
		send_call(fetcher, call);
	} else if (!fetcher->asking.id && !link_ask_fetch(fetcher->link, &fetcher->asking, err)) {
		drop_call(fetcher, call);
		return false;
	}
	return true;
}
