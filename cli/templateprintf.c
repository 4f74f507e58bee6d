/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/templateprintf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/goquote.h"
#include "cli/gostruct.h"
#include "cli/templatevalue.h"

#define WIDTH_MAX 1000 /* also of a precision */
#define FLAGS     "-+# 0"
#define ABSENT    (-1)

/* "%-08.3f": what stands between % and the verb. */
struct directive {
	bool has_flag[128];
	int width, precision; /* ABSENT */
	bool is_index_bad;    /* "%[9]d" of fewer arguments, "%[x]d" */
	char verb;
};

struct printing {
	struct arena *arena;
	struct buf *out;
	const struct json *const *args; /* the format is the first */
	size_t count, used;
	bool is_reordered; /* by "%[2]d": what is left over is no mistake then */
};

static void put(struct buf *out, const struct directive *how, const char *text)
{
	int width = how->width > 0 ? how->width : 0;

	buf_printf(out, "%*s", how->has_flag['-'] ? -width : width, text);
}

/* What does not go together is said so in the text. */
static void put_mismatch(struct printing *self, const struct directive *how,
			 const struct json *value)
{
	if (value->type == JSON_NULL)
		buf_printf(self->out, "%%!%c(<nil>)", how->verb);
	else
		buf_printf(self->out, "%%!%c(%s=%s)", how->verb, templatevalue_type(value),
			   templatevalue_text(self->arena, value));
}

/* The flags that C's printf has too. */
static const char *c_format(const struct printing *self, const struct directive *how,
			    const char *conversion)
{
	return arena_printf(self->arena, "%%%s%s%s%s%s*.*%s", how->has_flag['-'] ? "-" : "",
			    how->has_flag['+'] ? "+" : "", how->has_flag['#'] ? "#" : "",
			    how->has_flag[' '] ? " " : "", how->has_flag['0'] ? "0" : "",
			    conversion);
}

static const char *binary(struct arena *arena, long long number)
{
	char digits[65] = "";
	char *at = digits + sizeof(digits) - 1;
	unsigned long long rest =
		number < 0 ? -(unsigned long long)number : (unsigned long long)number;

	do {
		*--at = (char)('0' + (rest & 1));
		rest >>= 1;
	} while (rest);
	return arena_printf(arena, "%s%s", number < 0 ? "-" : "", at);
}

static void put_c(struct printing *self, const char *format, const struct directive *how,
		  const struct json *value)
{
	int width = how->width > 0 ? how->width : 0;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* made by c_format of our own words */
	if (strstr(format, "ll"))
		buf_printf(self->out, format, width, how->precision,
			   strtoll(value->text, NULL, 10));
	else
		buf_printf(self->out, format, width, how->precision, strtod(value->text, NULL));
#pragma GCC diagnostic pop
}

static bool put_integer(struct printing *self, const struct directive *how,
			const struct json *value)
{
	char conversion[] = { 'l', 'l', how->verb, '\0' };
	long long number = strtoll(value->text, NULL, 10);

	switch (how->verb) {
	case 'd':
	case 'x':
	case 'X':
	case 'o':
		put_c(self, c_format(self, how, conversion), how, value);
		return true;
	case 'O':
		put(self->out, how,
		    arena_printf(self->arena, "%s0o%llo", number < 0 ? "-" : "",
				 number < 0 ? 0ULL - (unsigned long long)number
					    : (unsigned long long)number));
		return true;
	case 'b':
		put(self->out, how, binary(self->arena, number));
		return true;
	case 'U':
		put(self->out, how, arena_printf(self->arena, "U+%04llX", number));
		return true;
	case 'c':
	case 'q':
		if (number <= 0 || number > 126)
			return false;
		put(self->out, how,
		    arena_printf(self->arena, how->verb == 'c' ? "%c" : "'%c'", (char)number));
		return true;
	default:
		return false;
	}
}

static bool put_float(struct printing *self, const struct directive *how, const struct json *value)
{
	char conversion[] = { how->verb == 'F' ? 'f' : how->verb, '\0' };

	if (!strchr("eEfFgG", how->verb))
		return false;
	if (tolower(how->verb) == 'g' && how->precision < 0) {
		char *text = templatevalue_text(self->arena, value);

		for (char *at = text; how->verb == 'G' && *at; at++)
			*at = (char)toupper((unsigned char)*at);
		put(self->out, how, text);
	} else {
		put_c(self, c_format(self, how, conversion), how, value);
	}
	return true;
}

static bool put_text(struct printing *self, const struct directive *how, const char *text)
{
	autobuf struct buf digits = { 0 };

	if (how->precision >= 0)
		text = arena_strndup(self->arena, text, strnlen(text, (size_t)how->precision));
	switch (how->verb) {
	case 's':
		put(self->out, how, text);
		return true;
	case 'q':
		put(self->out, how,
		    how->has_flag['#'] && !strchr(text, '`')
			    ? arena_printf(self->arena, "`%s`", text)
			    : goquote(self->arena, text));
		return true;
	case 'x':
	case 'X':
		buf_init(&digits, TEMPLATEVALUE_MAX);
		for (const char *at = text; *at; at++) {
			bool is_word = at == text || how->has_flag[' '];

			buf_add_text(&digits, at > text && how->has_flag[' '] ? " " : "");
			if (is_word && how->has_flag['#'])
				buf_printf(&digits, "0%c", how->verb);
			buf_printf(&digits, how->verb == 'x' ? "%02x" : "%02X", (unsigned char)*at);
		}
		put(self->out, how, digits.data ? digits.data : "");
		return true;
	default:
		return false;
	}
}

