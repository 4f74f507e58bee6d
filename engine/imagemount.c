/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/imagemount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/userns.h"
#include "image/rootfs.h"

static bool mount_layers(const struct engine *engine, const struct rootfs *rootfs,
			 const char *place, struct error *err)
{
	const char *const directories[] = { place, rootfs->upper, rootfs->work, rootfs->target };

	for (size_t i = 0; i < COUNT_OF(directories); i++)
		if (mkdir(directories[i], i ? 0755 : 0700) < 0 && errno != EEXIST)
			return error_sys(err, "make %s", directories[i]);
	/* One from before unshare is in the old namespace, whose mounts overlay refuses. */
	autoclose int root = open(engine->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct store store = { .root = root, .path = engine->root };

	if (root < 0)
		return error_sys(err, "open %s", engine->root);
	return rootfs_mount(&store, rootfs, err);
}

bool imagemount_make(const struct engine *engine, struct arena *arena,
		     const struct container *container, size_t number, const char **path,
		     struct error *err)
{
	const struct container_mount *mount = &container->mounts[number];
	const char *place = arena_printf(arena, "%s/containers/%s/image-%zu", engine->root,
					 container->id, number);
	struct store_image image;

	*path = arena_printf(arena, "%s/whole", place);
	if (!store_find(&engine->store, arena, mount->image_id, &image, err))
		return error_in(err, "mount image %s", mount->source);

	const struct rootfs rootfs = {
		.chains = image.chains,
		.layer_count = image.layer_count,
		.upper = arena_printf(arena, "%s/upper", place),
		.work = arena_printf(arena, "%s/work", place),
		.target = *path,
		.is_volatile = true,
		.is_rootless = userns_is_inside(),
		.is_bare = true,
	};

	return mount_layers(engine, &rootfs, place, err) ||
	       error_in(err, "mount image %s", mount->source);
}
