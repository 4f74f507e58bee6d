/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/jsonlog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

static const struct timespec noon = { .tv_sec = 1795521559, .tv_nsec = 717029349 };
#define NOON "2026-11-24T11:59:19.717029349Z"

static char *in_dir(const char *name)
{
	return mem_printf("%s/%s", tap_dir(), name);
}

static char *content(const char *path)
{
	struct buf buf;
	struct error err;

	buf_init(&buf, 64 << 20);
	if (!file_read(AT_FDCWD, path, &buf, &err))
		buf_printf(&buf, "(%s)", err.text);
	return buf_take(&buf);
}

static void open_log(struct jsonlog *log, const char *path, int64_t max_size, int max_files)
{
	struct error err;

	if (!check_ok(jsonlog_open(log, path, max_size, max_files, &err), &err, "open %s", path))
		exit(1);
}

/* Escaping: what goes in as one line, what the value of "log" is. */
static const struct {
	const char *text;
	size_t length;
	const char *want;
} escapes[] = {
	{ "o1", 2, "o1" },
	{ "", 0, "" },
	{ "tab\tret\r", 8, "tab\\u0009ret\\r" },
	{ "say \"hi\" \\", 10, "say \\\"hi\\\" \\\\" },
	{ "<a>&b", 5, "\\u003ca\\u003e\\u0026b" },
	{ "\0\x1f\x7f", 3, "\\u0000\\u001f\x7f" },
	{ "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3", 11, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3" },
	{ "bad \xff\xc3(", 7, "bad \\ufffd\\ufffd(" },
	{ "\xed\xa0\x80 surrogate", 13, "\\ufffd\\ufffd\\ufffd surrogate" },
	{ "cut \xe2\x82", 6, "cut \\ufffd\\ufffd" },
	{ "\xe2\x80\xa8\xe2\x80\xa9", 6, "\\u2028\\u2029" },
};

static void test_escapes(void)
{
	for (size_t i = 0; i < COUNT_OF(escapes); i++) {
		autofree char *path = mem_printf("%s/escape-%zu", tap_dir(), i);
		autofree char *line = mem_array(escapes[i].length + 1, 1);
		autofree char *got = NULL, *want = NULL;
		struct jsonlog log;

		memcpy(line, escapes[i].text, escapes[i].length);
		line[escapes[i].length] = '\n';
		open_log(&log, path, 0, 1);
		jsonlog_add(&log, JSONLOG_STDERR, line, escapes[i].length + 1, noon);
		jsonlog_close(&log);
		got = content(path);
		want = mem_printf("{\"log\":\"%s\\n\",\"stream\":\"stderr\",\"time\":\"" NOON
				  "\"}\n",
				  escapes[i].want);
		check_text(got, want, "escape %zu", i);
	}
}

static void test_time(void)
{
	static const struct {
		struct timespec time;
		const char *want;
	} times[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00Z" },
		{ { 951782400, 500000000 }, "2000-02-29T00:00:00.5Z" },
		{ { 1704067199, 999999999 }, "2023-12-31T23:59:59.999999999Z" },
		{ { 1709251200, 1000 }, "2024-03-01T00:00:00.000001Z" },
		{ { 4107542400, 10 }, "2100-03-01T00:00:00.00000001Z" },
	};

	for (size_t i = 0; i < COUNT_OF(times); i++) {
		char text[JSONLOG_TIME_SIZE];

		check_int((long long)jsonlog_time(text, times[i].time),
			  (long long)strlen(times[i].want), "length of time %zu", i);
		check_text(text, times[i].want, "time %zu", i);
	}
	for (time_t t = 0; t < 4200000000; t += 12345677) {
		char text[JSONLOG_TIME_SIZE], want[JSONLOG_TIME_SIZE];
		struct tm tm;

		jsonlog_time(text, (struct timespec){ .tv_sec = t });
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
		if (strcmp(text, want) != 0)
			check_text(text, want, "time %lld", (long long)t);
	}
}

/* Lines arrive in any pieces; streams do not mix. */
static void test_pieces(void)
{
	autofree char *path = in_dir("pieces");
	autofree char *got = NULL;
	struct timespec later = { noon.tv_sec + 1, 0 };
	struct jsonlog log;

	open_log(&log, path, 0, 1);
	jsonlog_add(&log, JSONLOG_STDOUT, "on", 2, noon);
	jsonlog_add(&log, JSONLOG_STDERR, "warn\nand ", 9, noon);
	jsonlog_add(&log, JSONLOG_STDOUT, "e\n\ntwo\nthree", 12, later);
	jsonlog_rest(&log);
	jsonlog_end(&log, JSONLOG_STDERR, later);
	jsonlog_end(&log, JSONLOG_STDOUT, later);
	jsonlog_end(&log, JSONLOG_STDOUT, later);
	jsonlog_close(&log);
	got = content(path);
	check_text(got,
		   "{\"log\":\"warn\\n\",\"stream\":\"stderr\",\"time\":\"" NOON "\"}\n"
		   "{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T11:59:20Z\"}\n"
		   "{\"log\":\"\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T11:59:20Z\"}\n"
		   "{\"log\":\"two\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T11:59:20Z\"}\n"
		   "{\"log\":\"and \",\"stream\":\"stderr\",\"time\":\"2026-11-24T11:59:20Z\"}\n"
		   "{\"log\":\"three\",\"stream\":\"stdout\",\"time\":\"2026-11-24T11:59:20Z\"}\n",
		   "pieces");
}

/* Splits the log into the lengths of the "log" values; "\n" counts as one. */
static size_t lengths(const char *text, size_t *list, size_t max)
{
	size_t count = 0;

	for (const char *at = text; *at && count < max; count++) {
		const char *value = at + 8;
		const char *end = strstr(value, "\",\"stream\"");

		list[count] = (size_t)(end - value) - (strncmp(end - 2, "\\n", 2) == 0);
		at = strchr(at, '\n') + 1;
	}
	return count;
}

static void test_long_lines(void)
{
	static const struct {
		size_t line; /* bytes before the newline */
		size_t want[4];
	} cases[] = {
		{ 16383, { 16384 } },
		{ 16384, { 16384, 1 } },
		{ 16385, { 16384, 2 } },
		{ 40000, { 16384, 16384, 7233 } },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t piece = 1000; piece <= 100000; piece *= 10) {
			autofree char *path = mem_printf("%s/long-%zu-%zu", tap_dir(), i, piece);
			autofree char *line = mem_array(cases[i].line + 1, 1);
			autofree char *got = NULL;
			size_t list[4] = { 0 };
			struct jsonlog log;

			memset(line, 'x', cases[i].line);
			line[cases[i].line] = '\n';
			open_log(&log, path, 0, 1);
			for (size_t at = 0; at <= cases[i].line; at += piece)
				jsonlog_add(&log, JSONLOG_STDOUT, line + at,
					    cases[i].line + 1 - at < piece ? cases[i].line + 1 - at
									   : piece,
					    noon);
			jsonlog_close(&log);
			got = content(path);
			lengths(got, list, COUNT_OF(list));
			check(memcmp(list, cases[i].want, sizeof(list)) == 0,
			      "line of %zu in pieces of %zu: %zu %zu %zu", cases[i].line, piece,
			      list[0], list[1], list[2]);
		}
}

/* A UTF-8 sequence across the split stays whole, and one across two reads too. */
static void test_split_sequence(void)
{
	autofree char *path = in_dir("sequence");
	autofree char *line = mem_array(JSONLOG_LINE + 3, 1);
	autofree char *got = NULL;
	struct jsonlog log;

	memset(line, 'x', JSONLOG_LINE - 1);
	memcpy(line + JSONLOG_LINE - 1, "\xe2\x82\xac\n", 4);
	open_log(&log, path, 0, 1);
	jsonlog_add(&log, JSONLOG_STDOUT, line, JSONLOG_LINE, noon);
	jsonlog_add(&log, JSONLOG_STDOUT, line + JSONLOG_LINE, 3, noon);
	jsonlog_close(&log);
	got = content(path);
	check(strstr(got, "xxx\",\"stream\"") && strstr(got, "{\"log\":\"\xe2\x82\xac\\n\"") &&
		      !strstr(got, "ufffd"),
	      "the euro sign is in one record");
}

static long long size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_size : -1;
}

