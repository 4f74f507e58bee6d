/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/dotenv.h"

#include "tests/unit/tap.h"

static struct variable outside[] = { { "HOST", "box" }, { "A", "outer" } };

/* Each file is expected to say what X is. */
static const struct {
	const char *file, *wanted;
} cases[] = {
	{ "X=1", "1" },
	{ "X=1\n", "1" },
	{ "X=1\r\n", "1" },
	{ "\xef\xbb\xbfX=1", "1" },
	{ "\n# comment\n\nX=1", "1" },
	{ "  X = a b  ", "a b" },
	{ "X=", "" },
	{ "X", NULL },
	{ "HOST\nX=$HOST", "box" },
	{ "export X=1", "1" },
	{ "export\tX='1'", "1" },
	{ "exportX=1\nX=2", "2" },
	{ "X=a # comment", "a" },
	{ "X=a#b", "a#b" },
	{ "X=#b", "#b" },
	{ "X= # b", "# b" },
	{ "X='a\\'b'", "a'b" },
	{ "X=\"a # b\" # c", "a # b" },
	{ "X='a \"b\" $HOST \\n'", "a \"b\" $HOST \\n" },
	{ "X=\"a\\nb\\t\\\"c\\\" \\\\ \\$HOST \\q\"", "a\nb\t\"c\" \\ $HOST \\q" },
	{ "X=\"two\nlines\"\nY=1", "two\nlines" },
	{ "X='two\nlines'", "two\nlines" },
	{ "B=1\nX=${B}2", "12" },
	{ "A=inner\nX=$A", "outer" }, /* what is known elsewhere counts more */
	{ "X=${NONE:-d}", "d" },
	{ "X=$HOST/$ 5$", "box/$ 5$" },
	{ "X: yaml", "yaml" },
	{ "X=a=b=c", "a=b=c" },
	{ "X=1\nX=2", "2" },
	{ "X.Y-Z=1\nX=2", "2" },
};

static const struct {
	const char *file, *reason;
} bad[] = {
	{ "X=\"open", "line 1: a quote is not closed" },
	{ "Y=1\nX='open\nmore", "a quote is not closed" },
	{ "X=\"a\" b", "line 1: there is text behind the closing quote" },
	{ "\n=1", "line 2: a variable has no name" },
	{ "two words", "expected NAME=VALUE" },
	{ "a$b=1", "line 1: unexpected character \"$\" in variable name \"a$b\"" },
	{ "X=${A", "invalid interpolation format" },
	{ "X=${B:?gone}", "gone" },
};

int main(void)
{
	const struct variables known = { .items = outside, .count = COUNT_OF(outside) };
	autoarena struct arena arena = { 0 };
	struct error err;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autovariables struct variables variables = { 0 };

		if (check_ok(dotenv_parse(&variables, &known, &arena, "x.env", cases[i].file, &err),
			     &err, "%s", cases[i].file))
			check_text(variables_get(&variables, "X"), cases[i].wanted, "%s",
				   cases[i].file);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		autovariables struct variables variables = { 0 };

		check_error(dotenv_parse(&variables, &known, &arena, "x.env", bad[i].file, &err),
			    &err, ERROR_INPUT, bad[i].reason, "%s", bad[i].file);
	}
	return tap_done();
}
