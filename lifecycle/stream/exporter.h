/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_EXPORTER_H
#define LIFECYCLE_STREAM_EXPORTER_H

#include "lifecycle/stream/awskeys.h"
#include "lifecycle/stream/depot.h"
#include "lifecycle/stream/exports.h"
#include "lifecycle/stream/s3task.h"

/*
 * The exports among themselves. One exporter is one export of one stream:
 *
 *     IDLE ──messages──► READY ──its turn──► BUSY ──delivered──► IDLE
 *       ▲ └─not due yet─► PAUSED ◄──to be tried again──┘
 *
 * exports.c decides whose turn it is and keeps positions; exportbatch.c (Kinesis, SiteWise, HTTP)
 * and exports3.c do the delivering, and report by exporter_delivered, exporter_postpone or
 * exporter_rest. A position is saved after what is before it was delivered, never before.
 */

#define EXPORT_ERROR_MAX   512
#define EXPORT_BATCH_BYTES (512 * 1024) /* payloads in one request, if there is more than one */
#define EXPORT_PARTS_MAX   10000        /* S3's own limit */

enum exporter_phase {
	EXPORTER_IDLE,
	EXPORTER_PAUSED,
	EXPORTER_READY,
	EXPORTER_BUSY,
};

/* A file on its way to S3, or a part of it. Freed as a whole. */
struct upload {
	struct arena arena;
	int64_t sequence; /* of the task */
	struct s3_task task;
	const char *key;    /* resolved */
	const char *region; /* another than the device's, as S3 has told */
	int fd;
	int64_t size, inode, mtime; /* of the file: another one must not be mixed with it */
	bool has_said_in_progress;
	/* Multipart: */
	const char *id; /* NULL: not begun */
	int64_t part_size;
	const char **etags; /* of the parts that are there */
	int64_t part_count;
};

struct exporter {
	struct export_set *set;
	struct exporter *next;
	char *identifier;
	enum export_kind kind;
	enum exporter_phase phase;
	bool is_known;    /* was in the file of positions, or is now */
	int64_t position; /* sequence number to be delivered next */
	int64_t start;    /* startSequenceNumber that it has begun with */
	int64_t last_sequence, last_time, bytes, messages;
	char error[EXPORT_ERROR_MAX];
	int64_t failures; /* in a row */
	int64_t ready_since;
	int64_t not_before; /* exporter_hold_off */
	struct loop_timer timer;
	struct fetch_call call;
	struct keys_waiter keys;
	struct link_call opening;
	/* The batch on its way: [position, batch_end); of those, the ones still to be delivered. */
	int64_t batch_end;
	int64_t *again; /* sequence numbers; NULL: all of the batch */
	size_t again_count;
	int64_t *sent; /* sequence number of each record in the request */
	size_t sent_count;
	int64_t sent_bytes;
	struct upload *upload; /* S3 */
};

/* Of one stream. */
struct export_set {
	struct exports *exports;
	struct stream *stream;
	struct export_set *next;
	struct exporter *exporters;
	struct loop_timer save;
	bool is_save_due; /* the timer runs */
};

struct exports {
	struct stream_clock *clock;
	struct depot *depot;
	struct link *link;
	struct server *server;
	const struct stream_settings *settings;
	struct fetcher fetcher;
	struct aws_keys keys;
	struct export_set *sets;
	size_t busy;
	int64_t free_at; /* bandwidth: nothing is begun before this time */
	struct loop_timer turn;
};

void exports_open(struct exports *exports);
/* Saves every position. */
void exports_close(struct exports *exports);

/* As it is in the stream's definition now. */
const struct export_definition *exporter_config(const struct exporter *exporter);

/* All before `position` is delivered or given up: saves that (at once, or soon) and goes on. */
void exporter_delivered(struct exporter *exporter, int64_t position, bool at_once);
/* Counts what was delivered; not what was given up. */
void exporter_count(struct exporter *exporter, int64_t sequence, int64_t bytes);
/* It failed and will be tried again, later and later. */
void exporter_postpone(struct exporter *exporter, const char *why);
/* It failed for good, or a part of it. */
void exporter_blame(struct exporter *exporter, const char *why);
/* Gives the turn back. */
void exporter_rest(struct exporter *exporter);
/* That many bytes went out: others wait if the bandwidth is limited. */
void exporter_spent(struct exporter *exporter, int64_t bytes);

/* Nothing more of this export for so long. */
void exporter_hold_off(struct exporter *exporter, int64_t milliseconds);

/* Begin with what is at the position; there is something. */
void export_batch_begin(struct exporter *exporter);
void export_s3_begin(struct exporter *exporter);
/* Forgets what is on its way; the position stays. */
void export_batch_stop(struct exporter *exporter);
void export_s3_stop(struct exporter *exporter);
/* Tasks below `end` will never be carried out: says so. */
void export_s3_cancel(struct exporter *exporter, int64_t end);

/* exportstate.c: positions of a stream's exporters on disk. */
void export_state_load(struct export_set *set);
void export_state_save(struct export_set *set);

/* statusmessage.c */
enum s3_status {
	S3_SUCCESS,
	S3_FAILURE,
	S3_IN_PROGRESS,
	S3_WARNING,
	S3_CANCELED,
};

/* Tells the status stream, if there is one and it wants to know. `json` may be NULL. */
void export_s3_report(struct exporter *exporter, const struct json *json, int64_t sequence,
		      enum s3_status status, const char *text);

/* awsurl.c: "https://kinesis.eu-west-1.amazonaws.com", or the endpoint that is set. */
const char *aws_endpoint(struct arena *arena, const char *configured, const char *prefix,
			 const char *region) must_check;
/* The URL of an object, percent-encoded, with a query or "". */
const char *aws_object_url(struct arena *arena, const struct stream_settings *settings,
			   const char *region, const char *bucket, const char *key,
			   const char *query) must_check;

#endif
