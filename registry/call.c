/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/call.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "registry/awsask.h"
#include "registry/feed.h"
#include "registry/retry.h"
#include "registry/sign.h"
#include "registry/sink.h"
#include "registry/transfer.h"
#include "registry/url.h"

/* curl hands out at most 16 KiB at a time. */
#define KEPT_MAX (1 << 20)

enum state {
	STATE_ASKING, /* for credentials */
	STATE_RUNNING,
	STATE_WAITING,  /* until wake_ms, then send again */
	STATE_FLUSHING, /* the reply is whole; its reader has yet to take the rest */
	STATE_OVER,
};

struct call {
	struct http_client *client;
	struct aws *aws;
	struct arena arena; /* of the request */
	struct call_request request;
	struct awsask *ask; /* while STATE_ASKING */
	struct call_report report;
	struct sink sink;
	struct feed feed;
	enum state state;
	struct http_exchange *exchange;
	bool is_paused;
	bool is_passed_over; /* a reply that we shall ask again for */
	bool has_set_clock;
	time_t clock_skew;
	int attempt; /* from 1 */
	int back_off_ms;
	int64_t wake_ms;
};

static void end(struct call *call)
{
	sink_done(&call->sink);
	feed_done(&call->feed);
	call->state = STATE_OVER;
}

static bool refuse(struct call *call, const struct error *problem)
{
	call->report.error = *problem;
	call->report.has_failed = true;
	return false;
}

static bool refuse_size(struct call *call)
{
	autoarena struct arena arena = { 0 };
	struct error err;

	error_set(&err, ERROR_CORRUPT, "%s \"%s\": the reply is larger than %" PRId64 " bytes",
		  call->request.method, url_shown(&arena, call->request.url), call->request.limit);
	return refuse(call, &err);
}

/* May the same request go out once more? Nothing of a reply was passed on, and its body is still
 * to be had. */
static bool can_repeat(const struct call *call)
{
	return call->attempt < call->request.attempts && call->report.received == 0 &&
	       feed_can_rewind(&call->feed);
}

static void note_headers(struct call *call, const struct http_response *response)
{
	char *value = arena_alloc(&call->arena, LIMIT_CALL_HEADER);

	call->report.status = response->status;
	for (size_t i = 0; i < call->request.wanted_count; i++)
		if (http_header(response, call->request.wanted[i], 0, value, LIMIT_CALL_HEADER))
			call->report.headers[i] = arena_strdup(&call->arena, value);
}

/* A signature that is refused because the device does not know what day it is: the server does. */
static bool set_clock(struct call *call, const struct http_response *response)
{
	time_t skew;

	if (!call->request.service || call->has_set_clock ||
	    (response->status != 403 && response->status != 400) || !feed_can_rewind(&call->feed) ||
	    !sign_read_skew(response, &skew) ||
	    llabs((long long)(skew - call->clock_skew)) < LIMIT_CLOCK_SKEW_S)
		return false;
	call->has_set_clock = true;
	call->clock_skew = skew;
	return true;
}

static int64_t pause_ms(const struct call *call, const struct http_response *response)
{
	int asked = response ? retry_asked_seconds(response) : -1;

	return asked >= 0 ? (int64_t)asked * 1000
			  : retry_delay_ms(call->attempt, call->back_off_ms, retry_jitter());
}

static void wait(struct call *call, const struct http_response *response)
{
	call->attempt++;
	call->wake_ms = clock_ms() + pause_ms(call, response);
	call->state = STATE_WAITING;
}

static bool on_head(void *context, const struct http_response *response)
{
	struct call *call = context;
	char field[32];

	if (set_clock(call, response)) {
		call->is_passed_over = true;
		call->wake_ms = 0;
		call->state = STATE_WAITING;
		return false;
	}
	if (retry_is_worth(response->status) && can_repeat(call)) {
		call->is_passed_over = true;
		wait(call, response);
		return false;
	}
	note_headers(call, response);
	if (strcasecmp(call->request.method, "HEAD") != 0 &&
	    http_header(response, "Content-Length", 0, field, sizeof(field)) &&
	    strtoll(field, NULL, 10) > call->request.limit)
		return refuse_size(call);
	return true;
}

