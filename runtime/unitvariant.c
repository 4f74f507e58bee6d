/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unitvariant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/dbusmessage.h"

/*
 * A value's type must be known before it can be written, and may show only inside: so each value is
 * gone over twice, first to infer its signature (infer_*), then to write it (put_*).
 */

#define SPACE     " \t\n"
#define DEPTH_MAX 8

struct scan {
	const char *at;
	int depth;
	struct error *err;
};

struct signature {
	char text[DBUS_SIGNATURE_MAX + 1];
	size_t length;
};

static bool put_value(struct scan *scan, const char **type, struct buf *out);

static bool wrong(const struct scan *scan, const char *expected)
{
	return error_set(scan->err, ERROR_INPUT, "expected %s at \"%.40s\"", expected, scan->at);
}

static bool next_is(struct scan *scan, char c)
{
	scan->at += strspn(scan->at, SPACE);
	if (*scan->at != c)
		return false;
	scan->at++;
	return true;
}

static bool dive(struct scan *scan)
{
	return ++scan->depth <= DEPTH_MAX || wrong(scan, "fewer levels");
}

/* -- types ----------------------------------------------------------------------------------- */

static const struct {
	const char *word;
	char type;
} words[] = {
	{ "boolean", 'b' },   { "byte", 'y' },   { "int16", 'n' },  { "uint16", 'q' },
	{ "int32", 'i' },     { "uint32", 'u' }, { "int64", 'x' },  { "uint64", 't' },
	{ "double", 'd' },    { "string", 's' }, { "handle", 'h' }, { "objectpath", 'o' },
	{ "signature", 'g' },
};

static bool add_type(struct scan *scan, struct signature *signature, const char *type,
		     size_t length)
{
	if (length > DBUS_SIGNATURE_MAX - signature->length)
		return wrong(scan, "a shorter type");
	memcpy(signature->text + signature->length, type, length);
	signature->length += length;
	signature->text[signature->length] = '\0';
	return true;
}

/* A type in front of the value: "uint64 " or "@t ". Goes past it; *length is 0 if there is none. */
static const char *skip_named_type(struct scan *scan, size_t *length)
{
	const char *start;

	scan->at += strspn(scan->at, SPACE);
	start = scan->at;
	*length = 0;
	if (*start == '@') {
		*length = strcspn(++start, SPACE);
		scan->at = start + *length;
		return start;
	}
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		size_t size = strlen(words[i].word);

		if (strncmp(start, words[i].word, size) == 0 && strchr(SPACE, start[size]) &&
		    start[size]) {
			scan->at = start + size;
			*length = 1;
			return &words[i].type;
		}
	}
	return start;
}

/* Goes over a value of that type without writing it anywhere that lasts. */
static bool pass(struct scan *scan, const char *type)
{
	autobuf struct buf nowhere = { 0 };

	buf_init(&nowhere, DBUS_MESSAGE_MAX);
	return put_value(scan, &type, &nowhere);
}

static bool infer(struct scan *scan, struct signature *signature);

/* The first element decides for all. The scan is left somewhere inside. */
static bool infer_elements(struct scan *scan, struct signature *signature, char end, bool is_pair)
{
	size_t before = signature->length;
	struct scan start;

	scan->at += strspn(scan->at, SPACE);
	if (*scan->at == end)
		return wrong(scan, "a type (like @as) in front of an empty list");
	start = *scan;
	if (!infer(&start, signature))
		return false;
	if (!is_pair)
		return true;
	if (!pass(scan, signature->text + before))
		return false;
	if (!next_is(scan, ':'))
		return wrong(scan, "\":\"");
	return infer(scan, signature);
}

static bool infer_tuple(struct scan *scan, struct signature *signature)
{
	while (!next_is(scan, ')')) {
		size_t before = signature->length;
		struct scan start = *scan;

		if (!infer(&start, signature) || !pass(scan, signature->text + before))
			return false;
		if (!next_is(scan, ',') && *scan->at != ')')
			return wrong(scan, "\",\" or \")\"");
	}
	return true;
}

static bool infer_bare(struct scan *scan, struct signature *signature)
{
	size_t word = strcspn(scan->at, SPACE ",]})>:");

	if ((word == 4 && strncmp(scan->at, "true", 4) == 0) ||
	    (word == 5 && strncmp(scan->at, "false", 5) == 0))
		return add_type(scan, signature, "b", 1);
	if (word == 0 || !strchr("+-.0123456789in", *scan->at))
		return wrong(scan, "a value");
	if (strncmp(scan->at, "0x", 2) != 0)
		for (size_t i = 0; i < word; i++)
			if (strchr(".eEin", scan->at[i]))
				return add_type(scan, signature, "d", 1);
	return add_type(scan, signature, "i", 1);
}

