/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/semver.h"

#include "tests/unit/tap.h"

static struct semver version_of(const char *text)
{
	struct semver version = { 0 };
	struct error err;

	check_ok(semver_parse(&version, text, &err), &err, "version %s", text);
	return version;
}

static void test_order(void)
{
	/* Each below the next: the example of semver.org, section 11, and more. */
	static const char *const rising[] = {
		"0.0.1",       "0.1.0",         "0.9.9",
		"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
		"1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
		"1.0.0-rc.1",  "1.0.0",         "1.0.1",
		"1.2.0",       "1.10.0",        "2.0.0-0",
		"2.0.0",       "999999.0.0",
	};

	for (size_t i = 0; i + 1 < COUNT_OF(rising); i++) {
		struct semver low = version_of(rising[i]), high = version_of(rising[i + 1]);

		check(semver_compare(&low, &high) < 0, "%s < %s", rising[i], rising[i + 1]);
		check(semver_compare(&high, &low) > 0, "%s > %s", rising[i + 1], rising[i]);
		check_int(semver_compare(&low, &low), 0, "%s = %s", rising[i], rising[i]);
	}
	struct semver build = version_of("1.0.0+linux.7"), plain = version_of("1.0.0");

	check_int(semver_compare(&build, &plain), 0, "build metadata does not count");
}

static void test_bad_versions(void)
{
	static const char *const bad[] = {
		"",
		"1",
		"1.2",
		"1.2.3.4",
		"v1.2.3",
		"1.2.x",
		"01.2.3",
		"1.2.3-",
		"1.2.3-a..b",
		"1.2.3+",
		"1.2.3 ",
		"1000000.0.0",
		"-1.0.0",
		"1.2.-3",
		"../../etc",
		"1.2.3/../x",
		"1.0.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct semver version;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_error(semver_parse(&version, bad[i], &err), &err, ERROR_INPUT, "version",
			    "\"%s\" is no version", bad[i]);
}

static const struct {
	const char *range;
	const char *in; /* blank-separated */
	const char *out;
} ranges[] = {
	{ "1.2.3", "1.2.3", "1.2.4 1.2.2 1.2.3-a" },
	{ "=1.2.3", "1.2.3", "1.2.4" },
	{ "= 1.2.3", "1.2.3", "1.2.4" },
	{ "v1.2.3", "1.2.3", "1.2.4" },
	{ ">1.2.3", "1.2.4 2.0.0", "1.2.3 1.2.2 1.2.4-a" },
	{ ">=1.2.3", "1.2.3 9.0.0", "1.2.2" },
	{ "<1.2.3", "1.2.2 0.0.0", "1.2.3 1.2.3-a" },
	{ "<=1.2.3", "1.2.3 1.2.2", "1.2.4" },
	{ ">=2.0.8 <2.1.0", "2.0.8 2.0.99", "2.0.7 2.1.0" },
	{ ">=2.1.0 <3.0.0", "2.1.0 2.99.0", "3.0.0 2.0.9" },
	{ ">= 2.1.0   < 3.0.0", "2.1.0", "3.0.0" },
	{ ">0.0.0", "0.0.1", "0.0.0" },
	{ ">=0.0.0", "0.0.0 1.0.0", "1.0.0-a" },
	{ "~2.0.0", "2.0.0 2.0.7", "2.1.0 1.9.9" },
	{ "~1.2", "1.2.0 1.2.9", "1.3.0 1.1.9" },
	{ "~1", "1.0.0 1.9.9", "2.0.0 0.9.9" },
	{ "~> 1.2.3", "1.2.3 1.2.9", "1.3.0" },
	{ "^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2 2.0.0-a" },
	{ "^ 1.2.3", "1.9.0", "2.0.0" },
	{ "^2.0.0", "2.0.0 2.15.3", "3.0.0 1.9.9" },
	{ "^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2" },
	{ "^0.0.3", "0.0.3", "0.0.4 0.0.2" },
	{ "^0.0", "0.0.0 0.0.9", "0.1.0" },
	{ "^0", "0.0.0 0.9.9", "1.0.0" },
	{ "^1.x", "1.0.0 1.9.9", "2.0.0" },
	{ "1.x", "1.0.0 1.9.9", "2.0.0 0.9.9" },
	{ "1.2.X", "1.2.0 1.2.9", "1.3.0" },
	{ "1.2.*", "1.2.0", "1.3.0" },
	{ "1", "1.0.0 1.9.9", "2.0.0" },
	{ "*", "0.0.0 9.9.9", "1.0.0-a" },
	{ "", "0.0.0 9.9.9", "1.0.0-a" },
	{ "x", "1.0.0", "1.0.0-a" },
	{ ">1", "2.0.0", "1.0.0 1.9.9" },
	{ ">1.2", "1.3.0", "1.2.0 1.2.9" },
	{ "<=1", "1.9.9 0.1.0", "2.0.0" },
	{ "<1.2", "1.1.9", "1.2.0" },
	{ ">*", "", "0.0.0 1.0.0" },
	{ "1.0 - 2.0", "1.0.0 2.0.9", "0.9.9 2.1.0" },
	{ "1.2.3 - 2.3.4", "1.2.3 2.3.4", "1.2.2 2.3.5" },
	{ "1.2.3 || >=2.0.0", "1.2.3 2.0.0 3.0.0", "1.2.4 1.9.9" },
	{ "1.0.0||2.0.0", "1.0.0 2.0.0", "1.5.0" },
	{ ">=1.2.3-a", "1.2.3-a 1.2.3-b 1.2.3 2.0.0", "1.2.4-b 1.2.2" },
	{ "^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.11 1.9.0", "1.2.3-beta.1 1.3.0-beta.2 2.0.0" },
	{ "1.2.3-a", "1.2.3-a", "1.2.3 1.2.3-b" },
};

