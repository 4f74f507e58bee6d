/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/creation.h"

#include <string.h>

#include "compose/tree.h"

/* Memory, processors, processes: in a service's own words, or in those of `deploy`. */

static const struct {
	const char *key;                /* of the service */
	const char *section, *deployed; /* of deploy.resources; NULL: only the above */
	const char *option;
} limits[] = {
	{ "mem_limit", "limits", "memory", "--memory" },
	{ "mem_reservation", "reservations", "memory", "--memory-reservation" },
	{ "memswap_limit", NULL, NULL, "--memory-swap" },
	{ "mem_swappiness", NULL, NULL, "--memory-swappiness" },
	{ "cpus", "limits", "cpus", "--cpus" },
	{ "cpu_count", NULL, NULL, "--cpu-count" },
	{ "cpu_percent", NULL, NULL, "--cpu-percent" },
	{ "cpu_period", NULL, NULL, "--cpu-period" },
	{ "cpu_quota", NULL, NULL, "--cpu-quota" },
	{ "cpu_rt_period", NULL, NULL, "--cpu-rt-period" },
	{ "cpu_rt_runtime", NULL, NULL, "--cpu-rt-runtime" },
	{ "cpu_shares", NULL, NULL, "--cpu-shares" },
	{ "cpuset", NULL, NULL, "--cpuset-cpus" },
	{ "pids_limit", "limits", "pids", "--pids-limit" },
};

static void add_ulimits(const struct creation *creation, struct texts *arguments)
{
	const struct json *ulimits = json_get(creation->service->tree, "ulimits");
	struct arena *arena = &creation->project->arena;

	for (const struct json *item = ulimits ? ulimits->child : NULL; item; item = item->next) {
		const char *both = tree_scalar(item);

		creation_add(arguments, "--ulimit",
			     both ? arena_printf(arena, "%s=%s", item->key, both)
				  : arena_printf(arena, "%s=%s:%s", item->key,
						 tree_text(item, "soft"), tree_text(item, "hard")));
	}
}

/* {rate: …, path: …} of blkio_config */
static void add_rates(const struct creation *creation, struct texts *arguments,
		      const struct json *blkio, const char *key, const char *option)
{
	const struct json *list = json_get(blkio, key);

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		const char *path = tree_text(item, "path"), *rate = tree_text(item, "rate");

		if (!rate)
			rate = tree_text(item, "weight");
		if (path && rate)
			creation_add(arguments, option,
				     arena_printf(&creation->project->arena, "%s:%s", path, rate));
	}
}

static void add_blkio(const struct creation *creation, struct texts *arguments)
{
	static const char *const rates[][2] = {
		{ "device_read_bps", "--device-read-bps" },
		{ "device_read_iops", "--device-read-iops" },
		{ "device_write_bps", "--device-write-bps" },
		{ "device_write_iops", "--device-write-iops" },
		{ "weight_device", "--blkio-weight-device" },
	};
	const struct json *blkio = json_get(creation->service->tree, "blkio_config");
	const char *weight = tree_text(blkio, "weight");

	if (weight)
		creation_add(arguments, "--blkio-weight", weight);
	for (size_t i = 0; i < COUNT_OF(rates); i++)
		add_rates(creation, arguments, blkio, rates[i][0], rates[i][1]);
}

void creation_limits(const struct creation *creation, struct texts *arguments)
{
	const struct json *tree = creation->service->tree;
	const struct json *resources = json_get(json_get(tree, "deploy"), "resources");

	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		const char *value = tree_text(tree, limits[i].key);

		if (!value && limits[i].section)
			value = tree_text(json_get(resources, limits[i].section),
					  limits[i].deployed);
		if (value && *value)
			creation_add(arguments, limits[i].option, value);
	}
	add_ulimits(creation, arguments);
	add_blkio(creation, arguments);
}
