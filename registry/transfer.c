/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/transfer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "registry/limit.h"
#include "registry/range.h"
#include "registry/retry.h"
#include "registry/sink.h"
#include "registry/url.h"
#include "registry/warnings.h"

/*
 * How this works:
 *
 *     ask the source, send that, and see what the reply is: the body? deliver it, and if it is cut
 *     off, wait and resume. A redirect? Send it there. Anything else: the source learns from it.
 *
 * Bytes already delivered are never taken back, so a resumed reply must begin exactly where the
 * last one broke off; where a server ignores the range, what we have is skipped.
 */

enum state {
	STATE_QUEUED,   /* until transfer_begin */
	STATE_RUNNING,  /* an exchange is under way */
	STATE_WAITING,  /* until wake_ms, then ask again */
	STATE_FLUSHING, /* all has arrived; the reader has yet to take the rest */
	STATE_OVER,
};

/* What becomes of the bytes of the current reply. */
enum use {
	USE_COLLECT, /* a message to learn from */
	USE_DELIVER, /* body, to the sink */
	USE_HOLD,    /* body, kept until it is whole */
};

struct transfer {
	struct http_client *client;
	const struct fetch_settings *settings;
	struct transfer_request request;
	struct transfer_report report;
	struct sink sink;
	enum state state;
	struct arena arena; /* of the current question */
	struct http_request question;
	enum source_step step;
	int redirects;
	struct http_exchange *exchange;
	enum use use;
	struct buf reply;
	bool is_reply_cut;
	bool is_paused;
	int64_t skip; /* of the current reply */
	char etag[256];
	int asked;        /* questions since the last progress */
	int attempt;      /* since the last progress, from 1 */
	int64_t reached;  /* bytes that have come either way, at the last progress */
	int64_t asked_ms; /* the pauses that servers asked for, since the last progress */
	int64_t wake_ms;
	char why[ERROR_TEXT_MAX];
};

/* Beyond all that tokens and redirects may need; a source that asks for ever is a bug of ours. */
#define QUESTIONS_MAX 64

/* While nobody has answered at all: who is offline should hear so soon, and decide what to do. */
#define FIRST_ATTEMPTS 2

/* curl hands out at most 16 KiB at a time. */
#define KEPT_MAX (1 << 20)

static int64_t position(const struct transfer *transfer)
{
	return transfer->request.offset + transfer->report.received;
}

/* The byte behind the last one wanted; -1: all are. */
static int64_t stop(const struct transfer *transfer)
{
	const struct transfer_request *request = &transfer->request;

	return request->length < 0 ? -1 : request->offset + request->length;
}

/* "Range: bytes=100-199", or open at the end. */
static const char *range_header(struct transfer *transfer)
{
	if (stop(transfer) < 0)
		return arena_printf(&transfer->arena, "Range: bytes=%" PRId64 "-",
				    position(transfer));
	return arena_printf(&transfer->arena, "Range: bytes=%" PRId64 "-%" PRId64,
			    position(transfer), stop(transfer) - 1);
}

static void end(struct transfer *transfer)
{
	sink_done(&transfer->sink);
	transfer->state = STATE_OVER;
}

static void fail(struct transfer *transfer, const struct error *problem)
{
	transfer->report.error = *problem;
	transfer->report.has_failed = true;
	end(transfer);
}

/* Inside a callback of the exchange: remembers why, and on_end will find it. */
static bool refuse(struct transfer *transfer, const char *why)
{
	error_set(&transfer->report.error, ERROR_CORRUPT, "%s: %s", transfer->request.source.doubt,
		  why);
	transfer->report.has_failed = true;
	return false;
}

static const struct http_events events;

/* Sends the question as it stands, to where it points now. A body of its own comes from a file, and
 * begins again. */
