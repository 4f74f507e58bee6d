/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_TELLING_H
#define COMPOSE_TELLING_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "compose/board.h"

/*
 * Progress, in the words of the two generations of docker-compose:
 *
 *     1: Creating cp1_web_1 ... done              2:  Container cp1-web-1  Created
 *
 * On a terminal each thing has one line, which is written again; elsewhere every state is a line.
 */
struct telling {
	bool is_classic;
	bool is_quiet;
	bool is_dry;  /* each line says that nothing is done: --dry-run */
	size_t width; /* of the longest name so far: 1 pads to it */
	FILE *out;    /* stderr, or stdout if COMPOSE_STATUS_STDOUT asks for it */
	struct board board;
};

/* `ansi` is --ansi. `progress` is --progress: "quiet", "plain" (no line is written again), else by
 * where `out` leads. */
void telling_open(struct telling *telling, bool is_classic, const char *ansi, const char *progress,
		  FILE *out);
void telling_close(struct telling *telling);

/* To be said before anything else writes to the terminal. */
void telling_pause(struct telling *telling);

/* Of 2: "Creating", "Created". NULL: nothing is said then. */
struct telling_words {
	const char *begin, *end;
};

extern const struct telling_words telling_creating, telling_recreating, telling_starting,
	telling_stopping, telling_removing, telling_killing, telling_restarting, telling_pausing,
	telling_unpausing, telling_pulling, telling_running;

enum telling_stage {
	TELLING_WORKING,
	TELLING_DONE,
	TELLING_FAILED,
};

/* One line of 2. `kind` is what the name is of: "Container", "Network", "Volume"; "" for services.
 */
void telling_state(struct telling *telling, const char *kind, const char *name, const char *state,
		   enum telling_stage stage);

/* A name that lines of 1 will have: they are padded to the longest. */
void telling_expect(struct telling *telling, const char *name);
/* The lines of 1 about one thing: "Creating NAME ...", then "done" or "error" behind it. */
void telling_begin(struct telling *telling, const char *doing, const char *name);
void telling_end(struct telling *telling, const char *doing, const char *name, bool is_good);

/* A line of 1 only. */
void telling_classic(struct telling *telling, const char *format, ...) printf_like(2, 3);

#endif
