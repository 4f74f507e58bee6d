/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOGFILE_H
#define ENGINE_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>

#include "base/error.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/logrecord.h"

/*
 * Reading what the monitor writes: container.log, one json-file record a line, older records in
 * container.log.1, .2, … Readers take no lock; a record that is still being written is not one yet.
 */
struct logfile_query {
	int64_t tail;                         /* at most so many of the last records; -1: all */
	bool is_followed;                     /* until the container ends */
	int64_t since_seconds, until_seconds; /* since 1970; 0: no limit */
	long since_ns, until_ns;
	int interrupt; /* a descriptor that ends following when it is readable; -1: none */

	/* False ends the reading (the reader is gone). */
	bool (*on_record)(void *context, const struct logrecord *record);
	void *context;
};

must_check bool logfile_read(struct engine *engine, const struct container *container,
			     const struct logfile_query *query, struct error *err);

/*
 * The same a piece at a time, for who follows many containers and waits for all of them himself:
 * LOGFILE_EVENTS of inotify on the container's directory tell when there may be more.
 */
#define LOGFILE_EVENTS                                                                             \
	(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

struct logfile;

/* Reads nothing yet. *query is copied; is_followed and interrupt do not count. A container that has
 * no log has no records. The caller closes it; ERROR_NOT_FOUND if the container is not there. */
must_check bool logfile_open(const struct engine *engine, const char *id,
			     const struct logfile_query *query, struct logfile **log,
			     struct error *err);
/* Delivers all records there are by now that were not delivered before. */
must_check bool logfile_pump(struct logfile *log, struct error *err);
/* Those there are by now are not wanted. */
must_check bool logfile_skip(struct logfile *log, struct error *err);
void logfile_close(struct logfile *log); /* NULL is fine */

#endif
