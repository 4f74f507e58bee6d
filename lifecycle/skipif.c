/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/skipif.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"

struct condition {
	bool is_negated;
	bool is_path; /* exists PATH; else onpath PROGRAM */
	const char *what;
};

static const char *skip_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (strncasecmp(text, word, length) != 0 || (text[length] != ' ' && text[length] != '\t'))
		return NULL;
	text += length;
	return text + strspn(text, " \t");
}

static bool parse_condition(struct condition *condition, const char *text)
{
	text += strspn(text, " \t");
	*condition = (struct condition){ .is_negated = *text == '!' };
	text += condition->is_negated;
	text += strspn(text, " \t");
	condition->what = skip_word(text, "onpath");
	if (!condition->what) {
		condition->what = skip_word(text, "exists");
		condition->is_path = true;
	}
	return condition->what && *condition->what;
}

static bool is_on_path(const char *path, const char *program)
{
	while (path && *path) {
		size_t length = strcspn(path, ":");
		autofree char *candidate = mem_printf("%.*s/%s", (int)length, path, program);

		if (access(candidate, X_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/* Greengrass' abbreviations: ~root/x is x below the root, and so on. */
static bool exists(const char *root, const char *name)
{
	static const struct {
		const char *prefix;
		const char *below;
	} places[] = { { "~root/", "" }, { "~config/", "/config" }, { "~packages/", "/packages" } };
	const char *home = getenv("HOME");
	autofree char *path = NULL;

	for (size_t i = 0; i < COUNT_OF(places) && !path; i++)
		if (strncmp(name, places[i].prefix, strlen(places[i].prefix)) == 0)
			path = mem_printf("%s%s/%s", root, places[i].below,
					  name + strlen(places[i].prefix));
	if (!path && strncmp(name, "~/", 2) == 0)
		path = mem_printf("%s/%s", home ? home : "", name + 2);
	return access(path ? path : name, F_OK) == 0;
}

bool skipif_holds(const char *text, const char *root, const char *path)
{
	struct condition condition;

	if (!parse_condition(&condition, text))
		return false;

	bool holds =
		condition.is_path ? exists(root, condition.what) : is_on_path(path, condition.what);

	return holds != condition.is_negated;
}

bool skipif_check(const char *text, struct error *err)
{
	struct condition condition;

	return parse_condition(&condition, text) ||
	       error_set(err, ERROR_INPUT,
			 "Skipif: \"%.100s\" is neither \"onpath PROGRAM\" nor \"exists PATH\"",
			 text);
}
