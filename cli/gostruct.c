/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gostruct.h"

#include <string.h>

/* What an empty field prints as, by the last character of its name below. */
static const struct {
	char mark;
	const char *text;
} empties[] = { { '!', "false" }, { '#', "0" },  { '=', "0s" },
		{ '*', "<nil>" }, { '[', "[]" }, { '{', "map[]" } };

#define MARKS   "!#=*[{"
#define ENDS    " ()" /* of a name with its mark */
#define POINTER '&'   /* what begins the fields of one that is held by a pointer */

#define CONFIG                                                                                     \
	"&Hostname Domainname User AttachStdin! AttachStdout! AttachStderr! ExposedPorts{ Tty! "   \
	"OpenStdin! StdinOnce! Env[ Cmd[ Healthcheck* ArgsEscaped! Image Volumes{ WorkingDir "     \
	"Entrypoint[ NetworkDisabled! MacAddress OnBuild[ Labels{ StopSignal StopTimeout* Shell["

/*
 * Client 28's structures, those that it embeds in parentheses. `key` is the object's, or that of
 * the list or map whose item it is (`is_item`); `above` is the key of what holds that: NULL:
 * anything, "": the whole.
 */
static const struct {
	const char *key, *above;
	bool is_item;
	const char *fields;
} structures[] = {
	{ "State", "", false,
	  "&Status Running! Paused! Restarting! OOMKilled! Dead! Pid# ExitCode# Error StartedAt "
	  "FinishedAt Health*" },
	{ "Health", "State", false, "&Status FailingStreak# Log[" },
	{ "Log", "Health", true, "&Start End ExitCode# Output" },
	{ "Config", "", false, CONFIG },
	{ "ContainerConfig", "", false, CONFIG },
	{ "Healthcheck", NULL, false,
	  "&Test[ Interval= Timeout= StartPeriod= StartInterval= Retries#" },
	{ "ExposedPorts", NULL, true, "" },
	{ "Volumes", NULL, true, "" },
	{ "HostConfig", "", false,
	  "&Binds[ ContainerIDFile LogConfig NetworkMode PortBindings{ RestartPolicy AutoRemove! "
	  "VolumeDriver VolumesFrom[ ConsoleSize[ Annotations{ CapAdd[ CapDrop[ CgroupnsMode Dns[ "
	  "DnsOptions[ DnsSearch[ ExtraHosts[ GroupAdd[ IpcMode Cgroup Links[ OomScoreAdj# PidMode "
	  "Privileged! PublishAllPorts! ReadonlyRootfs! SecurityOpt[ StorageOpt{ Tmpfs{ UTSMode "
	  "UsernsMode ShmSize# Sysctls{ Runtime Isolation "
	  "(CpuShares# Memory# NanoCpus# CgroupParent BlkioWeight# BlkioWeightDevice[ "
	  "BlkioDeviceReadBps[ BlkioDeviceWriteBps[ BlkioDeviceReadIOps[ BlkioDeviceWriteIOps[ "
	  "CpuPeriod# CpuQuota# CpuRealtimePeriod# CpuRealtimeRuntime# CpusetCpus CpusetMems "
	  "Devices[ DeviceCgroupRules[ DeviceRequests[ KernelMemory# KernelMemoryTCP# "
	  "MemoryReservation# MemorySwap# MemorySwappiness* OomKillDisable* PidsLimit* Ulimits[ "
	  "CpuCount# CpuPercent# IOMaximumIOps# IOMaximumBandwidth#) "
	  "Mounts[ MaskedPaths[ ReadonlyPaths[ Init*" },
	{ "NetworkSettings", "", false,
	  "&(Bridge SandboxID SandboxKey Ports{ HairpinMode! LinkLocalIPv6Address "
	  "LinkLocalIPv6PrefixLen# SecondaryIPAddresses[ SecondaryIPv6Addresses[) "
	  "(EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen# IPAddress IPPrefixLen# "
	  "IPv6Gateway MacAddress) Networks{" },
	{ "RestartPolicy", NULL, false, "Name MaximumRetryCount#" },
	{ "LogConfig", NULL, false, "Type Config{" },
	{ "Mounts", "", true, "Type Name Source Destination Driver Mode RW! Propagation" },
	{ "Mounts", "HostConfig", true,
	  "Type Source Target ReadOnly! Consistency BindOptions* VolumeOptions* ImageOptions* "
	  "TmpfsOptions* ClusterOptions*" },
	{ "Devices", "HostConfig", true, "PathOnHost PathInContainer CgroupPermissions" },
	{ "DeviceRequests", "HostConfig", true, "Driver Count# DeviceIDs[ Capabilities[ Options{" },
	{ "Networks", "NetworkSettings", true,
	  "&IPAMConfig* Links[ Aliases[ MacAddress DriverOpts{ GwPriority# NetworkID EndpointID "
	  "Gateway IPAddress IPPrefixLen# IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen# "
	  "DNSNames[" },
	{ "GraphDriver", "", false, "Data{ Name" },
	{ "RootFS", "", false, "Type Layers[" },
	{ "Metadata", "", false, "LastTagTime" },
	{ "IPAM", "", false, "Driver Options{ Config[" },
	{ "Config", "IPAM", true, "Subnet IPRange Gateway AuxiliaryAddresses{" },
	{ "ConfigFrom", "", false, "Network" },
	{ "Plugins", "", false, "Volume[ Network[ Authorization[ Log[" },
	{ "Swarm", "", false,
	  "NodeID NodeAddr LocalNodeState ControlAvailable! Error RemoteManagers[ Nodes# Managers# "
	  "Cluster* Warnings[" },
	{ "ContainerdCommit", "", false, "ID Expected" },
	{ "InitCommit", "", false, "ID Expected" },
	{ "RuncCommit", "", false, "ID Expected" },
	{ "Platform", NULL, false, "Name" },
	{ "Components", NULL, true, "Name Version Details{" },
	{ "Containers", "", true, "Name EndpointID MacAddress IPv4Address IPv6Address" },
};

