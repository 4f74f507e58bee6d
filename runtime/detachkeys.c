/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/detachkeys.h"

#include <string.h>
#include <strings.h>

/* '@' to '_' and the letters in either case are what a control key can be pressed with. */
static bool parse_control(const char *text, size_t length, char *key)
{
	static const char prefix[] = "ctrl-";
	size_t skipped = sizeof(prefix) - 1;

	if (length != skipped + 1 || strncasecmp(text, prefix, skipped) != 0)
		return false;
	char c = text[skipped];
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c < '@' || c > '_')
		return false;
	*key = (char)(c - '@');
	return true;
}

bool detachkeys_parse(const char *text, struct detachkeys *keys, struct error *err)
{
	*keys = (struct detachkeys){ .count = 0 };
	if (!*text)
		text = DETACHKEYS_DEFAULT;
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");
		char key = at[0];

		if ((length != 1 && !parse_control(at, length, &key)) ||
		    keys->count == DETACHKEYS_MAX)
			return error_set(err, ERROR_INPUT, "Unknown character: '%.*s'", (int)length,
					 at);
		keys->keys[keys->count++] = key;
		at += length;
		if (!*at)
			return true;
	}
}

bool detachkeys_filter(struct detachkeys *keys, const char *typed, size_t length, char *passed,
		       size_t *passed_length)
{
	size_t count = 0;

	*passed_length = 0;
	for (size_t i = 0; i < length; i++) {
		if (keys->count && typed[i] != keys->keys[keys->matched]) {
			memcpy(passed + count, keys->keys, keys->matched);
			count += keys->matched;
			keys->matched = 0;
		}
		if (keys->count && typed[i] == keys->keys[keys->matched])
			keys->matched++;
		else
			passed[count++] = typed[i];
		if (keys->count && keys->matched == keys->count) {
			*passed_length = count;
			return true;
		}
	}
	*passed_length = count;
	return false;
}
