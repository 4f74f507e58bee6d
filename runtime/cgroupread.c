/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "runtime/cgroupfile.h"

/*
 * What the kernel says in a group's files: numbers, and lines of a key and a number.
 */

#define FILE_MAX (1 << 20)

bool cgroup_read_all(const struct cgroup_place *place, const char *file, struct buf *text)
{
	autoclose int fd = cgroup_open_file(place, file, O_RDONLY);
	struct error ignored;

	buf_init(text, FILE_MAX);
	return fd >= 0 && file_read_fd(fd, file, text, &ignored);
}

bool cgroup_parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (strncmp(text, "max", 3) == 0) {
		*number = UINT64_MAX;
		return true;
	}
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (text[0] == '-') /* the kernel's own accounting may go below zero for a moment */
		*number = 0;
	return end != text && errno == 0;
}

bool cgroup_number(const struct cgroup_place *place, const char *file, uint64_t *number)
{
	char text[64];

	return cgroup_read(place, file, text, sizeof(text)) && cgroup_parse_number(text, number);
}

bool cgroup_key(const struct cgroup_place *place, const char *file, const char *key,
		uint64_t *number)
{
	autobuf struct buf text = { 0 };
	size_t length = strlen(key);

	if (!cgroup_read_all(place, file, &text))
		return false;
	for (const char *line = text.data; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return cgroup_parse_number(line + length + 1, number);
	}
	return false;
}

bool cgroup_oom_kills(const struct cgroup *cgroup, uint64_t *count)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "memory");

	return place &&
	       cgroup_key(place, cgroup->is_unified ? "memory.events" : "memory.oom_control",
			  "oom_kill", count);
}

bool cgroup_is_oom_killed(const struct cgroup *cgroup)
{
	uint64_t count = 0;

	return cgroup_oom_kills(cgroup, &count) && count > 0;
}
