/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gotype.h"

#include <stdlib.h>
#include <string.h>

#define HEALTHCHECK "Healthcheck"

/* Whole documents have no key: these stand for it. */
#define CONTAINER ""
#define IMAGE     "an image"
#define NETWORK   "a network"
#define VOLUME    "a volume"
#define INFO      "info"

/* An item of a list goes by the list's key. */
static const struct {
	const char *object, *key;
	enum json_type type; /* JSON_NULL: a pointer */
} members[] = {
	{ CONTAINER, "SizeRw", JSON_NULL },
	{ CONTAINER, "SizeRootFs", JSON_NULL },
	{ IMAGE, "Variant", JSON_TEXT },
	{ IMAGE, "OsVersion", JSON_TEXT },
	{ INFO, "DefaultAddressPools", JSON_ARRAY },
	{ INFO, "KernelMemory", JSON_BOOL },
	{ INFO, "KernelMemoryTCP", JSON_BOOL },
	{ INFO, "ProductLicense", JSON_TEXT },
	{ INFO, "ServerErrors", JSON_ARRAY },
	{ INFO, "SystemStatus", JSON_ARRAY },
	{ NETWORK, "Peers", JSON_ARRAY },
	{ NETWORK, "Services", JSON_OBJECT },
	{ VOLUME, "Status", JSON_OBJECT },
	{ VOLUME, "UsageData", JSON_NULL },
	{ "State", "Health", JSON_NULL },
	{ "Config", "ExposedPorts", JSON_OBJECT },
	{ "Config", HEALTHCHECK, JSON_NULL },
	{ "Config", "ArgsEscaped", JSON_BOOL },
	{ "Config", "NetworkDisabled", JSON_BOOL },
	{ "Config", "MacAddress", JSON_TEXT },
	{ "Config", "StopSignal", JSON_TEXT },
	{ "Config", "StopTimeout", JSON_NULL },
	{ "Config", "Shell", JSON_ARRAY },
	{ HEALTHCHECK, "Interval", JSON_NUMBER },
	{ HEALTHCHECK, "Timeout", JSON_NUMBER },
	{ HEALTHCHECK, "StartPeriod", JSON_NUMBER },
	{ HEALTHCHECK, "StartInterval", JSON_NUMBER },
	{ HEALTHCHECK, "Retries", JSON_NUMBER },
	{ "HostConfig", "Annotations", JSON_OBJECT },
	{ "HostConfig", "Init", JSON_NULL },
	{ "HostConfig", "Mounts", JSON_ARRAY },
	{ "HostConfig", "StorageOpt", JSON_OBJECT },
	{ "HostConfig", "Sysctls", JSON_OBJECT },
	{ "HostConfig", "Tmpfs", JSON_OBJECT },
	{ "Mounts", "Name", JSON_TEXT },
	{ "Mounts", "Driver", JSON_TEXT },
};

static const char *name_of(const struct json *object)
{
	if (object->key)
		return object->key;
	if (object->parent && object->parent->key)
		return object->parent->key;
	if (json_get(object, "HostConfig"))
		return CONTAINER;
	if (json_get(object, "RootFS"))
		return IMAGE;
	if (json_get(object, "IPAM"))
		return NETWORK;
	if (json_get(object, "Mountpoint"))
		return VOLUME;
	return json_get(object, "NCPU") ? INFO : NULL;
}

const struct json *gotype_empty(struct arena *arena, const struct json *object, const char *key)
{
	const char *name = name_of(object);

	for (size_t i = 0; name && i < COUNT_OF(members); i++) {
		if (strcmp(members[i].object, name) == 0 && strcmp(members[i].key, key) == 0)
			return json_new(arena, NULL, key, members[i].type,
					members[i].type == JSON_NUMBER ? "0" : "");
	}
	return NULL;
}

/* Containers, images, networks and volumes alike: none has a pointer of one of these names. */
static const char *const slices[] = {
	"Aliases",
	"Args",
	"Binds",
	"BlkioDeviceReadBps",
	"BlkioDeviceReadIOps",
	"BlkioDeviceWriteBps",
	"BlkioDeviceWriteIOps",
	"BlkioWeightDevice",
	"CapAdd",
	"CapDrop",
	"Cmd",
	"DNSNames",
	"DeviceCgroupRules",
	"DeviceRequests",
	"Devices",
	"Dns",
	"DnsOptions",
	"DnsSearch",
	"Entrypoint",
	"Env",
	"ExecIDs",
	"ExtraHosts",
	"GenericResources",
	"GroupAdd",
	"Layers",
	"Links",
	"Log",
	"MaskedPaths",
	"Mounts",
	"OnBuild",
	"ReadonlyPaths",
	"RepoDigests",
	"RepoTags",
	"SecondaryIPAddresses",
	"SecondaryIPv6Addresses",
	"SecurityOpt",
	"Shell",
	"Test",
	"Ulimits",
	"VolumesFrom",
	"Warnings",
};
static const char *const maps[] = {
	"Annotations",  "Attributes", "Containers", "Data",    "Details",      "DriverOpts",
	"ExposedPorts", "Labels",     "Networks",   "Options", "PortBindings", "Ports",
	"Runtimes",     "StorageOpt", "Sysctls",    "Tmpfs",   "Volumes",      "IndexConfigs",
};

