/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/shellwords.h"

#include "tests/unit/tap.h"

/* Words are shown with '|' between them. */
static const struct {
	const char *line, *wanted;
} cases[] = {
	{ "", "" },
	{ "  ", "" },
	{ "echo hi", "echo|hi" },
	{ " a\tb\nc ", "a|b|c" },
	{ "sh -c 'echo \"x\"; sleep 1'", "sh|-c|echo \"x\"; sleep 1" },
	{ "a\"b c\"d 'e'f", "ab cd|ef" },
	{ "\"\" ''", "|" },
	{ "\"a \\\"q\\\" \\\\ \\$ \\n\"", "a \"q\" \\ $ \\n" },
	{ "a\\ b c\\\\", "a b|c\\" },
	{ "'a\\b'", "a\\b" },
	{ "$HOME *.c > f", "$HOME|*.c|>|f" },
	{ "a # b", "a|#|b" },
};

static const char *const bad[] = { "'open", "\"open", "end\\", "\"x\\" };

int main(void)
{
	autoarena struct arena arena = { 0 };
	struct error err;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autotexts struct texts words = { 0 };
		const char *joined = "";

		if (!check_ok(shellwords_split(&arena, cases[i].line, &words, &err), &err, "%s",
			      cases[i].line))
			continue;
		for (size_t j = 0; j < words.count; j++)
			joined = arena_printf(&arena, "%s%s%s", joined, j ? "|" : "",
					      words.items[j]);
		check_text(joined, cases[i].wanted, "%s", cases[i].line);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		autotexts struct texts words = { 0 };

		check_error(shellwords_split(&arena, bad[i], &words, &err), &err, ERROR_INPUT, "",
			    "%s", bad[i]);
	}
	return tap_done();
}
