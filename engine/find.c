/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/find.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/linktarget.h"

bool find_is_name(const char *text)
{
	if (!isalnum((unsigned char)text[0]))
		return false;
	for (const char *c = text; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return false;
	}
	return strlen(text) <= NAME_MAX;
}

static bool is_hex(const char *text)
{
	return text[0] && text[strspn(text, "0123456789abcdef")] == '\0';
}

bool find_is_id(const char *text)
{
	return strlen(text) == CONTAINER_ID_LENGTH && is_hex(text);
}

bool find_is_there(const struct engine *engine, const char *id)
{
	char path[CONTAINER_ID_LENGTH + sizeof("/" CONTAINER_OPTIONS)];

	snprintf(path, sizeof(path), "%.64s/" CONTAINER_OPTIONS, id);
	return faccessat(engine->containers, path, F_OK, 0) == 0;
}

static bool find_by_name(const struct engine *engine, const char *name,
			 char id[CONTAINER_ID_LENGTH + 1])
{
	if (!find_is_name(name))
		return false;
	ssize_t length = readlinkat(engine->names, name, id, CONTAINER_ID_LENGTH + 1);
	if (length != CONTAINER_ID_LENGTH)
		return false;
	id[length] = '\0';
	return find_is_id(id) && find_is_there(engine, id);
}

bool find_all(const struct engine *engine, struct arena *arena, struct texts *ids,
	      struct error *err)
{
	autodir DIR *dir = file_list(engine->containers, ".");

	if (!dir)
		return error_sys(err, "list containers");

	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(dir, "containers", &entry, err)) && entry)
		if (find_is_id(entry->d_name))
			texts_add(ids, arena_strdup(arena, entry->d_name));
	return is_read;
}

bool find_one(const struct engine *engine, const char *text, char id[CONTAINER_ID_LENGTH + 1],
	      struct error *err)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };
	size_t found = 0;

	if (!*text)
		return error_set(err, ERROR_NOT_FOUND,
				 "invalid container name or ID: value is empty");
	if (find_is_id(text) && find_is_there(engine, text)) {
		memcpy(id, text, CONTAINER_ID_LENGTH + 1);
		return true;
	}
	if (find_by_name(engine, text[0] == '/' ? text + 1 : text, id))
		return true;
	if (link_target_named(engine, text, id))
		return true;
	if (is_hex(text) && !find_all(engine, &arena, &ids, err))
		return false;
	for (size_t i = 0; i < ids.count; i++) {
		if (strncmp(ids.items[i], text, strlen(text)) == 0 &&
		    find_is_there(engine, ids.items[i])) {
			memcpy(id, ids.items[i], CONTAINER_ID_LENGTH + 1);
			found++;
		}
	}
	if (found > 1)
		return error_set(err, ERROR_INPUT, "Multiple IDs found with provided prefix: %s",
				 text);
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", text);
	return true;
}
