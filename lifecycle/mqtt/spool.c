/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/mqtt/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

#define SEGMENT_MAX  (256 * 1024) /* bytes after which the next segment is begun */
#define SEGMENT_READ (SEGMENT_MAX + MQTT_PAYLOAD_MAX + 1024)
#define OVERHEAD     64 /* bytes that a message counts beyond its own, for what we keep of it */

/* In front of topic and payload, in the machine's own byte order: a spool does not travel. */
struct header {
	uint32_t sum; /* of all that follows */
	uint16_t topic_length;
	uint8_t qos;
	uint8_t is_retained;
	uint32_t length; /* of the payload */
};

struct segment {
	uint64_t number;
	size_t left; /* messages of it that are not done */
	struct segment *next;
};

struct record {
	uint64_t id;
	struct record *next;
	struct segment *segment; /* NULL: `bytes` holds topic, NUL, payload */
	uint32_t offset;
	struct header header;
	char bytes[];
};

struct spool {
	int64_t size_max, size;
	uint64_t last_id;
	struct record *first, *last;
	struct record *next; /* the first that is not taken */
	size_t count, taken;
	struct buf reading; /* what spool_next hands out */

	/* On disk only. */
	char *name;
	int directory; /* -1: in memory */
	int done_fd;
	struct segment *segments; /* the oldest first */
	struct segment *current;  /* the last, which is being written */
	int writing, opened;      /* the last segment; one that is being read */
	uint64_t opened_number;
	size_t written;        /* bytes in the last segment */
	uint64_t done_segment; /* numbers up to here have been used */
};

static int64_t size_of(const struct header *header)
{
	return (int64_t)header->topic_length + header->length + OVERHEAD;
}

/* -- segments -----------------------------------------------------------------------------------
 */

static void segment_name(char name[32], uint64_t number)
{
	snprintf(name, 32, "%016" PRIx64 ".spool", number);
}

static struct segment *add_segment(struct spool *spool, uint64_t number)
{
	struct segment **link = &spool->segments;

	while (*link && (*link)->number < number)
		link = &(*link)->next;

	struct segment *segment = mem_alloc(sizeof(*segment));

	segment->number = number;
	segment->next = *link;
	*link = segment;
	return segment;
}

static struct segment *last_segment(const struct spool *spool)
{
	struct segment *segment = spool->segments;

	while (segment && segment->next)
		segment = segment->next;
	return segment;
}

/* Those in front that hold nothing any more are removed, but never the one being written. */
static void remove_empty(struct spool *spool)
{
	while (spool->segments && spool->segments->left == 0 && spool->segments->next) {
		struct segment *segment = spool->segments;
		char name[32];

		segment_name(name, segment->number);
		if (unlinkat(spool->directory, name, 0) < 0 && errno != ENOENT)
			log_warning("MQTT spool: remove %s: %s", name, strerror(errno));
		spool->segments = segment->next;
		free(segment);
	}
}

