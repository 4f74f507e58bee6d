/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hostconfig.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "cli/netsettings.h"
#include "engine/bundle.h"
#include "engine/policy.h"

#define TMPFS_MODE 01777

static void add_texts(const struct jsonmaker *maker, const char *key, const struct texts *texts)
{
	jsonmaker_texts(maker, key, texts->items, texts->count, true);
}

/* Members that nothing here can set, with the value they have with docker. */
static void add_constants(const struct jsonmaker *host)
{
	static const char *const empty[] = { "Cgroup", "ContainerIDFile", "Isolation",
					     "VolumeDriver" };
	static const char *const zero[] = { "CpuCount",      "CpuPercent",   "IOMaximumBandwidth",
					    "IOMaximumIOps", "KernelMemory", "KernelMemoryTCP" };

	for (size_t i = 0; i < COUNT_OF(empty); i++)
		jsonmaker_text(host, empty[i], "");
	for (size_t i = 0; i < COUNT_OF(zero); i++)
		jsonmaker_number(host, zero[i], 0);
	jsonmaker_text(host, "DeviceRequests", NULL);
}

/* Storage. ------------------------------------------------------------------------------------ */

/* What -v said; --mount's are in Mounts. */
static void add_binds(const struct jsonmaker *host, const struct container *container)
{
	autotexts struct texts binds = { 0 };

	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		if (mount->kind != MOUNT_TMPFS && !mount->is_anonymous && !mount->is_long &&
		    !mount->is_inherited)
			texts_add(&binds, arena_printf(host->arena, "%s:%s%s%s", mount->source,
						       mount->target, *mount->options ? ":" : "",
						       mount->options));
	}
	add_texts(host, "Binds", &binds);
}

/* "size=1m" → {"SizeBytes":1048576} */
static void add_tmpfs_options(const struct jsonmaker *item, const char *options)
{
	const char *size = strstr(options, "size=");
	const char *mode = strstr(options, "mode=");
	struct error ignored; /* checked when the container was created */
	int64_t bytes;

	if (mode && strtol(mode + 5, NULL, 8) == TMPFS_MODE)
		mode = NULL; /* what it is if nobody asks */

	if (!size && !mode)
		return;
	struct jsonmaker object = jsonmaker_nested(item, "TmpfsOptions", JSON_OBJECT);
	if (size && size_parse(arena_strndup(item->arena, size + 5, strcspn(size + 5, ",")), &bytes,
			       &ignored))
		jsonmaker_number(&object, "SizeBytes", bytes);
	if (mode)
		jsonmaker_number(&object, "Mode", strtol(mode + 5, NULL, 8));
}

static void add_mount(const struct jsonmaker *list, const struct container_mount *mount)
{
	static const char *const types[] = {
		[MOUNT_BIND] = "bind",
		[MOUNT_VOLUME] = "volume",
		[MOUNT_TMPFS] = "tmpfs",
		[MOUNT_IMAGE] = "image",
	};
	struct jsonmaker item = jsonmaker_nested(list, NULL, JSON_OBJECT);

	jsonmaker_text(&item, "Type", types[mount->kind]);
	if (mount->kind != MOUNT_TMPFS && !mount->is_anonymous)
		jsonmaker_text(&item, "Source", mount->source);
	jsonmaker_text(&item, "Target", mount->target);
	if (mount->is_readonly)
		jsonmaker_bool(&item, "ReadOnly", true);
	if (mount->kind == MOUNT_TMPFS)
		add_tmpfs_options(&item, mount->options);
	if (mount->kind == MOUNT_BIND && *mount->options) {
		struct jsonmaker options = jsonmaker_nested(&item, "BindOptions", JSON_OBJECT);

		jsonmaker_text(&options, "Propagation", mount->options);
	}
	bool has_subpath = mount->subpath && *mount->subpath;

	if (mount->kind == MOUNT_VOLUME && (!mount->is_copied_up || has_subpath)) {
		struct jsonmaker options = jsonmaker_nested(&item, "VolumeOptions", JSON_OBJECT);

		if (!mount->is_copied_up)
			jsonmaker_bool(&options, "NoCopy", true);
		if (has_subpath)
			jsonmaker_text(&options, "Subpath", mount->subpath);
	}
	if (mount->kind == MOUNT_IMAGE && has_subpath) {
		struct jsonmaker options = jsonmaker_nested(&item, "ImageOptions", JSON_OBJECT);

		jsonmaker_text(&options, "Subpath", mount->subpath);
	}
}