/* Whole documents: of a container, an image, a network, a volume. They have the member `sign`. */
static const struct {
	const char *sign, *fields;
} wholes[] = {
	{ "HostConfig",
	  "(Id Created Path Args[ State Image ResolvConfPath HostnamePath HostsPath LogPath Name "
	  "RestartCount# Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs[ "
	  "HostConfig "
	  "GraphDriver SizeRw* SizeRootFs*) Mounts[ Config NetworkSettings "
	  "ImageManifestDescriptor*" },
	{ "RootFS", "Id RepoTags[ RepoDigests[ Parent Comment Created DockerVersion Author Config "
		    "Architecture "
		    "Variant Os OsVersion Size# VirtualSize# GraphDriver RootFS Metadata "
		    "Descriptor* Manifests[" },
	{ "IPAM", "Name Id Created Scope Driver EnableIPv4! EnableIPv6! IPAM Internal! Attachable! "
		  "Ingress! ConfigFrom "
		  "ConfigOnly! Containers{ Options{ Labels{ Peers[ Services{" },
	{ "Mountpoint", "ClusterVolume* CreatedAt Driver Labels{ Mountpoint Name Options{ Scope "
			"Status{ UsageData*" },
};

/* Items that have a String method: "nofile=10:20", "/dev/sda:100". */
static const struct {
	const char *key, *first, *between, *second, *third;
} written[] = {
	{ "Ulimits", "Name", "=", "Soft", "Hard" },
	{ "BlkioWeightDevice", "Path", ":", "Weight", NULL },
	{ "BlkioDeviceReadBps", "Path", ":", "Rate", NULL },
	{ "BlkioDeviceWriteBps", "Path", ":", "Rate", NULL },
	{ "BlkioDeviceReadIOps", "Path", ":", "Rate", NULL },
	{ "BlkioDeviceWriteIOps", "Path", ":", "Rate", NULL },
};

/* A document, or an item of the list of all that were asked for. */
static bool is_whole(const struct json *value)
{
	return !value->parent || !value->key;
}

static bool is_called(const struct json *value, const char *key)
{
	return value && (*key ? value->key && strcmp(value->key, key) == 0 : is_whole(value));
}

static bool is_structure(const struct json *object, size_t which)
{
	const char *above = structures[which].above;
	const struct json *place = structures[which].is_item ? object->parent : object;

	return is_called(place, structures[which].key) &&
	       (!above || is_called(place->parent, above));
}