static void test_rotation(void)
{
	autofree char *path = in_dir("rotated");
	struct jsonlog log;
	long long total = 0;

	open_log(&log, path, 1000, 3);
	for (int i = 0; i < 100; i++) {
		char line[32];
		int length = snprintf(line, sizeof(line), "line %d\n", i);

		jsonlog_add(&log, JSONLOG_STDOUT, line, (size_t)length, noon);
	}
	jsonlog_close(&log);
	for (int i = 0; i < 3; i++) {
		autofree char *name = i ? mem_printf("%s.%d", path, i) : mem_strdup(path);
		autofree char *got = content(name);
		long long size = size_of(name);

		check(size > 0 && size <= 1000, "%s is at most 1000 bytes: %lld", name, size);
		check(got[size - 1] == '\n', "%s ends with a whole record", name);
		total += size;
	}
	check(total > 2000, "three files are in use");

	autofree char *fourth = mem_printf("%s.3", path);
	autofree char *newest = content(path);

	check_int(size_of(fourth), -1, "there is no fourth");
	check(strstr(newest, "line 99\\n"), "the newest line is in the newest file");
	open_log(&log, path, 1000, 3);
	check_int(log.size, size_of(path), "opened again: goes on at the end");
	jsonlog_close(&log);
}

static void test_single_file(void)
{
	autofree char *path = in_dir("single");
	autofree char *other = in_dir("single.1");
	struct jsonlog log;

	open_log(&log, path, 200, 1);
	for (int i = 0; i < 50; i++)
		jsonlog_add(&log, JSONLOG_STDOUT, "a line\n", 7, noon);
	jsonlog_close(&log);
	check(size_of(path) > 0 && size_of(path) <= 200, "one file, emptied when full");
	check_int(size_of(other), -1, "and no other");
}

