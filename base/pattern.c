/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pattern.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/*
 * How this works: regcomp copies what is repeated as often as it is, and copies of copies multiply:
 * `((a{99}){99}){99}` is 17 bytes, and a million nodes. So one walk adds up beforehand what there
 * would be. Where the two libraries we are built with (glibc, musl) read something differently, the
 * walk takes what is more.
 */

#define GROUPS_MAX 256 /* one in the other: regcomp calls itself */

struct sum {
	size_t last; /* the item that a repetition would repeat */
	size_t all;  /* it, and what stands before it in the group */
};

struct walk {
	const char *next;
	struct sum groups[GROUPS_MAX + 1];
	size_t depth;
	struct error *err;
};

static bool refuse(const struct walk *walk, const char *reason)
{
	return error_set(walk->err, ERROR_INPUT, "error parsing regexp: %s", reason);
}

static bool add_item(struct walk *walk, size_t size)
{
	struct sum *sum = &walk->groups[walk->depth];

	sum->last = size;
	sum->all += size;
	return sum->all <= PATTERN_SIZE_MAX || refuse(walk, "expression too large");
}

static bool repeat(struct walk *walk, size_t times)
{
	struct sum *sum = &walk->groups[walk->depth];
	size_t size = sum->last;

	sum->all -= size;
	return add_item(walk, size * (times ? times : 1));
}

/* After '{'. What is no repetition is characters. */
static bool read_braces(struct walk *walk)
{
	char *end;
	const char *start = walk->next;
	unsigned long least = isdigit((unsigned char)*start) ? strtoul(start, &end, 10) : 0;
	const char *at = start + strspn(start, "0123456789");
	unsigned long most = least;

	if (*at == ',') {
		at++;
		most = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : least + 1;
		at += strspn(at, "0123456789");
	}
	if (*at != '}' || at == start)
		return add_item(walk, 1);
	walk->next = at + 1;
	if (least > PATTERN_REPEAT_MAX || most > PATTERN_REPEAT_MAX + 1)
		return refuse(walk, "invalid repeat count");
	return repeat(walk, most > least ? most : least);
}

/* After '['. A ']' that comes first is one of them; "[:name:]" and its like have their own. */
static void skip_class(struct walk *walk)
{
	walk->next += *walk->next == '^';
	walk->next += *walk->next == ']';
	while (*walk->next && *walk->next != ']') {
		char kind = walk->next[0] == '[' ? walk->next[1] : '\0';
		const char closing[] = { kind, ']', '\0' };
		const char *end =
			kind && strchr(".:=", kind) ? strstr(walk->next + 2, closing) : NULL;

		walk->next = end ? end + 2 : walk->next + 1;
	}
	walk->next += *walk->next == ']';
}

static bool open_group(struct walk *walk)
{
	if (walk->depth == GROUPS_MAX)
		return refuse(walk, "expression nests too deeply");
	walk->groups[++walk->depth] = (struct sum){ 0 };
	return true;
}

static bool close_group(struct walk *walk)
{
	if (walk->depth == 0)
		return add_item(walk, 1);

	size_t size = walk->groups[walk->depth--].all;

	return add_item(walk, size + 1);
}

/* After a backslash. */
static bool read_escape(struct walk *walk)
{
	if (isdigit((unsigned char)*walk->next))
		return refuse(walk, "invalid escape sequence");
	walk->next += *walk->next != '\0';
	return add_item(walk, 1);
}

static bool take(struct walk *walk)
{
	switch (*walk->next++) {
	case '\\':
		return read_escape(walk);
	case '[':
		skip_class(walk);
		return add_item(walk, 1);
	case '(':
		return open_group(walk);
	case ')':
		return close_group(walk);
	case '{':
		return read_braces(walk);
	case '+':
		return repeat(walk, 2);
	case '*':
	case '?':
		return repeat(walk, 1);
	default:
		return add_item(walk, 1);
	}
}

static bool check(const char *pattern, struct error *err)
{
	struct walk walk = { .next = pattern, .err = err };

	if (strlen(pattern) > PATTERN_LENGTH_MAX)
		return refuse(&walk, "expression too large");
	while (*walk.next) {
		if (!take(&walk))
			return false;
	}
	return true;
}

bool pattern_search(const char *pattern, const char *text, bool *is_found, struct error *err)
{
	regex_t regex;

	*is_found = false;
	if (!check(pattern, err))
		return false;
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return error_set(err, ERROR_INPUT, "error parsing regexp: `%.200s`", pattern);
	*is_found = strlen(text) <= PATTERN_TEXT_MAX && regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return true;
}
