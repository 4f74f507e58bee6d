/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_STREAM_H
#define LIFECYCLE_STREAM_STREAM_H

#include "base/buf.h"
#include "lifecycle/stream/definition.h"
#include "lifecycle/stream/record.h"

/*
 * One stream: messages numbered from 0, in segments. Nothing is ever changed but the end of the
 * newest segment; data goes a whole segment at a time.
 *
 *     DIR/definition                  the CBOR map, replaced atomically
 *     DIR/0000000000000000000.log     records (record.h); the name is the first one's number
 *
 * A stream that lives in memory has its records in one memfd instead, at ever higher offsets, with
 * holes where segments were. After a crash the newest segment is read through once and cut behind
 * its last sound record; a message that was acknowledged had been written before.
 */

#define STREAM_FILE_DEFINITION "definition"

/* Shared by all streams in memory. */
struct memory_budget {
	int64_t used; /* bytes of records */
	int64_t limit;
};

struct segment {
	int64_t first; /* sequence number of its first record */
	int64_t size;  /* bytes */
	int64_t start; /* offset of its first record: 0 in a file */
	int64_t time;  /* ingest of its first record */
};

/* A place to read from: the record `sequence` begins at `offset` of its segment. */
struct cursor {
	int64_t sequence;
	int64_t segment; /* its `first` */
	int64_t offset;  /* from the segment's start */
};

#define STREAM_HINTS 4

struct stream {
	struct definition definition;
	struct arena arena; /* the definition's */
	int dir;
	int active_fd; /* newest segment, or the memfd */
	int reader_fd; /* another segment, kept open for who reads on */
	int64_t reader_segment;
	struct segment *segments; /* oldest first; at least one */
	size_t segment_count;
	size_t segment_capacity;
	int64_t next_sequence;
	int64_t newest_time; /* ingest of the newest record */
	int64_t stored;      /* bytes of all records */
	int64_t finished;    /* every export is done with all before this number: may go if full */
	struct cursor hints[STREAM_HINTS]; /* where readings ended lately */
	size_t hint;
	struct memory_budget *budget;
	/* Called before the messages below `end` are dropped. */
	void (*before_drop)(struct stream *stream, int64_t end);
	void *owner;      /* for before_drop */
	bool is_dropping; /* inside before_drop: nothing else may be dropped */
	struct stream *next;
};

/* Makes the stream's directory below `parent`, which has none of that name, and opens it. The
 * definition is copied. The caller frees it. */
must_check bool stream_create(struct stream **stream, int parent,
			      const struct definition *definition, struct memory_budget *budget,
			      struct error *err);

/* Opens the stream whose directory is `parent`/`file`, mending what a crash left. */
must_check bool stream_open(struct stream **stream, int parent, const char *file,
			    struct memory_budget *budget, struct error *err);

/* Forgets it; what is on disk stays. NULL is empty. */
void stream_free(struct stream *stream);

/* The name of a stream's directory; the caller frees it. */
char *stream_file_name(const char *name) must_check;

/* Another definition of the same name and persistence, in place of this one and on disk. */
must_check bool stream_redefine(struct stream *stream, const struct definition *definition,
				struct error *err);

/* True if a message of `length` bytes could ever be held. */
bool stream_could_hold(const struct stream *stream, size_t length);

/* Appends; `now` in Unix milliseconds. ERROR_NO_SPACE: the stream is full (sys 0), there is no
 * memory left for streams (sys ENOMEM), or the disk is full. Nothing is changed then. */
must_check bool stream_append(struct stream *stream, uint32_t author, const void *payload,
			      size_t length, int64_t now, int64_t *sequence, struct error *err);

/* -1 if it is empty and new; the number before next_sequence otherwise. */
int64_t stream_newest(const struct stream *stream);
int64_t stream_oldest(const struct stream *stream);

/* A cursor at `sequence`, or at the oldest message if that is gone. False only if a segment cannot
 * be read (ERROR_CORRUPT, ERROR_SYSTEM). `sequence` may be next_sequence. */
must_check bool stream_seek(struct stream *stream, int64_t sequence, struct cursor *cursor,
			    struct error *err);

/* The head of the record at the cursor; *is_there is false at the end of the stream. Moves on to
 * the next segment where one ends. */
must_check bool stream_peek(struct stream *stream, struct cursor *cursor, struct record *record,
			    bool *is_there, struct error *err);

/* Appends the payload of the record that stream_peek has shown to `out`, and moves behind it.
 * ERROR_CORRUPT: the record is damaged. ERROR_INPUT: `out` has no room. */
must_check bool stream_take(struct stream *stream, struct cursor *cursor,
			    const struct record *record, struct buf *out, struct error *err);

/* Moves behind a damaged record as well as may be: to the next segment. */
void stream_skip_segment(struct stream *stream, struct cursor *cursor);

/* Keeps the place, for the next one who seeks there. */
void stream_remember(struct stream *stream, const struct cursor *cursor);

/* Drops segments in which every message is older than the time to live. */
must_check bool stream_expire(struct stream *stream, int64_t now, struct error *err);

/* Removes a stream's directory for good; interrupted, it is finished at the next start. */
must_check bool stream_destroy(struct stream *stream, int parent, int trash, struct error *err);

#endif