/* Mounts and Tmpfs are only there if there are some. */
static void add_mounts(const struct jsonmaker *host, const struct container *container)
{
	struct json *mounts = NULL;
	struct json *tmpfs = NULL;

	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		if (mount->is_inherited)
			continue;
		if (mount->is_long) {
			if (!mounts)
				mounts = jsonmaker_nested(host, "Mounts", JSON_ARRAY).parent;
			add_mount(&(struct jsonmaker){ host->arena, mounts }, mount);
		} else if (mount->kind == MOUNT_TMPFS) {
			if (!tmpfs)
				tmpfs = jsonmaker_nested(host, "Tmpfs", JSON_OBJECT).parent;
			jsonmaker_text(&(struct jsonmaker){ host->arena, tmpfs }, mount->target,
				       mount->options);
		}
	}
	add_texts(host, "VolumesFrom", &container->volumes_from);
}

/* Limits and devices. ------------------------------------------------------------------------- */

/* "nofile=100:200"; -1 is no limit. */
static void add_ulimits(const struct jsonmaker *host, const struct texts *ulimits)
{
	if (!ulimits->count) {
		jsonmaker_text(host, "Ulimits", NULL);
		return;
	}
	struct jsonmaker list = jsonmaker_nested(host, "Ulimits", JSON_ARRAY);
	for (size_t i = 0; i < ulimits->count; i++) {
		struct jsonmaker item = jsonmaker_nested(&list, NULL, JSON_OBJECT);
		const char *text = ulimits->items[i];
		size_t length = strcspn(text, "=");
		char *rest = NULL;
		int64_t soft = text[length] ? strtoll(text + length + 1, &rest, 10) : 0;

		jsonmaker_text(&item, "Name", arena_strndup(host->arena, text, length));
		jsonmaker_number(&item, "Hard",
				 rest && *rest == ':' ? strtoll(rest + 1, NULL, 10) : soft);
		jsonmaker_number(&item, "Soft", soft);
	}
}

/* "/dev/sda:1mb" → {"Path":"/dev/sda","Rate":1048576} */
static void add_block(const struct jsonmaker *host, const char *key, const char *member,
		      const struct texts *devices)
{
	struct error ignored; /* checked when the container was created */

	if (!devices->count && strcmp(member, "Rate") == 0) {
		jsonmaker_text(host, key, NULL);
		return;
	}
	struct jsonmaker list = jsonmaker_nested(host, key, JSON_ARRAY);
	for (size_t i = 0; i < devices->count; i++) {
		struct jsonmaker item = jsonmaker_nested(&list, NULL, JSON_OBJECT);
		const char *colon = strrchr(devices->items[i], ':');
		size_t length = colon ? (size_t)(colon - devices->items[i]) : 0;
		int64_t number = 0;

		if (colon && !size_parse(colon + 1, &number, &ignored))
			number = 0;
		jsonmaker_text(&item, "Path",
			       arena_strndup(host->arena, devices->items[i], length));
		jsonmaker_number(&item, member, number);
	}
}

static void add_memory(const struct jsonmaker *host, const struct container *container)
{
	int64_t swap = container->memory_swap;

	if (container->memory && !swap)
		swap = 2 * container->memory;
	jsonmaker_number(host, "Memory", container->memory);
	jsonmaker_number(host, "MemorySwap", swap);
	jsonmaker_number(host, "MemoryReservation", container->memory_reservation);
	if (container->has_swappiness)
		jsonmaker_number(host, "MemorySwappiness", container->memory_swappiness);
	else
		jsonmaker_text(host, "MemorySwappiness", NULL);
	jsonmaker_bool(host, "OomKillDisable", container->has_no_oom_kill);
	jsonmaker_number(host, "OomScoreAdj", container->oom_score_adj);
	jsonmaker_number(host, "ShmSize", container->shm_size ? container->shm_size : 64 << 20);
}

