/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define PATH_MAX_LENGTH 65536

static bool is_secret(const char *variable)
{
	static const char *const secrets[] = {
		"AWS_ACCESS_KEY_ID=",
		"AWS_SECRET_ACCESS_KEY=",
		"AWS_SESSION_TOKEN=",
		"AWS_SECURITY_TOKEN=",
	};

	for (size_t i = 0; i < COUNT_OF(secrets); i++)
		if (strncmp(variable, secrets[i], strlen(secrets[i])) == 0)
			return true;
	return false;
}

void environment_init(struct environment *environment, struct arena *arena)
{
	*environment = (struct environment){ .arena = arena };
	for (char **variable = environ; *variable; variable++)
		if (!is_secret(*variable))
			texts_add(&environment->texts, *variable);
}

static size_t find(const struct environment *environment, const char *name)
{
	size_t length = strlen(name);
	size_t i = 0;

	while (i < environment->texts.count &&
	       (strncmp(environment->texts.items[i], name, length) != 0 ||
		environment->texts.items[i][length] != '='))
		i++;
	return i;
}

void environment_set(struct environment *environment, const char *name, const char *value)
{
	const char *text = arena_printf(environment->arena, "%s=%s", name, value);
	size_t i = find(environment, name);

	if (i < environment->texts.count)
		environment->texts.items[i] = text;
	else
		texts_add(&environment->texts, text);
}

void environment_unset(struct environment *environment, const char *name)
{
	struct texts *texts = &environment->texts;
	size_t i = find(environment, name);

	if (i < texts->count)
		texts->items[i] = texts->items[--texts->count];
	if (texts->items)
		texts->items[texts->count] = NULL;
}

const char *environment_get(const struct environment *environment, const char *name)
{
	size_t i = find(environment, name);

	return i < environment->texts.count ? environment->texts.items[i] + strlen(name) + 1 : NULL;
}

void environment_done(struct environment *environment)
{
	texts_done(&environment->texts);
}

static bool is_on_path(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	for (;;) {
		size_t part = strcspn(path, ":");

		if (part == length && memcmp(path, directory, length) == 0)
			return true;
		if (path[part] == '\0')
			return false;
		path += part + 1;
	}
}

void environment_set_path(struct environment *environment, const char *first)
{
	static const char *const usual[] = { "/bin", "/usr/bin", "/sbin", "/usr/sbin" };
	const char *old = environment_get(environment, "PATH");
	autobuf struct buf path;

	buf_init(&path, PATH_MAX_LENGTH);
	buf_add_text(&path, first);
	if (old && *old)
		buf_printf(&path, ":%s", old);
	for (size_t i = 0; i < COUNT_OF(usual); i++)
		if (!is_on_path(path.data, usual[i]))
			buf_printf(&path, ":%s", usual[i]);
	environment_set(environment, "PATH", path.data);
}
