/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_JSONLOG_H
#define RUNTIME_JSONLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/proc.h"

/*
 * Container output as Docker's json-file records, one a line:
 * {"log":"o1\n","stream":"stdout","time":"2026-11-23T18:59:17.719027349Z"}
 * with "attrs":{…} before the time where there are attributes.
 *
 * A line of more than JSONLOG_LINE bytes is split; all records of it but the last lack the "\n".
 * The disk being full never stops the container: records are dropped, counted, and the file stays
 * whole.
 */

#define JSONLOG_LINE      16384 /* Docker's: readers rejoin what is split here */
#define JSONLOG_TIME_SIZE CLOCK_TEXT_SIZE
#define JSONLOG_ATTRS_MAX 8192 /* bytes */

enum jsonlog_stream {
	JSONLOG_STDOUT,
	JSONLOG_STDERR
};
#define JSONLOG_STREAMS 2

/* The beginning of a line whose end has not come yet. */
struct jsonlog_line {
	char *data; /* JSONLOG_LINE bytes */
	size_t length;
	bool is_continued;     /* a record of this very line has been written already … */
	struct timespec since; /* … with this time, which all its records share */
};

struct jsonlog {
	int dir;          /* where the files are; -1: no log, all is discarded */
	const char *name; /* of the newest file; older ones are NAME.1, NAME.2, … */
	int fd;
	const char *attrs; /* an object, as JSON, in every record; NULL: none; not longer than the
			      limit */
	int64_t max_size;  /* 0: no rotation */
	int max_files;     /* in all, at least 1 */
	const char *press; /* a program that packs older files: NAME.1.gz; NULL: none. It is told
			      NAME and max_files, and finds the directory as descriptor 3 */
	struct proc pressing; /* pid 0: it does not run; pidfd for who waits for its end */
	int64_t size;         /* of the newest file */
	uint64_t dropped;     /* records that could not be written */
	struct jsonlog_line lines[JSONLOG_STREAMS];
	char *records;         /* encoded, not yet written */
	size_t pending;        /* bytes in `records` */
	struct timespec stamp; /* the time that the next member is the text of */
	char stamp_text[JSONLOG_TIME_SIZE];
	size_t stamp_length;
	char *memory; /* one mapping for all buffers; pages exist once used */
};

/* No log: everything is discarded, nothing is to be closed. */
void jsonlog_init(struct jsonlog *log);
/* Opens (or makes, 0640) the log at its end. `path` must outlive the log. */
must_check bool jsonlog_open(struct jsonlog *log, const char *path, int64_t max_size, int max_files,
			     struct error *err);
/* Takes output as it was read; its records are in the file on return, but for an unfinished line.
 */
void jsonlog_add(struct jsonlog *log, enum jsonlog_stream stream, const char *bytes, size_t count,
		 struct timespec now);
/* The stream has ended: an unfinished line becomes a record, without "\n"; and see jsonlog_settle.
 */
void jsonlog_end(struct jsonlog *log, enum jsonlog_stream stream, struct timespec now);
/* Gives back the memory that only a burst of output needed. */
void jsonlog_rest(struct jsonlog *log);
/* No older file is being packed on return: a program that still runs is killed, and does it after
 * the next rotation. */
void jsonlog_settle(struct jsonlog *log);
void jsonlog_close(struct jsonlog *log);

/* RFC 3339 in UTC as Go prints it: nanoseconds without trailing zeros. Returns the length. */
size_t jsonlog_time(char text[JSONLOG_TIME_SIZE], struct timespec time);

#endif
