/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <string.h>

#include "base/mem.h"
#include "cli/moment.h"

bool filter_check(const char *text, struct error *err)
{
	if (strchr(text, '='))
		return true;
	return error_set(err, ERROR_INPUT, "invalid filter '%s' (expected name=value)", text);
}

static bool is_named(const char *filter, const char *name)
{
	size_t length = strlen(name);

	return strncmp(filter, name, length) == 0 && filter[length] == '=';
}

bool filter_names(const struct texts *filters, const char *const *names, struct error *err)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *filter = filters->items[i];
		bool is_known = false;

		for (size_t j = 0; names[j]; j++)
			is_known = is_known || is_named(filter, names[j]);
		if (!is_known)
			return error_set(err, ERROR_INPUT, "invalid filter '%.*s'",
					 (int)strcspn(filter, "="), filter);
	}
	return true;
}

const char *filter_next(const struct texts *filters, const char *name, size_t *at)
{
	while (*at < filters->count) {
		const char *filter = filters->items[(*at)++];

		if (is_named(filter, name))
			return filter + strlen(name) + 1;
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