static void send_question(struct transfer *transfer)
{
	struct feed *body = transfer->question.body;
	struct error err;
	const char *headers[16] = { NULL };
	size_t count = 0;
	bool is_part =
		transfer->step == SOURCE_BODY && (position(transfer) > 0 || stop(transfer) >= 0);

	while (transfer->question.headers && transfer->question.headers[count]) {
		headers[count] = transfer->question.headers[count];
		count++;
		assert(count + 2 < COUNT_OF(headers));
	}
	if (is_part)
		headers[count++] = range_header(transfer);
	if (is_part && transfer->request.is_mutable && transfer->etag[0])
		headers[count++] = arena_printf(&transfer->arena, "If-Match: %s", transfer->etag);
	struct http_request request = transfer->question;

	request.headers = headers;
	/* Proxies compress documents unasked; what is streamed is taken by its length. */
	request.is_decoded = transfer->step != SOURCE_BODY || transfer->request.held_limit > 0;
	transfer->use = USE_COLLECT;
	if (body && !feed_seek(body, 0)) {
		error_set(&err, ERROR_INPUT, "%s: what is sent must come from a file",
			  transfer->request.source.noun);
		fail(transfer, &err);
		return;
	}
	transfer->is_reply_cut = transfer->is_paused = false;
	buf_clear(&transfer->reply);
	transfer->state = STATE_RUNNING;
	transfer->exchange = http_start(transfer->client, &request, &events, transfer);
}

static void complete(struct transfer *transfer)
{
	struct error err;

	transfer->report.total = transfer->report.received;
	if (transfer->use == USE_HOLD &&
	    !sink_put(&transfer->sink, transfer->reply.data, transfer->reply.length, &err)) {
		fail(transfer, &err);
		return;
	}
	if (sink_is_full(&transfer->sink))
		transfer->state = STATE_FLUSHING;
	else
		end(transfer);
}

static void ask(struct transfer *transfer)
{
	const struct source *source = &transfer->request.source;
	struct error err;

	/* A connection that broke right behind the last byte: there is no range of nothing. */
	if (transfer->report.received > 0 && transfer->report.received == transfer->report.total) {
		complete(transfer);
		return;
	}
	if (++transfer->asked > QUESTIONS_MAX) {
		error_set(&err, ERROR_NETWORK, "%s: no end of questions", source->noun);
		fail(transfer, &err);
		return;
	}
	arena_done(&transfer->arena);
	transfer->question = (struct http_request){ 0 };
	transfer->redirects = 0;
	if (!source->ops->ask(source->self, &transfer->arena, &transfer->question, &transfer->step,
			      &err))
		fail(transfer, &err);
	else if (transfer->step == SOURCE_DONE)
		complete(transfer);
	else
		send_question(transfer);
}

struct transfer *transfer_start(struct http_client *client, const struct fetch_settings *settings,
				const struct transfer_request *request)
{
	struct transfer *transfer = mem_alloc(sizeof(*transfer));
	bool is_held = request->held_limit > 0;

	transfer->client = client;
	transfer->settings = settings;
	transfer->request = *request;
	transfer->report.total = request->length >= 0 ? request->length
				 : request->size < 0  ? -1
						      : request->size - request->offset;
	transfer->attempt = 1;
	sink_init(&transfer->sink, request->fd, is_held ? (size_t)request->held_limit : KEPT_MAX);
	buf_init(&transfer->reply, is_held ? (size_t)request->held_limit : LIMIT_TOKEN_BODY);
	if (!request->is_queued)
		ask(transfer);
	return transfer;
}

void transfer_begin(struct transfer *transfer)
{
	ask(transfer);
}

bool transfer_is_queued(const struct transfer *transfer)
{
	return transfer->state == STATE_QUEUED;
}

void transfer_free(struct transfer *transfer)
{
	if (transfer->exchange)
		http_cancel(transfer->exchange);
	transfer->request.source.ops->free(transfer->request.source.self);
	sink_done(&transfer->sink);
	buf_done(&transfer->reply);
	arena_done(&transfer->arena);
	free(transfer);
}

/* --- the reply's head --- */

/* How many bytes there are from where we begin, in a body of `whole`. */
static int64_t left_of(const struct transfer *transfer, int64_t whole)
{
	return (stop(transfer) < 0 ? whole : stop(transfer)) - transfer->request.offset;
}

