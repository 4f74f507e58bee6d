/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/share.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container.h"
#include "engine/find.h"
#include "engine/status.h"

bool share_open(const struct engine *engine, const char *container, const char *kind, int *fd,
		struct error *err)
{
	autoarena struct arena arena = { 0 };
	char id[CONTAINER_ID_LENGTH + 1];
	struct status status;
	char path[64];

	if (!find_one(engine, container, id, err))
		return false;
	autoclose int process = status_open_process(engine, id);
	status_read(engine, &arena, id, &status);
	if (process < 0 || status.pid <= 0)
		return error_set(err, ERROR_INPUT,
				 "cannot join %s of a non running container: %.64s",
				 strcmp(kind, "net") == 0 ? "network" : kind, id);
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", status.pid, kind);
	autoclose int opened = open(path, O_RDONLY | O_CLOEXEC);
	/* Once it is open: the process that we asked for is still there, so it was its. */
	struct pollfd end = { .fd = process, .events = POLLIN };
	if (opened < 0 || poll(&end, 1, 0) != 0)
		return error_set(err, ERROR_INPUT, "container %.12s has just ended", id);
	*fd = take_fd(&opened);
	return true;
}