static bool begin_segment(struct spool *spool, struct error *err)
{
	struct segment *last = last_segment(spool);
	uint64_t number = (last ? last->number : spool->done_segment) + 1;
	char name[32];

	segment_name(name, number);
	if (spool->writing >= 0)
		close(take_fd(&spool->writing));
	spool->writing =
		openat(spool->directory, name,
		       O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (spool->writing < 0)
		return error_sys(err, "MQTT spool: make %s/%s", spool->name, name);
	spool->current = add_segment(spool, number);
	spool->written = 0;
	if (!file_sync_dir(spool->directory, spool->name, err))
		return false;
	remove_empty(spool);
	return true;
}

/* -- done ---------------------------------------------------------------------------------------
 */

struct done {
	uint64_t segment;
	uint64_t offset; /* messages of it that begin before are done */
	uint32_t sum, unused;
};

static uint32_t done_sum(const struct done *done)
{
	return crc32_add(0, done, offsetof(struct done, sum));
}

/* Written in place and not synced: being behind costs duplicates only. */
static void note_done(struct spool *spool)
{
	struct done done = { 0 };
	const struct record *first = spool->first;

	if (spool->directory < 0)
		return;
	done.segment = first ? first->segment->number : spool->current->number;
	done.offset = first ? first->offset : spool->written;
	done.sum = done_sum(&done);
	if (pwrite(spool->done_fd, &done, sizeof(done), 0) != sizeof(done))
		log_warning("MQTT spool: write %s/done: %s", spool->name, strerror(errno));
}

static bool open_done(struct spool *spool, struct done *done, struct error *err)
{
	spool->done_fd =
		openat(spool->directory, "done", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (spool->done_fd < 0)
		return error_sys(err, "MQTT spool: open %s/done", spool->name);
	if (pread(spool->done_fd, done, sizeof(*done), 0) != sizeof(*done) ||
	    done->sum != done_sum(done))
		*done = (struct done){ 0 };
	spool->done_segment = done->segment;
	return true;
}

/* -- records ------------------------------------------------------------------------------------
 */

static uint32_t record_sum(const struct header *header, const char *topic, const char *payload)
{
	const char *from = (const char *)header + sizeof(header->sum);
	uint32_t sum = crc32_add(0, from, sizeof(*header) - sizeof(header->sum));

	sum = crc32_add(sum, topic, header->topic_length);
	return crc32_add(sum, payload, header->length);
}

static struct record *append(struct spool *spool, const struct header *header, size_t bytes)
{
	struct record *record = mem_alloc(sizeof(*record) + bytes);

	record->id = ++spool->last_id;
	record->header = *header;
	if (spool->last)
		spool->last->next = record;
	else
		spool->first = record;
	spool->last = record;
	if (!spool->next)
		spool->next = record;
	spool->count++;
	spool->size += size_of(header);
	return record;
}

/* `before` is the one in front of it, NULL for the first. */
static void take_out(struct spool *spool, struct record *before, struct record *record)
{
	if (before)
		before->next = record->next;
	else
		spool->first = record->next;
	if (spool->last == record)
		spool->last = before;
	if (spool->next == record)
		spool->next = record->next;
	spool->count--;
	spool->size -= size_of(&record->header);
	if (record->segment)
		record->segment->left--;
	free(record);
}

static bool is_taken(const struct spool *spool, const struct record *record)
{
	return !spool->next || record->id < spool->next->id;
}

/* Drops waiting QoS 0 messages, the oldest first, until `wanted` bytes are free. */
static void drop_qos0(struct spool *spool, int64_t wanted)
{
	struct record *before = NULL, *next;

	for (struct record *record = spool->first; record; record = next) {
		next = record->next;
		if (spool->size_max - spool->size >= wanted)
			break;
		if (record->header.qos == 0 && !is_taken(spool, record))
			take_out(spool, before, record);
		else
			before = record;
	}
}

void spool_drop_qos0(struct spool *spool)
{
	drop_qos0(spool, INT64_MAX);
	note_done(spool);
	remove_empty(spool);
}

static bool write_record(struct spool *spool, const struct header *header,
			 const struct mqtt_message *message, struct error *err)
{
	autobuf struct buf bytes;

	buf_init(&bytes, SEGMENT_READ);
	if ((spool->writing < 0 || spool->written >= SEGMENT_MAX) && !begin_segment(spool, err))
		return false;
	buf_add(&bytes, header, sizeof(*header));
	buf_add(&bytes, message->topic, header->topic_length);
	buf_add(&bytes, message->payload, header->length);
	if (!file_write(spool->writing, "MQTT spool", bytes.data, bytes.length, err) ||
	    (header->qos > 0 && fdatasync(spool->writing) < 0)) {
		if (err->text[0] == '\0')
			error_sys(err, "MQTT spool: write %s", spool->name);
		/* What was written of it must not stand in front of the next one. */
		if (ftruncate(spool->writing, (off_t)spool->written) < 0)
			close(take_fd(&spool->writing));
		return false;
	}

	struct record *record = append(spool, header, 0);

	record->segment = spool->current;
	spool->current->left++;
	record->offset = (uint32_t)spool->written;
	spool->written += bytes.length;
	return true;
}

bool spool_add(struct spool *spool, const struct mqtt_message *message, struct error *err)
{
	struct header header = { .topic_length = (uint16_t)strlen(message->topic),
				 .qos = (uint8_t)message->qos,
				 .is_retained = message->is_retained,
				 .length = (uint32_t)message->length };
	int64_t size = size_of(&header);

	err->text[0] = '\0';
	if (size > spool->size_max)
		return error_set(err, ERROR_NO_SPACE,
				 "the message is larger than the whole spool (%lld bytes)",
				 (long long)spool->size_max);
	if (spool->size + size > spool->size_max)
		drop_qos0(spool, size);
	if (spool->size + size > spool->size_max)
		return error_set(err, ERROR_NO_SPACE,
				 "the spool is full: %zu messages wait for the connection",
				 spool->count);
	header.sum = record_sum(&header, message->topic, message->payload);
	if (spool->directory >= 0)
		return write_record(spool, &header, message, err);

	struct record *record =
		append(spool, &header, (size_t)header.topic_length + 1 + header.length);

	memcpy(record->bytes, message->topic, header.topic_length);
	if (header.length)
		memcpy(record->bytes + header.topic_length + 1, message->payload, header.length);
	return true;
}

/* -- sending ------------------------------------------------------------------------------------
 */

static bool open_segment(struct spool *spool, const struct segment *segment)
{
	char name[32];

	if (spool->opened >= 0 && spool->opened_number == segment->number)
		return true;
	if (spool->opened >= 0)
		close(take_fd(&spool->opened));
	segment_name(name, segment->number);
	spool->opened = openat(spool->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	spool->opened_number = segment->number;
	return spool->opened >= 0;
}

/* Topic, NUL, payload into spool->reading. */
static bool read_record(struct spool *spool, const struct record *record)
{
	struct header header = record->header;
	off_t at = record->offset + (off_t)sizeof(header);
	char *bytes;

	buf_clear(&spool->reading);
	bytes = buf_reserve(&spool->reading, (size_t)header.topic_length + 1 + header.length);
	if (!record->segment) {
		memcpy(bytes, record->bytes, (size_t)header.topic_length + 1 + header.length);
		return true;
	}
	bytes[header.topic_length] = '\0';
	return open_segment(spool, record->segment) &&
	       pread(spool->opened, bytes, header.topic_length, at) == header.topic_length &&
	       pread(spool->opened, bytes + header.topic_length + 1, header.length,
		     at + header.topic_length) == (ssize_t)header.length &&
	       record_sum(&header, bytes, bytes + header.topic_length + 1) == header.sum;
}

bool spool_next(struct spool *spool, uint64_t *id, struct mqtt_message *message)
{
	while (spool->next) {
		struct record *record = spool->next;

		if (read_record(spool, record)) {
			const char *bytes = spool->reading.data;

			*id = record->id;
			*message = (struct mqtt_message){
				.topic = bytes,
				.payload = bytes + record->header.topic_length + 1,
				.length = record->header.length,
				.qos = record->header.qos,
				.is_retained = record->header.is_retained,
			};
			spool->next = record->next;
			spool->taken++;
			return true;
		}
		log_warning("MQTT spool: %s: a message cannot be read any more; it is left out",
			    spool->name);
		spool->next = record->next;
		spool->taken++;
		spool_done(spool, record->id);
	}
	return false;
}

void spool_done(struct spool *spool, uint64_t id)
{
	struct record *before = NULL;

	for (struct record *record = spool->first; record && is_taken(spool, record);
	     before = record, record = record->next) {
		if (record->id != id)
			continue;
		take_out(spool, before, record);
		spool->taken--;
		if (!before)
			note_done(spool);
		remove_empty(spool);
		return;
	}
}

void spool_rewind(struct spool *spool)
{
	spool->next = spool->first;
	spool->taken = 0;
}

uint64_t spool_oldest(const struct spool *spool)
{
	return spool->first ? spool->first->id : 0;
}

size_t spool_count(const struct spool *spool)
{
	return spool->count;
}

size_t spool_taken(const struct spool *spool)
{
	return spool->taken;
}

int64_t spool_bytes(const struct spool *spool)
{
	return spool->size - (int64_t)spool->count * OVERHEAD;
}

/* -- opening ------------------------------------------------------------------------------------
 */

static bool is_plausible(const struct header *header)
{
	return header->topic_length > 0 && header->length <= MQTT_PAYLOAD_MAX && header->qos <= 1 &&
	       header->is_retained <= 1;
}

static void index_segment(struct spool *spool, struct segment *segment, const struct buf *bytes,
			  const struct done *done)
{
	size_t at = 0;

	while (at + sizeof(struct header) <= bytes->length) {
		struct header header;
		const char *body = bytes->data + at + sizeof(header);
		size_t size;

		memcpy(&header, bytes->data + at, sizeof(header));
		size = sizeof(header) + header.topic_length + header.length;
		if (!is_plausible(&header) || bytes->length - at < size ||
		    record_sum(&header, body, body + header.topic_length) != header.sum)
			break;
		if (segment->number != done->segment || at >= done->offset) {
			struct record *record = append(spool, &header, 0);

			record->segment = segment;
			record->offset = (uint32_t)at;
			segment->left++;
		}
		at += size;
	}
	if (at < bytes->length)
		log_warning("MQTT spool: %s: %zu bytes at the end of segment %" PRIu64
			    " are torn; they are left out",
			    spool->name, bytes->length - at, segment->number);
}

static bool read_segments(struct spool *spool, const struct done *done, struct error *err)
{
	for (struct segment *segment = spool->segments; segment; segment = segment->next) {
		autobuf struct buf bytes;
		char name[32];

		if (segment->number < done->segment)
			continue; /* it was going to be removed */
		segment_name(name, segment->number);
		buf_init(&bytes, SEGMENT_READ);
		if (!file_read(spool->directory, name, &bytes, err))
			return error_in(err, "MQTT spool %s", spool->name);
		index_segment(spool, segment, &bytes, done);
	}
	return true;
}

static bool list_segments(struct spool *spool, struct error *err)
{
	autodir DIR *listing = file_list(spool->directory, ".");
	const struct dirent *entry;

	if (!listing)
		return error_sys(err, "MQTT spool: list %s", spool->name);
	while ((entry = readdir(listing))) {
		char *end;
		uint64_t number = strtoull(entry->d_name, &end, 16);

		if (end == entry->d_name + 16 && strcmp(end, ".spool") == 0)
			add_segment(spool, number);
	}
	return true;
}

static bool open_directory(struct spool *spool, const char *directory, struct error *err)
{
	struct done done = { 0 };

	spool->name = mem_strdup(directory);
	if (!path_make_own_dirs(directory, 0700, err))
		return false;
	spool->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool->directory < 0)
		return error_sys(err, "MQTT spool: open %s", directory);
	if (!open_done(spool, &done, err) || !list_segments(spool, err) ||
	    !read_segments(spool, &done, err))
		return false;
	/* What follows goes to a segment of its own, never behind a torn record. */
	return begin_segment(spool, err);
}

bool spool_open(struct spool **result, const char *directory, int64_t size_max, struct error *err)
{
	struct spool *spool = mem_alloc(sizeof(*spool));

	spool->size_max = size_max;
	spool->directory = spool->done_fd = spool->writing = spool->opened = -1;
	buf_init(&spool->reading, MQTT_PAYLOAD_MAX + UINT16_MAX + 2);
	if (directory && !open_directory(spool, directory, err)) {
		spool_close(spool);
		return false;
	}
	*result = spool;
	return true;
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	while (spool->first) {
		struct record *record = spool->first;

		spool->first = record->next;
		free(record);
	}
	while (spool->segments) {
		struct segment *segment = spool->segments;

		spool->segments = segment->next;
		free(segment);
	}
	mem_cleanup_close(&spool->directory);
	mem_cleanup_close(&spool->done_fd);
	mem_cleanup_close(&spool->writing);
	mem_cleanup_close(&spool->opened);
	buf_done(&spool->reading);
	free(spool->name);
	free(spool);
}
