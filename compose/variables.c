/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/variables.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static struct variable *find(const struct variables *variables, const char *name)
{
	for (size_t i = 0; i < variables->count; i++) {
		if (strcmp(variables->items[i].name, name) == 0)
			return &variables->items[i];
	}
	return NULL;
}

static void append(struct variables *variables, const char *name, const char *value)
{
	if (variables->count == variables->capacity) {
		variables->capacity = variables->capacity ? 2 * variables->capacity : 32;
		variables->items = mem_resize(variables->items, variables->capacity,
					      sizeof(*variables->items));
	}
	variables->items[variables->count++] = (struct variable){ name, value };
}

bool variables_set(struct variables *variables, const char *name, const char *value)
{
	struct variable *found = find(variables, name);

	if (found) {
		found->value = value;
		return true;
	}
	if (variables->count >= VARIABLES_MAX)
		return false;
	append(variables, name, value);
	return true;
}

const char *variables_get(const struct variables *variables, const char *name)
{
	for (; variables; variables = variables->next) {
		const struct variable *found = find(variables, name);

		if (found)
			return found->value;
	}
	return NULL;
}

bool variables_is_true(const struct variables *variables, const char *name)
{
	static const char *const words[] = { "1", "t", "true", "y", "yes" };
	const char *value = variables_get(variables, name);

	for (size_t i = 0; value && i < COUNT_OF(words); i++) {
		if (strcasecmp(value, words[i]) == 0)
			return true;
	}
	return false;
}

void variables_add_process(struct variables *variables, struct arena *arena)
{
	for (char **entry = environ; *entry && variables->count < VARIABLES_MAX; entry++) {
		const char *equals = strchr(*entry, '=');

		if (equals)
			append(variables, arena_strndup(arena, *entry, (size_t)(equals - *entry)),
			       arena_strdup(arena, equals + 1));
	}
}

void variables_done(struct variables *variables)
{
	free(variables->items);
	*variables = (struct variables){ 0 };
}
