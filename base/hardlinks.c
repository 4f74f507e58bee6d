/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hardlinks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BITS_FIRST 8
#define SCATTER    UINT64_C(0x9e3779b97f4a7c15) /* 2^64 by the golden ratio */

/* Open addressing; an empty slot has no path. */
struct hardlink {
	dev_t device;
	ino_t inode;
	char *path;
};

static size_t room(const struct hardlinks *links)
{
	return links->slots ? (size_t)1 << links->bits : 0;
}

/* Whoever makes files can choose among their numbers: neighbours, or those of equal last bits, must
 * not all meet in one place. */
static struct hardlink *find_slot(struct hardlinks *links, dev_t device, ino_t inode)
{
	uint64_t scattered = ((uint64_t)inode ^ (uint64_t)device << 40) * SCATTER;
	size_t at = (size_t)(scattered >> (64 - links->bits));

	while (links->slots[at].path &&
	       (links->slots[at].inode != inode || links->slots[at].device != device))
		at = (at + 1) % room(links);
	return &links->slots[at];
}

static void make_room(struct hardlinks *links)
{
	struct hardlinks old = *links;

	links->bits = old.slots ? old.bits + 1 : BITS_FIRST;
	links->slots = mem_array((size_t)1 << links->bits, sizeof(*links->slots));
	for (size_t i = 0; i < room(&old); i++)
		if (old.slots[i].path)
			*find_slot(links, old.slots[i].device, old.slots[i].inode) = old.slots[i];
	free(old.slots);
}

bool hardlinks_first(struct hardlinks *links, const struct stat *info, const char *path,
		     const char **first, struct error *err)
{
	if (2 * links->count >= room(links))
		make_room(links);

	struct hardlink *slot = find_slot(links, info->st_dev, info->st_ino);
	size_t size = strlen(path) + 1;

	*first = slot->path;
	if (slot->path)
		return true;
	if (size > HARDLINKS_TEXT_MAX - links->text)
		return error_set(err, ERROR_INPUT,
				 "%.200s: the names of files that have several take more than "
				 "%d MiB",
				 path, HARDLINKS_TEXT_MAX >> 20);
	*slot = (struct hardlink){ info->st_dev, info->st_ino, mem_strdup(path) };
	links->count++;
	links->text += size;
	return true;
}

void hardlinks_done(struct hardlinks *links)
{
	for (size_t i = 0; i < room(links); i++)
		free(links->slots[i].path);
	free(links->slots);
	*links = (struct hardlinks){ 0 };
}
