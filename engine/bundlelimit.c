/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundlelimit.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "base/word.h"
#include "engine/bundle.h"
#include "engine/userns.h"

#define MEMORY_LEAST     (6LL << 20)
#define NANO             1000000000LL
#define WEIGHT_LEAST     10
#define WEIGHT_MOST      1000
#define CPU_PERIOD_LEAST 1000 /* microseconds */
#define CPU_PERIOD_MOST  1000000
#define SET_MAX          4096 /* bytes of a list of CPUs or memory nodes: sysfs has a page for it */

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

/* Up to a colon. */
static bool read_limit(const char *text, int64_t *limit, struct error *err)
{
	char *end;

	*limit = strtoll(text, &end, 10);
	return (end != text && (!*end || *end == ':')) ||
	       error_set(err, ERROR_INPUT, "strconv.ParseInt: parsing \"%.*s\": invalid syntax",
			 (int)strcspn(text, ":"), text);
}

/* "name=soft[:hard]" */
static bool parse_ulimit(const char *text, struct ulimit *limit, struct error *err)
{
	const char *equals = strchr(text, '=');

	if (!equals)
		return error_set(err, ERROR_INPUT, "invalid ulimit argument: %s", text);
	if (!find_ulimit(text, (size_t)(equals - text), limit->type))
		return error_set(err, ERROR_INPUT, "invalid ulimit type: %.*s",
				 (int)(equals - text), text);
	const char *colon = strchr(equals, ':');
	if (colon && strchr(colon + 1, ':'))
		return error_set(err, ERROR_INPUT,
				 "too many limit value arguments - %s, can only have up to two, "
				 "`soft[:hard]`",
				 equals + 1);
	if (!read_limit(equals + 1, &limit->soft, err) ||
	    !read_limit(colon ? colon + 1 : equals + 1, &limit->hard, err))
		return false;
	if (limit->soft < -1 || limit->hard < -1)
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

void limit_keep_last(struct texts *ulimits)
{
	size_t kept = 0;

	for (size_t i = 0; i < ulimits->count; i++) {
		size_t length = strcspn(ulimits->items[i], "=");
		size_t to = 0;

		while (to < kept && (strncmp(ulimits->items[to], ulimits->items[i], length) != 0 ||
				     ulimits->items[to][length] != '='))
			to++;
		ulimits->items[to] = ulimits->items[i];
		kept += to == kept;
	}
	ulimits->count = kept;
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

	bool is_asked = container->memory || container->memory_reservation ||
			container->has_swappiness || container->has_no_oom_kill;

	if (!is_asked)
		return;
	if (container->memory && !swap)
		swap = 2 * container->memory;
	jsonout_object(out, "memory");
	write_number(out, "limit", container->memory);
	write_number(out, "swap", swap);
	write_number(out, "reservation", container->memory_reservation);
	if (container->has_swappiness)
		jsonout_int(out, "swappiness", container->memory_swappiness);
	if (container->has_no_oom_kill)
		jsonout_bool(out, "disableOOMKiller", true);
	jsonout_object_end(out);
}

static void write_cpu(struct jsonout *out, const struct container *container)
{
	jsonout_object(out, "cpu");
	write_number(out, "shares", container->cpu_shares);
	if (container->nano_cpus) {
		jsonout_int(out, "period", LIMIT_CPU_PERIOD);
		jsonout_int(out, "quota", container->nano_cpus / (NANO / LIMIT_CPU_PERIOD));
	} else {
		write_number(out, "period", container->cpu_period);
		write_number(out, "quota", container->cpu_quota < 0 ? -1 : container->cpu_quota);
	}
	write_number(out, "realtimePeriod", container->cpu_rt_period);
	write_number(out, "realtimeRuntime", container->cpu_rt_runtime);
	if (*container->cpuset_cpus)
		jsonout_text(out, "cpus", container->cpuset_cpus);
	if (*container->cpuset_mems)
		jsonout_text(out, "mems", container->cpuset_mems);
	jsonout_object_end(out);
}

/* "PATH:VALUE"; the device's numbers are looked up at each start. */
static bool write_block_device(struct jsonout *out, const char *text, const char *key,
			       struct error *err)
{
	const char *colon = strchr(text, ':');
	autofree char *path = mem_printf("%.*s", (int)(colon ? colon - text : 0), text);
	struct stat info;
	int64_t value = 0;

	if (!colon || !size_parse(colon + 1, &value, err))
		return error_set(err, ERROR_INPUT, "bad format: %s", text);
	if (stat(path, &info) < 0)
		return error_sys(err, "stat %s", path);
	jsonout_object(out, NULL);
	jsonout_int(out, "major", major(info.st_rdev));
	jsonout_int(out, "minor", minor(info.st_rdev));
	jsonout_int(out, key, value);
	jsonout_object_end(out);
	return true;
}

static bool write_block(struct jsonout *out, const struct container *container, struct error *err)
{
	const struct {
		const char *name, *key;
		const struct texts *devices;
	} lists[] = {
		{ "weightDevice", "weight", &container->block_weights },
		{ "throttleReadBpsDevice", "rate", &container->block_read_bps },
		{ "throttleWriteBpsDevice", "rate", &container->block_write_bps },
		{ "throttleReadIOPSDevice", "rate", &container->block_read_iops },
		{ "throttleWriteIOPSDevice", "rate", &container->block_write_iops },
	};
	bool is_asked = container->blkio_weight != 0;

	for (size_t i = 0; i < COUNT_OF(lists); i++)
		is_asked |= lists[i].devices->count > 0;
	if (!is_asked)
		return true;
	jsonout_object(out, "blockIO");
	write_number(out, "weight", container->blkio_weight);
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		if (!lists[i].devices->count)
			continue;
		jsonout_array(out, lists[i].name);
		for (size_t j = 0; j < lists[i].devices->count; j++)
			if (!write_block_device(out, lists[i].devices->items[j], lists[i].key, err))
				return false;
		jsonout_array_end(out);
	}
	jsonout_object_end(out);
	return true;
}