static void add_limits(const struct jsonmaker *host, const struct container *container)
{
	add_memory(host, container);
	jsonmaker_number(host, "NanoCpus", container->nano_cpus);
	jsonmaker_number(host, "CpuShares", container->cpu_shares);
	jsonmaker_number(host, "CpuPeriod", container->cpu_period);
	jsonmaker_number(host, "CpuQuota", container->cpu_quota);
	jsonmaker_number(host, "CpuRealtimePeriod", container->cpu_rt_period);
	jsonmaker_number(host, "CpuRealtimeRuntime", container->cpu_rt_runtime);
	jsonmaker_text(host, "CpusetCpus", container->cpuset_cpus);
	jsonmaker_text(host, "CpusetMems", container->cpuset_mems);
	jsonmaker_number(host, "BlkioWeight", container->blkio_weight);
	add_block(host, "BlkioWeightDevice", "Weight", &container->block_weights);
	add_block(host, "BlkioDeviceReadBps", "Rate", &container->block_read_bps);
	add_block(host, "BlkioDeviceWriteBps", "Rate", &container->block_write_bps);
	add_block(host, "BlkioDeviceReadIOps", "Rate", &container->block_read_iops);
	add_block(host, "BlkioDeviceWriteIOps", "Rate", &container->block_write_iops);
	if (container->pids_limit > 0)
		jsonmaker_number(host, "PidsLimit", container->pids_limit);
	else
		jsonmaker_text(host, "PidsLimit", NULL);
	add_ulimits(host, &container->ulimits);
	jsonmaker_text(host, "CgroupParent", container->cgroup_parent);
}

/* "SOURCE[:TARGET[:rwm]]" or "SOURCE:rwm" */
static void add_device(const struct jsonmaker *list, const char *text)
{
	struct jsonmaker item = jsonmaker_nested(list, NULL, JSON_OBJECT);
	char *rest = arena_strdup(list->arena, text);
	const char *source = strsep(&rest, ":");
	const char *target = rest ? strsep(&rest, ":") : source;
	const char *access = rest ? rest : "rwm";

	if (*target != '/') {
		access = *target ? target : access;
		target = source;
	}
	jsonmaker_text(&item, "PathOnHost", source);
	jsonmaker_text(&item, "PathInContainer", target);
	jsonmaker_text(&item, "CgroupPermissions", access);
}

static void add_devices(const struct jsonmaker *host, const struct container *container)
{
	struct jsonmaker list = jsonmaker_nested(host, "Devices", JSON_ARRAY);

	for (size_t i = 0; i < container->devices.count; i++)
		add_device(&list, container->devices.items[i]);
	add_texts(host, "DeviceCgroupRules", &container->device_rules);
}

/* Policies and confinement. ------------------------------------------------------------------- */

/* Left out if there is none. */
static void add_pairs(const struct jsonmaker *host, const char *key, const struct texts *pairs)
{
	if (pairs->count)
		jsonmaker_pairs(host, key, pairs);
}

static void add_policies(const struct jsonmaker *host, const struct container *container)
{
	struct jsonmaker restart = jsonmaker_nested(host, "RestartPolicy", JSON_OBJECT);
	struct jsonmaker log = jsonmaker_nested(host, "LogConfig", JSON_OBJECT);

	char policy[POLICY_NAME_MAX];
	int64_t retries;

	policy_split(container->restart, policy, &retries);
	jsonmaker_text(&restart, "Name", policy);
	jsonmaker_number(&restart, "MaximumRetryCount", retries);
	jsonmaker_text(&log, "Type", container->log_driver);
	if (container->log_options.count)
		add_pairs(&log, "Config", &container->log_options);
	else
		jsonmaker_nested(&log, "Config", JSON_OBJECT);
}

