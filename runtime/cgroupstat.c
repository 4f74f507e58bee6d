/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroupstat.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cgroupfile.h"

void stat_put(struct jsonout *out, const char *key, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	jsonout_number(out, key, text);
}

void stat_put_some(struct jsonout *out, const char *key, uint64_t number)
{
	if (number > 0)
		stat_put(out, key, number);
}

uint64_t stat_number(const struct cgroup_place *place, const char *file)
{
	uint64_t number;

	return place && cgroup_number(place, file, &number) ? number : 0;
}

uint64_t stat_key(const struct cgroup_place *place, const char *file, const char *key)
{
	uint64_t number;

	return place && cgroup_key(place, file, key, &number) ? number : 0;
}

void stat_put_memory(struct jsonout *out, const char *key, const struct stat_memory *memory)
{
	jsonout_object(out, key);
	stat_put(out, "limit", memory->limit);
	stat_put_some(out, "usage", memory->usage);
	stat_put_some(out, "max", memory->max);
	stat_put(out, "failcnt", memory->failures);
	jsonout_object_end(out);
}

void stat_put_raw(struct jsonout *out, const struct cgroup_place *place)
{
	autobuf struct buf text = { 0 };
	char *rest;

	if (!place || !cgroup_read_all(place, "memory.stat", &text) || text.length == 0)
		return;
	rest = text.data;
	jsonout_object(out, "raw");
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		const char *name = strsep(&line, " ");
		uint64_t number;

		if (line && cgroup_parse_number(line, &number))
			stat_put(out, name, number);
	}
	jsonout_object_end(out);
}

/* The device as "8:0". */
void stat_put_block(struct jsonout *out, const char *device, const char *op, uint64_t value)
{
	char *end;
	uint64_t major = strtoull(device, &end, 10);

	jsonout_object(out, NULL);
	stat_put_some(out, "major", major);
	if (*end == ':')
		stat_put_some(out, "minor", strtoull(end + 1, NULL, 10));
	if (op)
		jsonout_text(out, "op", op);
	stat_put_some(out, "value", value);
	jsonout_object_end(out);
}

/* "hugepages-2048kB" */
size_t stat_page_sizes(struct arena *arena, const char *sizes[STAT_PAGE_SIZES])
{
	autodir DIR *dir = opendir("/sys/kernel/mm/hugepages");
	size_t count = 0;
	unsigned long kilobytes;

	for (struct dirent *entry; dir && count < STAT_PAGE_SIZES && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, "hugepages-", 10) != 0)
			continue;
		kilobytes = strtoul(entry->d_name + 10, NULL, 10);
		if (kilobytes >= 1 << 20)
			sizes[count++] = arena_printf(arena, "%luGB", kilobytes >> 20);
		else if (kilobytes >= 1 << 10)
			sizes[count++] = arena_printf(arena, "%luMB", kilobytes >> 10);
		else
			sizes[count++] = arena_printf(arena, "%luKB", kilobytes);
	}
	return count;
}

void cgroup_stat(struct jsonout *out, const char *key, const struct cgroup *cgroup)
{
	jsonout_object(out, key);
	if (cgroup->is_unified)
		stat_v2(out, cgroup);
	else
		stat_v1(out, cgroup);
	jsonout_object(out, "intel_rdt");
	jsonout_object_end(out);
	jsonout_null(out, "network_interfaces"); /* as in runc: never those of a bundle */
	jsonout_object_end(out);
}
