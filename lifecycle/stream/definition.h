/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_DEFINITION_H
#define LIFECYCLE_STREAM_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lifecycle/stream/cbor.h"

/*
 * A stream as its maker defined it (MessageStreamDefinition of the clients' SDKs), checked once.
 * The same map of CBOR comes from clients, goes back to them and lies on disk.
 */

#define DEFINITION_NAME_MAX      255
#define DEFINITION_EXPORTS_MAX   64   /* in one stream */
#define DEFINITION_TARGET_MAX    2048 /* bytes of a URI or of another service's stream name */
#define DEFINITION_SIZE_MAX      (256 * 1024) /* written as CBOR */
#define DEFINITION_MILLIS_MAX    9223372036854LL

#define DEFINITION_PART_SIZE_MIN 5242880 /* S3's own limit for a part */

enum strategy {
	STRATEGY_REJECT_NEW,
	STRATEGY_OVERWRITE_OLDEST,
};

enum persistence {
	PERSISTENCE_FILE,
	PERSISTENCE_MEMORY,
};

enum export_kind {
	EXPORT_HTTP,
	EXPORT_ANALYTICS,
	EXPORT_KINESIS,
	EXPORT_SITEWISE,
	EXPORT_S3,
};
#define EXPORT_KINDS 5

enum export_format {
	FORMAT_RAW,
	FORMAT_JSON,
};

struct export_definition {
	enum export_kind kind;
	const char *identifier;    /* unique in its stream */
	const char *target;        /* URI, channel or stream; NULL for SiteWise and S3 */
	const char *prefix;        /* iotMsgIdPrefix, or NULL */
	const char *status_stream; /* S3: or NULL */
	int64_t batch_size;        /* messages in one request */
	int64_t batch_interval;    /* milliseconds; 0: none */
	int64_t priority;          /* 1 most urgent … 10; PRIORITY_LOWEST if none was given */
	int64_t start;             /* sequence number to begin at */
	int64_t format;            /* HTTP: enum export_format */
	int64_t threshold;         /* S3: a larger file goes up in parts */
	int64_t status_level;      /* S3: 0 error … 4 trace */
	bool is_disabled;
};

#define PRIORITY_LOWEST 11

struct definition {
	const char *name;
	int64_t size_max;     /* bytes of records */
	int64_t segment_size; /* bytes */
	int64_t ttl;          /* milliseconds; 0: none */
	enum strategy strategy;
	enum persistence persistence;
	bool is_flushed; /* each message is on the disk before it is acknowledged */
	struct export_definition *exports;
	size_t export_count;
};

/* Checks and copies a map; everything lives in `arena`. ERROR_INPUT names what is wrong. */
must_check bool definition_parse(struct definition *definition, struct arena *arena,
				 const struct cbor *map, struct error *err);

/* Appends the map, with defaults filled in and an empty list where there is no export. */
void definition_put(const struct definition *definition, struct buf *out);

const struct export_definition *definition_export(const struct definition *definition,
						  const char *identifier);

/* True for 1–255 of letters, digits, "_", " ", ",", ".", "-" (ASCII). */
bool definition_is_name(const char *text);

#endif
