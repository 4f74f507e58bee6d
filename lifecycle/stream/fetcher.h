/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_FETCHER_H
#define LIFECYCLE_STREAM_FETCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "lifecycle/stream/link.h"

/*
 * HTTP by mooring-fetch, the only program that talks to the network (docs/architecture.md). The
 * nucleus starts one when there is something to send, and it ends when there has been nothing for a
 * while.
 */

#define FETCHER_HEADERS_MAX 28
#define FETCHER_REPLY_MAX   (1 << 20) /* bytes of a reply's body */

struct fetcher {
	struct link *link;
	struct stream_clock *clock;
	struct loop_watch control; /* fd -1: there is no mooring-fetch */
	struct link_call asking;
	struct loop_timer idle;
	struct fetch_call *calls; /* sent, or waiting for the nucleus */
	int64_t next_id;
};

struct fetch_header {
	const char *name, *value;
};

struct fetch_request {
	const char *method, *url;
	struct fetch_header headers[FETCHER_HEADERS_MAX]; /* up to the first without a name */
	const char *service;                              /* sign for it; NULL: unsigned */
	const char *region;
	const char *access_key, *secret_key, *session_token; /* NULL: mooring-fetch's own */
	const char *const *wanted; /* of the reply's headers; NULL-terminated, or NULL */
	const char *text;          /* the body, or */
	int body_fd;               /* a file, from its position on, or a pipe; -1: none */
	int64_t body_size;
};

struct fetch_reply {
	bool has_failed; /* there was no reply: */
	enum error_kind kind;
	const char *text;
	int status;
	const struct json *headers; /* the wanted ones that came, by name as it was wanted */
	struct buf body;
};

/* One request on its way, a part of who asks. */
struct fetch_call {
	/* Exactly once, never from inside fetcher_send. `reply` lives for the call. */
	void (*on_reply)(struct fetch_call *call, const struct fetch_reply *reply);
	void *context;

	/* The fetcher's own. */
	struct fetch_call *next;
	int64_t id; /* 0: on no way */
	bool is_sent;
	char *packet;
	size_t length;
	int body_fd, reply_fd;
};

void fetcher_init(struct fetcher *fetcher, struct link *link, struct stream_clock *clock);
void fetcher_done(struct fetcher *fetcher);

/* The texts are copied, and so is the descriptor. */
must_check bool fetcher_send(struct fetcher *fetcher, struct fetch_call *call,
			     const struct fetch_request *request, struct error *err);

/* The reply no longer matters. On no way: nothing happens. */
void fetcher_forget(struct fetcher *fetcher, struct fetch_call *call);

#endif