static bool check_size(struct transfer *transfer, int64_t whole)
{
	int64_t limit = transfer->request.held_limit;
	int64_t left = left_of(transfer, whole);
	char why[160];

	if (limit > 0) {
		if (whole <= limit)
			return true;
		snprintf(why, sizeof(why), "%" PRId64 " bytes, more than the %" PRId64 " allowed",
			 whole, limit);
		return refuse(transfer, why);
	}
	if (whole >= 0 && transfer->report.total >= 0 && left != transfer->report.total) {
		snprintf(why, sizeof(why),
			 "the server offers %" PRId64 " bytes where %" PRId64 " were expected",
			 whole, transfer->report.total + transfer->request.offset);
		return refuse(transfer, why);
	}
	if (whole < 0 && transfer->report.total < 0)
		return refuse(transfer, "the server does not say how long it is");
	if (whole >= 0 && left < 0)
		return refuse(transfer, "it is shorter than the place to begin at");
	if (transfer->report.total < 0)
		transfer->report.total = left;
	return true;
}

static void note(const struct http_response *response, const char *name, char *value, size_t size)
{
	if (!http_header(response, name, 0, value, size))
		value[0] = '\0';
}

static void note_names(struct transfer *transfer, const struct http_response *response)
{
	struct transfer_report *report = &transfer->report;

	note(response, "Content-Type", report->media_type, sizeof(report->media_type));
	report->media_type[strcspn(report->media_type, "; \t")] = '\0';
	note(response, "Docker-Content-Digest", report->digest, sizeof(report->digest));
	note(response, "Link", report->link, sizeof(report->link));
	warnings_read(response, report->warnings, sizeof(report->warnings));
	note(response, "ETag", transfer->etag, sizeof(transfer->etag));
}

static bool on_head(void *context, const struct http_response *response)
{
	struct transfer *transfer = context;
	bool is_held = transfer->request.held_limit > 0;
	struct range range;

	if (transfer->step != SOURCE_BODY)
		return true;
	if (response->status == 416) /* its body may never end (registry 2.8) */
		return refuse(transfer, "the server has fewer bytes than promised (HTTP 416)");
	if (response->status == 412)
		return refuse(transfer, "it was replaced by another version while being read");
	if (response->status != 200 && response->status != 206)
		return true;
	const char *wrong = range_read(response, position(transfer), stop(transfer), &range);

	if (wrong)
		return refuse(transfer, wrong);
	/* A store may call a layer "gzip" that it was given so: as many bytes come as are wanted,
	 * and their digest decides. Coded on the way they would be others. */
	if (range.is_coded && !is_held && !transfer->request.may_be_encoded &&
	    (range.whole < 0 || left_of(transfer, range.whole) != transfer->report.total))
		return refuse(transfer, "the server (or a proxy) sent it with a Content-Encoding");
	transfer->use = is_held ? USE_HOLD : USE_DELIVER;
	note_names(transfer, response);
	if (range.skip > 0 && transfer->settings->is_metered)
		return refuse(transfer, "the server would send again what we have, which this "
					"metered link is too dear for");
	transfer->skip = range.skip;
	transfer->report.whole = range.whole;
	return check_size(transfer, range.whole);
}

/* --- the reply's body --- */

static enum http_verdict hold(struct transfer *transfer, const char *bytes, size_t count)
{
	char why[80];

	buf_add(&transfer->reply, bytes, count);
	transfer->report.received = (int64_t)transfer->reply.length;
	if (!transfer->reply.is_cut)
		return HTTP_TAKEN;
	snprintf(why, sizeof(why), "larger than the %" PRId64 " bytes allowed",
		 transfer->request.held_limit);
	refuse(transfer, why);
	return HTTP_STOP;
}

static enum http_verdict deliver(struct transfer *transfer, const char *bytes, size_t count)
{
	struct transfer_report *report = &transfer->report;
	int64_t skipped = transfer->skip < (int64_t)count ? transfer->skip : (int64_t)count;

