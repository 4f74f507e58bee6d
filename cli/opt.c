/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opt.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/duration.h"
#include "base/size.h"
#include "base/word.h"

struct reader {
	const struct opt_grammar *grammar;
	const char *const *rest; /* what has not been read yet */
	void *values;
	bool wants_help;
};

static bool takes_value(const struct opt *opt)
{
	return opt->kind != OPT_BOOL && opt->kind != OPT_UNLESS && opt->kind != OPT_IGNORED_BOOL &&
	       opt->kind != OPT_MISSING_BOOL;
}

static const struct opt *find_long(const struct opt *opts, const char *name, size_t length)
{
	for (const struct opt *opt = opts; opt->name; opt++) {
		if (strlen(opt->name) == length && strncmp(opt->name, name, length) == 0)
			return opt;
	}
	return NULL;
}

static const struct opt *find_letter(const struct opt *opts, char letter)
{
	for (const struct opt *opt = opts; opt->name; opt++) {
		if (opt->letter == letter)
			return opt;
	}
	return NULL;
}

bool opt_parse_bool(const char *text, bool *value, struct error *err)
{
	return word_is_bool(text, value) ||
	       error_set(err, ERROR_INPUT, "strconv.ParseBool: parsing \"%s\": invalid syntax",
			 text);
}

bool opt_parse_number(const char *text, int64_t *value, struct error *err)
{
	char *end = NULL;

	errno = 0;
	long long number = strtoll(text, &end, 0);
	if (end == text || *end || isspace((unsigned char)text[0]))
		return error_set(err, ERROR_INPUT,
				 "strconv.ParseInt: parsing \"%s\": invalid syntax", text);
	if (errno == ERANGE)
		return error_set(err, ERROR_INPUT,
				 "strconv.ParseInt: parsing \"%s\": value out of range", text);
	*value = number;
	return true;
}

bool opt_parse_count(const char *text, int64_t *value, struct error *err)
{
	struct error why;

	if (isdigit((unsigned char)text[0]) && opt_parse_number(text, value, &why))
		return true;
	return error_set(err, ERROR_INPUT, "strconv.ParseUint: parsing \"%s\": %s", text,
			 isdigit((unsigned char)text[0]) && strstr(why.text, "range")
				 ? "value out of range"
				 : "invalid syntax");
}

bool opt_parse_size(const char *text, int64_t *bytes, struct error *err)
{
	if (text[0] == '-')
		return error_set(err, ERROR_INPUT, "invalid size: '%s'", text);
	return size_parse(text, bytes, err);
}

#define CPUS_MAX 1e6 /* more than any machine has; it keeps the product below in its range */

/* A decimal, "1.5" or "5e-1", or a fraction, "3/2": what Go's rational numbers are read from. */
static bool read_rational(const char *text, double *number)
{
	double under = 1;
	char *end;

	if (!*text || text[strspn(text, "0123456789.eE+-/")])
		return false;
	*number = strtod(text, &end);
	if (end == text)
		return false;
	if (*end == '/' && isdigit((unsigned char)end[1]) && !memchr(text, '.', end - text))
		under = (double)strtoll(end + 1, &end, 10);
	*number /= under;
	return !*end && under > 0;
}

bool opt_parse_cpus(const char *text, int64_t *nano, struct error *err)
{
	double number;

	if (!read_rational(text, &number) || number < -CPUS_MAX || number > CPUS_MAX)
		return error_set(err, ERROR_INPUT, "failed to parse %s as a rational number", text);
	double exact = number * 1e9;
	*nano = (int64_t)(exact + (exact < 0 ? -0.5 : 0.5));
	double rest = exact - (double)*nano;
	return (rest < 1e-3 && rest > -1e-3) || error_set(err, ERROR_INPUT, "value is too precise");
}

#define SPAN_MAX_SECONDS 9e9 /* Go's durations end there too */

