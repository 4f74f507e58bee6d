/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_VIEWER_H
#define COMPOSE_VIEWER_H

#include <stdbool.h>

#include "base/error.h"
#include "compose/console.h"
#include "compose/session.h"
#include "engine/logfile.h"

/*
 * Follows the logs and the ends of many containers in one process: one inotify descriptor tells of
 * all their directories. Nothing is attached to the containers: whatever becomes of us, they go on.
 */
struct viewer_source;

enum viewer_end {
	VIEWER_ENDED,
	VIEWER_RESTARTING,
	VIEWER_REPLACED, /* another container is about to take its place; 1 does not tell */
};

struct viewer {
	const struct session *session;
	struct console console;
	struct logfile_query query; /* tail, since, until of each */
	bool tells_ends;            /* also where nobody asks for them: */
	/* Told of each end, after its last line. NULL: nobody asks. */
	void (*on_end)(void *context, const char *service, int code, enum viewer_end end);
	/* Whether a container that was made meanwhile, by whomever, is to be followed as well (no
	 * one-off one is). NULL: none is. */
	bool (*wants)(void *context, const struct member *member);
	void *context;

	/* The viewer's own. */
	int events;         /* inotify */
	int nursery;        /* its watch of the directory where containers are made */
	bool has_newcomers; /* there may be some */
	struct viewer_source *sources;
	struct viewer_source **last;
	size_t live; /* sources that are not over */
};

#define VIEWER_EMPTY                                                                               \
	(struct viewer)                                                                            \
	{                                                                                          \
		.events = -1, .nursery = -1, .query.tail = -1                                      \
	}

must_check bool viewer_open(struct viewer *viewer, const struct session *session,
			    struct error *err);
void viewer_close(struct viewer *viewer);

/* One more container. `is_new`: only what it writes from now on. A container that is not running
 * yet must be about to be started. */
must_check bool viewer_add(struct viewer *viewer, const char *service, const char *name,
			   const char *id, bool is_new, struct error *err);
/* Once all are there, before the first line: "Attaching to a, b" if asked for. */
void viewer_settle(struct viewer *viewer, bool tells);
/* Shows what there is by now, and what has ended. */
must_check bool viewer_look(struct viewer *viewer, struct error *err);
/* Nothing more is wanted: shows the lines that were begun. */
void viewer_flush(struct viewer *viewer);
/* Waits until something happens (or a while), and looks. Returns as well when `signals` (-1: none)
 * is readable. */
must_check bool viewer_wait(struct viewer *viewer, int signals, struct error *err);

/* How a container is called before the bar: without the project's name. */
const char *viewer_short_name(struct arena *arena, const struct session *session,
			      const char *service, const char *name);

#endif