	if (sink_is_full(&transfer->sink)) {
		transfer->is_paused = true;
		return HTTP_LATER;
	}
	transfer->skip -= skipped;
	bytes += skipped;
	count -= (size_t)skipped;
	if (count > (size_t)(report->total - report->received)) {
		refuse(transfer, "more bytes arrive than were promised");
		return HTTP_STOP;
	}
	if (!sink_put(&transfer->sink, bytes, count, &report->error)) {
		report->has_failed = true;
		return HTTP_STOP;
	}
	report->received += (int64_t)count;
	return HTTP_TAKEN;
}

static enum http_verdict on_body(void *context, const char *bytes, size_t count)
{
	struct transfer *transfer = context;

	switch (transfer->use) {
	case USE_HOLD:
		return hold(transfer, bytes, count);
	case USE_DELIVER:
		return deliver(transfer, bytes, count);
	case USE_COLLECT:
		break;
	}
	buf_add(&transfer->reply, bytes, count);
	transfer->is_reply_cut = transfer->reply.is_cut;
	return transfer->is_reply_cut ? HTTP_STOP : HTTP_TAKEN;
}

/* --- the reply's end --- */

static int attempts_allowed(const struct transfer *transfer)
{
	int attempts = transfer->settings->attempts;

	return http_has_heard(transfer->client) || attempts < FIRST_ATTEMPTS ? attempts
									     : FIRST_ATTEMPTS;
}

