/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_LINK_H
#define LIFECYCLE_STREAM_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/jsonout.h"
#include "lifecycle/stream/streamclock.h"

/*
 * The socket to the nucleus (docs/architecture.md): whatever this program may not do itself,
 * because it talks to strangers, is asked for here: whose a token is, a component's file, a
 * mooring-fetch.
 */

#define LINK_PACKET_MAX 65536

struct link_answer {
	bool is_ok;
	const struct json *json; /* all of it */
	int fd;                  /* -1: none came; taken by who sets it to -1 */
	enum error_kind kind;    /* not ok: why, and in words */
	const char *text;
};

/* One question, a part of who asks. It must not be asked twice at a time. */
struct link_call {
	void (*on_answer)(struct link_call *call, struct link_answer *answer);
	void *context;
	int64_t id; /* 0: not asked */
	struct link_call *next;
};

struct link {
	struct loop_watch watch;
	struct stream_clock *clock;
	struct link_call *calls;
	int64_t next_id;
	bool is_over; /* the nucleus has hung up: it is time to end */
};

void link_open(struct link *link, struct stream_clock *clock, int fd);
void link_close(struct link *link);

/* {"event":"ready","port":PORT} */
must_check bool link_report_ready(struct link *link, int port, struct error *err);

/* Questions. on_answer is called later, exactly once, never from inside the call. A failure to ask
 * is returned instead. */
must_check bool link_ask_token(struct link *link, struct link_call *call, const char *token,
			       struct error *err);
must_check bool link_ask_open(struct link *link, struct link_call *call, const char *component,
			      const char *path, struct error *err);
must_check bool link_ask_fetch(struct link *link, struct link_call *call, struct error *err);

/* The answer no longer matters. Not asked: nothing happens. */
void link_forget(struct link *link, struct link_call *call);

#endif
