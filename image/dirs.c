/* SPDX-License-Identifier: Apache-2.0 */
#include "image/dirs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/limits.h"

#define ROOM_FIRST 256 /* a power of two, as ever after */

/* The slot that has the inode, or the empty one where it belongs. */
static struct dir *slot_of(struct dir *slots, size_t room, ino_t inode)
{
	size_t i = (size_t)((uint64_t)inode * 0x9e3779b97f4a7c15ULL >> 32) & (room - 1);

	while (slots[i].path && slots[i].inode != inode)
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static void grow(struct dirs *dirs)
{
	size_t room = dirs->room ? dirs->room * 2 : ROOM_FIRST;
	struct dir *slots = mem_array(room, sizeof(*slots));

	for (size_t i = 0; i < dirs->room; i++)
		if (dirs->slots[i].path)
			*slot_of(slots, room, dirs->slots[i].inode) = dirs->slots[i];
	free(dirs->slots);
	dirs->slots = slots;
	dirs->room = room;
}

struct dir *dirs_find(const struct dirs *dirs, ino_t inode)
{
	struct dir *dir = dirs->room ? slot_of(dirs->slots, dirs->room, inode) : NULL;

	return dir && dir->path ? dir : NULL;
}

bool dirs_put(struct dirs *dirs, ino_t inode, const char *path, bool is_fresh, struct dir **dir,
	      struct error *err)
{
	if (2 * (dirs->count + 1) > dirs->room)
		grow(dirs);
	*dir = slot_of(dirs->slots, dirs->room, inode);
	if ((*dir)->path && !is_fresh)
		return true;
	if ((*dir)->path)
		free((*dir)->path);
	else
		dirs->count++;
	/* Removed and made again counts twice: the work has its limit with the memory. */
	dirs->bytes += 2 * sizeof(**dir) + strlen(path);
	**dir = (struct dir){ .inode = inode, .path = mem_strdup(path) };
	if (dirs->bytes > LIMIT_LAYER_DIRECTORIES)
		return error_set(err, ERROR_INPUT, "too many directories (%zu)", dirs->count);
	return true;
}

void dirs_done(struct dirs *dirs)
{
	for (size_t i = 0; i < dirs->room; i++)
		free(dirs->slots[i].path);
	free(dirs->slots);
	*dirs = (struct dirs){ 0 };
}