static void check_all(const struct semver_range *range, const char *text, const char *versions,
		      bool wanted)
{
	char copy[128];
	char *rest = copy;

	snprintf(copy, sizeof(copy), "%s", versions);
	for (char *word = strsep(&rest, " "); word && *word; word = strsep(&rest, " ")) {
		struct semver version = version_of(word);

		check_int(semver_is_in(&version, range), wanted, "%s in \"%s\"", word, text);
	}
}

static void test_ranges(void)
{
	autoarena struct arena arena = { 0 };
	const struct semver_range *range;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(ranges); i++) {
		if (!check_ok(semver_parse_range(&arena, ranges[i].range, &range, &err), &err,
			      "range \"%s\"", ranges[i].range))
			continue;
		check_all(range, ranges[i].range, ranges[i].in, true);
		check_all(range, ranges[i].range, ranges[i].out, false);
	}
}

static void test_bad_ranges(void)
{
	static const char *const bad[] = {
		"latest",   "1.2.3.4", ">",
		">=",       "~",       "^",
		"||x||y",   "1.2.3 -", "1.2.3 | 2.0.0",
		"1..2",     "1.x.3",   ">=1.0.0<2.0.0",
		"=>1.0.0",  "><1.0.0", "1.0.0,2.0.0",
		"1.0.0 - ", "9999999", "1.2.3- 2",
		"\n",
	};
	autoarena struct arena arena = { 0 };
	const struct semver_range *range;
	struct error err;
	char long_one[1000];

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_error(semver_parse_range(&arena, bad[i], &range, &err), &err, ERROR_INPUT,
			    "not a version requirement", "\"%s\" is no range", bad[i]);
	memset(long_one, ' ', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	check_error(semver_parse_range(&arena, long_one, &range, &err), &err, ERROR_INPUT,
		    "exceeds", "a long range");
}

int main(void)
{
	test_order();
	test_bad_versions();
	test_ranges();
	test_bad_ranges();
	return tap_done();
}
