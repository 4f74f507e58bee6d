/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/propagation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "runtime/kernel.h"

#define MOUNTS_MAX (4 << 20) /* bytes of mountinfo */

const char *propagation_of(const char *options)
{
	static const char *const known[] = { "rprivate", "private", "rshared",
					     "shared",   "rslave",  "slave" };

	while (*options) {
		size_t length = strcspn(options, ",");

		for (size_t i = 0; i < COUNT_OF(known); i++) {
			if (strlen(known[i]) == length && strncmp(known[i], options, length) == 0)
				return known[i];
		}
		options += length + (options[length] == ',');
	}
	return "rprivate";
}

bool propagation_is_shared(const struct container_mount *mount)
{
	return mount->kind == MOUNT_BIND && strstr(propagation_of(mount->options), "shared");
}

static bool find_mount(const char *path, int64_t *id, struct error *err)
{
	autoclose int fd = open(path, O_PATH | O_CLOEXEC);

	return fd < 0 ? error_sys(err, "bind mount %s", path) : file_mount_number(fd, id, err);
}

/* A line of mountinfo (proc(5)): id parent dev top PLACE options [TAGS] - type source options. */
static char *find_line(char *text, int64_t id)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		if (atoi(line) == id)
			return line;
	}
	return NULL;
}

bool propagation_check(const struct container_mount *mount, struct error *err)
{
	bool is_shared = propagation_is_shared(mount);
	autobuf struct buf text;
	int64_t id;

	buf_init(&text, MOUNTS_MAX);
	if (mount->kind != MOUNT_BIND || strstr(propagation_of(mount->options), "private"))
		return true;
	if (!find_mount(mount->source, &id, err) ||
	    !file_read(AT_FDCWD, "/proc/self/mountinfo", &text, err))
		return false;

	char *line = find_line(text.data, id);
	int place = 0, place_end = 0;

	if (!line || sscanf(line, "%*s %*s %*s %*s %n%*s%n", &place, &place_end) == EOF || !place)
		return error_set(err, ERROR_SYSTEM, "the mount of %s has just gone", mount->source);

	char *end = strstr(line, " - ");

	if (end)
		*end = '\0';
	if (strstr(line + place_end, " shared:") ||
	    (!is_shared && strstr(line + place_end, " master:")))
		return true;
	line[place_end] = '\0';
	return error_set(err, ERROR_INPUT, "path %s is mounted on %s but it is not a %s mount",
			 mount->source, line + place, is_shared ? "shared" : "shared or slave");
}

bool propagation_copy(const struct container_mount *mount, int *copy, struct error *err)
{
	*copy = kernel_clone_tree(AT_FDCWD, mount->source, !mount->is_flat);
	return *copy >= 0 || error_sys(err, "share %s", mount->source);
}
