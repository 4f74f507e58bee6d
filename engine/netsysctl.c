/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/netsysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define PATH_ROOM 256

bool netsysctl_is_one(const char *pair)
{
	return strncmp(pair, "net.", 4) == 0;
}

/* The files show the network namespace of whoever opens them. */
static bool write_one(const char *key, size_t length, const char *value, struct error *err)
{
	char path[PATH_ROOM];
	int room = snprintf(path, sizeof(path), "/proc/sys/%.*s", (int)length, key);

	if (room < 0 || room >= PATH_ROOM || strstr(path, ".."))
		return error_set(err, ERROR_INPUT, "sysctl '%.*s' is not allowed", (int)length,
				 key);
	for (char *c = path; *c; c++) {
		if (*c == '.')
			*c = '/';
	}
	autoclose int file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	return (file >= 0 && write(file, value, strlen(value)) >= 0) ||
	       error_sys(err, "set sysctl %.*s", (int)length, key);
}

static bool write_pair(const char *pair, struct error *err)
{
	size_t length = strcspn(pair, "=");

	return write_one(pair, length, pair[length] ? pair + length + 1 : "", err);
}

bool netsysctl_is_without_ipv6(const struct texts *pairs)
{
	static const char key[] = "net.ipv6.conf.all.disable_ipv6=";
	bool is_without = false;

	for (size_t i = 0; i < pairs->count; i++)
		if (strncmp(pairs->items[i], key, sizeof(key) - 1) == 0)
			is_without = atoi(pairs->items[i] + sizeof(key) - 1) != 0;
	return is_without;
}

bool netsysctl_apply(const struct texts *pairs, struct error *err)
{
	/* So that programs without privilege can listen on port 80, and ping. */
	static const char *const defaults[] = { "net.ipv4.ip_unprivileged_port_start=0",
						"net.ipv4.ping_group_range=0 2147483647" };

	for (size_t i = 0; i < COUNT_OF(defaults); i++) {
		/* An older kernel may lack one; in a user namespace not all groups can be named. */
		if (!write_pair(defaults[i], err) && err->kind != ERROR_NOT_FOUND &&
		    err->sys != EINVAL)
			return false;
	}
	for (size_t i = 0; i < pairs->count; i++) {
		if (netsysctl_is_one(pairs->items[i]) && !write_pair(pairs->items[i], err))
			return false;
	}
	return true;
}

bool netsysctl_set(const char *name, const char *value, struct error *err)
{
	char path[PATH_ROOM];
	int room = snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	autoclose int file =
		room > 0 && room < PATH_ROOM ? open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC) : -1;

	return (file >= 0 && write(file, value, strlen(value)) >= 0) ||
	       error_sys(err, "set %s to %s", path, value);
}
