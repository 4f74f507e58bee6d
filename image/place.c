/* SPDX-License-Identifier: Apache-2.0 */
#include "image/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

#define USUAL_LINK                                                                                 \
	16 /* components: no symlink is charged for less, and none that a resumed layer had */

/* -- names --------------------------------------------------------------------------------------
 */

static bool add_component(struct place_name *name, size_t *length, const char *component,
			  size_t count, const char *text, struct error *err)
{
	if (count == 2 && memcmp(component, "..", 2) == 0)
		return error_set(err, ERROR_INPUT, "%.200s: \"..\" in a name", text);
	if (count > LIMIT_ENTRY_COMPONENT || *length + 1 + count > LIMIT_ENTRY_PATH)
		return error_set(err, ERROR_INPUT, "%.200s…: name too long", text);
	if (*length > 0)
		name->text[(*length)++] = '/';
	memcpy(name->text + *length, component, count);
	*length += count;
	return true;
}

bool place_name_parse(struct place_name *name, const char *text, struct error *err)
{
	size_t length = 0, count;

	for (const char *next = text; *next; next += count) {
		next += strspn(next, "/");
		count = strcspn(next, "/");
		if (count == 0 || (count == 1 && *next == '.'))
			continue;
		if (!add_component(name, &length, next, count, text, err))
			return false;
	}
	name->text[length] = '\0';

	char *slash = strrchr(name->text, '/');
	size_t parent = slash ? (size_t)(slash - name->text) : 0;

	name->base = slash ? slash + 1 : name->text;
	memcpy(name->parent, name->text, parent);
	name->parent[parent] = '\0';
	return true;
}

/* -- directories --------------------------------------------------------------------------------
 */

bool place_init(struct place *place, int root, struct dirs *dirs, struct error *err)
{
	struct dir *dir;

	*place = (struct place){
		.root = root, .longest_link = USUAL_LINK, .parent = -1, .dirs = *dirs
	};
	*dirs = (struct dirs){ 0 };
	if (place->dirs.count > 0)
		return true;
	if (!place_note(place, root, "", true, &dir, err))
		return false;
	dir->is_implied = true;
	return true;
}

static void forget_parent(struct place *place)
{
	mem_cleanup_close(&place->parent);
	place->parent = -1;
	free(place->parent_path);
	place->parent_path = NULL;
}

void place_done(struct place *place)
{
	forget_parent(place);
	dirs_done(&place->dirs);
}

bool place_note(struct place *place, int dir, const char *path, bool is_fresh, struct dir **noted,
		struct error *err)
{
	struct stat info;

	if (fstat(dir, &info) < 0)
		return error_sys(err, "stat %s", path);
	return dirs_put(&place->dirs, info.st_ino, path, is_fresh, noted, err);
}

bool place_is_whiteout(int parent, const char *name)
{
	struct stat info;

	return fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(info.st_mode) &&
	       info.st_rdev == makedev(0, 0);
}

