/* SPDX-License-Identifier: Apache-2.0 */
#include "image/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/word.h"

#define META_PREFIX ".wh..wh."

bool whiteout_is_name(const char *base)
{
	return word_begins(base, WHITEOUT_PREFIX);
}

bool whiteout_is_leftover(const char *path)
{
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (word_begins(part, META_PREFIX) && strcmp(part, WHITEOUT_OPAQUE) != 0)
			return true;
	}
	return false;
}

bool whiteout_is_shared(const char *path)
{
	return word_begins(path, WHITEOUT_SHARED "/") &&
	       !strchr(path + strlen(WHITEOUT_SHARED "/"), '/');
}

/* A whiteout's name: entries are none, and hard links lead to none. */
void whiteout_place_shared(struct place_name *name)
{
	name->text[strlen(WHITEOUT_SHARED)] = '.';
	name->base = name->text;
	name->parent[0] = '\0';
}

bool whiteout_clear_shared(int root, struct error *err)
{
	autodir DIR *entries = file_list(root, ".");

	if (!entries)
		return error_sys(err, "read directory");
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
		if (word_begins(entry->d_name, WHITEOUT_SHARED ".") &&
		    unlinkat(root, entry->d_name, 0) < 0 && errno != EISDIR)
			return error_sys(err, "remove %s", entry->d_name);
	return true;
}

/* The directory itself becomes opaque. */
static bool mark_opaque(struct place *place, int dir, const char *path, struct error *err)
{
	struct dir *noted;

	if (!place_note(place, dir, path, false, &noted, err))
		return false;
	noted->is_opaque = true;
	return true;
}

bool whiteout_put(struct place *place, int parent, const struct place_name *name, struct error *err)
{
	const char *hidden = name->base + strlen(WHITEOUT_PREFIX);

	if (strcmp(name->base, WHITEOUT_OPAQUE) == 0)
		return mark_opaque(place, parent, name->parent, err);
	if (!path_is_component(hidden))
		return error_set(err, ERROR_INPUT, "invalid whiteout");
	if (mknodat(parent, hidden, S_IFCHR, 0) == 0)
		return true;
	if (errno != EEXIST)
		return error_sys(err, "make whiteout");

	autoclose int dir = openat(parent, hidden, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofree char *path = mem_printf("%s/%s", name->parent, hidden);

	return dir < 0 || mark_opaque(place, dir, path, err);
}

bool whiteout_clear(int dir, struct error *err)
{
	autodir DIR *entries = file_list(dir, ".");

	if (!entries)
		return error_sys(err, "read directory");
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
		if (place_is_whiteout(dir, entry->d_name) && unlinkat(dir, entry->d_name, 0) < 0)
			return error_sys(err, "remove whiteout %s", entry->d_name);
	return true;
}
