/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_BATCH_H
#define LIFECYCLE_STREAM_BATCH_H

#include "base/jsonout.h"
#include "lifecycle/stream/exporter.h"

/*
 * What differs between the destinations that take messages in batches.
 */

/* One request in the making. */
struct batch {
	struct exporter *exporter;
	const struct batch_kind *kind;
	struct buf body;
	struct jsonout out; /* into body, where it is JSON */
	int64_t bytes;      /* payloads */
	char **seen;        /* SiteWise: what must not come twice; in `arena` */
	size_t seen_count;
	struct arena arena;
};

enum batch_add {
	BATCH_ADDED,
	BATCH_FULL,   /* not this one: it is the next batch's */
	BATCH_PASSED, /* it can never be delivered; the exporter has been blamed */
};

struct batch_kind {
	bool needs_keys; /* of AWS */
	void (*begin)(struct batch *batch);
	enum batch_add (*add)(struct batch *batch, const struct record *record,
			      const struct buf *payload);
	void (*end)(struct batch *batch);
	/* URL, headers, signature. Texts in `arena` or longer. */
	void (*address)(struct batch *batch, struct arena *arena, struct fetch_request *request);
	/* Any status below 500 but 429. */
	void (*on_reply)(struct exporter *exporter, const struct fetch_reply *reply);
};

extern const struct batch_kind batch_http, batch_kinesis, batch_sitewise;

enum batch_outcome {
	BATCH_DELIVERED,
	BATCH_AGAIN,
	BATCH_GIVEN_UP,
};

/* For on_reply. All of the request is delivered; */
void batch_done(struct exporter *exporter);
/* each record for itself: as many outcomes as were sent; */
void batch_over(struct exporter *exporter, const enum batch_outcome *outcomes, const char *why);
/* none ever will be. */
void batch_pass_over(struct exporter *exporter, const char *why);

/* "HTTP 400 …" or what mooring-fetch says, in one line. */
void batch_reason(const struct fetch_reply *reply, char *text, size_t size);

#endif
