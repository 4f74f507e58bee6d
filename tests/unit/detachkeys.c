/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/detachkeys.h"

#include <string.h>

#include "tests/unit/tap.h"

static void check_parsing(void)
{
	static const struct {
		const char *text;
		const char *keys; /* NULL: refused */
	} cases[] = {
		{ "", "\x10\x11" },
		{ "ctrl-p,ctrl-q", "\x10\x11" },
		{ "a", "a" },
		{ "CTRL-A,x", "\x01x" },
		{ "ctrl-[,ctrl-\\", "\x1b\x1c" },
		{ "ctrl-_", "\x1f" },
		{ "ctrl-", NULL },
		{ "ctrl-1", NULL },
		{ "ab", NULL },
		{ "a,", NULL },
		{ ",a", NULL },
		{ "ctrl-pp", NULL },
		{ "alt-a", NULL },
		{ "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct detachkeys keys;
		struct error err;
		bool is_good = detachkeys_parse(cases[i].text, &keys, &err);

		check(is_good == (cases[i].keys != NULL), "\"%s\"", cases[i].text);
		if (is_good && cases[i].keys) {
			check_int((long long)keys.count, (long long)strlen(cases[i].keys),
				  "number of keys");
			check(memcmp(keys.keys, cases[i].keys, keys.count) == 0, "the keys");
		}
	}
}

/* What is typed comes in one piece, or byte by byte: the same goes through. */
static void check_typing(const char *typed, const char *passed, bool is_left)
{
	for (int step = 1; step <= 8; step += 7) {
		char got[64];
		size_t length = 0;
		struct detachkeys keys;
		struct error err;
		bool was_left = false;

		check(detachkeys_parse("ctrl-p,ctrl-q", &keys, &err), "the default");
		for (const char *at = typed; *at && !was_left;) {
			size_t left = strlen(at);
			size_t count = (size_t)step < left ? (size_t)step : left;
			size_t added;

			was_left = detachkeys_filter(&keys, at, count, got + length, &added);
			length += added;
			at += count;
		}
		got[length] = '\0';
		check_text(got, passed, "what goes through");
		check(was_left == is_left, "leaving");
	}
}

int main(void)
{
	struct detachkeys none = { .count = 0 };
	char passed[32];
	size_t length;

	check_parsing();
	check_typing("abc", "abc", false);
	check_typing("a\x10\x11", "a", true);
	check_typing("a\x10"
		     "b",
		     "a\x10"
		     "b",
		     false);
	check_typing("\x10\x10\x11", "\x10", true);
	check_typing("\x10", "", false);
	check_typing("\x11\x10", "\x11", false);
	check(!detachkeys_filter(&none, "\x10\x11", 2, passed, &length) && length == 2,
	      "without keys all goes through");
	return tap_done();
}
