/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOGGER_H
#define ENGINE_LOGGER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/logaddress.h"
#include "engine/logrecord.h"

/*
 * mooring-logger passes what is written to a container's log on to syslog or to systemd's journal.
 *
 *     mooring-logger syslog TAG ADDRESS FACILITY FORMAT      fd 3: the log, from where on it counts
 *     mooring-logger journald NAME=VALUE…                    fd 4: its directory
 *                                                            fd 5: ends with the monitor
 *
 * While nobody takes a record it is tried again and again; the log's files are what it waits in.
 */

/* Reading the log: across rotation, without a record missed or doubled. */
struct loggertail {
	int dir, file;
	struct buf pending; /* read, not yet handed out */
	size_t begin;       /* of what is not handed out, in `pending` */
};

/* Takes both descriptors over. */
void loggertail_init(struct loggertail *tail, int dir, int file);
/* The next line, without its newline, which lives until the next call; NULL: none at present. */
char *loggertail_next(struct loggertail *tail);

enum logger_outcome {
	LOGGER_SENT, /* or not wanted at all */
	LOGGER_LATER /* nobody there: try again */
};

/* Where to. A connection is opened when there is something to send. */
struct logger_outlet {
	enum logger_outcome (*send)(struct logger_outlet *outlet, const struct logrecord *record);
	char *const *arguments; /* the program's, after the driver's name */
	int connection;         /* -1: none */
	struct buf message;

	struct logaddress address; /* syslog only */
	int facility;
	char machine[LOGADDRESS_HOST_MAX];
};

/* `arguments` are kept. */
must_check bool loggersyslog_init(struct logger_outlet *outlet, char *const *arguments,
				  struct error *err);
must_check bool loggerjournal_init(struct logger_outlet *outlet, char *const *arguments,
				   struct error *err);

#endif
