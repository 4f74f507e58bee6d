/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/awskeys.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

#define EARLY_MS   (5 * 60 * 1000LL)  /* they must outlive a request */
#define FOREVER_MS (60 * 60 * 1000LL) /* if they do not say when they expire */

void aws_keys_init(struct aws_keys *keys, struct fetcher *fetcher,
		   const struct stream_settings *settings)
{
	*keys = (struct aws_keys){ .fetcher = fetcher,
				   .clock = fetcher->clock,
				   .uri = settings->credentials_uri,
				   .token = settings->credentials_token };
}

void aws_keys_done(struct aws_keys *keys)
{
	fetcher_forget(keys->fetcher, &keys->call);
	arena_done(&keys->arena);
}

void aws_keys_reject(struct aws_keys *keys)
{
	keys->good_until = 0;
}

static void tell_waiters(struct aws_keys *keys, const char *failure)
{
	struct keys_waiter *waiters = keys->waiters;

	keys->waiters = NULL;
	while (waiters) {
		struct keys_waiter *waiter = waiters;

		waiters = waiter->next;
		waiter->is_waiting = false;
		waiter->on_keys(waiter, failure);
	}
}

void aws_keys_forget(struct aws_keys *keys, struct keys_waiter *waiter)
{
	for (struct keys_waiter **link = &keys->waiters; *link; link = &(*link)->next) {
		if (*link == waiter) {
			*link = waiter->next;
			break;
		}
	}
	waiter->is_waiting = false;
}

/* -- asking -------------------------------------------------------------------------------------
 */

/* "2026-01-02T03:04:05Z", with or without a fraction. */
static bool read_time(const char *text, int64_t *milliseconds)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!rest)
		return false;
	*milliseconds = (int64_t)timegm(&tm) * 1000;
	return true;
}

static bool read_keys(struct aws_keys *keys, const struct buf *body, struct error *err)
{
	struct arena arena = { 0 };
	const struct json *json;
	const char *expiration;

	if (!json_parse(&arena, "credentials", body->data, body->length, &json, err) ||
	    !json_text(json, "AccessKeyId", &keys->access_key, err) ||
	    !json_text(json, "SecretAccessKey", &keys->secret_key, err) ||
	    !json_text_or(json, "Token", "", &keys->session_token, err) ||
	    !json_text_or(json, "Expiration", "", &expiration, err)) {
		arena_done(&arena);
		return false;
	}
	if (!read_time(expiration, &keys->good_until))
		keys->good_until = stream_clock_wall(keys->clock) + FOREVER_MS;
	arena_done(&keys->arena);
	keys->arena = arena;
	return true;
}

static void on_reply(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct aws_keys *keys = call->context;
	struct error err;

	if (reply->has_failed)
		error_set(&err, reply->kind, "%s", reply->text);
	else if (reply->status != 200)
		error_set(&err, ERROR_DENIED, "HTTP %d %.*s", reply->status,
			  (int)strcspn(reply->body.data, "\n"), reply->body.data);
	else if (read_keys(keys, &reply->body, &err)) {
		tell_waiters(keys, NULL);
		return;
	}
	keys->good_until = 0;
	error_in(&err, "credentials of the token exchange service");
	tell_waiters(keys, err.text);
}

static bool ask(struct aws_keys *keys, struct error *err)
{
	const struct fetch_request request = {
		.method = "GET",
		.url = keys->uri,
		.headers = { { "Authorization", keys->token } },
		.body_fd = -1,
	};

	keys->call = (struct fetch_call){ .on_reply = on_reply, .context = keys };
	return fetcher_send(keys->fetcher, &keys->call, &request, err);
}

void aws_keys_need(struct aws_keys *keys, struct keys_waiter *waiter)
{
	struct error err;

	if (!keys->uri || keys->good_until - EARLY_MS > stream_clock_wall(keys->clock)) {
		waiter->on_keys(waiter, NULL);
		return;
	}
	waiter->next = keys->waiters;
	keys->waiters = waiter;
	waiter->is_waiting = true;
	if (keys->call.id == 0 && !ask(keys, &err))
		tell_waiters(keys, err.text);
}

void aws_keys_sign(const struct aws_keys *keys, struct fetch_request *request, const char *service,
		   const char *region)
{
	request->service = service;
	request->region = region;
	if (!keys->uri)
		return;
	request->access_key = keys->access_key;
	request->secret_key = keys->secret_key;
	request->session_token = keys->session_token;
}
