/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

#define BACKLOG 8

/* The directory by its descriptor: a path of any length fits into the address then. */
static bool open_directory(const struct engine *engine, bool is_made, int *dir, struct error *err)
{
	autofree char *path = mem_printf("%s/attach", engine->run);

	*dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*dir < 0 && errno == ENOENT && is_made) {
		if (!path_make_own_dirs(path, 0700, err))
			return false;
		*dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	return *dir >= 0 || error_sys(err, "open %s", path);
}

static void make_address(int dir, const char *id, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%.64s", dir, id);
}

bool door_open(const struct engine *engine, const char *id, int *door, struct error *err)
{
	autoclose int dir = -1;
	struct sockaddr_un address;

	if (!open_directory(engine, true, &dir, err))
		return false;
	autoclose int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (listening < 0)
		return error_sys(err, "make a socket");
	make_address(dir, id, &address);
	if (bind(listening, (struct sockaddr *)&address, sizeof(address)) < 0 &&
	    (errno != EADDRINUSE || unlinkat(dir, id, 0) < 0 ||
	     bind(listening, (struct sockaddr *)&address, sizeof(address)) < 0))
		return error_sys(err, "make the container's door");
	if (listen(listening, BACKLOG) < 0)
		return error_sys(err, "listen at the container's door");
	*door = take_fd(&listening);
	return true;
}

bool door_knock(const struct engine *engine, const char *id, int *client, struct error *err)
{
	autoclose int dir = -1;
	struct sockaddr_un address;

	if (!open_directory(engine, false, &dir, err))
		return false;
	autoclose int knocking = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (knocking < 0)
		return error_sys(err, "make a socket");
	make_address(dir, id, &address);
	if (connect(knocking, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "reach the container's monitor");
	*client = take_fd(&knocking);
	return true;
}

void door_remove(const struct engine *engine, const char *id)
{
	autofree char *path = mem_printf("%s/attach/%.64s", engine->run, id);

	unlink(path);
}