static bool put_one(struct printing *self, const struct directive *how, const struct json *value)
{
	switch (value->type) {
	case JSON_TEXT:
		return put_text(self, how, value->text);
	case JSON_NUMBER:
		return templatevalue_is_float(value) ? put_float(self, how, value)
						     : put_integer(self, how, value);
	case JSON_BOOL:
		if (how->verb == 't')
			put(self->out, how, value->boolean ? "true" : "false");
		return how->verb == 't';
	default:
		return false;
	}
}

static void put_value(struct printing *self, const struct directive *how, const struct json *value)
{
	if (how->verb == 'T') {
		put(self->out, how, templatevalue_type(value));
	} else if (how->verb == 'v' && how->has_flag['#'] && value->type == JSON_TEXT) {
		put(self->out, how, goquote(self->arena, value->text));
	} else if (how->verb == 'v' && value->type == JSON_NUMBER &&
		   !templatevalue_is_float(value)) {
		struct directive number = *how;

		number.verb = 'd';
		number.has_flag['#'] = false;
		put_value(self, &number, value);
	} else if (how->verb == 'v') {
		put(self->out, how,
		    arena_printf(self->arena, "%s%s", gostruct_is_pointer(value) ? "&" : "",
				 templatevalue_text(self->arena, value)));
	} else if (value->type == JSON_ARRAY) {
		buf_add_char(self->out, '[');
		for (const struct json *item = value->child; item; item = item->next) {
			put_value(self, how, item);
			if (item->next)
				buf_add_char(self->out, ' ');
		}
		buf_add_char(self->out, ']');
	} else if (!put_one(self, how, value)) {
		put_mismatch(self, how, value);
	}
}

/* "[2]": the argument that is the next to be used. */
static void read_index(struct printing *self, const char **at, struct directive *how)
{
	char *end;

	if (**at != '[')
		return;

	long number = strtol(*at + 1, &end, 10);

	self->is_reordered = true;
	if (*end == ']' && number >= 1 && (size_t)number < self->count)
		self->used = (size_t)number;
	else
		how->is_index_bad = true;
	*at += strcspn(*at, "]");
	*at += **at != '\0';
}

/* A number, or "*" for the next argument's. */
static bool read_size(struct printing *self, const char **at, int *size)
{
	char *end;

	if (**at == '*') {
		++*at;
		if (self->used >= self->count || self->args[self->used]->type != JSON_NUMBER)
			return false;
		*size = (int)strtol(self->args[self->used++]->text, NULL, 10);
	} else if (isdigit((unsigned char)**at)) {
		*size = (int)strtol(*at, &end, 10);
		*at = end;
	}
	return *size >= ABSENT && *size <= WIDTH_MAX;
}

/* Behind the %: up to the verb. */
static bool read_directive(struct printing *self, const char **at, struct directive *how)
{
	*how = (struct directive){ .width = ABSENT, .precision = ABSENT };
	for (; **at && strchr(FLAGS, **at); ++*at)
		how->has_flag[(unsigned char)**at] = true;
	read_index(self, at, how);
	if (!read_size(self, at, &how->width))
		return false;
	if (**at == '.') {
		++*at;
		how->precision = 0;
		read_index(self, at, how);
		if (!read_size(self, at, &how->precision))
			return false;
	}
	read_index(self, at, how);
	how->verb = **at;
	*at += **at != '\0';
	return true;
}

static bool print_directive(struct printing *self, const char **at, struct error *err)
{
	const char *start = *at;
	struct directive how;

	if (!read_directive(self, at, &how))
		return error_set(err, ERROR_INPUT,
				 "error calling printf: \"%%%.*s\": a width is from 0 to %d",
				 (int)strcspn(start, "%"), start, WIDTH_MAX);
	if (!how.verb)
		buf_add_text(self->out, "%!(NOVERB)");
	else if (how.verb == '%')
		buf_add_char(self->out, '%');
	else if (how.is_index_bad)
		buf_printf(self->out, "%%!%c(BADINDEX)", how.verb);
	else if (self->used >= self->count)
		buf_printf(self->out, "%%!%c(MISSING)", how.verb);
	else
		put_value(self, &how, self->args[self->used++]);
	return true;
}

static void add_extra(struct printing *self)
{
	buf_add_text(self->out, "%!(EXTRA ");
	for (size_t i = self->used; i < self->count; i++)
		buf_printf(self->out, "%s%s=%s", i > self->used ? ", " : "",
			   templatevalue_type(self->args[i]),
			   templatevalue_text(self->arena, self->args[i]));
	buf_add_char(self->out, ')');
}

bool templateprintf(struct arena *arena, const struct json *const *args, size_t count,
		    const struct json **result, struct error *err)
{
	autobuf struct buf out = { 0 };
	struct printing self = {
		.arena = arena, .out = &out, .args = args, .count = count, .used = 1
	};

	buf_init(&out, TEMPLATEVALUE_MAX);
	if (args[0]->type != JSON_TEXT)
		return error_set(err, ERROR_INPUT, "wrong type for value; expected string; got %s",
				 templatevalue_type(args[0]));
	for (const char *at = args[0]->text; *at;) {
		size_t plain = strcspn(at, "%");

		buf_add(&out, at, plain);
		at += plain;
		if (*at && (at++, !print_directive(&self, &at, err)))
			return false;
	}
	if (self.used < count && !self.is_reordered)
		add_extra(&self);
	if (!buf_check(&out, "what printf makes", err))
		return false;
	*result = json_new(arena, NULL, NULL, JSON_TEXT,
			   arena_strdup(arena, out.data ? out.data : ""));
	return true;
}