bool limit_write_resources(struct jsonout *out, const struct container *container,
			   struct error *err)
{
	write_memory(out, container);
	write_cpu(out, container);
	if (!write_block(out, container, err))
		return false;
	if (container->pids_limit > 0) {
		jsonout_object(out, "pids");
		jsonout_int(out, "limit", container->pids_limit);
		jsonout_object_end(out);
	}
	return true;
}

/* "/dev/sda:1mb": the part behind the colon. Docker's client checks the form alone. */
static bool find_block_value(const char *text, const char **value, struct error *err)
{
	const char *colon = strchr(text, ':');

	if (!colon || colon == text)
		return error_set(err, ERROR_INPUT, "bad format: %s", text);
	if (strncmp(text, "/dev/", 5) != 0)
		return error_set(err, ERROR_INPUT, "bad format for device path: %s", text);
	*value = colon + 1;
	return true;
}

bool limit_check_block_rate(const char *text, struct error *err)
{
	const char *rate;
	int64_t value;

	if (!find_block_value(text, &rate, err))
		return false;
	return (size_parse(rate, &value, err) && value >= 0) ||
	       error_set(err, ERROR_INPUT,
			 "invalid rate for device: %s. The correct format is "
			 "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit "
			 "is optional and can be kb, mb, or gb",
			 text);
}

bool limit_check_block_count(const char *text, struct error *err)
{
	const char *rate;

	if (!find_block_value(text, &rate, err))
		return false;
	return word_is_digits(rate) ||
	       error_set(err, ERROR_INPUT,
			 "invalid rate for device: %s. The correct format is "
			 "<device-path>:<number>. Number must be a positive integer",
			 text);
}

bool limit_check_block_weight(const char *text, struct error *err)
{
	const char *digits;

	if (!find_block_value(text, &digits, err))
		return false;
	long weight = strtol(digits, NULL, 10);
	return (word_is_digits(digits) &&
		(weight == 0 || (weight >= WEIGHT_LEAST && weight <= WEIGHT_MOST))) ||
	       error_set(err, ERROR_INPUT, "invalid weight for device: %s", text);
}

static bool check_block(const struct container *container, struct error *err)
{
	if (container->blkio_weight &&
	    (container->blkio_weight < WEIGHT_LEAST || container->blkio_weight > WEIGHT_MOST))
		return error_set(err, ERROR_INPUT, "Range of blkio weight is from 10 to 1000");
	if (container->has_swappiness &&
	    (container->memory_swappiness < 0 || container->memory_swappiness > 100))
		return error_set(err, ERROR_INPUT,
				 "invalid value: %lld. Valid memory swappiness range is 0-100",
				 (long long)container->memory_swappiness);
	return true;
}