/* What Go's parser stumbles over. */
static bool refuse_span(const char *text, const char *at, struct error *err)
{
	static const char digits[] = "0123456789";
	double seconds;

	while (*at) {
		size_t whole = strspn(at, digits);
		size_t fraction = at[whole] == '.' ? strspn(at + whole + 1, digits) : 0;
		const char *unit = at + whole + (at[whole] == '.') + fraction;
		size_t length = strcspn(unit, "0123456789.");
		autofree char *one = mem_printf("1%.*s", (int)length, unit);

		if (!whole && !fraction)
			break;
		if (!length)
			return error_set(err, ERROR_INPUT, "time: missing unit in duration \"%s\"",
					 text);
		if (!duration_parse(one, &seconds))
			return error_set(err, ERROR_INPUT,
					 "time: unknown unit \"%.*s\" in duration \"%s\"",
					 (int)length, unit, text);
		at = unit + length;
	}
	return error_set(err, ERROR_INPUT, "time: invalid duration \"%s\"", text);
}

bool opt_parse_span(const char *text, int64_t *nanoseconds, struct error *err)
{
	bool is_negative = text[0] == '-';
	const char *digits = text + (is_negative || text[0] == '+');
	double seconds = 0;

	if (strcmp(digits, "0") != 0 &&
	    (!duration_parse(digits, &seconds) || seconds > SPAN_MAX_SECONDS))
		return refuse_span(text, digits, err);
	*nanoseconds = (int64_t)(seconds * 1e9 + 0.5) * (is_negative ? -1 : 1);
	return true;
}

/* Docker looks at the name as it stands behind blanks. */
bool opt_check_label(const char *text, struct error *err)
{
	const char *name = text + strspn(text, " \t");
	size_t length = strcspn(name, "=");

	if (!length)
		return error_set(err, ERROR_INPUT, "invalid label '%s': empty name", text);
	return strcspn(name, " \t") >= length ||
	       error_set(err, ERROR_INPUT, "label '%.*s' contains whitespaces", (int)length, name);
}

static bool set_number(struct opt_number *number, const char *text,
		       bool (*parse)(const char *, int64_t *, struct error *), struct error *err)
{
	number->is_set = true;
	return parse(text, &number->value, err);
}

/* Puts a value where the table says; `err` gets the reason alone. */
static bool set_value(const struct opt *opt, const char *text, void *values, struct error *err)
{
	void *place = (char *)values + opt->offset;
	bool ignored = false;

	if (opt->check && !opt->check(text, err))
		return false;
	switch (opt->kind) {
	case OPT_BOOL:
		return opt_parse_bool(text, place, err);
	case OPT_UNLESS:
		if (!opt_parse_bool(text, &ignored, err))
			return false;
		*(bool *)place = !ignored;
		return true;
	case OPT_IGNORED_BOOL:
	case OPT_MISSING_BOOL:
		return opt_parse_bool(text, &ignored, err);
	case OPT_TEXT:
		*(const char **)place = text;
		return true;
	case OPT_WORD:
		*(const char **)place = *text ? text : NULL;
		return true;
	case OPT_LIST:
		texts_add(place, text);
		return true;
	case OPT_NUMBER:
		return set_number(place, text, opt_parse_number, err);
	case OPT_COUNT:
		return set_number(place, text, opt_parse_count, err);
	case OPT_SIZE:
		return set_number(place, text, opt_parse_size, err);
	case OPT_SWAP:
		return set_number(place, text, size_parse, err);
	case OPT_CPUS:
		return set_number(place, text, opt_parse_cpus, err);
	case OPT_SPAN:
		return set_number(place, text, opt_parse_span, err);
	case OPT_IGNORED_TEXT:
	case OPT_MISSING_TEXT:
		return true;
	}
	return true;
}

