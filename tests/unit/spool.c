/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/mqtt/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

#define LIMIT (1 << 20)

static struct spool *open_at(const char *directory, int64_t limit)
{
	struct spool *spool = NULL;
	struct error err;

	check_ok(spool_open(&spool, directory, limit, &err), &err, "open");
	return spool;
}

static bool add(struct spool *spool, const char *text, int qos, struct error *err)
{
	struct mqtt_message message = { .topic = "topic",
					.payload = text,
					.length = strlen(text),
					.qos = qos,
					.is_retained = text[0] == 'R' };

	return spool_add(spool, &message, err);
}

/* The payloads of all that is not taken, in order; they are taken then. */
static const char *take_all(struct spool *spool, struct buf *text)
{
	struct mqtt_message message;
	uint64_t id;

	buf_clear(text);
	while (spool_next(spool, &id, &message))
		buf_printf(text, "%.*s%s ", (int)message.length, message.payload,
			   message.is_retained ? "!" : "");
	return text->data;
}

static void test_order(const char *directory)
{
	struct spool *spool = open_at(directory, LIMIT);
	const char *how = directory ? "disk" : "memory";
	struct mqtt_message message;
	autobuf struct buf text;
	uint64_t ids[3] = { 0 };
	struct error err;

	buf_init(&text, 4096);
	check(add(spool, "a", 1, &err) && add(spool, "Rb", 0, &err) && add(spool, "", 1, &err),
	      "%s: three", how);
	check_int((long long)spool_count(spool), 3, "%s: counted", how);
	check_int(spool_bytes(spool), 18, "%s: bytes", how);
	for (int i = 0; i < 3; i++)
		check(spool_next(spool, &ids[i], &message), "%s: next", how);
	check(!spool_next(spool, &ids[0], &message), "%s: no more", how);
	spool_rewind(spool);
	check_text(take_all(spool, &text), "a Rb!  ", "%s: all again", how);
	spool_done(spool, ids[1]);
	spool_done(spool, 9999);
	spool_rewind(spool);
	check_text(take_all(spool, &text), "a  ", "%s: without the one that is done", how);
	check_int((long long)spool_taken(spool), 2, "%s: taken", how);
	check(add(spool, "c", 1, &err), "%s: another", how);
	check_text(take_all(spool, &text), "c ", "%s: the new one alone", how);
	spool_done(spool, spool_oldest(spool));
	spool_done(spool, spool_oldest(spool));
	spool_done(spool, spool_oldest(spool));
	check_int((long long)spool_count(spool) + spool_bytes(spool), 0, "%s: empty", how);
	spool_close(spool);
}

static void test_limit(const char *directory)
{
	struct spool *spool = open_at(directory, 1000);
	autobuf struct buf text;
	struct error err;
	int count = 0;

	buf_init(&text, 4096);
	while (count < 100 && add(spool, count % 2 ? "q1" : "q0", count % 2, &err))
		count++;
	check_error(false, &err, ERROR_NO_SPACE, "full", "the limit");
	check(count > 18 && count < 30, "%d messages: old ones with QoS 0 made room", count);
	spool_drop_qos0(spool);
	take_all(spool, &text);
	check(!strstr(text.data, "q0") && strstr(text.data, "q1"), "none with QoS 0 is left");
	check(add(spool, "q0", 0, &err) || err.kind == ERROR_NO_SPACE, "taken ones stay: %s",
	      spool_taken(spool) ? "yes" : "no");
	spool_close(spool);
}

static const char *path_in(const char *directory, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%.120s/%.100s", directory, name);
	return path;
}

/* How many segments there are, and the name of the last one that is not empty. */
static int segments(const char *directory, char last[64])
{
	DIR *listing = opendir(directory);
	const struct dirent *entry;
	struct stat status;
	int count = 0;

	last[0] = '\0';
	while (listing && (entry = readdir(listing))) {
		if (!strstr(entry->d_name, ".spool"))
			continue;
		count++;
		if (stat(path_in(directory, entry->d_name), &status) == 0 && status.st_size > 0 &&
		    strcmp(entry->d_name, last) > 0)
			snprintf(last, 64, "%.60s", entry->d_name);
	}
	if (listing)
		closedir(listing);
	return count;
}