/* The disk is full: played by the limit on file sizes. */
static void test_full(void)
{
	struct rlimit old, limit = { 1000, RLIM_INFINITY };
	autofree char *path = in_dir("full");
	autofree char *got = NULL;
	struct jsonlog log;

	open_log(&log, path, 0, 1);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	jsonlog_add(&log, JSONLOG_STDOUT, "a\nb\nc\nd\n", 8, noon);
	for (int i = 0; i < 20; i++)
		jsonlog_add(&log, JSONLOG_STDOUT, "one more line\nand another\n", 26, noon);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	check(log.dropped > 0, "%llu records dropped", (unsigned long long)log.dropped);
	got = content(path);
	check(strlen(got) > 0 && got[strlen(got) - 1] == '\n', "the file ends with a whole record");
	check_int((long long)strlen(got), log.size, "and is as long as we think");

	uint64_t dropped = log.dropped;
	size_t before = strlen(got);

	jsonlog_add(&log, JSONLOG_STDOUT, "room again\n", 11, noon);
	jsonlog_close(&log);
	check(dropped > 0 && size_of(path) > (long long)before, "goes on when there is room");
}

static void test_refused(void)
{
	autofree char *missing = in_dir("no/such/dir");
	autofree char *link = in_dir("link");
	struct jsonlog log;
	struct error err;

	check_error(jsonlog_open(&log, missing, 0, 1, &err), &err, ERROR_NOT_FOUND, "log file",
		    "no such directory");
	check_error(jsonlog_open(&log, tap_dir(), 0, 1, &err), &err, ERROR_SYSTEM, "log file",
		    "a directory");
	check(symlink("/etc/passwd", link) == 0, "symlink");
	check_error(jsonlog_open(&log, link, 0, 1, &err), &err, ERROR_SYSTEM, "log file",
		    "a symbolic link");
	jsonlog_init(&log);
	jsonlog_add(&log, JSONLOG_STDOUT, "nowhere\n", 8, noon);
	jsonlog_end(&log, JSONLOG_STDOUT, noon);
	jsonlog_rest(&log);
	jsonlog_close(&log);
	check(log.dropped == 0, "no log: discarded in silence");
}

int main(void)
{
	test_escapes();
	test_time();
	test_pieces();
	test_long_lines();
	test_split_sequence();
	test_rotation();
	test_single_file();
	test_full();
	test_refused();
	return tap_done();
}
