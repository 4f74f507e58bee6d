/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/substitute.h"

#include "tests/unit/tap.h"

static struct variable known[] = { { "A", "one" }, { "EMPTY", "" }, { "_x9", "odd" } };

static const struct {
	const char *text, *wanted;
	const char *unset; /* what was asked for in vain; NULL: nothing */
} cases[] = {
	{ "", "", NULL },
	{ "plain", "plain", NULL },
	{ "$A", "one", NULL },
	{ "${A}b", "oneb", NULL },
	{ "$A$A-$_x9.", "oneone-odd.", NULL },
	{ "$Ab", "", "Ab" },
	{ "x${B}y", "xy", "B" },
	{ "${B:-def}", "def", NULL },
	{ "${B-def}", "def", NULL },
	{ "${EMPTY-def}", "", NULL },
	{ "${EMPTY:-def}", "def", NULL },
	{ "${B:-}", "", NULL },
	{ "${A:+other}", "other", NULL },
	{ "${B:+other}", "", NULL },
	{ "${EMPTY+other}", "other", NULL },
	{ "${EMPTY:+other}", "", NULL },
	{ "${B:-${A:-x}}", "one", NULL },
	{ "${B:-${C:-x}y}", "xy", NULL },
	{ "${A:-${C}}", "one", NULL }, /* what is not used is not missed */
	{ "${A:-${C:?no}}", "one", NULL },
	{ "${B:-{\"a\": 1}}", "{\"a\": 1}", NULL },
	{ "${B:-a b/c:d}", "a b/c:d", NULL },
	{ "$$A $$$A $$", "$A $one $", NULL },
	{ "${A:?must be set}", "one", NULL },
};

static const struct {
	const char *text, *reason;
} bad[] = {
	{ "$", "invalid interpolation format" },
	{ "a $ b", "invalid interpolation format" },
	{ "$1", "invalid interpolation format" },
	{ "${", "invalid interpolation format" },
	{ "${}", "invalid interpolation format" },
	{ "${A", "invalid interpolation format" },
	{ "${A!}", "invalid interpolation format" },
	{ "${A:=x}", "invalid interpolation format" },
	{ "${9}", "invalid interpolation format" },
	{ "${B:-${A}", "invalid interpolation format" },
	{ "${B:?must be set}", "required variable B is missing a value: must be set" },
	{ "${EMPTY:?}", "required variable EMPTY is missing a value" },
	{ "${B?}", "required variable B is missing a value" },
	{ "${B:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-${C:-x",
	  "nested too deeply" },
};

static void check_growth(struct substitute *substitute)
{
	struct variable big = { "BIG", NULL };
	struct variables variables = { .items = &big, .count = 1 };
	char *value = mem_alloc(SUBSTITUTE_TEXT_MAX / 2 + 2);
	const char *result;
	struct error err;

	memset(value, 'x', SUBSTITUTE_TEXT_MAX / 2 + 1);
	big.value = value;
	substitute->variables = &variables;
	check_ok(substitute_text(substitute, "$BIG", &result, &err), &err, "a long value");
	check_error(substitute_text(substitute, "$BIG$BIG", &result, &err), &err, ERROR_INPUT,
		    "larger than", "a text that grows too long");

	int times = 0;

	while (times < 1000 && substitute_text(substitute, "$BIG", &result, &err))
		times++;
	check(times > 0 && times <= SUBSTITUTE_ARENA_MAX / (SUBSTITUTE_TEXT_MAX / 2),
	      "a long value is taken %d times", times);
	check_error(substitute_text(substitute, "$BIG", &result, &err), &err, ERROR_INPUT,
		    "take more than 64 MiB", "texts that are too many");
	free(value);
}

int main(void)
{
	autoarena struct arena arena = { 0 };
	const struct variables more = { .items = known, .count = COUNT_OF(known) };
	const struct variables variables = { .next = &more };
	struct substitute substitute = { .arena = &arena, .variables = &variables };
	const char *result;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autotexts struct texts unset = { 0 };

		substitute.unset = &unset;
		if (check_ok(substitute_text(&substitute, cases[i].text, &result, &err), &err, "%s",
			     cases[i].text))
			check_text(result, cases[i].wanted, "%s", cases[i].text);
		check_text(unset.count ? unset.items[0] : NULL, cases[i].unset, "unset in %s",
			   cases[i].text);
	}
	substitute.unset = NULL;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_error(substitute_text(&substitute, bad[i].text, &result, &err), &err,
			    ERROR_INPUT, bad[i].reason, "%s", bad[i].text);
	substitute.is_lenient = true;
	if (check_ok(substitute_text(&substitute, "a $ $1 $A", &result, &err), &err, "lenient"))
		check_text(result, "a $ $1 one", "lenient");
	check_growth(&substitute);
	return tap_done();
}