static bool infer_inside(struct scan *scan, struct signature *signature)
{
	switch (*scan->at++) {
	case '\'':
	case '"':
		return add_type(scan, signature, "s", 1);
	case '<':
		return add_type(scan, signature, "v", 1);
	case '[':
		return add_type(scan, signature, "a", 1) &&
		       infer_elements(scan, signature, ']', false);
	case '{':
		return add_type(scan, signature, "a{", 2) &&
		       infer_elements(scan, signature, '}', true) &&
		       add_type(scan, signature, "}", 1);
	case '(':
		return add_type(scan, signature, "(", 1) && infer_tuple(scan, signature) &&
		       add_type(scan, signature, ")", 1);
	case 'b':
		if (*scan->at == '\'' || *scan->at == '"')
			return add_type(scan, signature, "ay", 2);
	}
	scan->at--;
	return infer_bare(scan, signature);
}

static bool infer(struct scan *scan, struct signature *signature)
{
	size_t length;
	const char *named = skip_named_type(scan, &length);
	bool is_good;

	if (length > 0)
		return add_type(scan, signature, named, length);
	is_good = dive(scan) && infer_inside(scan, signature);
	scan->depth--;
	return is_good;
}

/* -- plain values ------------------------------------------------------------------------------ */

static bool put_double(struct scan *scan, struct buf *out)
{
	char *end;
	double value = strtod(scan->at, &end);
	uint64_t bits;

	if (end == scan->at)
		return wrong(scan, "a number");
	scan->at = end;
	memcpy(&bits, &value, sizeof(bits));
	dbus_put_u64(out, bits);
	return true;
}

struct range {
	char type;
	long long least;
	unsigned long long most;
};

static bool put_integer(struct scan *scan, char type, struct buf *out)
{
	static const struct range ranges[] = {
		{ 'y', 0, UINT8_MAX },         { 'n', INT16_MIN, INT16_MAX },
		{ 'q', 0, UINT16_MAX },        { 'i', INT32_MIN, INT32_MAX },
		{ 'u', 0, UINT32_MAX },        { 'h', INT32_MIN, INT32_MAX },
		{ 'x', INT64_MIN, INT64_MAX }, { 't', 0, UINT64_MAX },
	};
	const struct range *range = ranges;
	bool is_negative = *scan->at == '-';
	unsigned long long value;
	char *end;

	while (range->type != type)
		range++;
	errno = 0;
	value = is_negative ? (unsigned long long)strtoll(scan->at, &end, 0)
			    : strtoull(scan->at, &end, 0);
	if (end == scan->at || errno != 0 ||
	    (is_negative ? (long long)value < range->least : value > range->most))
		return wrong(scan, "a number that fits its type");
	scan->at = end;
	if (type == 'y')
		dbus_put_byte(out, (uint8_t)value);
	else if (type == 'n' || type == 'q')
		dbus_put_u16(out, (uint16_t)value);
	else if (type == 'x' || type == 't')
		dbus_put_u64(out, value);
	else
		dbus_put_u32(out, (uint32_t)value);
	return true;
}

static bool put_boolean(struct scan *scan, struct buf *out)
{
	bool is_true = strncmp(scan->at, "true", 4) == 0;

	if (!is_true && strncmp(scan->at, "false", 5) != 0)
		return wrong(scan, "true or false");
	scan->at += is_true ? 4 : 5;
	dbus_put_bool(out, is_true);
	return true;
}

/* Between quotes, with the escapes of C. */
static bool read_quoted(struct scan *scan, struct buf *text)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	char quote = *scan->at;

	if (quote != '\'' && quote != '"')
		return wrong(scan, "a text in quotes");
	for (scan->at++; *scan->at != quote; scan->at++) {
		const char *escape = NULL;

		if (*scan->at == '\\') {
			scan->at++;
			escape = *scan->at ? strchr(from, *scan->at) : NULL;
		}
		if (*scan->at == '\0')
			return wrong(scan, "the end of a text");
		buf_add_char(text, escape ? to[escape - from] : *scan->at);
	}
	scan->at++;
	return true;
}

static bool put_quoted(struct scan *scan, char type, struct buf *out)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, UNITVARIANT_TEXT_MAX);
	buf_add_text(&text, "");
	if (!read_quoted(scan, &text))
		return false;
	if (type == 'g' && text.length > DBUS_SIGNATURE_MAX)
		return wrong(scan, "a shorter signature");
	if (type == 'g')
		dbus_put_signature(out, text.data);
	else
		dbus_put_text(out, text.data);
	return true;
}

/* b'…': its bytes and a NUL. */
static bool put_bytes(struct scan *scan, struct buf *out)
{
	autobuf struct buf text = { 0 };
	struct dbus_array array;

	scan->at++;
	buf_init(&text, UNITVARIANT_TEXT_MAX);
	buf_add_text(&text, "");
	if (!read_quoted(scan, &text))
		return false;
	array = dbus_array_begin(out, 1);
	buf_add(out, text.data, text.length + 1);
	dbus_array_end(out, array);
	return true;
}

/* -- values of values -------------------------------------------------------------------------- */

static bool put_entry(struct scan *scan, const char **type, struct buf *out)
{
	++*type;
	dbus_align(out, 8);
	if (!put_value(scan, type, out))
		return false;
	if (!next_is(scan, ':'))
		return wrong(scan, "\":\"");
	if (!put_value(scan, type, out))
		return false;
	return **type == '}' || wrong(scan, "a dictionary's type");
}

