/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/mem.h"
#include "engine/container.h"

/* A file of its own: the others are replaced when a container gets another name. */
#define REPLACED "replaced"

static int open_lock(const struct engine *engine, const char *id, int flags)
{
	char path[CONTAINER_ID_LENGTH + sizeof("/" REPLACED)];

	snprintf(path, sizeof(path), "%.64s/" REPLACED, id);
	return openat(engine->containers, path, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Shared: two that replace one container at the same time both do. */
int replacement_begin(const struct engine *engine, const char *id)
{
	autoclose int lock = open_lock(engine, id, O_CREAT);

	return lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) == 0 ? take_fd(&lock) : -1;
}

bool replacement_is_under_way(const struct engine *engine, const char *id)
{
	autoclose int lock = open_lock(engine, id, 0);

	return lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}