/* Where the option is one we do not do: says so, unless its value means "off". */
static bool refuse_missing(const struct opt *opt, const char *text, struct error *err)
{
	bool is_on = true;

	if (opt->kind == OPT_MISSING_BOOL && !opt_parse_bool(text, &is_on, err))
		return false;
	if (!is_on)
		return true;
	return error_set(err, ERROR_UNSUPPORTED, "--%s is not supported yet", opt->name);
}

static bool apply(struct reader *reader, const struct opt *opt, const char *text, struct error *err)
{
	struct error why = { 0 };

	if (!set_value(opt, text, reader->values, &why)) {
		if (opt->letter)
			return error_set(err, ERROR_INPUT,
					 "invalid argument \"%s\" for \"-%c, --%s\" flag: %s", text,
					 opt->letter, opt->name, why.text);
		return error_set(err, ERROR_INPUT, "invalid argument \"%s\" for \"--%s\" flag: %s",
				 text, opt->name, why.text);
	}
	if (opt->kind == OPT_MISSING_BOOL || opt->kind == OPT_MISSING_TEXT)
		return refuse_missing(opt, text, err);
	return true;
}

static bool read_long(struct reader *reader, const char *word, struct error *err)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");

	if (!length || name[0] == '-')
		return error_set(err, ERROR_INPUT, "bad flag syntax: %s", word);
	const struct opt *opt = find_long(reader->grammar->opts, name, length);
	if (!opt && length == 4 && strncmp(name, "help", 4) == 0) {
		reader->wants_help = true;
		return true;
	}
	if (!opt)
		return error_set(err, ERROR_INPUT, "unknown flag: --%.*s", (int)length, name);
	if (name[length] == '=')
		return apply(reader, opt, name + length + 1, err);
	if (!takes_value(opt))
		return apply(reader, opt, "true", err);
	if (!*reader->rest)
		return error_set(err, ERROR_INPUT, "flag needs an argument: --%s", opt->name);
	return apply(reader, opt, *reader->rest++, err);
}

/* One word of short options: "-it", "-eA=1", "-e=A", "-itw" "/x". */
static bool read_letters(struct reader *reader, const char *word, struct error *err)
{
	for (const char *at = word + 1; *at; at++) {
		const struct opt *opt = find_letter(reader->grammar->opts, *at);
		if (!opt && *at == 'h') {
			reader->wants_help = true;
			return true;
		}
		if (!opt)
			return error_set(err, ERROR_INPUT, "unknown shorthand flag: '%c' in -%s",
					 *at, at);
		if (at[1] == '=' && at[2])
			return apply(reader, opt, at + 2, err);
		if (!takes_value(opt)) {
			if (!apply(reader, opt, "true", err))
				return false;
			continue;
		}
		if (at[1])
			return apply(reader, opt, at + 1, err);
		if (!*reader->rest)
			return error_set(err, ERROR_INPUT, "flag needs an argument: '%c' in -%s",
					 *at, at);
		return apply(reader, opt, *reader->rest++, err);
	}
	return true;
}

static void take_rest(struct reader *reader, struct texts *arguments)
{
	while (*reader->rest)
		texts_add(arguments, *reader->rest++);
}

bool opt_parse(const struct opt_grammar *grammar, const char *const *argv, void *values,
	       struct texts *arguments, bool *wants_help, struct error *err)
{
	struct reader reader = { .grammar = grammar, .rest = argv, .values = values };

	while (*reader.rest && !reader.wants_help) {
		const char *word = *reader.rest++;
		bool is_option = word[0] == '-' && word[1];

		if (strcmp(word, "--") == 0) {
			take_rest(&reader, arguments);
		} else if (!is_option) {
			texts_add(arguments, word);
			if (grammar->stops_at_argument)
				take_rest(&reader, arguments);
		} else if (!(word[1] == '-' ? read_long(&reader, word, err)
					    : read_letters(&reader, word, err))) {
			return false;
		}
	}
	*wants_help = reader.wants_help;
	return true;
}
