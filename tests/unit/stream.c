/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lifecycle/stream/depot.h"
#include "tap.h"

#define SOON 1800000000000 /* 2027 */

static struct memory_budget budget = { .limit = 1 << 20 };

static struct definition defined(const char *name, int64_t size, int64_t segment)
{
	return (struct definition){ .name = name,
				    .size_max = size,
				    .segment_size = segment,
				    .strategy = STRATEGY_OVERWRITE_OLDEST };
}

/* Message n is 100 bytes long and begins with its number. */
static bool append(struct stream *stream, int count, struct error *err)
{
	char payload[100] = { 0 };
	int64_t sequence;

	for (int i = 0; i < count; i++) {
		snprintf(payload, sizeof(payload), "message %" PRId64, stream->next_sequence);
		if (!stream_append(stream, 7, payload, sizeof(payload), SOON, &sequence, err))
			return false;
	}
	return true;
}

/* Messages from `sequence` on to the end are what append has written; gives how many. */
static int64_t read_all(struct stream *stream, int64_t sequence)
{
	struct cursor cursor;
	struct record record;
	struct error err;
	int64_t count = 0;
	bool is_there, is_good = stream_seek(stream, sequence, &cursor, &err);

	while (is_good && stream_peek(stream, &cursor, &record, &is_there, &err) && is_there) {
		char wanted[100] = { 0 };
		struct buf out;

		snprintf(wanted, sizeof(wanted), "message %" PRId64, record.sequence);
		buf_init(&out, 1000);
		is_good = stream_take(stream, &cursor, &record, &out, &err) &&
			  out.length == sizeof(wanted) && memcmp(out.data, wanted, 100) == 0 &&
			  record.author == 7 && record.time == SOON;
		buf_done(&out);
		count++;
	}
	return is_good && cursor.sequence == stream->next_sequence ? count : -1;
}

static void test_order(struct stream *stream, const char *kind)
{
	struct error err = { 0 };

	check_int(stream_newest(stream), -1, "%s: newest of a new stream", kind);
	check_int(stream_oldest(stream), 0, "%s: oldest of a new stream", kind);
	check_int(read_all(stream, 0), 0, "%s: nothing to read", kind);
	check_ok(append(stream, 1000, &err), &err, "%s: append", kind);
	check_int(stream_newest(stream), 999, "%s: newest", kind);
	check(stream_oldest(stream) > 0, "%s: the oldest are gone", kind);
	check(stream->stored <= stream->definition.size_max, "%s: within its size", kind);
	check(stream->segment_count > 5, "%s: in segments", kind);
	check_int(read_all(stream, 0), 1000 - stream_oldest(stream), "%s: read all", kind);
	for (int64_t at = stream_oldest(stream); at < 1000; at += 37)
		check_int(read_all(stream, at), 1000 - at, "%s: read from %lld", kind,
			  (long long)at);
	check_int(read_all(stream, 5000), 0, "%s: beyond the end", kind);
}

static struct stream *create(int dir, const struct definition *definition)
{
	struct stream *stream = NULL;
	struct error err = { 0 };

	check_ok(stream_create(&stream, dir, definition, &budget, &err), &err, "create %s",
		 definition->name);
	if (!stream)
		exit(tap_done());
	return stream;
}

static struct stream *reopen(struct stream *stream, int dir)
{
	autofree char *file = stream_file_name(stream->definition.name);
	struct stream *opened = NULL;
	struct error err = { 0 };

	stream_free(stream);
	check_ok(stream_open(&opened, dir, file, &budget, &err), &err, "open %s again", file);
	if (!opened)
		exit(tap_done());
	return opened;
}

static void test_file(int dir)
{
	struct definition definition = defined("file", 64 * 1024, 8 * 1024);
	struct stream *stream = create(dir, &definition);
	struct error err = { 0 };
	int64_t oldest;

	test_order(stream, "file");
	oldest = stream_oldest(stream);
	stream = reopen(stream, dir);
	check_int(stream_oldest(stream), oldest, "oldest after a restart");
	check_int(stream_newest(stream), 999, "newest after a restart");
	check_int(read_all(stream, 0), 1000 - oldest, "read after a restart");
	check_ok(append(stream, 10, &err), &err, "append after a restart");
	check_int(stream_newest(stream), 1009, "numbers go on");
	stream_free(stream);
}

static void test_memory(int dir)
{
	struct definition definition = defined("memory", 64 * 1024, 8 * 1024);
	struct stream *stream;
	struct error err = { 0 };

	definition.persistence = PERSISTENCE_MEMORY;
	stream = create(dir, &definition);
	test_order(stream, "memory");
	check_int(budget.used, stream->stored, "memory is counted");
	stream = reopen(stream, dir);
	check_int(stream_newest(stream), -1, "empty after a restart");
	check_int(budget.used, 0, "and no memory is in use");
	budget.limit = 1000;
	check_error(append(stream, 100, &err), &err, ERROR_NO_SPACE, "streams in memory may hold",
		    "no more than all streams may have");
	check_int(err.sys, ENOMEM, "as memory, not as a full stream");
	budget.limit = 1 << 20;
	stream_free(stream);
}