static bool is_among(const char *const *names, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], key) == 0)
			return true;
	}
	return false;
}

enum json_type gotype_of_null(const struct json *value)
{
	const struct json *parent = value->parent;

	if (!value->key)
		return JSON_NULL;
	/* {"80/tcp": null}: exposed, not published */
	if (parent && parent->key && strcmp(parent->key, "Ports") == 0)
		return JSON_ARRAY;
	if (is_among(slices, COUNT_OF(slices), value->key))
		return JSON_ARRAY;
	return is_among(maps, COUNT_OF(maps), value->key) ? JSON_OBJECT : JSON_NULL;
}

bool gotype_is_map(const struct json *object)
{
	const struct json *parent = object->parent;

	if (!object->key)
		return false;
	return is_among(maps, COUNT_OF(maps), object->key) ||
	       (strcmp(object->key, "Config") == 0 && parent && parent->key &&
		strcmp(parent->key, "LogConfig") == 0);
}

const char *gotype_json_name(const char *field)
{
	static const char *const names[][2] = {
		{ "ID", "Id" },
		{ "APIVersion", "ApiVersion" },
		{ "CPUCfsPeriod", "CpuCfsPeriod" },
		{ "CPUCfsQuota", "CpuCfsQuota" },
		{ "CPUCount", "CpuCount" },
		{ "CPUPercent", "CpuPercent" },
		{ "CPUPeriod", "CpuPeriod" },
		{ "CPUQuota", "CpuQuota" },
		{ "CPURealtimePeriod", "CpuRealtimePeriod" },
		{ "CPURealtimeRuntime", "CpuRealtimeRuntime" },
		{ "CPUShares", "CpuShares" },
		{ "DNS", "Dns" },
		{ "DNSOptions", "DnsOptions" },
		{ "DNSSearch", "DnsSearch" },
		{ "HTTPProxy", "HttpProxy" },
		{ "HTTPSProxy", "HttpsProxy" },
		{ "HostIP", "HostIp" },
		{ "NanoCPUs", "NanoCpus" },
	};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(names[i][0], field) == 0)
			return names[i][1];
	}
	return NULL;
}

/* By key; of equals the one that came first. */
static int compare_keys(const void *a, const void *b)
{
	const struct json *const *left = a, *const *right = b;
	int order = strcmp((*left)->key, (*right)->key);

	return order ? order
		     : ((*left)->index > (*right)->index) - ((*left)->index < (*right)->index);
}

/* Of a key that comes twice the last one counts. */
static void sort_members(struct json *object)
{
	autofree struct json **sorted = mem_array(object->count + 1, sizeof(*sorted));
	size_t count = 0;

	for (struct json *member = object->child; member; member = member->next)
		sorted[count++] = member;
	qsort(sorted, count, sizeof(*sorted), compare_keys);
	object->child = object->last = NULL;
	object->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && strcmp(sorted[i]->key, sorted[i + 1]->key) == 0)
			continue;
		*(object->last ? &object->last->next : &object->child) = sorted[i];
		object->last = sorted[i];
		sorted[i]->next = NULL;
		sorted[i]->index = object->count++;
	}
}

void gotype_sort_maps(struct json *value)
{
	if (value->type == JSON_OBJECT && gotype_is_map(value))
		sort_members(value);
	for (struct json *child = value->child; child; child = child->next)
		gotype_sort_maps(child);
}

#define NO_VALUE "<no value>"

const struct json *gotype_no_value(struct arena *arena)
{
	return json_new(arena, NULL, NO_VALUE, JSON_NULL, NULL);
}

bool gotype_is_no_value(const struct json *value)
{
	return value->type == JSON_NULL && value->key && strcmp(value->key, NO_VALUE) == 0;
}

const char *gotype_nil_text(const struct json *value)
{
	if (gotype_is_no_value(value))
		return NO_VALUE;
	switch (gotype_of_null(value)) {
	case JSON_ARRAY:
		return "[]";
	case JSON_OBJECT:
		return "map[]";
	default:
		return "<nil>";
	}
}

bool gotype_is_duration(const struct json *value)
{
	static const char *const keys[] = { "Interval", "Timeout", "StartPeriod", "StartInterval" };
	bool is_check = value->parent
				? value->parent->key && strcmp(value->parent->key, HEALTHCHECK) == 0
				: true; /* an empty one, by gotype_empty */

	if (value->type != JSON_NUMBER || !value->key || !is_check)
		return false;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (strcmp(value->key, keys[i]) == 0)
			return true;
	}
	return false;
}

const char *gotype_name(const struct json *object)
{
	static const char *const names[][2] = {
		{ "Actor", "events.Actor" },
		{ "Client", "system.clientVersion" },
		{ "ClientInfo", "*system.clientInfo" },
		{ "ContainerdCommit", "system.Commit" },
		{ "InitCommit", "system.Commit" },
		{ "Platform", "struct { Name string }" },
		{ "Plugins", "system.PluginsInfo" },
		{ "RegistryConfig", "*registry.ServiceConfig" },
		{ "RuncCommit", "system.Commit" },
		{ "Server", "*types.Version" },
		{ "Swarm", "swarm.Info" },
	};

	for (size_t i = 0; object->key && i < COUNT_OF(names); i++) {
		if (strcmp(names[i][0], object->key) == 0)
			return names[i][1];
	}
	return NULL;
}
