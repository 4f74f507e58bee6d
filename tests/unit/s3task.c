/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/s3task.h"

#include "tap.h"

/* 2020-03-07 09:05:04.123 UTC; the results are Java 17's. */
#define MARCH_2020 1583571904123

static const struct {
	const char *pattern;
	const char *text; /* NULL: refused */
} patterns[] = {
	{ "yyyy", "2020" },
	{ "uuuu", "2020" },
	{ "yy", "20" },
	{ "YYYY", "2020" },
	{ "M", "3" },
	{ "MM", "03" },
	{ "MMM", "Mar" },
	{ "MMMM", "March" },
	{ "LL", "03" },
	{ "d", "7" },
	{ "dd", "07" },
	{ "D", "67" },
	{ "DDD", "067" },
	{ "E", "Sat" },
	{ "EEEE", "Saturday" },
	{ "e", "7" },
	{ "H", "9" },
	{ "HH", "09" },
	{ "h", "9" },
	{ "hh", "09" },
	{ "k", "9" },
	{ "K", "9" },
	{ "a", "AM" },
	{ "m", "5" },
	{ "mm", "05" },
	{ "s", "4" },
	{ "ss", "04" },
	{ "S", "1" },
	{ "SSS", "123" },
	{ "SSSSSS", "123000" },
	{ "w", "10" },
	{ "ww", "10" },
	{ "Q", "1" },
	{ "A", "32704123" },
	{ "n", "123000000" },
	{ "yyyy/MM/dd", "2020/03/07" },
	{ "yyyyMMdd", "20200307" },
	{ "J", NULL },
	{ "ddd", NULL },
	{ "HHH", NULL },
	{ "SSSSSSSSSS", NULL },
	{ "b", NULL },
	{ "yyyyR", NULL },
};

static void test_patterns(void)
{
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		autoarena struct arena arena = { 0 };
		char *key = arena_printf(&arena, "a/!{timestamp:%s}/z", patterns[i].pattern);
		struct error err = { 0 };
		const char *text = NULL;

		if (!patterns[i].text)
			check_error(s3_key_resolve(&arena, key, MARCH_2020, &text, &err), &err,
				    ERROR_INPUT, "is not understood", "%s", patterns[i].pattern);
		else if (check_ok(s3_key_resolve(&arena, key, MARCH_2020, &text, &err), &err, "%s",
				  patterns[i].pattern))
			check_text(text, arena_printf(&arena, "a/%s/z", patterns[i].text), "%s",
				   patterns[i].pattern);
	}
}

/* A week belongs to the year of the Saturday that ends it. */
static const struct {
	int64_t day; /* since 1970 */
	const char *text;
} weeks[] = {
	{ 18321, "2020 9" },  /* Saturday, 2020-02-29 */
	{ 18322, "2020 10" }, /* Sunday, 2020-03-01 */
	{ 18627, "2021 1" },  /* Thursday, 2020-12-31 */
	{ 18629, "2021 1" },  /* Saturday, 2021-01-02 */
	{ 18630, "2021 2" },  /* Sunday, 2021-01-03 */
	{ 20813, "2026 52" }, /* Saturday, 2026-12-26 */
	{ 20814, "2027 1" },  /* Sunday, 2026-12-27 */
};

static void test_weeks(void)
{
	for (size_t i = 0; i < COUNT_OF(weeks); i++) {
		autoarena struct arena arena = { 0 };
		struct error err = { 0 };
		const char *text = NULL, *week = NULL;

		check_ok(s3_key_resolve(&arena, "!{timestamp:YYYY}", weeks[i].day * 86400000, &text,
					&err) &&
				 s3_key_resolve(&arena, "!{timestamp:w}", weeks[i].day * 86400000,
						&week, &err),
			 &err, "day %lld", (long long)weeks[i].day);
		check_text(arena_printf(&arena, "%s %s", text, week), weeks[i].text, "day %lld",
			   (long long)weeks[i].day);
	}
}

static const struct {
	const char *url;
	const char *path; /* NULL: refused */
} urls[] = {
	{ "file:/a/b", "/a/b" },
	{ "file:///a/b", "/a/b" },
	{ "file://localhost/a/b", "/a/b" },
	{ "/a/b", "/a/b" },
	{ "/a%20b", "/a%20b" }, /* no URL: as it is */
	{ "file:///a%20b%2fc", "/a b/c" },
	{ "file:///%C3%BC", "/ü" },
	{ "file://host/a", NULL },
	{ "file:a", NULL },
	{ "file:////a", NULL },
	{ "file:", NULL },
	{ "", NULL },
	{ "a", NULL },
	{ "file:///a%", NULL },
	{ "file:///a%4", NULL },
	{ "file:///a%4g", NULL },
	{ "file:///a%00", NULL },
	{ "s3://b/k", NULL },
};

static void test_urls(void)
{
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		autoarena struct arena arena = { 0 };
		char *text = arena_printf(&arena,
					  "{\"inputUrl\":\"%s\",\"bucket\":\"my-bucket\","
					  "\"key\":\"k\",\"userMetadata\":null}",
					  urls[i].url);
		struct s3_task task;
		struct error err = { 0 };

		if (!urls[i].path)
			check_error(s3_task_parse(&task, &arena, text, strlen(text), &err), &err,
				    ERROR_INPUT, "inputUrl", "\"%s\"", urls[i].url);
		else if (check_ok(s3_task_parse(&task, &arena, text, strlen(text), &err), &err,
				  "\"%s\"", urls[i].url))
			check_text(task.path, urls[i].path, "\"%s\"", urls[i].url);
	}
}

int main(void)
{
	test_patterns();
	test_weeks();
	test_urls();
	return tap_done();
}
