/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "engine/container.h"
#include "engine/find.h"
#include "engine/status.h"

static char *absolute(const char *path)
{
	char here[PATH_MAX];

	if (path[0] == '/' || !getcwd(here, sizeof(here)))
		return mem_strdup(path);
	return mem_printf("%s/%s", here, path);
}

static bool open_dir(int root, const char *name, int *fd, struct error *err)
{
	*fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT) {
		if (mkdirat(root, name, 0711) < 0 && errno != EEXIST)
			return error_sys(err, "make directory %s", name);
		*fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return *fd >= 0 || error_sys(err, "open directory %s", name);
}

/* Nothing is to be done with it now; a machine that keeps no run directory can list its images. */
static bool check_run(const char *run, struct error *err)
{
	autoclose int dir = -1;

	return path_open_own_dir(run, 0711, &dir, err) || err->kind == ERROR_NOT_FOUND;
}

bool engine_open(const char *root, const char *run, struct engine *engine, struct error *err)
{
	*engine = ENGINE_EMPTY;
	engine->root = absolute(root);
	engine->run = absolute(run);
	if (!check_run(engine->run, err) || !store_open(engine->root, &engine->store, err) ||
	    !open_dir(engine->store.root, "containers", &engine->containers, err) ||
	    !open_dir(engine->store.root, "names", &engine->names, err)) {
		engine_close(engine);
		return false;
	}
	return true;
}

void engine_close(struct engine *engine)
{
	if (engine->store.root >= 0)
		store_close(&engine->store);
	mem_cleanup_close(&engine->containers);
	mem_cleanup_close(&engine->names);
	free(engine->root);
	free(engine->run);
	*engine = ENGINE_EMPTY;
}

/* It is made from it, or mounts it. */
static bool uses_image(const struct container *container, const char *id)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		if (mount->kind == MOUNT_IMAGE && strcmp(mount->image_id, id) == 0)
			return true;
	}
	return strcmp(container->image_id, id) == 0;
}

/* Of several containers a running one is named: it is the better reason to keep the image. */
static bool look_at_user(struct engine *engine, const char *id, const struct digest *image,
			 struct store_user *user, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	bool is_read = container_read(engine, &arena, id, &container, err);

	if (is_read && uses_image(&container, image->text) && !user->is_running) {
		user->is_running = status_is_running(engine, id);
		snprintf(user->container, sizeof(user->container), "%.12s", id);
	}
	container_done(&container);
	return is_read || err->kind == ERROR_NOT_FOUND ||
	       error_in(err, "see whether container %.12s uses image %.12s", id, digest_hex(image));
}

static bool find_user(void *context, const struct digest *image, struct store_user *user,
		      struct error *err)
{
	struct engine *engine = context;
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };
	struct error of_one;
	bool is_known = true;

	*user = (struct store_user){ 0 };
	if (!find_all(engine, &arena, &ids, err))
		return false;
	for (size_t i = 0; i < ids.count; i++)
		if (!look_at_user(engine, ids.items[i], image, user, &of_one)) {
			is_known = false;
			*err = of_one;
		}
	return is_known || user->container[0];
}

struct store_usage engine_usage(struct engine *engine)
{
	return (struct store_usage){ .find = find_user, .context = engine };
}
