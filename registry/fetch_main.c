/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring-fetch: the only program that talks to the network. Started with a control socket on
 * descriptor 3 and its settings on descriptor 5; see docs/architecture.md. It ends when the control
 * socket is closed by the other side.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/footprint.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/call.h"
#include "registry/control.h"
#include "registry/fetch_confine.h"
#include "registry/fetch_settings.h"
#include "registry/http.h"
#include "registry/limit.h"
#include "registry/push.h"
#include "registry/registry.h"
#include "registry/s3.h"
#include "registry/transfer.h"

#define CONTROL_FD  FETCH_CONTROL_FD
#define PROGRESS_MS 200
#define REST_MS     (60 * 1000)

/* One request on its way; the slot is free when both pointers are NULL. */
struct job {
	int64_t id;
	bool is_bulk;    /* one of those that are limited in number */
	bool is_mounted; /* a look: another repository had it */
	struct transfer *transfer;
	struct call *call;
	int64_t told;    /* bytes, in the last progress message */
	int64_t told_ms; /* and when it was sent */
};

struct fetcher {
	struct arena arena; /* the settings */
	struct fetch_settings settings;
	struct http_client *client;
	struct aws *aws;
	struct registry *registry;
	struct job jobs[LIMIT_TRANSFERS];
	bool is_socket_full; /* a final reply is waiting */
};

static bool open_source(struct fetcher *fetcher, struct control_request *request,
			struct transfer_request *transfer, struct error *err)
{
	switch (request->op) {
	case CONTROL_MANIFEST:
		transfer->held_limit = LIMIT_MANIFEST;
		transfer->source = registry_manifest(fetcher->registry, &request->image);
		return true;
	case CONTROL_BLOB:
		transfer->is_queued = true;
		transfer->source = registry_blob(fetcher->registry, &request->image);
		return true;
	case CONTROL_TAGS:
		transfer->held_limit = LIMIT_TAGS;
		transfer->source = registry_tags(fetcher->registry, &request->image);
		return true;
	case CONTROL_LOGIN:
		transfer->source = registry_login(fetcher->registry, &request->image);
		return true;
	case CONTROL_S3:
		transfer->is_queued = true;
		transfer->is_mutable = true;
		transfer->may_be_encoded = true;
		return s3_object(&fetcher->settings, fetcher->aws, request->uri, &transfer->source,
				 err);
	case CONTROL_LOOK:
		transfer->source = push_look(fetcher->registry, &request->push);
		return true;
	case CONTROL_PUSH_BLOB:
		request->push.fd = take_fd(&request->fds.body);
		transfer->source = push_blob(fetcher->registry, &request->push);
		return true;
	case CONTROL_PUSH_MANIFEST:
		request->push.fd = take_fd(&request->fds.body);
		transfer->source = push_manifest(fetcher->registry, &request->push);
		return true;
	case CONTROL_HTTP:
		break; /* not a transfer */
	}
	return error_set(err, ERROR_INPUT, "request: unknown op");
}

static bool is_free(const struct job *job)
{
	return !job->transfer && !job->call;
}

static struct job *free_job(struct fetcher *fetcher)
{
	for (size_t i = 0; i < LIMIT_TRANSFERS; i++)
		if (is_free(&fetcher->jobs[i]))
			return &fetcher->jobs[i];
	return NULL;
}

static bool begin(struct fetcher *fetcher, struct arena *arena, struct control_request *request,
		  struct error *err)
{
	struct transfer_request transfer = { .size = request->size,
					     .offset = request->offset,
					     .length = request->length };
	struct job *job = free_job(fetcher);

