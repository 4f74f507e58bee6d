/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/mem.h"
#include "engine/container.h"

static int open_options(const struct engine *engine, const char *id)
{
	char path[CONTAINER_ID_LENGTH + sizeof("/" CONTAINER_OPTIONS)];

	snprintf(path, sizeof(path), "%.64s/" CONTAINER_OPTIONS, id);
	return openat(engine->containers, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* Shared: two that replace one container at the same time both do. */
int replacement_begin(const struct engine *engine, const char *id)
{
	autoclose int options = open_options(engine, id);

	return options >= 0 && flock(options, LOCK_SH | LOCK_NB) == 0 ? take_fd(&options) : -1;
}

bool replacement_is_under_way(const struct engine *engine, const char *id)
{
	autoclose int options = open_options(engine, id);

	return options >= 0 && flock(options, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}
