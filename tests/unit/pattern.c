/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pattern.h"

#include <string.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

static const struct {
	const char *pattern, *text;
	bool is_found;
} cases[] = {
	{ "we", "swept", true },
	{ "^we$", "swept", false },
	{ "", "any", true },
	{ "^(a|b)+[0-9]{2,3}$", "abba007", true },
	{ "^(a|b)+[0-9]{2,3}$", "abba7", false },
	{ "^[]{(+[:alpha:]]+$", "]({x", true },
	{ "^a\\+\\{\\($", "a+{(", true },
	{ "^(a?){200}$", "aaa", true },
	{ "^(.{1,60})-[^/]*$", "web-1", true },
	{ "x{0}y", "y", true },
};

static const struct {
	const char *pattern, *reason;
} bad[] = {
	{ "(", "error parsing regexp: `(`" },
	{ "[a", "error parsing regexp: `[a`" },
	{ "((a{1,255}){1,255}){1,255}", "too large" },
	{ "((((a{9}){9}){9}){9}){9}", "too large" },
	{ "(((.*.*){1,200}){1,200})", "too large" },
	{ "(((((((((((a+)+)+)+)+)+)+)+)+)+)+)+", "too large" },
	{ "a{200}{200}", "too large" },
	{ "[)]{200}([]()]{200}){200}", "too large" },
	{ "([[:alpha:])]{30}){200}", "too large" },
	{ "(\\){30}){200}", "too large" },
	{ "(a{,250}){,250}", "too large" },
	{ "(a{200,}){200,}", "too large" },
	{ "a{1001}", "invalid repeat count" },
	{ "a{1,99999999999999999999}", "invalid repeat count" },
	{ "(a*)*\\1", "invalid escape sequence" },
};

int main(void)
{
	char text[2 * PATTERN_LENGTH_MAX];
	struct error err;
	bool is_found;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (check_ok(pattern_search(cases[i].pattern, cases[i].text, &is_found, &err), &err,
			     "%s", cases[i].pattern))
			check(is_found == cases[i].is_found, "%s in %s", cases[i].pattern,
			      cases[i].text);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_error(pattern_search(bad[i].pattern, "a", &is_found, &err), &err, ERROR_INPUT,
			    bad[i].reason, "%s", bad[i].pattern);

	memset(text, '(', sizeof(text));
	text[PATTERN_LENGTH_MAX] = '\0';
	check_error(pattern_search(text, "a", &is_found, &err), &err, ERROR_INPUT, "too deeply",
		    "many groups");
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	check_error(pattern_search(text, "a", &is_found, &err), &err, ERROR_INPUT, "too large",
		    "a long pattern");
	text[PATTERN_TEXT_MAX] = '\0';
	check(pattern_search("a$", text, &is_found, &err) && is_found, "the longest text");
	text[PATTERN_TEXT_MAX] = 'a';
	check(pattern_search("a$", text, &is_found, &err) && !is_found, "a text beyond it");
	return tap_done();
}