/* However the newest segment ends: what is whole stays, what is torn goes, and life goes on. */
static void test_torn(int dir)
{
	struct definition definition = defined("torn", 1 << 20, 1 << 19);
	struct stream *stream = create(dir, &definition);
	struct error err = { 0 };
	int64_t size;

	check_ok(append(stream, 3, &err), &err, "append three");
	for (size = stream->stored - 1; size >= 0; size -= 9) {
		int64_t whole = size / (RECORD_HEAD_SIZE + 100);

		check(ftruncate(stream->active_fd, size) == 0, "torn at %lld", (long long)size);
		stream = reopen(stream, dir);
		check_int(stream_newest(stream), whole - 1, "newest when torn at %lld",
			  (long long)size);
		check_int(read_all(stream, 0), whole, "and what is whole is read");
		check_ok(append(stream, 3 - (int)whole, &err), &err, "and appended to");
		check_int(read_all(stream, 0), 3, "and read again");
	}
	/* One flipped bit in the middle of the second. */
	check(pwrite(stream->active_fd, "X", 1, 2 * RECORD_HEAD_SIZE + 150) == 1, "damage");
	check_int(read_all(stream, 0), -1, "a damaged message is not served");
	stream = reopen(stream, dir);
	check_int(stream_newest(stream), 0, "nor kept in the newest segment");
	stream_free(stream);
}

static void test_full(int dir)
{
	struct definition definition = defined("full", 10 * 1024, 2 * 1024);
	struct error err = { 0 };
	struct stream *stream;

	definition.strategy = STRATEGY_REJECT_NEW;
	stream = create(dir, &definition);
	check_error(append(stream, 1000, &err), &err, ERROR_NO_SPACE, "stream is full",
		    "no more than its size");
	check_int(err.sys, 0, "and not the disk's fault");
	check_int(stream->next_sequence, 80, "as many as fit");
	check_int(read_all(stream, 0), 80, "and they are all there");
	stream->finished = 20;
	check_ok(append(stream, 1, &err), &err, "what exports have finished with may go");
	check(stream_oldest(stream) > 0 && stream_oldest(stream) <= 20, "but nothing else");
	check(!stream_could_hold(stream, 10 * 1024), "larger than the stream");
	check(stream_could_hold(stream, 9 * 1024), "as large as fits");
	stream_free(stream);
}

static int64_t dropped_until;

static void note_drop(struct stream *stream, int64_t end)
{
	(void)stream;
	dropped_until = end;
}

static void test_age(int dir)
{
	struct definition definition = defined("age", 64 * 1024, 2 * 1024);
	struct error err = { 0 };
	struct stream *stream;
	int64_t sequence;

	definition.ttl = 60000;
	stream = create(dir, &definition);
	stream->before_drop = note_drop;
	check_ok(append(stream, 100, &err), &err, "append a hundred");
	check_ok(stream_append(stream, 7, "young", 5, SOON + 50000, &sequence, &err), &err,
		 "and a younger one");
	check_ok(stream_expire(stream, SOON + 60000, &err), &err, "nothing is too old");
	check_int(stream_oldest(stream), 0, "and all is there");
	check_ok(stream_expire(stream, SOON + 60001, &err), &err, "a hundred are too old");
	check(stream_oldest(stream) > 80 && stream_oldest(stream) <= 100,
	      "segments go in which all are (%lld)", (long long)stream_oldest(stream));
	check_int(dropped_until, stream_oldest(stream), "who wants to know is told before");
	check_ok(stream_expire(stream, SOON + 110001, &err), &err, "all are too old");
	check_int(stream_oldest(stream), 101, "the stream is empty");
	stream = reopen(stream, dir);
	check_int(stream_newest(stream), 100, "but goes on counting");
	check_ok(stream_append(stream, 7, "1970", 4, 1000, &sequence, &err), &err,
		 "a message from a device without a clock");
	check_ok(stream_expire(stream, SOON, &err), &err, "then the clock is set");
	check_int(stream_newest(stream) - stream_oldest(stream), 0, "and it is not thrown away");
	stream_free(stream);
}

static void test_depot(void)
{
	static const char *const names[] = { ".", "..", "a b,c", "-x", "Zz" };
	struct stream *stream;
	struct depot depot, second;
	struct error err = { 0 };
	uint32_t number = 0;

	if (!check_ok(depot_open(&depot, tap_dir(), 1 << 20, &err), &err, "open"))
		return;
	check_error(depot_open(&second, tap_dir(), 1 << 20, &err), &err, ERROR_EXISTS, "",
		    "only once");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct definition definition = defined(names[i], 1 << 20, 1 << 20);

		check_ok(depot_create(&depot, &definition, &stream, &err), &err, "create \"%s\"",
			 names[i]);
		check_error(depot_create(&depot, &definition, &stream, &err), &err, ERROR_EXISTS,
			    "already exists", "\"%s\" again", names[i]);
	}
	check_ok(authors_number(&depot.authors, "com.example.A", &number, &err), &err, "an author");
	check_int(number, 1, "the first");
	check_ok(authors_number(&depot.authors, "com.example.B", &number, &err), &err, "another");
	depot_close(&depot);
	check_ok(depot_open(&depot, tap_dir(), 1 << 20, &err), &err, "open again");
	check_int((long long)depot.count, COUNT_OF(names), "all are there");
	check_text(authors_name(&depot.authors, 2), "com.example.B", "authors too");
	check_text(authors_name(&depot.authors, 3), "", "no such author");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		stream = depot_find(&depot, names[i]);
		if (check(stream, "find \"%s\"", names[i]))
			check_ok(depot_delete(&depot, stream, &err), &err, "delete it");
		check(!depot_find(&depot, names[i]), "it is gone");
	}
	depot_close(&depot);
	check_ok(depot_open(&depot, tap_dir(), 1 << 20, &err), &err, "open again");
	check_int((long long)depot.count, 0, "none is there");
	depot_close(&depot);
}

int main(void)
{
	test_depot();

	int dir = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	test_file(dir);
	test_memory(dir);
	test_torn(dir);
	test_full(dir);
	test_age(dir);
	close(dir);
	return tap_done();
}
