/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONTAINERROW_H
#define CLI_CONTAINERROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/health.h"
#include "engine/status.h"

/*
 * What a list of containers shows of each, whatever the moment and the format. Texts live in the
 * arena of whoever asked.
 *
 * Working a row out takes some twenty system calls and two JSON documents; a hundred of them take
 * longer than people like to wait, and scripts ask again and again. So rows are remembered in
 * RUN/rows, and one that is remembered is checked by two calls of stat(2):
 *
 * - All that ours change about a container shows in the modification time of its directory: files
 *   there are replaced by rename, and pausing touches it. A directory that was changed a moment ago
 *   is not relied on (ROW_SETTLED): what was read may be of just before the change.
 * - A process that was killed, even with its monitor, is seen by /proc/PID: the number of that
 *   directory's inode is never another process'.
 *
 * Rows of containers with a health check, and of those neither running nor ended, are not
 * remembered. The file may be lost, old or damaged: the rows are read afresh.
 */
struct containerrow {
	const char *id, *name;
	const char *image, *image_id; /* as typed; "sha256:…" */
	const char *created;          /* RFC 3339 */
	const char *command;          /* words in one line, whole */
	const char *labels;           /* "a=1,b=2" */
	const char *mounts;           /* sources: "/srv,data"; volumes' names whole */
	const char *networks, *ports;
	int64_t volume_count;
	struct status status;
	enum health_state health;
	struct container *container; /* all of it; NULL: not read, the row was remembered */
};

struct containerrows_read {
	struct containerrow *items; /* the newest first */
	size_t count;
	const char **damages; /* what is wrong with those that cannot be read */
	size_t damage_count;
	bool has_rubbish; /* some of what was found is no container: see claim_sweep */
};

/* Reads all containers; `is_brief`: those that are remembered are not read, and have no
 * `container`. One that is only just being made or removed is not there; a damaged one is left
 * out, and told. */
must_check bool containerrow_read_all(const struct engine *engine, struct arena *arena,
				      bool is_brief, struct containerrows_read *rows,
				      struct error *err);
void containerrow_done(struct containerrows_read *rows);

#endif
