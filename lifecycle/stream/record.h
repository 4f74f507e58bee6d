/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_RECORD_H
#define LIFECYCLE_STREAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One message as it lies in a segment, all numbers little-endian:
 *
 *     u32 length of the payload      u32 CRC-32 of all that follows it and of the length
 *     u64 sequence number            u64 time of ingest, Unix milliseconds
 *     u32 author (lifecycle/stream/authors.h)
 *     payload
 */

#define RECORD_HEAD_SIZE 28

struct record {
	uint32_t length;
	uint32_t crc;
	int64_t sequence;
	int64_t time;
	uint32_t author;
};

/* Writes the head of a record with this payload; record->length and crc are filled in. */
void record_write_head(struct record *record, const void *payload, size_t length,
		       char head[RECORD_HEAD_SIZE]);

void record_read_head(const char head[RECORD_HEAD_SIZE], struct record *record);

/* True if the payload (record->length bytes) is the one the head was made for. */
bool record_is_sound(const struct record *record, const void *payload);

#endif
