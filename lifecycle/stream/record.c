/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/record.h"

#include <string.h>

#include "base/crc32.h"

static void put(char *at, uint64_t number, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (char)(number >> 8 * i);
}

static uint64_t get(const char *at, size_t size)
{
	uint64_t number = 0;

	for (size_t i = size; i > 0; i--)
		number = number << 8 | (unsigned char)at[i - 1];
	return number;
}

static void write_numbers(const struct record *record, char head[RECORD_HEAD_SIZE])
{
	put(head, record->length, 4);
	put(head + 4, record->crc, 4);
	put(head + 8, (uint64_t)record->sequence, 8);
	put(head + 16, (uint64_t)record->time, 8);
	put(head + 24, record->author, 4);
}

static uint32_t checksum(const char head[RECORD_HEAD_SIZE], const void *payload, size_t length)
{
	uint32_t crc = crc32_add(0, head, 4);

	crc = crc32_add(crc, head + 8, RECORD_HEAD_SIZE - 8);
	return crc32_add(crc, payload, length);
}

void record_write_head(struct record *record, const void *payload, size_t length,
		       char head[RECORD_HEAD_SIZE])
{
	record->length = (uint32_t)length;
	write_numbers(record, head);
	record->crc = checksum(head, payload, length);
	put(head + 4, record->crc, 4);
}

void record_read_head(const char head[RECORD_HEAD_SIZE], struct record *record)
{
	record->length = (uint32_t)get(head, 4);
	record->crc = (uint32_t)get(head + 4, 4);
	record->sequence = (int64_t)get(head + 8, 8);
	record->time = (int64_t)get(head + 16, 8);
	record->author = (uint32_t)get(head + 24, 4);
}

bool record_is_sound(const struct record *record, const void *payload)
{
	char head[RECORD_HEAD_SIZE];

	write_numbers(record, head);
	return checksum(head, payload, record->length) == record->crc;
}
