/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/idmap.h"

/* The machine's own user namespace maps every id to itself, in one line. */
static bool is_in_user_namespace(void)
{
	autoclose int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	unsigned long inside, outside, count;
	char text[256];
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got <= 0)
		return got == 0; /* a namespace nobody has mapped yet; no file, no namespaces */
	text[got] = '\0';
	return sscanf(text, "%lu %lu %lu", &inside, &outside, &count) != 3 || inside != 0 ||
	       outside != 0 || count != UINT32_MAX;
}

bool rootless_is_caller(void)
{
	return geteuid() != 0 || is_in_user_namespace();
}

/* In a user namespace the caller is called root whatever happens; who calls himself so on purpose
 * means to play the machine's root. */
char *rootless_root(const char *name)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *user = getenv("USER");

	if (!runtime || runtime[0] != '/')
		return NULL;
	if (geteuid() == 0 && ((user && strcmp(user, "root") == 0) || !is_in_user_namespace()))
		return NULL;
	return mem_printf("%s/%s", runtime, name);
}

bool rootless_check(const struct spec *spec, struct error *err)
{
	const struct spec_namespace *user = &spec->namespaces[NAMESPACE_USER];

	if (geteuid() == 0)
		return true;
	if (!user->is_wanted)
		return error_set(err, ERROR_INPUT,
				 "config.json: linux.namespaces: rootless container requires user "
				 "namespaces: add one of type user, with mappings (see \"spec "
				 "--rootless\")");
	if (spec->net_device_count > 0)
		return error_set(err, ERROR_INPUT,
				 "config.json: linux.netDevices: network devices are not "
				 "supported in rootless containers: their owner is root");
	if (!user->path && idmap_denies_groups(spec) && spec->process.user.group_count > 0)
		return error_set(
			err, ERROR_INPUT,
			"config.json: process.user.additionalGids: cannot set any additional "
			"groups in a rootless container that maps the caller's own group only");
	return true;
}

/* -- control groups -------------------------------------------------------------------------- */

/* Rules for devices do not count: without rights over devices they are kept anyway. */
static bool asks_for_limits(const struct spec_resources *resources)
{
	const int64_t numbers[] = {
		resources->memory_limit,      resources->memory_reservation,
		resources->memory_swap,       resources->cpu_shares,
		resources->cpu_quota,         resources->cpu_period,
		resources->cpu_burst,         resources->cpu_idle,
		resources->cpu_rt_runtime,    resources->cpu_rt_period,
		resources->pids_limit,        resources->block_weight,
		resources->network_class,     resources->memory_swappiness,
		resources->block_leaf_weight,
	};

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (numbers[i] != SPEC_UNSET && numbers[i] > 0)
			return true;
	return resources->cpus || resources->mems || resources->is_oom_killer_disabled ||
	       resources->throttle_count > 0 || resources->hugepage_count > 0 ||
	       resources->network_priority_count > 0 || resources->unified_count > 0;
}

bool rootless_check_limits(const struct spec *spec, struct error *err)
{
	return !asks_for_limits(&spec->resources) ||
	       error_set(err, ERROR_INPUT,
			 "config.json: linux.resources: limits need control groups: leave "
			 "--cgroup-manager disabled out");
}

bool rootless_may_skip_cgroups(const struct spec *spec, enum container_rootless wish,
			       struct error *err)
{
	if (err->sys != EACCES && err->sys != EPERM && err->sys != EROFS)
		return false;
	if (wish == CONTAINER_ROOTLESS_NO ||
	    (wish == CONTAINER_ROOTLESS_AUTO && !rootless_is_caller()))
		return false;
	if (spec->cgroups_path || asks_for_limits(&spec->resources))
		return error_in(err,
				"unable to apply cgroup configuration: rootless needs no limits + "
				"no cgrouppath when no permission is granted for cgroups");
	return true;
}

bool rootless_parse(const char *text, enum container_rootless *wish, struct error *err)
{
	static const char *const words[] = { [CONTAINER_ROOTLESS_AUTO] = "auto",
					     [CONTAINER_ROOTLESS_YES] = "true",
					     [CONTAINER_ROOTLESS_NO] = "false" };

	*wish = CONTAINER_ROOTLESS_AUTO;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		*wish = (enum container_rootless)i;
		if (!text || strcmp(text, words[i]) == 0)
			return true;
	}
	return error_set(err, ERROR_INPUT, "--rootless: \"%s\" is none of true, false and auto",
			 text);
}
