/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/pattern.h"
#include "cli/moment.h"

#define SPACES " \t\n\v\f\r"

bool filter_check(const char *text, struct error *err)
{
	return !*text || strchr(text, '=') ||
	       error_set(err, ERROR_INPUT, "bad format of filter (expected name=value)");
}

/* Where the value begins; NULL: it has another name. */
static const char *value_of(const char *filter, const char *name)
{
	size_t length = strlen(name);

	filter += strspn(filter, SPACES);
	if (strncasecmp(filter, name, length) != 0)
		return NULL;
	filter += length;
	filter += strspn(filter, SPACES);
	return *filter == '=' ? filter + 1 + strspn(filter + 1, SPACES) : NULL;
}

bool filter_names(const struct texts *filters, const char *const *names, struct error *err)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *filter = filters->items[i];
		bool is_known = !*filter;

		for (size_t j = 0; names[j]; j++)
			is_known = is_known || value_of(filter, names[j]);
		if (is_known)
			continue;
		autofree char *name = mem_strdup(filter + strspn(filter, SPACES));
		name[strcspn(name, "=" SPACES)] = '\0';
		for (char *letter = name; *letter; letter++)
			*letter = (char)tolower((unsigned char)*letter);
		return error_set(err, ERROR_INPUT, "invalid filter '%s'", name);
	}
	return true;
}

const char *filter_next(const struct texts *filters, const char *name, size_t *at)
{
	while (*at < filters->count) {
		const char *value = value_of(filters->items[(*at)++], name);

		if (value)
			return value;
	}
	return NULL;
}

bool filter_until(const struct texts *filters, int64_t *until, struct error *err)
{
	size_t at = 0;
	const char *text = filter_next(filters, "until", &at);
	const char *other;
	long nanoseconds;

	*until = 0;
	while ((other = filter_next(filters, "until", &at)))
		if (strcmp(other, text) != 0)
			return error_set(err, ERROR_INPUT, "more than one until filter specified");
	return !text || moment_parse(text, "until", until, &nanoseconds, err);
}

bool filter_truth(const struct texts *filters, const char *name, bool *value, struct error *err)
{
	size_t at = 0;

	for (const char *text; (text = filter_next(filters, name, &at));) {
		*value = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
		if (!*value && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
			return error_set(err, ERROR_INPUT, "invalid filter '%s=[%s]'", name, text);
	}
	return true;
}

bool filter_is_found(const char *pattern, const char *text)
{
	bool is_found;
	struct error ignored;

	return pattern_search(pattern, text, &is_found, &ignored) && is_found;
}

bool filter_is_label(const char *filter, const char *key, const char *value)
{
	size_t length = strcspn(filter, "=");

	return strlen(key) == length && strncmp(filter, key, length) == 0 &&
	       (!filter[length] || strcmp(filter + length + 1, value) == 0);
}

static bool has_label(const struct texts *labels, const char *filter)
{
	for (size_t i = 0; i < labels->count; i++) {
		autofree char *key = mem_strdup(labels->items[i]);
		char *equals = strchr(key, '=');

		if (equals)
			*equals = '\0';
		if (filter_is_label(filter, key, equals ? equals + 1 : ""))
			return true;
	}
	return false;
}

bool filter_are_labels(const struct texts *filters, const struct texts *labels)
{
	const char *filter;
	size_t at = 0;

	while ((filter = filter_next(filters, "label", &at)))
		if (!has_label(labels, filter))
			return false;
	at = 0;
	while ((filter = filter_next(filters, FILTER_NO_LABEL, &at)))
		if (has_label(labels, filter))
			return false;
	return true;
}