	if (!job)
		return error_set(err, ERROR_INPUT, "request %lld: more than %d at once",
				 (long long)request->id, LIMIT_TRANSFERS);
	*job = (struct job){ .id = request->id };
	if (request->op == CONTROL_HTTP)
		return call_start(
			&(struct call_means){ fetcher->client, &fetcher->settings, fetcher->aws },
			arena, &request->call, &request->fds, &job->call, err);
	request->push.is_mounted = &job->is_mounted;
	if (!open_source(fetcher, request, &transfer, err))
		return false;
	transfer.fd = take_fd(&request->fds.reply);
	job->is_bulk = transfer.is_queued;
	job->transfer = transfer_start(fetcher->client, &fetcher->settings, &transfer);
	return true;
}

/* Takes all waiting requests. False when the other side has hung up. */
static bool receive(struct fetcher *fetcher)
{
	while (true) {
		autoarena struct arena arena = { 0 };
		struct control_request request;
		struct error err;
		enum control_result result = control_receive(CONTROL_FD, &arena, &request, &err);
		autoclose int reply = -1, body = -1;

		if (result == CONTROL_NOTHING)
			return true;
		if (result == CONTROL_REQUEST && begin(fetcher, &arena, &request, &err))
			continue;
		reply = request.fds.reply;
		body = request.fds.body;
		if (result == CONTROL_CLOSED)
			return false;
		/* A peer that neither reads nor stops sending nonsense loses an answer. */
		(void)control_send_failure(CONTROL_FD, request.id, &err);
	}
}

static void tell_progress(struct job *job, int64_t now_ms)
{
	const struct transfer_report *report = transfer_report(job->transfer);
	const char *why = transfer_waiting_for(job->transfer);
	int64_t moved = report->received + report->sent;

	if (now_ms - job->told_ms < PROGRESS_MS || (moved == job->told && !why))
		return;
	/* While it waits, once a second will do. */
	if (why && moved == job->told && now_ms - job->told_ms < 1000)
		return;
	control_send_progress(CONTROL_FD, job->id, report, why,
			      why ? transfer_due_ms(job->transfer) - now_ms : 0);
	job->told = moved;
	job->told_ms = now_ms;
}

/* The next that waits in the queue, by ids. */
static struct job *next_queued(struct fetcher *fetcher)
{
	struct job *next = NULL;

	for (size_t i = 0; i < LIMIT_TRANSFERS; i++) {
		struct job *job = &fetcher->jobs[i];

		if (job->transfer && transfer_is_queued(job->transfer) &&
		    (!next || job->id < next->id))
			next = job;
	}
	return next;
}

/* Lets those begin that wait, as many as there may be at once. False if there were none. */
static bool turn_queue(struct fetcher *fetcher)
{
	struct job *next = next_queued(fetcher);
	bool has_begun = false;
	int running = 0;

	for (size_t i = 0; i < LIMIT_TRANSFERS; i++) {
		const struct job *job = &fetcher->jobs[i];

		running += job->transfer && job->is_bulk && !transfer_is_queued(job->transfer);
	}
	for (; next && running < fetcher->settings.parallel; running++) {
		transfer_begin(next->transfer);
		has_begun = true;
		next = next_queued(fetcher);
	}
	return has_begun;
}

static void turn_transfer(struct fetcher *fetcher, struct job *job, int64_t now_ms)
{
	transfer_turn(job->transfer, now_ms);
	if (!transfer_is_over(job->transfer))
		tell_progress(job, now_ms);
	else if (control_send_report(CONTROL_FD, job->id, transfer_report(job->transfer),
				     job->is_mounted)) {
		transfer_free(job->transfer);
		*job = (struct job){ 0 };
	} else
		fetcher->is_socket_full = true;
}

static void turn_call(struct fetcher *fetcher, struct job *job, int64_t now_ms)
{
	call_turn(job->call, now_ms);
	if (!call_is_over(job->call))
		return;
	if (control_send_call(CONTROL_FD, job->id, call_report(job->call))) {
		call_free(job->call);
		job->call = NULL;
	} else
		fetcher->is_socket_full = true;
}