static enum http_verdict on_body(void *context, const char *bytes, size_t count)
{
	struct call *call = context;
	struct call_report *report = &call->report;

	if (sink_is_full(&call->sink)) {
		call->is_paused = true;
		return HTTP_LATER;
	}
	if ((int64_t)count > call->request.limit - report->received) {
		refuse_size(call);
		return HTTP_STOP;
	}
	if (!sink_put(&call->sink, bytes, count, &report->error)) {
		report->has_failed = true;
		return HTTP_STOP;
	}
	report->received += (int64_t)count;
	return HTTP_TAKEN;
}

static void on_end(void *context, const struct http_response *response, const struct error *problem)
{
	struct call *call = context;

	(void)response;
	call->exchange = NULL;
	if (call->is_passed_over)
		return; /* call_turn sends again */
	if (problem && !call->report.has_failed) {
		if (problem->kind == ERROR_NETWORK && can_repeat(call)) {
			wait(call, NULL);
			return;
		}
		refuse(call, problem);
	}
	if (!call->report.has_failed && sink_is_full(&call->sink))
		call->state = STATE_FLUSHING;
	else
		end(call);
}

static const struct http_events events = { on_head, on_body, on_end };

static bool hash_body(struct call *call, const char **hash, struct error *err)
{
	const struct call_request *request = &call->request;
	bool is_small = call->feed.size <= LIMIT_CALL_HASHED;
	struct digest digest;

	*hash = request->payload_hash;
	if (*hash)
		return true;
	if (strcmp(request->service, "s3") == 0 && (!is_small || call->feed.start < 0)) {
		*hash = SIGN_UNSIGNED;
		return true;
	}
	if (!is_small || call->feed.start < 0)
		return error_set(err, ERROR_INPUT,
				 "sign: a body of more than %d bytes, or from a pipe, needs its "
				 "\"payload_hash\"",
				 LIMIT_CALL_HASHED);
	if (!feed_hash(&call->feed, &digest, err))
		return false;
	*hash = arena_strdup(&call->arena, digest_hex(&digest));
	return true;
}

/* The caller's keys, or ours; NULL: none that are valid now. */
static const struct sigv4_keys *keys_of(const struct call *call)
{
	return call->request.keys.access_key_id ? &call->request.keys : aws_keys(call->aws);
}

static bool sign(struct call *call, struct http_request *http, struct error *err)
{
	const char *problems = aws_problems(call->aws);
	struct sign_how how = { .keys = keys_of(call),
				.service = call->request.service,
				.region = call->request.region,
				.clock_skew = call->clock_skew };

	if (!how.keys)
		return error_set(err, ERROR_DENIED,
				 "%s: there are no AWS credentials to sign with%s%s%s", how.service,
				 problems[0] ? " (" : "", problems, problems[0] ? ")" : "");
	if (!hash_body(call, &how.payload_hash, err))
		return false;
	call->request.payload_hash = how.payload_hash;
	sign_http(&call->arena, &how, http);
	return true;
}

/* Whatever came of it: the next provider is asked, or the request goes out, or fails. */
static void on_asked(void *context)
{
	struct call *call = context;

	call->ask = NULL;
	call->wake_ms = 0;
	call->state = STATE_WAITING;
}

