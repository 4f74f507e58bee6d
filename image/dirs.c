/* SPDX-License-Identifier: Apache-2.0 */
#include "image/dirs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/limits.h"

#define SLOTS_FIRST 256 /* a power of two, as ever after */
#define LIST_FIRST  64
#define PATHS_FIRST 4096

/* The slot that has the inode, or the empty one where it belongs. */
static uint32_t *slot_of(const struct dirs *dirs, ino_t inode)
{
	size_t mask = dirs->slot_count - 1;
	size_t i = (size_t)((uint64_t)inode * 0x9e3779b97f4a7c15ULL >> 32) & mask;

	while (dirs->slots[i] && dirs->list[dirs->slots[i] - 1].inode != inode)
		i = (i + 1) & mask;
	return &dirs->slots[i];
}

static void grow_slots(struct dirs *dirs)
{
	free(dirs->slots);
	dirs->slot_count = dirs->slot_count ? dirs->slot_count * 2 : SLOTS_FIRST;
	dirs->slots = mem_array(dirs->slot_count, sizeof(*dirs->slots));
	for (size_t i = 0; i < dirs->count; i++)
		*slot_of(dirs, dirs->list[i].inode) = (uint32_t)i + 1;
}

/* By half: what is not used yet is memory, too. */
static size_t grown(size_t room, size_t first)
{
	return room ? room + room / 2 : first;
}

static struct dir *append(struct dirs *dirs, uint32_t *slot)
{
	if (dirs->count == dirs->room) {
		dirs->room = grown(dirs->room, LIST_FIRST);
		dirs->list = mem_resize(dirs->list, dirs->room, sizeof(*dirs->list));
	}
	*slot = (uint32_t)++dirs->count;
	return &dirs->list[dirs->count - 1];
}

static uint32_t add_path(struct dirs *dirs, const char *path)
{
	size_t at = dirs->path_bytes, size = strlen(path) + 1;

	while (dirs->path_room - at < size) {
		dirs->path_room = grown(dirs->path_room, PATHS_FIRST);
		dirs->paths = mem_resize(dirs->paths, dirs->path_room, 1);
	}
	memcpy(dirs->paths + at, path, size);
	dirs->path_bytes += size;
	return (uint32_t)at;
}

const char *dirs_path(const struct dirs *dirs, const struct dir *dir)
{
	return dirs->paths + dir->path;
}

struct dir *dirs_find(const struct dirs *dirs, ino_t inode)
{
	uint32_t place = dirs->slot_count ? *slot_of(dirs, inode) : 0;

	return place ? &dirs->list[place - 1] : NULL;
}

bool dirs_put(struct dirs *dirs, ino_t inode, const char *path, bool is_fresh, struct dir **dir,
	      struct error *err)
{
	if (2 * (dirs->count + 1) > dirs->slot_count)
		grow_slots(dirs);

	uint32_t *slot = slot_of(dirs, inode);

	bool is_known = *slot != 0;

	*dir = is_known ? &dirs->list[*slot - 1] : append(dirs, slot);
	if (is_known && !is_fresh)
		return true;
	/* Removed and made again counts twice: the work has its limit with the memory. */
	dirs->bytes += 2 * sizeof(**dir) + strlen(path);
	**dir = (struct dir){ .inode = inode, .path = add_path(dirs, path) };
	if (dirs->bytes > LIMIT_LAYER_DIRECTORIES)
		return error_set(err, ERROR_INPUT, "too many directories (%zu)", dirs->count);
	return true;
}

void dirs_done(struct dirs *dirs)
{
	free(dirs->list);
	free(dirs->slots);
	free(dirs->paths);
	*dirs = (struct dirs){ 0 };
}