bool place_is_opaque(int dir)
{
	char value;

	return (fgetxattr(dir, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y') ||
	       (fgetxattr(dir, "user.overlay.opaque", &value, 1) == 1 && value == 'y');
}

/* A name that goes through no symlink costs the kernel as many steps as the archive has components
 * of it. One that does may cost LIMIT_ENTRY_LINKS times the longest symlink's, and the archive next
 * to nothing: those are charged for. */
bool place_open(struct place *place, const char *path, int flags, int *fd, struct error *err)
{
	if (path_open(place->root, path, PATH_NO_LINKS, flags, 0, fd, err))
		return true;
	if (err->sys != ELOOP && err->sys != EXDEV)
		return false;
	place->link_steps += place->longest_link;
	if (place->link_steps > LIMIT_LAYER_LINK_STEPS)
		return error_set(err, ERROR_INPUT, "too many names through symlinks");
	return path_open(place->root, path, PATH_IN_ROOT, flags, 0, fd, err);
}

bool place_check_link(struct place *place, const char *target, struct error *err)
{
	int count = 0;

	for (const char *at = target; *(at += strspn(at, "/")) != '\0'; at += strcspn(at, "/"))
		count++;
	if (count > LIMIT_LINK_COMPONENTS)
		return error_set(err, ERROR_INPUT, "a symlink's target has more than %d components",
				 LIMIT_LINK_COMPONENTS);
	if (count > place->longest_link)
		place->longest_link = count;
	return true;
}

/* What one name may cost. */
struct budget {
	int links;
	int steps; /* of recursion: 40 links to 128 components each would be 5120 */
};

static bool ensure_dir(struct place *place, const char *path, struct budget *budget, int *fd,
		       struct error *err);

/* A symlink whose target is not there yet: the target is what must be made. */
static bool ensure_target(struct place *place, int parent, const char *parent_path,
			  const char *base, struct budget *budget, int *fd, struct error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(parent, base, target, sizeof(target) - 1);

	if (length < 0) /* neither directory nor symlink: the layer contradicts itself */
		return error_set(err, ERROR_INPUT, "%s%s%s: not a directory", parent_path,
				 *parent_path ? "/" : "", base);
	target[length] = '\0';
	if (budget->links-- == 0)
		return error_set(err, ERROR_INPUT, "%s: too many symlinks", base);

	autofree char *path =
		target[0] == '/' ? mem_strdup(target) : mem_printf("%s/%s", parent_path, target);

	if (strlen(path) > LIMIT_ENTRY_PATH)
		return error_set(err, ERROR_INPUT, "%.200s…: name too long", path);
	return ensure_dir(place, path, budget, fd, err);
}

static bool make_implied(struct place *place, int parent, const char *base, const char *path,
			 bool is_opaque, int *fd, struct error *err)
{
	struct dir *dir;

	*fd = openat(parent, base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return error_sys(err, "open %s", path);
	if (!place_note(place, *fd, path, true, &dir, err))
		return false;
	dir->is_implied = true;
	dir->is_opaque = is_opaque;
	return true;
}

/* Makes `base` in `parent`. A whiteout there means: without what the layers below have. */
static bool make_dir(struct place *place, int parent, const char *parent_path, const char *base,
		     struct budget *budget, int *fd, struct error *err)
{
	autofree char *path =
		*parent_path ? mem_printf("%s/%s", parent_path, base) : mem_strdup(base);
	bool is_whiteout = false;

	if (mkdirat(parent, base, 0755) == 0)
		return make_implied(place, parent, base, path, false, fd, err);
	if (errno == EEXIST && place_is_whiteout(parent, base)) {
		is_whiteout = true;
		if (unlinkat(parent, base, 0) == 0 && mkdirat(parent, base, 0755) == 0)
			return make_implied(place, parent, base, path, is_whiteout, fd, err);
	}
	if (errno != EEXIST)
		return error_sys(err, "create directory %s", path);
	return ensure_target(place, parent, parent_path, base, budget, fd, err);
}

/* Opens a directory below the root, making what is missing on the way. `path` may hold ".." when it
 * comes from a symlink: the kernel keeps that below the root. */
static bool ensure_dir(struct place *place, const char *path, struct budget *budget, int *fd,
		       struct error *err)
{
	if (place_open(place, path, O_PATH | O_DIRECTORY, fd, err))
		return true;
	if (err->sys != ENOENT && err->sys != ENOTDIR)
		return false;
	if (budget->steps-- == 0)
		return error_set(err, ERROR_INPUT, "%.200s…: symlinks lead too deep", path);

	autofree char *above = mem_strdup(path);
	size_t length = strlen(above);

	while (length > 0 && above[length - 1] == '/')
		above[--length] = '\0';

	char *slash = strrchr(above, '/');
	const char *base = slash ? slash + 1 : above;

	if (!path_is_component(base)) /* "x/..", and x is no directory */
		return error_set(err, ERROR_INPUT, "%s: not a directory", path);

	autofree char *name = mem_strdup(base);
	autoclose int parent = -1;

	if (slash)
		*slash = '\0';
	else
		above[0] = '\0';
	return ensure_dir(place, above, budget, &parent, err) &&
	       make_dir(place, parent, above, name, budget, fd, err);
}

bool place_parent(struct place *place, const struct place_name *name, int *parent,
		  struct error *err)
{
	struct budget budget = { LIMIT_ENTRY_LINKS, LIMIT_ENTRY_PATH };
	int fd;

	if (!place->parent_path || strcmp(place->parent_path, name->parent) != 0) {
		forget_parent(place);
		if (!ensure_dir(place, name->parent, &budget, &fd, err))
			return false;
		place->parent = fd;
		place->parent_path = mem_strdup(name->parent);
	}
	*parent = place->parent;
	return true;
}
