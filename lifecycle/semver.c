/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/semver.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* -- versions -----------------------------------------------------------------------------------
 */

/* A version that may be partial: "1", "1.2", "1.x", "*". */
struct partial {
	struct semver version; /* what is not given is 0 */
	int count;             /* of numbers given, 0 to 3 */
};

static bool read_number(const char **text, unsigned int *number)
{
	const char *next = *text;

	*number = 0;
	if (!isdigit((unsigned char)*next) || (*next == '0' && isdigit((unsigned char)next[1])))
		return false;
	while (isdigit((unsigned char)*next)) {
		*number = *number * 10 + (unsigned int)(*next++ - '0');
		if (*number > SEMVER_NUMBER_MAX)
			return false;
	}
	*text = next;
	return true;
}

static size_t identifiers_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) || text[length] == '-' || text[length] == '.')
		length++;
	return length;
}

/* Dot-separated identifiers, none empty. */
static bool read_identifiers(const char **text, char *to)
{
	size_t length = identifiers_length(*text);

	if (length == 0 || length > SEMVER_TEXT_MAX || **text == '.' || (*text)[length - 1] == '.')
		return false;
	memcpy(to, *text, length);
	to[length] = '\0';
	*text += length;
	return !strstr(to, "..");
}

static bool read_suffixes(const char **text, struct semver *version)
{
	char build[SEMVER_TEXT_MAX + 1];

	if (**text == '-') {
		(*text)++;
		if (!read_identifiers(text, version->prerelease))
			return false;
	}
	if (**text == '+') {
		(*text)++;
		return read_identifiers(text, build);
	}
	return true;
}

/* Reads up to three numbers; a wildcard ends them, and only wildcards may follow it. */
static bool read_partial(const char **text, struct partial *partial)
{
	unsigned int *numbers[] = { &partial->version.major, &partial->version.minor,
				    &partial->version.patch };
	bool is_wild = false;

	*partial = (struct partial){ 0 };
	*text += **text == 'v' || **text == '=';
	for (int i = 0; i < 3; i++) {
		if (i > 0 && *(*text)++ != '.')
			return false;
		if (**text == 'x' || **text == 'X' || **text == '*') {
			is_wild = true;
			(*text)++;
		} else if (is_wild || !read_number(text, numbers[i])) {
			return false;
		} else {
			partial->count++;
		}
		if (**text != '.')
			break;
	}
	return partial->count < 3 || read_suffixes(text, &partial->version);
}

bool semver_parse(struct semver *version, const char *text, struct error *err)
{
	struct partial partial;
	const char *next = text;

	if (strlen(text) > SEMVER_TEXT_MAX)
		return error_set(err, ERROR_INPUT, "version %.70s… exceeds %d characters", text,
				 SEMVER_TEXT_MAX);
	if (!isdigit((unsigned char)*text) || !read_partial(&next, &partial) || *next != '\0' ||
	    partial.count < 3)
		return error_set(err, ERROR_INPUT,
				 "\"%s\" is not a version such as 1.0.0 (numbers of at most 6 "
				 "digits)",
				 text);
	*version = partial.version;
	return true;
}

/* -- order --------------------------------------------------------------------------------------
 */

static int compare_numbers(unsigned int a, unsigned int b)
{
	return (a > b) - (a < b);
}

static bool is_numeric(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return true;
}