static bool send_request(struct call *call, struct error *err)
{
	const struct call_request *request = &call->request;
	struct http_request http = {
		.method = request->method,
		.url = request->url,
		.headers = request->headers,
		.body = request->text || request->body_size >= 0 ? &call->feed : NULL,
		.is_direct = request->is_direct,
		.tls = request->tls,
		.connect_seconds = (long)request->connect_seconds,
		.stall_seconds = (long)request->stall_seconds,
		.total_seconds = (long)request->total_seconds,
	};

	if (request->service && !keys_of(call) && aws_may_ask(call->aws)) {
		call->state = STATE_ASKING;
		call->ask = awsask_start(call->client, call->aws, on_asked, call);
		return true;
	}
	if (!feed_seek(&call->feed, 0))
		return error_set(err, ERROR_NETWORK, "the request's body cannot be sent again");
	if (request->service && !sign(call, &http, err))
		return false;
	call->is_passed_over = false;
	call->is_paused = false;
	call->state = STATE_RUNNING;
	call->exchange = http_start(call->client, &http, &events, call);
	return true;
}

/* What needs a body but has none, has an empty one. */
static bool wants_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

bool call_start(const struct call_means *means, struct arena *arena,
		const struct call_request *request, struct call_fds *fds, struct call **call,
		struct error *err)
{
	if ((request->body_size >= 0) != (fds->body >= 0))
		return error_set(err, ERROR_INPUT,
				 "a second descriptor and \"body_size\" belong together");
	struct call *made = mem_alloc(sizeof(*made));

	made->client = means->client;
	made->aws = means->aws;
	made->arena = *arena;
	*arena = (struct arena){ 0 };
	made->request = *request;
	made->report.request = &made->request;
	made->attempt = 1;
	made->back_off_ms = means->settings->back_off_ms;
	if (!made->request.text && wants_body(request->method))
		made->request.text = "";
	sink_init(&made->sink, take_fd(&fds->reply), KEPT_MAX);
	if (request->body_size >= 0)
		feed_init_fd(&made->feed, take_fd(&fds->body), request->body_size);
	else
		feed_init_memory(&made->feed, made->request.text ? made->request.text : "",
				 made->request.text ? strlen(made->request.text) : 0);
	*call = made;
	struct error problem;

	if (!send_request(made, &problem)) {
		refuse(made, &problem);
		end(made);
	}
	return true;
}

void call_free(struct call *call)
{
	if (call->exchange)
		http_cancel(call->exchange);
	awsask_cancel(call->ask);
	sink_done(&call->sink);
	feed_done(&call->feed);
	arena_done(&call->arena);
	free(call);
}

static void flush(struct call *call)
{
	struct error err;

	if (!sink_flush(&call->sink, &err)) {
		if (call->exchange)
			http_cancel(call->exchange);
		call->exchange = NULL;
		refuse(call, &err);
		end(call);
		return;
	}
	if (sink_is_full(&call->sink))
		return;
	if (call->state == STATE_FLUSHING)
		end(call);
	else if (call->is_paused && call->exchange) {
		call->is_paused = false;
		http_resume(call->exchange);
	}
}

void call_turn(struct call *call, int64_t now_ms)
{
	struct error err;

	if (sink_is_full(&call->sink))
		flush(call);
	if (call->exchange && call->feed.is_waiting && feed_is_ready(&call->feed)) {
		call->feed.is_waiting = false;
		http_resume(call->exchange);
	}
	if (call->state != STATE_WAITING || now_ms < call->wake_ms)
		return;
	if (!send_request(call, &err)) {
		refuse(call, &err);
		end(call);
	}
}

bool call_is_over(const struct call *call)
{
	return call->state == STATE_OVER;
}

int64_t call_due_ms(const struct call *call)
{
	return call->state == STATE_WAITING ? call->wake_ms : INT64_MAX;
}

int call_full_fd(const struct call *call)
{
	return sink_is_full(&call->sink) ? call->sink.fd : -1;
}

int call_hungry_fd(const struct call *call)
{
	return call->exchange && call->feed.is_waiting ? call->feed.fd : -1;
}

const struct call_report *call_report(const struct call *call)
{
	return &call->report;
}
