/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonscan.h"

#include <string.h>

#include "base/utf8.h"

#define STRIDE 32

static void lose(struct jsonscan *scan)
{
	scan->is_lost = true;
	scan->at = scan->end;
}

/* The next byte, NUL at the end: no JSON begins with it. */
static char peek(const struct jsonscan *scan)
{
	return scan->at < scan->end ? *scan->at : '\0';
}

static void skip_blanks(struct jsonscan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
		scan->at++;
}

/* The byte, with blanks around it. */
static bool take(struct jsonscan *scan, char wanted)
{
	skip_blanks(scan);
	if (peek(scan) != wanted)
		return false;
	scan->at++;
	skip_blanks(scan);
	return true;
}

/* -- scalars ------------------------------------------------------------------------------------
 */

/* A quote, a backslash or a control character. */
static bool is_special(unsigned char byte)
{
	return (byte < 0x20) | (byte == '"') | (byte == '\\');
}

/* One among the next STRIDE bytes: without a branch, so that the compiler takes many at a time. */
static bool has_special(const char *bytes)
{
	unsigned char found = 0;

	for (size_t i = 0; i < STRIDE; i++)
		found |= is_special((unsigned char)bytes[i]);
	return found;
}

static void skip_ordinary(struct jsonscan *scan)
{
	while (scan->end - scan->at >= STRIDE && !has_special(scan->at))
		scan->at += STRIDE;
	while (scan->at < scan->end && !is_special((unsigned char)*scan->at))
		scan->at++;
}

static struct jsonspan take_text(struct jsonscan *scan, bool may_escape)
{
	struct jsonspan text = { .bytes = ++scan->at };

	for (;;) {
		skip_ordinary(scan);
		if (peek(scan) != '\\' || !may_escape)
			break;
		if (scan->end - scan->at < 2 || !memchr("\"\\/bfnrt", scan->at[1], 8))
			break;
		scan->at += 2;
	}
	text.length = (size_t)(scan->at - text.bytes);
	if (peek(scan) == '"')
		scan->at++;
	else
		lose(scan);
	return text;
}

static size_t skip_digits(struct jsonscan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return (size_t)(scan->at - from);
}

static void skip_number(struct jsonscan *scan)
{
	bool is_good = true;

	if (peek(scan) == '-')
		scan->at++;
	if (peek(scan) == '0')
		scan->at++;
	else
		is_good = skip_digits(scan);
	if (is_good && peek(scan) == '.') {
		scan->at++;
		is_good = skip_digits(scan);
	}
	if (is_good && (peek(scan) == 'e' || peek(scan) == 'E')) {
		scan->at++;
		if (peek(scan) == '+' || peek(scan) == '-')
			scan->at++;
		is_good = skip_digits(scan);
	}
	if (!is_good)
		lose(scan);
}

static void skip_word(struct jsonscan *scan, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scan->end - scan->at) >= length && memcmp(scan->at, word, length) == 0)
		scan->at += length;
	else
		lose(scan);
}

/* -- values -------------------------------------------------------------------------------------
 */

static void skip_value(struct jsonscan *scan, size_t depth);

static void skip_array(struct jsonscan *scan, size_t depth)
{
	take(scan, '[');
	if (take(scan, ']'))
		return;
	do
		skip_value(scan, depth);
	while (!scan->is_lost && take(scan, ','));
	if (!take(scan, ']'))
		lose(scan);
}

static void skip_object(struct jsonscan *scan, size_t depth)
{
	struct jsonspan key;

	for (jsonscan_object(scan); jsonscan_member(scan, &key);)
		skip_value(scan, depth);
}

/* The recursion is as deep as JSONSCAN_DEPTH_MAX. */
static void skip_value(struct jsonscan *scan, size_t depth)
{
	skip_blanks(scan);
	if (depth == 0 || scan->values == 0) {
		lose(scan);
		return;
	}
	if (peek(scan) != '{')
		scan->values--; /* jsonscan_object counts its own */
	switch (peek(scan)) {
	case '{':
		skip_object(scan, depth - 1);
		break;
	case '[':
		skip_array(scan, depth - 1);
		break;
	case '"':
		take_text(scan, true);
		break;
	case 't':
		skip_word(scan, "true");
		break;
	case 'f':
		skip_word(scan, "false");
		break;
	case 'n':
		skip_word(scan, "null");
		break;
	default:
		skip_number(scan);
	}
}

/* -- for callers --------------------------------------------------------------------------------
 */

void jsonscan_init(struct jsonscan *scan, const char *text, size_t length, size_t values)
{
	*scan = (struct jsonscan){ .at = text, .end = text + length, .values = values };
	if (utf8_valid_length(text, length) < length)
		lose(scan);
}

void jsonscan_object(struct jsonscan *scan)
{
	scan->is_first = true;
	if (scan->values == 0 || !take(scan, '{'))
		lose(scan);
	else
		scan->values--;
}

bool jsonscan_member(struct jsonscan *scan, struct jsonspan *key)
{
	bool is_first = scan->is_first;

	scan->is_first = false; /* also for the object around this one, once this one is over */
	if (scan->is_lost || take(scan, '}'))
		return false;
	if ((!is_first && !take(scan, ',')) || peek(scan) != '"') {
		lose(scan);
		return false;
	}
	*key = take_text(scan, true);
	if (scan->is_lost || !take(scan, ':'))
		lose(scan);
	return !scan->is_lost;
}

void jsonscan_value(struct jsonscan *scan, struct jsonspan *value)
{
	skip_blanks(scan);
	value->bytes = scan->at;
	skip_value(scan, JSONSCAN_DEPTH_MAX);
	value->length = (size_t)(scan->at - value->bytes);
	while (value->length && strchr(" \n\r\t", value->bytes[value->length - 1]))
		value->length--; /* what take() has skipped behind a bracket */
}

void jsonscan_plain(struct jsonscan *scan, struct jsonspan *text)
{
	*text = (struct jsonspan){ .bytes = scan->at };
	skip_blanks(scan);
	if (peek(scan) != '"' || scan->values == 0) {
		lose(scan);
		return;
	}
	scan->values--;
	*text = take_text(scan, false);
}

bool jsonscan_is_whole(struct jsonscan *scan)
{
	skip_blanks(scan);
	return !scan->is_lost && scan->at == scan->end;
}

bool jsonspan_is(struct jsonspan span, const char *text)
{
	return span.length == strlen(text) && memcmp(span.bytes, text, span.length) == 0;
}
