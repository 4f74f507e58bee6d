/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_EXPORTS_H
#define LIFECYCLE_STREAM_EXPORTS_H

#include "lifecycle/stream/stream.h"

/*
 * What the rest of the program sees of the exports: they are told what happens to streams, and say
 * how far they are.
 */

struct exports;

struct export_status {
	int64_t last_sequence; /* -1 before the first */
	int64_t last_time;     /* Unix milliseconds of the last attempt; 0: none */
	int64_t bytes, messages;
	const char *error; /* of the last failed attempt; "" if there is none */
};

/* The stream's definition is about to become `new`: exports that are gone then are cancelled. */
void exports_prepare(struct exports *exports, struct stream *stream, const struct definition *new);
/* It is new, at the start or by a client: takes up its exports. */
void exports_define(struct exports *exports, struct stream *stream);
/* A message was appended. */
void exports_appended(struct exports *exports, struct stream *stream);
/* The stream is about to be deleted: its tasks are cancelled. */
void exports_remove(struct exports *exports, struct stream *stream);

void exports_status(const struct exports *exports, const struct stream *stream,
		    const char *identifier, struct export_status *status);

#endif