/* {"80/tcp": [{"HostIp": …}]} */
static bool is_binding(const struct json *object)
{
	const struct json *list = object->parent;

	return list && list->type == JSON_ARRAY &&
	       (is_called(list->parent, "Ports") || is_called(list->parent, "PortBindings"));
}

static const struct json *find(const struct json *object, const char *name, size_t length)
{
	for (const struct json *member = object->child; member; member = member->next) {
		if (strncmp(member->key, name, length) == 0 && !member->key[length])
			return member;
	}
	return NULL;
}

static const char *fields_of(const struct json *object)
{
	for (size_t i = 0; i < COUNT_OF(structures); i++) {
		if (is_structure(object, i))
			return structures[i].fields;
	}
	for (size_t i = 0; is_whole(object) && i < COUNT_OF(wholes); i++) {
		if (find(object, wholes[i].sign, strlen(wholes[i].sign)))
			return wholes[i].fields;
	}
	return is_binding(object) ? "HostIp HostPort" : NULL;
}

static void print_empty(struct buf *out, char mark)
{
	for (size_t i = 0; i < COUNT_OF(empties); i++) {
		if (mark == empties[i].mark)
			buf_add_text(out, empties[i].text);
	}
}

static void print_member(struct buf *out, const struct json *object, const char *name)
{
	const struct json *member = name ? find(object, name, strlen(name)) : NULL;

	if (member && member->text)
		buf_add_text(out, member->text);
}

/* False, and nothing appended, if it has no String method. */
static bool print_written(struct buf *out, const struct json *object)
{
	for (size_t i = 0; i < COUNT_OF(written); i++) {
		if (!is_called(object->parent, written[i].key) || object->key)
			continue;
		print_member(out, object, written[i].first);
		buf_add_text(out, written[i].between);
		print_member(out, object, written[i].second);
		if (written[i].third)
			buf_add_char(out, ':');
		print_member(out, object, written[i].third);
		return true;
	}
	return false;
}

bool gostruct_print(struct buf *out, const struct json *object,
		    void (*print)(struct buf *out, const struct json *value))
{
	const char *field = fields_of(object);

	if (!field)
		return print_written(out, object);
	buf_add_char(out, '{');
	if (*field == POINTER)
		field++;
	while (*field) {
		size_t length = strcspn(field, ENDS MARKS);
		const struct json *member = length ? find(object, field, length) : NULL;

		if (member && member->type != JSON_NULL)
			print(out, member);
		else
			print_empty(out, field[length]);
		field += strcspn(field, ENDS);
		for (; *field && strchr(ENDS, *field); field++)
			buf_add_char(out, *field == '(' ? '{' : *field == ')' ? '}' : ' ');
	}
	buf_add_char(out, '}');
	return true;
}

bool gostruct_is_pointer(const struct json *value)
{
	const char *fields = value->type == JSON_OBJECT ? fields_of(value) : NULL;

	return fields && *fields == POINTER;
}

bool gostruct_is_time(const struct json *value)
{
	if (value->type != JSON_TEXT || !value->key)
		return false;
	return strcmp(value->key, "LastTagTime") == 0 ||
	       (strcmp(value->key, "Created") == 0 && value->parent && is_whole(value->parent) &&
		find(value->parent, "IPAM", strlen("IPAM"))); /* a network's */
}

void gostruct_print_time(struct buf *out, const char *text)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	size_t at = 0;

	while (shape[at] &&
	       (shape[at] == 'd' ? text[at] >= '0' && text[at] <= '9' : text[at] == shape[at]))
		at++;
	size_t digits = text[at] == '.' ? strspn(text + at + 1, "0123456789") : 0;
	const char *rest = text + at + (digits ? digits + 1 : 0);

	if (shape[at] || strcmp(rest, "Z") != 0) {
		buf_add_text(out, text);
		return;
	}
	while (digits > 0 && text[at + digits] == '0')
		digits--;
	buf_printf(out, "%.10s %.8s%.*s +0000 UTC", text, text + strlen("2006-01-02T"),
		   (int)(digits ? digits + 1 : 0), text + at);
}