static bool check_memory(const struct container *container, struct error *err)
{
	if (container->memory && container->memory < MEMORY_LEAST)
		return error_set(err, ERROR_INPUT, "Minimum memory limit allowed is 6MB");
	if (container->memory_reservation > 0 && container->memory_reservation < MEMORY_LEAST)
		return error_set(err, ERROR_INPUT, "Minimum memory reservation allowed is 6MB");
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

static bool check_numbers(const struct container *container, struct error *err)
{
	if (container->oom_score_adj < -1000 || container->oom_score_adj > 1000)
		return error_set(err, ERROR_INPUT,
				 "Invalid value %lld, range for oom score adj is [-1000, 1000]",
				 (long long)container->oom_score_adj);
	if (container->cpu_shares < 0)
		return error_set(err, ERROR_INPUT,
				 "invalid CPU shares (%lld): value must be a positive integer",
				 (long long)container->cpu_shares);
	if (container->cpu_period &&
	    (container->cpu_period < CPU_PERIOD_LEAST || container->cpu_period > CPU_PERIOD_MOST))
		return error_set(err, ERROR_INPUT,
				 "CPU cfs period can not be less than 1ms (i.e. 1000) or larger "
				 "than 1s (i.e. 1000000)");
	if (container->cpu_quota > 0 && container->cpu_quota < CPU_PERIOD_LEAST)
		return error_set(err, ERROR_INPUT,
				 "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	return container->shm_size >= 0 ||
	       error_set(err, ERROR_INPUT, "SHM size can not be less than 0");
}

/* Steps over "2" or "0-3" and the comma behind it. */
static bool read_range(const char **text, long *first, long *last)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	*first = *last = strtol(*text, &end, 10);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		*last = strtol(end + 1, &end, 10);
	if (*first > *last || (*end == ',' ? !end[1] : *end != '\0'))
		return false;
	*text = *end == ',' ? end + 1 : end;
	return true;
}

/* The kernel writes ranges that touch as one: what is there lies in one of them. */
static bool covers(const char *available, long first, long last)
{
	long from, to;

	while (*available && read_range(&available, &from, &to))
		if (from <= first && last <= to)
			return true;
	return false;
}

/* `file` says what the machine has; a kernel without it is asked at the start only. */
static bool check_set(const char *wanted, const char *file, const char *key, const char *what,
		      struct error *err)
{
	autobuf struct buf available;
	struct error ignored;
	long first, last;

	buf_init(&available, SET_MAX);
	if (!wanted || !*wanted || !file_read(AT_FDCWD, file, &available, &ignored) ||
	    !available.data)
		return true;
	available.data[strcspn(available.data, "\n")] = '\0';
	for (const char *rest = wanted; *rest;) {
		if (!read_range(&rest, &first, &last))
			return error_set(err, ERROR_INPUT,
					 "Invalid value %s for cpuset %s: invalid format: %s",
					 wanted, key, wanted);
	}
	for (const char *rest = wanted; *rest && read_range(&rest, &first, &last);) {
		if (!covers(available.data, first, last))
			return error_set(err, ERROR_INPUT,
					 "Requested %s are not available - requested %s, "
					 "available: %s",
					 what, wanted, available.data);
	}
	return true;
}

/* Without control groups of its own a container is kept from nothing. */
static bool check_sets(const struct container *container, struct error *err)
{
	return userns_is_inside() ||
	       (check_set(container->cpuset_cpus, "/sys/devices/system/cpu/online", "cpus", "CPUs",
			  err) &&
		check_set(container->cpuset_mems, "/sys/devices/system/node/online", "mems",
			  "memory nodes", err));
}

bool limit_check(const struct container *container, struct error *err)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (container->nano_cpus < 0 || container->nano_cpus > online * NANO)
		return error_set(err, ERROR_INPUT,
				 "Range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs "
				 "available",
				 online, online);
	if (container->nano_cpus && (container->cpu_quota || container->cpu_period))
		return error_set(err, ERROR_INPUT,
				 "Conflicting options: Nano CPUs and CPU %s cannot both be set.",
				 container->cpu_period ? "Period" : "Quota");
	return check_numbers(container, err) && check_memory(container, err) &&
	       check_block(container, err) && check_sets(container, err);
}
