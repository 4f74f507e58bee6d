/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "runtime/found.h"
#include "runtime/verb.h"

/*
 * update: new limits for a container, from flags or from a linux.resources object.
 */

/* -- from flags ------------------------------------------------------------------------------ */

/* Every value as it was typed; NULL: not given. */
struct wishes {
	const char *resources;
	const char *block_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_shares, *cpu_rt_period,
		*cpu_rt_runtime, *cpu_idle, *cpus, *mems, *memory, *memory_reservation,
		*memory_swap, *pids_limit, *kernel_memory, *kernel_memory_tcp, *cache_schema,
		*bandwidth_schema;
};

static bool read_number(const char *name, const char *text, int64_t least, int64_t most,
			int64_t *number, struct error *err)
{
	char *end;
	long long parsed;

	if (!text || !*text)
		return true;
	errno = 0;
	parsed = strtoll(text, &end, 10);
	if (errno || *end || end == text || parsed < least || parsed > most)
		return error_set(err, ERROR_INPUT,
				 "invalid value for %s: expected a number from %lld to %lld, found "
				 "%.40s",
				 name, (long long)least, (long long)most, text);
	*number = parsed;
	return true;
}

static bool read_size(const char *name, const char *text, int64_t *bytes, struct error *err)
{
	return !text || !*text || size_parse(text, bytes, err) ||
	       error_in(err, "invalid value for %s", name);
}

/* The hardware's cache and bandwidth shares are not ours to change yet. */
static bool check_rdt(const struct wishes *wishes, struct error *err)
{
	if (wishes->cache_schema && wishes->cache_schema[0])
		return error_set(err, ERROR_UNSUPPORTED,
				 "Intel RDT/CAT: l3 cache schema is not enabled");
	if (wishes->bandwidth_schema && wishes->bandwidth_schema[0])
		return error_set(err, ERROR_UNSUPPORTED,
				 "Intel RDT/MBA: memory bandwidth schema is not enabled");
	return true;
}

static bool read_flags(const struct wishes *wishes, struct spec_resources *into, struct error *err)
{
	const struct {
		const char *name, *text;
		int64_t least, most, *number;
	} numbers[] = {
		{ "blkio-weight", wishes->block_weight, 0, 1000, &into->block_weight },
		{ "cpu-period", wishes->cpu_period, 0, INT64_MAX, &into->cpu_period },
		{ "cpu-quota", wishes->cpu_quota, -1, INT64_MAX, &into->cpu_quota },
		{ "cpu-burst", wishes->cpu_burst, 0, INT64_MAX, &into->cpu_burst },
		{ "cpu-share", wishes->cpu_shares, 0, INT64_MAX, &into->cpu_shares },
		{ "cpu-rt-period", wishes->cpu_rt_period, 0, INT64_MAX, &into->cpu_rt_period },
		{ "cpu-rt-runtime", wishes->cpu_rt_runtime, -1, INT64_MAX, &into->cpu_rt_runtime },
		{ "cpu-idle", wishes->cpu_idle, 0, 1, &into->cpu_idle },
		{ "pids-limit", wishes->pids_limit, -1, INT64_MAX, &into->pids_limit },
	};
	const struct {
		const char *name, *text;
		int64_t *bytes;
	} sizes[] = {
		{ "memory", wishes->memory, &into->memory_limit },
		{ "memory-reservation", wishes->memory_reservation, &into->memory_reservation },
		{ "memory-swap", wishes->memory_swap, &into->memory_swap },
	};

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (!read_number(numbers[i].name, numbers[i].text, numbers[i].least,
				 numbers[i].most, numbers[i].number, err))
			return false;
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		if (!read_size(sizes[i].name, sizes[i].text, sizes[i].bytes, err))
			return false;
	into->cpus = wishes->cpus;
	into->mems = wishes->mems;
	return check_rdt(wishes, err);
}

/* -- from a file ----------------------------------------------------------------------------- */

static bool read_file(const char *name, struct arena *arena, struct spec_resources *into,
		      struct error *err)
{
	autobuf struct buf text = { 0 };
	bool is_read;

	buf_init(&text, SPEC_SIZE_MAX);
	is_read = strcmp(name, "-") == 0 ? file_read_fd(STDIN_FILENO, "standard input", &text, err)
					 : file_read(AT_FDCWD, name, &text, err);
	return is_read && spec_parse_resources(arena, "resources", text.length ? text.data : "",
					       text.length, into, err);
}

/* -------------------------------------------------------------------------------------------- */

static bool update(const char *root, const char *id, const struct wishes *wishes, struct error *err)
{
	autofound struct found found;
	struct spec_resources wanted;

	found_init(&found);
	if (!found_load(&found, root, id, err))
		return false;
	if (found_status(&found) == CONTAINER_STOPPED)
		return error_set(err, ERROR_INPUT, "container not running");
	if (wishes->resources && wishes->resources[0]) {
		if (!read_file(wishes->resources, &found.arena, &wanted, err))
			return false;
	} else if (!spec_parse_resources(&found.arena, "resources", "{}", 2, &wanted, err) ||
		   !read_flags(wishes, &wanted, err)) {
		return false;
	}
	return cgroup_update(&found.state.cgroup, &wanted, err);
}

int verb_update(const struct globals *globals, int argc, char **argv, struct error *err)
{
	struct wishes w = { 0 };
	const struct flag flags[] = {
		{ "resources", 'r', "FILE", "linux.resources as JSON; - is standard input",
		  &w.resources },
		{ "blkio-weight", 0, "N", "share of block I/O, 10 to 1000", &w.block_weight },
		{ "cpu-period", 0, "USEC", "period of the CPU quota", &w.cpu_period },
		{ "cpu-quota", 0, "USEC", "CPU time in a period; -1: all", &w.cpu_quota },
		{ "cpu-burst", 0, "USEC", "CPU time saved up beyond the quota", &w.cpu_burst },
		{ "cpu-share", 0, "N", "share of CPU time, 2 to 262144", &w.cpu_shares },
		{ "cpu-rt-period", 0, "USEC", "period of the realtime quota", &w.cpu_rt_period },
		{ "cpu-rt-runtime", 0, "USEC", "realtime CPU time in a period", &w.cpu_rt_runtime },
		{ "cpu-idle", 0, "0|1", "1: only when nobody else wants the CPU", &w.cpu_idle },
		{ "cpuset-cpus", 0, "LIST", "CPUs to use: 0-2,4", &w.cpus },
		{ "cpuset-mems", 0, "LIST", "memory nodes to use", &w.mems },
		{ "memory", 0, "SIZE", "memory limit; -1: none", &w.memory },
		{ "memory-reservation", 0, "SIZE", "soft limit", &w.memory_reservation },
		{ "memory-swap", 0, "SIZE", "memory and swap together; -1: no limit",
		  &w.memory_swap },
		{ "pids-limit", 0, "N", "most processes; -1: no limit", &w.pids_limit },
		{ "kernel-memory", 0, "SIZE", "ignored", &w.kernel_memory },
		{ "kernel-memory-tcp", 0, "SIZE", "ignored", &w.kernel_memory_tcp },
		{ "l3-cache-schema", 0, "TEXT", "Intel RDT: not supported", &w.cache_schema },
		{ "mem-bw-schema", 0, "TEXT", "Intel RDT: not supported", &w.bandwidth_schema },
		{ 0 },
	};
	const char *id;
	int status;

	if (!verb_take_id(flags, argc, argv, &id, &status, err))
		return status;
	return update(globals->root, id, &w, err) ? 0 : -1;
}
