/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "base/path.h"

/* -- reading ------------------------------------------------------------------------------------
 */

const struct recipe *catalog_find(const struct catalog *catalog, const char *name,
				  const char *version)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (strcmp(catalog->recipes[i]->name, name) == 0 &&
		    strcmp(catalog->recipes[i]->version_text, version) == 0)
			return catalog->recipes[i];
	return NULL;
}

void catalog_done(struct catalog *catalog)
{
	free(catalog->recipes);
	*catalog = (struct catalog){ 0 };
}

struct scan {
	struct catalog *catalog;
	bool is_stored; /* our own store: an older copy of what is there already is no news */
};

static bool add(struct scan *scan, const char *path, struct recipe *recipe, struct error *err)
{
	struct catalog *catalog = scan->catalog;
	const struct recipe *same = catalog_find(catalog, recipe->name, recipe->version_text);

	if (same) {
		if (!scan->is_stored)
			log_warning("%s: %s %s is there already: this one is ignored", path,
				    recipe->name, recipe->version_text);
		return true;
	}
	if (catalog->count >= CATALOG_RECIPES_MAX)
		return error_set(err, ERROR_INPUT, "%s: more than %d recipes", path,
				 CATALOG_RECIPES_MAX);
	catalog->recipes =
		mem_resize(catalog->recipes, catalog->count + 1, sizeof(*catalog->recipes));
	catalog->recipes[catalog->count++] = recipe;
	return true;
}

static bool read_recipe(struct scan *scan, int dir, const char *name, const char *path,
			struct error *err)
{
	autobuf struct buf text;
	struct recipe *recipe = arena_alloc(scan->catalog->arena, sizeof(*recipe));
	/* O_NONBLOCK: a FIFO must not stop us; what is no regular file has no content. */
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	buf_init(&text, RECIPE_SIZE_MAX);
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_sys(err, "open %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_INPUT, "%s: not a file", path);
	return file_read_fd(fd, path, &text, err) &&
	       recipe_read(recipe, scan->catalog->arena, path, text.data, text.length,
			   scan->catalog->device, err) &&
	       add(scan, path, recipe, err);
}

static bool scan_directory(struct scan *scan, int dir, const char *path, size_t depth,
			   struct error *err);

static bool scan_entry(struct scan *scan, int dir, const char *name, const char *path, size_t depth,
		       struct error *err)
{
	autofree char *entry_path = mem_printf("%s/%s", path, name);
	autoclose int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (sub >= 0)
		return scan_directory(scan, sub, entry_path, depth + 1, err);
	return !recipe_is_file_name(name) || read_recipe(scan, dir, name, entry_path, err);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Recursion is bounded by CATALOG_DEPTH_MAX. */
static bool scan_directory(struct scan *scan, int dir, const char *path, size_t depth,
			   struct error *err)
{
	struct dirent **entries;
	bool is_good = true;

	if (depth > CATALOG_DEPTH_MAX)
		return error_set(err, ERROR_INPUT, "%s: directories nested too deeply", path);

	int count = scandirat(dir, ".", &entries, is_visible, alphasort);

	if (count < 0)
		return error_sys(err, "read directory %s", path);
	for (int i = 0; i < count; i++) {
		is_good = is_good && scan_entry(scan, dir, entries[i]->d_name, path, depth, err);
		free(entries[i]);
	}
	free(entries);
	return is_good;
}

bool catalog_add_directory(struct catalog *catalog, const char *directory, struct error *err)
{
	struct scan scan = { .catalog = catalog };
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_sys(err, "recipe directory %s", directory);
	return scan_directory(&scan, dir, directory, 0, err);
}

/* -- the store ----------------------------------------------------------------------------------
 */

static char *store_path(const char *root)
{
	return mem_printf("%s/packages/recipes", root);
}

bool catalog_add_stored(struct catalog *catalog, const char *root, struct error *err)
{
	struct scan scan = { .catalog = catalog, .is_stored = true };
	autofree char *path = store_path(root);
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT || error_sys(err, "open %s", path);
	return scan_directory(&scan, dir, path, 0, err);
}

/* Greengrass' name for it: the base64url of the name's SHA-256. A component's name may hold
 * anything a file name may, but two of them could differ only in case. */
static void name_hash(const char *name, char *text)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char hash[HASH_SIZE + 1] = { 0 };

	hash_sha256(name, strlen(name), hash);
	for (size_t bit = 0; bit < (size_t)HASH_SIZE * 8; bit += 6) {
		unsigned int pair = (unsigned int)hash[bit / 8] << 8 | hash[bit / 8 + 1];

		*text++ = alphabet[pair >> (10 - bit % 8) & 63];
	}
	*text = '\0';
}

#define NAME_HASH_SIZE 44

bool catalog_store(const struct recipe *recipe, const char *root, struct error *err)
{
	autofree char *packages = mem_printf("%s/packages", root); /* artifacts are open to all */
	autofree char *directory = store_path(root);
	char hash[NAME_HASH_SIZE];
	autobuf struct buf text;
	struct jsonout out;

	name_hash(recipe->name, hash);
	buf_init(&text, RECIPE_SIZE_MAX);
	jsonout_init(&out, &text, false);
	jsonout_json(&out, NULL, recipe->document);
	jsonout_done(&out);
	if (!buf_check(&text, "the recipe as JSON", err) ||
	    !path_make_own_dirs(packages, 0755, err) || !path_make_own_dirs(directory, 0700, err))
		return error_in(err, "store recipe of %s", recipe->name);

	autofree char *path =
		mem_printf("%s/%s@%s.recipe.json", directory, hash, recipe->version_text);

	return file_replace(AT_FDCWD, path, text.data, text.length, 0600, FILE_DURABLE, err);
}

bool catalog_forget(const struct recipe *recipe, const char *root, struct error *err)
{
	autofree char *directory = store_path(root);
	char hash[NAME_HASH_SIZE];

	name_hash(recipe->name, hash);

	autofree char *path =
		mem_printf("%s/%s@%s.recipe.json", directory, hash, recipe->version_text);

	return unlink(path) == 0 || errno == ENOENT || error_sys(err, "remove %s", path);
}
