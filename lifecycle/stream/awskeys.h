/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_AWSKEYS_H
#define LIFECYCLE_STREAM_AWSKEYS_H

#include "lifecycle/stream/fetcher.h"
#include "lifecycle/stream/streamsettings.h"

/*
 * The device's credentials, from the token exchange service, fetched when they are first needed and
 * again before they expire.
 */

struct aws_keys {
	struct fetcher *fetcher;
	struct stream_clock *clock;
	const char *uri; /* NULL: there are none to be had; mooring-fetch signs with its own */
	const char *token;
	struct fetch_call call;
	struct keys_waiter *waiters;
	struct arena arena; /* of these: */
	const char *access_key, *secret_key, *session_token;
	int64_t good_until; /* Unix milliseconds; 0: there are none */
};

/* Who waits, a part of him. */
struct keys_waiter {
	/* NULL: they are there; else why not. */
	void (*on_keys)(struct keys_waiter *waiter, const char *failure);
	void *context;
	struct keys_waiter *next;
	bool is_waiting;
};

void aws_keys_init(struct aws_keys *keys, struct fetcher *fetcher,
		   const struct stream_settings *settings);
void aws_keys_done(struct aws_keys *keys);

/* Calls on_keys when there are good keys or none can be had: at once, or later. */
void aws_keys_need(struct aws_keys *keys, struct keys_waiter *waiter);
void aws_keys_forget(struct aws_keys *keys, struct keys_waiter *waiter);

/* Whoever they were shown to does not like them any more. */
void aws_keys_reject(struct aws_keys *keys);

/* Signs the request for this service. */
void aws_keys_sign(const struct aws_keys *keys, struct fetch_request *request, const char *service,
		   const char *region);

#endif