/* `after_seconds` is what the server asked for, or -1. */
static void try_later(struct transfer *transfer, const struct error *problem, int after_seconds,
		      int first_ms)
{
	struct transfer_report *report = &transfer->report;
	const struct source *source = &transfer->request.source;

	if (transfer->use == USE_HOLD)
		report->received = 0; /* begins again */
	int64_t come =
		report->received + (source->ops->arrived ? source->ops->arrived(source->self) : 0);

	if (come > transfer->reached) {
		transfer->attempt = 1;
		transfer->asked = 0;
		transfer->asked_ms = 0;
		transfer->reached = come;
	}
	if (after_seconds > 0)
		transfer->asked_ms += (int64_t)after_seconds * 1000;
	if (++transfer->attempt > attempts_allowed(transfer) ||
	    transfer->asked_ms > LIMIT_RETRY_AFTER_S * 1000) {
		fail(transfer, problem);
		return;
	}
	int64_t delay = after_seconds >= 0
				? (int64_t)after_seconds * 1000
				: retry_delay_ms(transfer->attempt, first_ms, retry_jitter());

	transfer->wake_ms = clock_ms() + delay;
	memcpy(transfer->why, problem->text, sizeof(transfer->why));
	transfer->state = STATE_WAITING;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The same question elsewhere. Credentials, and whom the user trusts there, stay with the origin.
 */
static bool follow(struct transfer *transfer, const struct http_response *response,
		   struct error *err)
{
	const struct source *source = &transfer->request.source;
	struct http_request *question = &transfer->question;
	char *location = arena_alloc(&transfer->arena, LIMIT_URL);
	const char *url;

	if (++transfer->redirects > LIMIT_REDIRECTS)
		return error_set(err, ERROR_CORRUPT, "%s: more than %d redirects", source->noun,
				 LIMIT_REDIRECTS);
	if (!http_header(response, "Location", 0, location, LIMIT_URL))
		return error_set(err, ERROR_CORRUPT,
				 "%s: HTTP %d without a Location (or one that is too long)",
				 source->noun, response->status);
	if (!url_resolve(&transfer->arena, question->url, location, &url, err) ||
	    !source->ops->may_follow(source->self, url, err))
		return error_in(err, "%s: redirect", source->noun);
	if (question->form)
		return error_set(err, ERROR_DENIED,
				 "%s: a redirect would take credentials elsewhere", source->noun);
	if (url_is_https(question->url) && !url_is_https(url) && !question->is_unverified)
		return error_set(err, ERROR_DENIED, "%s: redirect from https to plain http refused",
				 source->noun);
	if (!url_is_same_origin(question->url, url)) {
		question->authorization = NULL;
		question->is_unverified = false;
		question->is_direct = false;
		question->tls = (struct http_tls){ 0 };
	}
	question->url = url;
	return true;
}

/* A reply that is not the body. */
static void after_message(struct transfer *transfer, const struct http_response *response)
{
	const struct source *source = &transfer->request.source;
	struct error err;

	if (is_redirect(response->status) && source->ops->may_follow) {
		if (follow(transfer, response, &err))
			send_question(transfer);
		else
			fail(transfer, &err);
		return;
	}
	if (source->ops->learn(source->self, response, transfer->reply.data, transfer->reply.length,
			       &err)) {
		ask(transfer);
	} else if (retry_is_worth(response->status) && err.kind == ERROR_NETWORK) {
		/* Who is told "too many" without being told how long had better wait for long. */
		int factor = response->status == 429 ? 20 : 1;

		try_later(transfer, &err, retry_asked_seconds(response),
			  transfer->settings->back_off_ms * factor);
	} else {
		fail(transfer, &err);
	}
}

static void after_body(struct transfer *transfer)
{
	struct transfer_report *report = &transfer->report;
	struct error err;

	if (transfer->use == USE_DELIVER && report->received < report->total) {
		error_set(&err, ERROR_CORRUPT, "%s: ends after %" PRId64 " of %" PRId64 " bytes",
			  transfer->request.source.doubt, report->received, report->total);
		fail(transfer, &err);
		return;
	}
	complete(transfer);
}

static void on_end(void *context, const struct http_response *response, const struct error *problem)
{
	struct transfer *transfer = context;
	const struct source *source = &transfer->request.source;

	transfer->exchange = NULL;
	if (transfer->report.has_failed)
		end(transfer);
	else if (problem && !transfer->is_reply_cut) {
		if (source->ops->has_other_way &&
		    source->ops->has_other_way(source->self, response))
			ask(transfer);
		else if (problem->kind == ERROR_NETWORK)
			try_later(transfer, problem, -1, transfer->settings->back_off_ms);
		else
			fail(transfer, problem);
	} else if (transfer->use == USE_COLLECT)
		after_message(transfer, response);
	else
		after_body(transfer);
}

static const struct http_events events = { on_head, on_body, on_end };

/* --- the main loop's side --- */

static void flush(struct transfer *transfer)
{
	struct error err;

	if (!sink_flush(&transfer->sink, &err)) {
		if (transfer->exchange)
			http_cancel(transfer->exchange);
		transfer->exchange = NULL;
		fail(transfer, &err);
		return;
	}
	if (sink_is_full(&transfer->sink))
		return;
	if (transfer->state == STATE_FLUSHING)
		end(transfer);
	else if (transfer->is_paused && transfer->exchange) {
		transfer->is_paused = false;
		http_resume(transfer->exchange);
	}
}

void transfer_turn(struct transfer *transfer, int64_t now_ms)
{
	const struct feed *body = transfer->question.body;

	if (body && body->size > 0)
		transfer->report.sent = body->skipped + body->given;
	if (sink_is_full(&transfer->sink))
		flush(transfer);
	if (transfer->state == STATE_WAITING && now_ms >= transfer->wake_ms)
		ask(transfer);
}

bool transfer_is_over(const struct transfer *transfer)
{
	return transfer->state == STATE_OVER;
}

const struct transfer_report *transfer_report(const struct transfer *transfer)
{
	return &transfer->report;
}

int64_t transfer_due_ms(const struct transfer *transfer)
{
	return transfer->state == STATE_WAITING ? transfer->wake_ms : INT64_MAX;
}

int transfer_full_fd(const struct transfer *transfer)
{
	return sink_is_full(&transfer->sink) ? transfer->sink.fd : -1;
}

const char *transfer_waiting_for(const struct transfer *transfer)
{
	return transfer->state == STATE_WAITING ? transfer->why : NULL;
}