/* "net_admin" → "CAP_NET_ADMIN" */
static const char *capability(struct arena *arena, const char *name)
{
	char *whole = strncasecmp(name, "CAP_", 4) == 0 || strcasecmp(name, "ALL") == 0
			      ? arena_strdup(arena, name)
			      : arena_printf(arena, "CAP_%s", name);

	for (char *c = whole; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return whole;
}

static void add_capabilities(const struct jsonmaker *host, const char *key,
			     const struct texts *names)
{
	autotexts struct texts whole = { 0 };

	for (size_t i = 0; i < names->count; i++) {
		const char *name = capability(host->arena, names->items[i]);

		if (!texts_has(&whole, name))
			texts_add(&whole, name);
	}
	add_texts(host, key, &whole);
}

/* Docker's client makes paths of this one (MaskedPaths, ReadonlyPaths). */
#define PATHS_OPTION "systempaths="

/* Docker notes that SELinux is off where the container shares the host's processes. */
static void add_security(const struct jsonmaker *host, const struct container *container)
{
	autotexts struct texts options = { 0 };

	for (size_t i = 0; i < container->security.count; i++) {
		const char *option = container->security.items[i];

		if (strncmp(option, PATHS_OPTION, strlen(PATHS_OPTION)) != 0)
			texts_add(&options, option);
	}
	if (container->is_privileged || strcmp(container->pid_mode, "host") == 0 ||
	    strcmp(container->ipc_mode, "host") == 0)
		texts_add(&options, "label=disable");
	add_texts(host, "SecurityOpt", &options);
}

static void add_paths(const struct jsonmaker *host, const struct container *container)
{
	struct texts masked = { 0 };
	size_t readonly;
	const char *const *readonly_paths = bundle_readonly_paths(&readonly);
	bool is_open = texts_has(&container->security, PATHS_OPTION "unconfined");

	bundle_masked_paths(host->arena, &masked);
	if (container->is_privileged || is_open)
		masked.count = readonly = 0;
	jsonmaker_texts(host, "MaskedPaths", masked.items, masked.count, !is_open);
	jsonmaker_texts(host, "ReadonlyPaths", readonly_paths, readonly, !is_open);
}

/* "" is docker's word for a namespace of one's own. */
static const char *mode(const char *text)
{
	return strcmp(text, "private") == 0 ? "" : text;
}

static void add_confinement(const struct jsonmaker *host, const struct container *container)
{
	jsonmaker_bool(host, "Privileged", container->is_privileged);
	jsonmaker_bool(host, "ReadonlyRootfs", container->is_readonly);
	add_capabilities(host, "CapAdd", &container->cap_add);
	add_capabilities(host, "CapDrop", &container->cap_drop);
	add_texts(host, "GroupAdd", &container->groups);
	add_security(host, container);
	add_pairs(host, "Sysctls", &container->sysctls);
	add_pairs(host, "Annotations", &container->annotations);
	add_paths(host, container);
	jsonmaker_text(host, "IpcMode", container->ipc_mode);
	jsonmaker_text(host, "PidMode", mode(container->pid_mode));
	jsonmaker_text(host, "UTSMode", mode(container->uts_mode));
	jsonmaker_text(host, "CgroupnsMode", container->cgroupns_mode);
}

static void add_network(const struct jsonmaker *host, const struct engine *engine,
			const struct container *container)
{
	jsonmaker_text(host, "NetworkMode", container->network);
	netsettings_add_wishes(host, engine, container);
	jsonmaker_texts(host, "Dns", container->dns.items, container->dns.count, false);
	jsonmaker_texts(host, "DnsSearch", container->dns_search.items, container->dns_search.count,
			false);
	jsonmaker_texts(host, "DnsOptions", container->dns_options.items,
			container->dns_options.count, false);
	add_texts(host, "ExtraHosts", &container->extra_hosts);
}

void hostconfig_add(const struct jsonmaker *object, const struct engine *engine,
		    const struct container *container)
{
	struct jsonmaker host = jsonmaker_nested(object, "HostConfig", JSON_OBJECT);

	add_binds(&host, container);
	add_policies(&host, container);
	jsonmaker_bool(&host, "AutoRemove", container->is_removed_on_exit);
	add_network(&host, engine, container);
	add_confinement(&host, container);
	add_mounts(&host, container);
	add_limits(&host, container);
	add_devices(&host, container);
	jsonmaker_text(&host, "Runtime", "runc");
	jsonmaker_text(&host, "UsernsMode", container->userns_mode);
	if (container->has_init)
		jsonmaker_bool(&host, "Init", true);
	struct jsonmaker size = jsonmaker_nested(&host, "ConsoleSize", JSON_ARRAY);
	jsonmaker_number(&size, NULL, container->console_rows);
	jsonmaker_number(&size, NULL, container->console_columns);
	add_constants(&host);
}