static bool put_array(struct scan *scan, const char **type, struct buf *out)
{
	const char *element = *type;
	char open = *element == '{' ? '{' : '[', close = *element == '{' ? '}' : ']';
	struct dbus_array array;
	bool is_first = true;

	if (!dbus_skip_type(type, scan->err))
		return false;

	if (*element == 'y' && *scan->at == 'b')
		return put_bytes(scan, out);
	if (!next_is(scan, open))
		return wrong(scan, open == '{' ? "a dictionary" : "a list");
	array = dbus_array_begin(out, dbus_alignment(*element));
	for (; !next_is(scan, close); is_first = false) {
		const char *each = element;

		if (!is_first && !next_is(scan, ','))
			return wrong(scan, "\",\" or the list's end");
		if (open == '{' ? !put_entry(scan, &each, out) : !put_value(scan, &each, out))
			return false;
	}
	dbus_array_end(out, array);
	return true;
}

static bool put_tuple(struct scan *scan, const char **type, struct buf *out)
{
	if (!next_is(scan, '('))
		return wrong(scan, "\"(\"");
	dbus_align(out, 8);
	while (**type != ')') {
		if (!put_value(scan, type, out))
			return false;
		if (!next_is(scan, ',') && *scan->at != ')')
			return wrong(scan, "\",\" or \")\"");
	}
	++*type;
	return next_is(scan, ')') || wrong(scan, "\")\"");
}

static bool put_variant(struct scan *scan, struct buf *out)
{
	struct signature inner = { .length = 0 };
	const char *type = inner.text;
	struct scan start;

	if (!next_is(scan, '<'))
		return wrong(scan, "\"<\"");
	start = *scan;
	if (!infer(&start, &inner))
		return false;
	dbus_put_signature(out, inner.text);
	if (!put_value(scan, &type, out))
		return false;
	return next_is(scan, '>') || wrong(scan, "\">\"");
}

static bool put_inside(struct scan *scan, const char **type, struct buf *out)
{
	switch (*(*type)++) {
	case 'b':
		return put_boolean(scan, out);
	case 'd':
		return put_double(scan, out);
	case 's':
	case 'o':
	case 'g':
		return put_quoted(scan, (*type)[-1], out);
	case 'a':
		return put_array(scan, type, out);
	case '(':
		return put_tuple(scan, type, out);
	case 'v':
		return put_variant(scan, out);
	case 'y':
	case 'n':
	case 'q':
	case 'i':
	case 'u':
	case 'h':
	case 'x':
	case 't':
		return put_integer(scan, (*type)[-1], out);
	default:
		return wrong(scan, "a known type");
	}
}

static bool put_value(struct scan *scan, const char **type, struct buf *out)
{
	size_t length;
	const char *named = skip_named_type(scan, &length);
	bool is_good;

	if (length > 0 && strncmp(named, *type, length) != 0)
		return wrong(scan, "a value of the first one's type");
	scan->at += strspn(scan->at, SPACE);
	is_good = dive(scan) && put_inside(scan, type, out);
	scan->depth--;
	return is_good;
}

/* -- doors ----------------------------------------------------------------------------------- */

static bool check_size(const char *text, struct error *err)
{
	return strlen(text) <= UNITVARIANT_TEXT_MAX ||
	       error_set(err, ERROR_INPUT, "longer than %d bytes", UNITVARIANT_TEXT_MAX);
}

static bool infer_whole(const char *text, struct signature *signature, struct error *err)
{
	struct scan scan = { .at = text, .err = err };
	const char *type = signature->text;

	if (!check_size(text, err) || !infer(&scan, signature) || !dbus_skip_type(&type, err))
		return false;
	return *type == '\0' ||
	       error_set(err, ERROR_INPUT, "\"%s\" is not one type", signature->text);
}

bool unitvariant_put(struct buf *out, const char *text, struct error *err)
{
	struct scan scan = { .at = text, .err = err };
	struct signature signature = { .length = 0 };
	const char *type = signature.text;

	if (!infer_whole(text, &signature, err))
		return false;
	dbus_put_signature(out, signature.text);
	if (!put_value(&scan, &type, out))
		return false;
	scan.at += strspn(scan.at, SPACE);
	return *scan.at == '\0' || wrong(&scan, "nothing more");
}

bool unitvariant_put_seconds(struct buf *out, const char *text, struct error *err)
{
	struct scan scan = { .at = text, .err = err };
	struct signature signature = { .length = 0 };
	size_t length;
	double seconds;
	char *end;

	if (!infer_whole(text, &signature, err))
		return false;
	skip_named_type(&scan, &length);
	seconds = strtod(scan.at, &end);
	if (signature.length != 1 || !strchr("ynqiuxtd", signature.text[0]) || end == scan.at ||
	    end[strspn(end, SPACE)] != '\0' || !(seconds >= 0 && seconds < 0x1p63 / 1e6))
		return wrong(&scan, "a number of seconds");
	dbus_put_signature(out, "t");
	dbus_put_u64(out, (uint64_t)(seconds * 1e6 + 0.5));
	return true;
}
