/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/shellwords.h"

#include <string.h>

#include "base/buf.h"

#define WORD_MAX (1 << 20)

/* Between double quotes a backslash only means something before these. */
static bool is_escape(char quote, char next)
{
	return quote == '\0' || (next && strchr("\"\\$`\n", next));
}

/* One word from *next on; the quotes are gone, the word is where the blanks begin. */
static bool read_word(const char **next, struct buf *word, struct error *err)
{
	char quote = '\0';
	bool is_open = false; /* a backslash at the very end */

	for (; **next; ++*next) {
		char c = **next;

		if (!quote && strchr(" \t\r\n", c))
			return true;
		if (c == '\\' && quote != '\'' && is_escape(quote, (*next)[1])) {
			is_open = !*++*next;
			if (is_open)
				break;
			if (**next != '\n')
				buf_add_char(word, **next);
		} else if (c == quote) {
			quote = '\0';
		} else if (!quote && (c == '\'' || c == '"')) {
			quote = c;
		} else {
			buf_add_char(word, c);
		}
	}
	return (!quote && !is_open) || error_set(err, ERROR_INPUT, "invalid command line string");
}

bool shellwords_split(struct arena *arena, const char *text, struct texts *words, struct error *err)
{
	for (;;) {
		autobuf struct buf word;

		buf_init(&word, WORD_MAX);
		text += strspn(text, " \t\r\n");
		if (!*text)
			return true;
		if (!read_word(&text, &word, err) || !buf_check(&word, "a word", err))
			return false;
		texts_add(words, arena_strndup(arena, word.length ? word.data : "", word.length));
	}
}