/* Numbers below words; numbers by value (of any length: by length, then by text), words by text. */
static int compare_identifiers(const char *a, size_t a_length, const char *b, size_t b_length)
{
	bool a_is_number = is_numeric(a, a_length), b_is_number = is_numeric(b, b_length);

	if (a_is_number != b_is_number)
		return a_is_number ? -1 : 1;
	if (a_is_number && a_length != b_length)
		return a_length < b_length ? -1 : 1;

	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_prereleases(const char *a, const char *b)
{
	if (*a == '\0' || *b == '\0')
		return (*a == '\0') - (*b == '\0'); /* a release is above its pre-releases */
	for (;;) {
		size_t a_length = strcspn(a, "."), b_length = strcspn(b, ".");
		int order = compare_identifiers(a, a_length, b, b_length);

		if (order)
			return order;
		a += a_length;
		b += b_length;
		if (*a == '\0' || *b == '\0')
			return (*a != '\0') - (*b != '\0');
		a++;
		b++;
	}
}

static int compare_triples(const struct semver *a, const struct semver *b)
{
	int order = compare_numbers(a->major, b->major);

	order = order ? order : compare_numbers(a->minor, b->minor);
	return order ? order : compare_numbers(a->patch, b->patch);
}

int semver_compare(const struct semver *a, const struct semver *b)
{
	int order = compare_triples(a, b);

	return order ? order : compare_prereleases(a->prerelease, b->prerelease);
}

/* -- requirements -------------------------------------------------------------------------------
 */

/*
 * Every form of the dialect becomes bounds: a range is a list of alternatives (`||`), an
 * alternative is a list of comparators which must all hold.
 */
enum comparison {
	AT_LEAST,
	ABOVE,
	BELOW,
	AT_MOST,
};

struct comparator {
	enum comparison comparison;
	struct semver version;
	bool is_ceiling; /* made by us (the <2.0.0 of ^1.0.0): its pre-releases are out as well */
	struct comparator *next;
};

struct semver_range {
	struct comparator *comparators;
	struct semver_range *next; /* or this one */
};

struct range_reader {
	struct arena *arena;
	struct semver_range *range; /* the alternative in hand */
	const char *next;
};

static void add(struct range_reader *reader, enum comparison comparison, struct semver version,
		bool is_ceiling)
{
	struct comparator *comparator = arena_alloc(reader->arena, sizeof(*comparator));

	*comparator = (struct comparator){ .comparison = comparison,
					   .version = version,
					   .is_ceiling = is_ceiling,
					   .next = reader->range->comparators };
	reader->range->comparators = comparator;
}

/* The first version after all that begin with the first `count` numbers. */
static struct semver after(const struct semver *version, int count)
{
	switch (count) {
	case 1:
		return (struct semver){ .major = version->major + 1 };
	case 2:
		return (struct semver){ .major = version->major, .minor = version->minor + 1 };
	default:
		return (struct semver){ .major = version->major,
					.minor = version->minor,
					.patch = version->patch + 1 };
	}
}

/* `1`, `1.2`, `1.x`: all that begin so; `*`: all. */
static void add_family(struct range_reader *reader, const struct partial *partial, int count)
{
	add(reader, AT_LEAST, partial->version, false);
	if (count > 0)
		add(reader, BELOW, after(&partial->version, count), true);
}

static void add_exact(struct range_reader *reader, const struct partial *partial)
{
	if (partial->count < 3) {
		add_family(reader, partial, partial->count);
		return;
	}
	add(reader, AT_LEAST, partial->version, false);
	add(reader, AT_MOST, partial->version, false);
}

/* Up to the next change of the leftmost number that is not 0. */
static void add_caret(struct range_reader *reader, const struct partial *partial)
{
	const struct semver *version = &partial->version;
	int count = partial->count;

	if (version->major > 0 && count > 1)
		count = 1;
	else if (version->minor > 0 && count > 2)
		count = 2;
	add_family(reader, partial, count);
}

static void add_tilde(struct range_reader *reader, const struct partial *partial)
{
	add_family(reader, partial, partial->count > 2 ? 2 : partial->count);
}

/* Nothing is below, or above, everything. */
static void add_nothing(struct range_reader *reader)
{
	add(reader, BELOW, (struct semver){ 0 }, true);
}

static void add_comparison(struct range_reader *reader, enum comparison comparison,
			   const struct partial *partial)
{
	bool is_partial = partial->count < 3;

	if (partial->count == 0) {
		if (comparison == ABOVE || comparison == BELOW)
			add_nothing(reader);
		else
			add_family(reader, partial, 0);
	} else if (comparison == ABOVE && is_partial) {
		add(reader, AT_LEAST, after(&partial->version, partial->count), false);
	} else if (comparison == AT_MOST && is_partial) {
		add(reader, BELOW, after(&partial->version, partial->count), true);
	} else {
		add(reader, comparison, partial->version, comparison == BELOW && is_partial);
	}
}

static void skip_blanks(struct range_reader *reader)
{
	while (*reader->next == ' ' || *reader->next == '\t')
		reader->next++;
}

static bool take(struct range_reader *reader, const char *sign)
{
	size_t length = strlen(sign);

	if (strncmp(reader->next, sign, length) != 0)
		return false;
	reader->next += length;
	skip_blanks(reader);
	return true;
}

/* `1.0 - 2.0`: blanks around the dash tell it from a pre-release. */
static bool read_hyphen(struct range_reader *reader, const struct partial *from, bool *is_hyphen)
{
	struct range_reader ahead = *reader;
	struct partial to;

	*is_hyphen = false;
	skip_blanks(&ahead);
	if (ahead.next == reader->next || *ahead.next != '-' || !strchr(" \t", ahead.next[1]))
		return true;
	ahead.next++;
	skip_blanks(&ahead);
	if (!read_partial(&ahead.next, &to))
		return false;
	add(reader, AT_LEAST, from->version, false);
	add_comparison(reader, AT_MOST, &to);
	reader->next = ahead.next;
	*is_hyphen = true;
	return true;
}

static bool read_family(struct range_reader *reader,
			void (*add_bounds)(struct range_reader *, const struct partial *))
{
	struct partial partial;

	if (!read_partial(&reader->next, &partial))
		return false;
	add_bounds(reader, &partial);
	return true;
}

/* `1.2.3`, `=1.2.3`, `1.x`, `1.0 - 2.0` */
static bool read_bare(struct range_reader *reader)
{
	struct partial partial;
	bool is_hyphen = false;
	bool has_sign = take(reader, "=");

	if (!read_partial(&reader->next, &partial))
		return false;
	if (!has_sign && !read_hyphen(reader, &partial, &is_hyphen))
		return false;
	if (!is_hyphen)
		add_exact(reader, &partial);
	return true;
}

static bool read_comparator(struct range_reader *reader)
{
	static const struct {
		const char *sign;
		enum comparison comparison;
	} signs[] = { { ">=", AT_LEAST }, { "<=", AT_MOST }, { ">", ABOVE }, { "<", BELOW } };
	struct partial partial;

	for (size_t i = 0; i < COUNT_OF(signs); i++) {
		if (!take(reader, signs[i].sign))
			continue;
		if (!read_partial(&reader->next, &partial))
			return false;
		add_comparison(reader, signs[i].comparison, &partial);
		return true;
	}
	if (take(reader, "~>") || take(reader, "~"))
		return read_family(reader, add_tilde);
	if (take(reader, "^"))
		return read_family(reader, add_caret);
	return read_bare(reader);
}

/* One alternative, up to `||` or the end. Without a comparator it holds for every release. */
static bool read_alternative(struct range_reader *reader)
{
	struct partial any = { 0 };

	skip_blanks(reader);
	while (*reader->next != '\0' && *reader->next != '|') {
		const char *before = reader->next;

		if (!read_comparator(reader))
			return false;
		skip_blanks(reader);
		if (*reader->next != '\0' && *reader->next != '|' && reader->next[-1] != ' ' &&
		    reader->next[-1] != '\t')
			return false; /* two comparators run into each other */
		if (reader->next == before)
			return false;
	}
	if (!reader->range->comparators)
		add_family(reader, &any, 0);
	return true;
}

static bool read_range(struct range_reader *reader, struct semver_range **range)
{
	for (;; range = &(*range)->next) {
		*range = arena_alloc(reader->arena, sizeof(**range));
		reader->range = *range;
		if (!read_alternative(reader))
			return false;
		if (*reader->next == '\0')
			return true;
		if (!take(reader, "||"))
			return false;
	}
}

bool semver_parse_range(struct arena *arena, const char *text, const struct semver_range **range,
			struct error *err)
{
	struct range_reader reader = { .arena = arena, .next = text };
	struct semver_range *first = NULL;

	if (strlen(text) > SEMVER_RANGE_MAX)
		return error_set(err, ERROR_INPUT, "a version requirement exceeds %d characters",
				 SEMVER_RANGE_MAX);
	if (!read_range(&reader, &first))
		return error_set(err, ERROR_INPUT,
				 "\"%s\" is not a version requirement such as ^1.0.0 or "
				 ">=1.0.0 <2.0.0",
				 text);
	*range = first;
	return true;
}

/* -- matching -----------------------------------------------------------------------------------
 */

static bool holds(const struct comparator *comparator, const struct semver *version)
{
	int order = semver_compare(version, &comparator->version);

	switch (comparator->comparison) {
	case AT_LEAST:
		return order >= 0;
	case ABOVE:
		return order > 0;
	case AT_MOST:
		return order <= 0;
	default:
		return order < 0 && !(comparator->is_ceiling &&
				      compare_triples(version, &comparator->version) == 0);
	}
}

/* A pre-release is taken only by who names a pre-release of the same three numbers. */
static bool admits_prerelease(const struct semver_range *range, const struct semver *version)
{
	for (const struct comparator *comparator = range->comparators; comparator;
	     comparator = comparator->next)
		if (comparator->version.prerelease[0] != '\0' &&
		    compare_triples(&comparator->version, version) == 0)
			return true;
	return false;
}

static bool is_in_alternative(const struct semver *version, const struct semver_range *range)
{
	if (version->prerelease[0] != '\0' && !admits_prerelease(range, version))
		return false;
	for (const struct comparator *comparator = range->comparators; comparator;
	     comparator = comparator->next)
		if (!holds(comparator, version))
			return false;
	return true;
}

bool semver_is_in(const struct semver *version, const struct semver_range *range)
{
	for (; range; range = range->next)
		if (is_in_alternative(version, range))
			return true;
	return false;
}
