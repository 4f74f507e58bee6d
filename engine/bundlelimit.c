/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundlelimit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/bundle.h"

#define MEMORY_LEAST (6LL << 20)
#define CPU_PERIOD   100000
#define NANO         1000000000LL

struct ulimit {
	char type[24];      /* "RLIMIT_NOFILE" */
	int64_t soft, hard; /* -1: unlimited */
};

static bool find_ulimit(const char *name, size_t length, char type[24])
{
	static const char *const known[] = { "core",   "cpu",        "data",     "fsize",
					     "locks",  "memlock",    "msgqueue", "nice",
					     "nofile", "nproc",      "rss",      "rtprio",
					     "rttime", "sigpending", "stack",    "as" };

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (strlen(known[i]) != length || strncmp(known[i], name, length) != 0)
			continue;
		snprintf(type, 24, "RLIMIT_%s", known[i]);
		for (char *c = type; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		return true;
	}
	return false;
}

/* "name=soft[:hard]" */
static bool parse_ulimit(const char *text, struct ulimit *limit, struct error *err)
{
	const char *equals = strchr(text, '=');
	char *end = NULL;

	if (!equals || !equals[1])
		return error_set(err, ERROR_INPUT, "invalid ulimit argument: %s", text);
	if (!find_ulimit(text, (size_t)(equals - text), limit->type))
		return error_set(err, ERROR_INPUT, "invalid ulimit type: %.*s",
				 (int)(equals - text), text);
	limit->soft = strtoll(equals + 1, &end, 10);
	limit->hard = limit->soft;
	if (end != equals + 1 && *end == ':' && end[1])
		limit->hard = strtoll(end + 1, &end, 10);
	if (end == equals + 1 || *end || limit->soft < -1 || limit->hard < -1)
		return error_set(err, ERROR_INPUT, "invalid ulimit argument: %s", text);
	if (limit->hard != -1 && (limit->soft == -1 || limit->soft > limit->hard))
		return error_set(err, ERROR_INPUT,
				 "ulimit soft limit must be less than or equal to hard limit: %lld "
				 "> %lld",
				 (long long)limit->soft, (long long)limit->hard);
	return true;
}

bool bundle_check_ulimit(const char *text, struct error *err)
{
	struct ulimit limit;

	return parse_ulimit(text, &limit, err);
}

bool bundle_check_sysctl(const char *text, struct error *err)
{
	static const char *const allowed[] = {
		"net.",           "fs.mqueue.",
		"kernel.msgmax=", "kernel.msgmnb=",
		"kernel.msgmni=", "kernel.sem=",
		"kernel.shmall=", "kernel.shmmax=",
		"kernel.shmmni=", "kernel.shm_rmid_forced=",
	};

	for (size_t i = 0; i < COUNT_OF(allowed); i++) {
		if (strncmp(text, allowed[i], strlen(allowed[i])) == 0 && strchr(text, '=') &&
		    !strstr(text, ".."))
			return true;
	}
	return error_set(err, ERROR_INPUT, "sysctl '%s' is not allowed", text);
}

/* JSON numbers are signed here: no limit is the greatest of them, which the kernel caps. */
static int64_t rlimit_number(int64_t limit)
{
	return limit < 0 ? -1 : limit;
}

static void write_rlimit(struct jsonout *out, const struct ulimit *limit)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "type", limit->type);
	jsonout_int(out, "soft", rlimit_number(limit->soft));
	jsonout_int(out, "hard", rlimit_number(limit->hard));
	jsonout_object_end(out);
}

bool limit_write_rlimits(struct jsonout *out, const struct container *container, struct error *err)
{
	jsonout_array(out, "rlimits");
	for (size_t i = 0; i < container->ulimits.count; i++) {
		struct ulimit limit;

		if (!parse_ulimit(container->ulimits.items[i], &limit, err))
			return false;
		write_rlimit(out, &limit);
	}
	jsonout_array_end(out);
	return true;
}

static void write_number(struct jsonout *out, const char *key, int64_t number)
{
	if (number)
		jsonout_int(out, key, number);
}

static void write_memory(struct jsonout *out, const struct container *container)
{
	int64_t swap = container->memory_swap;

	if (!container->memory && !container->memory_reservation)
		return;
	if (container->memory && !swap)
		swap = 2 * container->memory;
	jsonout_object(out, "memory");
	write_number(out, "limit", container->memory);
	write_number(out, "swap", swap);
	write_number(out, "reservation", container->memory_reservation);
	jsonout_object_end(out);
}

static void write_cpu(struct jsonout *out, const struct container *container)
{
	jsonout_object(out, "cpu");
	write_number(out, "shares", container->cpu_shares);
	if (container->nano_cpus) {
		jsonout_int(out, "period", CPU_PERIOD);
		jsonout_int(out, "quota", container->nano_cpus / (NANO / CPU_PERIOD));
	} else {
		write_number(out, "period", container->cpu_period);
		write_number(out, "quota", container->cpu_quota);
	}
	if (*container->cpuset_cpus)
		jsonout_text(out, "cpus", container->cpuset_cpus);
	if (*container->cpuset_mems)
		jsonout_text(out, "mems", container->cpuset_mems);
	jsonout_object_end(out);
}

void limit_write_resources(struct jsonout *out, const struct container *container)
{
	write_memory(out, container);
	write_cpu(out, container);
	if (container->pids_limit > 0) {
		jsonout_object(out, "pids");
		jsonout_int(out, "limit", container->pids_limit);
		jsonout_object_end(out);
	}
}

static bool check_memory(const struct container *container, struct error *err)
{
	if (container->memory && container->memory < MEMORY_LEAST)
		return error_set(err, ERROR_INPUT, "Minimum memory limit allowed is 6MB");
	if (container->memory_swap > 0 && !container->memory)
		return error_set(err, ERROR_INPUT,
				 "You should always set the Memory limit when using Memoryswap "
				 "limit, see usage");
	if (container->memory_swap > 0 && container->memory_swap < container->memory)
		return error_set(err, ERROR_INPUT,
				 "Minimum memoryswap limit should be larger than memory limit, see "
				 "usage");
	if (container->memory && container->memory_reservation > container->memory)
		return error_set(err, ERROR_INPUT,
				 "Minimum memory limit can not be less than memory reservation "
				 "limit, see usage");
	return true;
}

bool limit_check(const struct container *container, struct error *err)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (container->nano_cpus > online * NANO)
		return error_set(err, ERROR_INPUT,
				 "Range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs "
				 "available",
				 online, online);
	if (container->nano_cpus && (container->cpu_quota || container->cpu_period))
		return error_set(err, ERROR_INPUT,
				 "Conflicting options: Nano CPUs and CPU %s cannot both be set.",
				 container->cpu_quota ? "Quota" : "Period");
	return check_memory(container, err);
}