/* Whatever byte a segment ends with: all whole messages are there, and new ones follow. */
static void test_torn(const char *directory)
{
	struct spool *spool = open_at(directory, LIMIT);
	autobuf struct buf text, whole;
	struct error err;
	char last[64];

	buf_init(&text, 4096);
	buf_init(&whole, 65536);
	check(add(spool, "one", 1, &err) && add(spool, "two", 1, &err), "two messages");
	spool_close(spool);
	segments(directory, last);
	check_ok(file_read(AT_FDCWD, path_in(directory, last), &whole, &err), &err, "a segment");
	for (size_t length = 0; length <= whole.length; length++) {
		const char *wanted = length == whole.length       ? "one two new "
				     : length >= whole.length / 2 ? "one new "
								  : "new ";

		check_ok(file_replace(AT_FDCWD, path_in(directory, last), whole.data, length, 0600,
				      FILE_VOLATILE, &err),
			 &err, "cut");
		spool = open_at(directory, LIMIT);
		check(add(spool, "new", 1, &err), "added");
		check_text(take_all(spool, &text), wanted, "cut after %zu bytes", length);
		while (spool_count(spool))
			spool_done(spool, spool_oldest(spool));
		spool_close(spool);
		/* As if "done" had not reached the disk. */
		unlink(path_in(directory, "done"));
		char name[64];

		while (segments(directory, name) && name[0])
			unlink(path_in(directory, name));
	}
	/* A bit that has turned over. */
	whole.data[whole.length - 1] ^= 1;
	check_ok(file_replace(AT_FDCWD, path_in(directory, last), whole.data, whole.length, 0600,
			      FILE_VOLATILE, &err),
		 &err, "a bit");
	spool = open_at(directory, LIMIT);
	check_text(take_all(spool, &text), "one ", "a message that is not what it was is left out");
	spool_close(spool);
}

/* Over many segments, opened anew again and again, done in every order. */
static void test_segments(const char *directory)
{
	enum {
		COUNT = 60
	};
	static char payload[20000];
	char last[64];
	int most = 0, got = 0;
	bool has_failed = false;
	struct error err;

	memset(payload, 'x', sizeof(payload) - 1);
	for (int i = 0; i < COUNT; i++) {
		struct spool *spool = open_at(directory, 4 << 20);
		struct mqtt_message message;
		uint64_t id;

		snprintf(payload, 8, "%04d", i);
		payload[4] = 'x';
		has_failed = has_failed || !add(spool, payload, 1, &err);
		while (i % 7 == 6 && spool_next(spool, &id, &message) && spool_count(spool) > 3) {
			has_failed = has_failed || atoi(message.payload) != got;
			spool_done(spool, id);
			got++;
		}
		spool_close(spool);
		if (segments(directory, last) > most)
			most = segments(directory, last);
	}
	check(!has_failed && got > COUNT - 15, "in order over %d openings: %d", COUNT, got);
	check(most < COUNT, "segments go when they are done: at most %d", most);

	struct spool *spool = open_at(directory, 4 << 20);
	struct mqtt_message message;
	uint64_t id;

	while (spool_next(spool, &id, &message)) {
		check_int(atoi(message.payload), got++, "the rest");
		spool_done(spool, id);
	}
	spool_close(spool);
	check_int(segments(directory, last), 1, "one segment is left");
	spool = open_at(directory, 4 << 20);
	check_int((long long)spool_count(spool), 0, "and nothing in it");
	spool_close(spool);
}

int main(void)
{
	static char directories[4][96];

	for (int i = 0; i < 4; i++)
		snprintf(directories[i], sizeof(directories[i]), "%s/%d", tap_dir(), i);
	test_order(NULL);
	test_order(directories[0]);
	test_limit(NULL);
	test_limit(directories[1]);
	test_torn(directories[2]);
	test_segments(directories[3]);
	return tap_done();
}