static void turn_each(struct fetcher *fetcher)
{
	int64_t now_ms = clock_ms();

	fetcher->is_socket_full = false;
	for (size_t i = 0; i < LIMIT_TRANSFERS; i++) {
		struct job *job = &fetcher->jobs[i];

		if (job->transfer)
			turn_transfer(fetcher, job, now_ms);
		else if (job->call)
			turn_call(fetcher, job, now_ms);
	}
}

/* One that ends makes room for another, which may end at once. */
static void turn_jobs(struct fetcher *fetcher)
{
	do
		turn_each(fetcher);
	while (turn_queue(fetcher));
}

static int64_t due_ms(const struct job *job, int64_t now_ms)
{
	if (job->call)
		return call_due_ms(job->call);
	int64_t due = transfer_due_ms(job->transfer);

	/* To say that it still waits. */
	return transfer_waiting_for(job->transfer) && due > now_ms + 1000 ? now_ms + 1000 : due;
}

/* How long nothing needs to be done, if nothing happens. */
static int rest_ms(const struct fetcher *fetcher)
{
	int64_t now_ms = clock_ms();
	int64_t rest = REST_MS;

	for (size_t i = 0; i < LIMIT_TRANSFERS; i++) {
		if (is_free(&fetcher->jobs[i]))
			continue;
		int64_t due = due_ms(&fetcher->jobs[i], now_ms) - now_ms;

		if (due < rest)
			rest = due;
	}
	return rest < 0 ? 0 : (int)rest;
}

static void watch(struct pollfd *others, size_t *count, int fd, short events)
{
	if (fd >= 0)
		others[(*count)++] = (struct pollfd){ fd, events, 0 };
}

static bool turn(struct fetcher *fetcher, struct error *err)
{
	struct pollfd others[2 * LIMIT_TRANSFERS + 1] = {
		{ CONTROL_FD, (short)(POLLIN | (fetcher->is_socket_full ? POLLOUT : 0)), 0 },
	};
	size_t count = 1;

	for (size_t i = 0; i < LIMIT_TRANSFERS; i++) {
		const struct job *job = &fetcher->jobs[i];

		if (job->transfer)
			watch(others, &count, transfer_full_fd(job->transfer), POLLOUT);
		if (job->call) {
			watch(others, &count, call_full_fd(job->call), POLLOUT);
			watch(others, &count, call_hungry_fd(job->call), POLLIN);
		}
	}
	return http_turn(fetcher->client, others, count, rest_ms(fetcher), err);
}

static bool serve(struct fetcher *fetcher, struct error *err)
{
	while (receive(fetcher)) {
		turn_jobs(fetcher);
		if (!turn(fetcher, err))
			return false;
	}
	return true;
}

static bool prepare(struct fetcher *fetcher, struct error *err)
{
	signal(SIGPIPE, SIG_IGN);
	clearenv();
	if (!fetch_settings_read(&fetcher->arena, FETCH_SETTINGS_FD, &fetcher->settings, err))
		return false;
	close_range(CONTROL_FD + 1, FETCH_LEARNT_FD - 1, 0);
	close_range(FETCH_LEARNT_FD + (fetcher->settings.learnt_fd >= 0), ~0U, 0);
	fetcher->aws = aws_new(&fetcher->settings.aws);
	fetcher->registry = registry_new(&fetcher->settings, fetcher->aws);
	if (!http_client_new(&fetcher->settings.http, &fetcher->client, err) || !fetch_confine(err))
		return false;
	footprint_shrink(); /* loading thirty libraries touches much that is never used */
	return true;
}

int main(void)
{
	struct fetcher *fetcher = mem_alloc(sizeof(*fetcher));
	struct error err;

	log_set_program("mooring-fetch");
	bool is_ok = prepare(fetcher, &err) && serve(fetcher, &err);

	if (!is_ok)
		log_error("%s", err.text);
	/* At once: a name that is being looked up would hold up an orderly end for seconds, and
	 * nothing here outlives the process. */
	_exit(is_ok ? 0 : 1);
}
