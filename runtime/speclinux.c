/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include "base/path.h"
#include "runtime/specpart.h"

/*
 * The "linux" section of config.json, except its resources.
 */

#define NET_DEVICES_MAX 256

static const char *const namespace_names[NAMESPACE_KINDS] = {
	[NAMESPACE_USER] = "user",   [NAMESPACE_CGROUP] = "cgroup",   [NAMESPACE_IPC] = "ipc",
	[NAMESPACE_UTS] = "uts",     [NAMESPACE_NETWORK] = "network", [NAMESPACE_PID] = "pid",
	[NAMESPACE_MOUNT] = "mount", [NAMESPACE_TIME] = "time",
};

const char *spec_namespace_name(size_t i)
{
	return i < NAMESPACE_KINDS ? namespace_names[i] : NULL;
}

static bool read_namespace(struct spec_reader *reader, const struct json *item)
{
	const char *name;
	int kind = 0;

	if (!json_text(item, "type", &name, reader->err))
		return false;
	while (kind < NAMESPACE_KINDS && strcmp(name, namespace_names[kind]) != 0)
		kind++;
	if (kind == NAMESPACE_KINDS)
		return json_wrong(json_get(item, "type"), reader->err, "unknown namespace \"%s\"",
				  name);

	struct spec_namespace *into = &reader->spec->namespaces[kind];

	if (into->is_wanted)
		return json_wrong(item, reader->err, "namespace %s is given twice", name);
	into->is_wanted = true;
	/* "" is what programs write where people leave it out. */
	return spec_text(reader, item, "path", &into->path) &&
	       (!into->path || spec_absolute(reader, item, "path", &into->path));
}

static bool read_namespaces(struct spec_reader *reader, const struct json *section)
{
	const struct json *list;

	if (!spec_list(reader, section, "namespaces", &list))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (item->type != JSON_OBJECT)
			return json_expected(item, "an object", reader->err);
		if (!read_namespace(reader, item))
			return false;
	}
	return true;
}

/* The kernel's answer to ranges that overlap would be "Invalid argument". */
static bool overlaps(const struct spec_id_map *a, const struct spec_id_map *b)
{
	return (a->inside < b->inside + b->count && b->inside < a->inside + a->count) ||
	       (a->outside < b->outside + b->count && b->outside < a->outside + a->count);
}

bool spec_id_maps(struct spec_reader *reader, const struct json *section, const char *key,
		  struct spec_id_map **maps, size_t *count)
{
	const struct json *list;

	if (!spec_structs(reader, section, key, sizeof(**maps), &list, maps, count))
		return false;
	if (*count > SPEC_ID_MAPS_MAX)
		return json_wrong(list, reader->err, "more than %d mappings", SPEC_ID_MAPS_MAX);
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		int64_t inside, outside, size;

		if (!json_int(item, "containerID", &inside, reader->err) ||
		    !json_int(item, "hostID", &outside, reader->err) ||
		    !json_int(item, "size", &size, reader->err))
			return false;
		if (inside < 0 || outside < 0 || size < 1 || inside + size > UINT32_MAX ||
		    outside + size > UINT32_MAX)
			return json_wrong(item, reader->err, "ids out of range");
		(*maps)[item->index] =
			(struct spec_id_map){ (uint32_t)inside, (uint32_t)outside, (uint32_t)size };
		for (size_t before = 0; before < item->index; before++)
			if (overlaps(&(*maps)[before], &(*maps)[item->index]))
				return json_wrong(item, reader->err, "overlaps with mapping %zu",
						  before);
	}
	return true;
}

/* A new user namespace needs mappings; a joined one brings its own, and whether those of the config
 * are the same is seen when it is open. */
static bool check_user_namespace(struct spec_reader *reader, const struct json *section)
{
	const struct spec_namespace *user = &reader->spec->namespaces[NAMESPACE_USER];
	bool has_maps = reader->spec->uid_map_count > 0 || reader->spec->gid_map_count > 0;
	bool has_both = reader->spec->uid_map_count > 0 && reader->spec->gid_map_count > 0;

	if (user->is_wanted && !user->path && !has_both)
		return json_wrong(section, reader->err,
				  "user namespaces enabled, but no uid/gid mappings found");
	if (!user->is_wanted && has_maps)
		return json_wrong(section, reader->err,
				  "user namespace mappings specified, but user namespace isn't "
				  "enabled in the config");
	return true;
}

/* -- time ------------------------------------------------------------------------------------ */

static bool read_time_offsets(struct spec_reader *reader, const struct json *section)
{
	const struct spec_namespace *wanted = &reader->spec->namespaces[NAMESPACE_TIME];
	const struct json *map;

	if (!json_object_or_null(section, "timeOffsets", &map, reader->err))
		return false;
	if (!map || map->count == 0)
		return true;
	if (!wanted->is_wanted || wanted->path)
		return json_wrong(map, reader->err, "needs a new time namespace");
	reader->spec->time_offsets =
		arena_array(reader->arena, map->count, sizeof(*reader->spec->time_offsets));
	for (const struct json *item = map->child; item; item = item->next) {
		int64_t secs, nanosecs;

		if (strcmp(item->key, "monotonic") != 0 && strcmp(item->key, "boottime") != 0)
			return json_wrong(item, reader->err, "unknown clock");
		if (!json_int_or(item, "secs", 0, &secs, reader->err) ||
		    !json_int_or(item, "nanosecs", 0, &nanosecs, reader->err))
			return false;
		if (nanosecs < 0 || nanosecs > 999999999)
			return json_wrong(item, reader->err, "nanosecs out of range");
		reader->spec->time_offsets[reader->spec->time_offset_count++] =
			(struct spec_pair){ item->key,
					    arena_printf(reader->arena, "%lld %lld",
							 (long long)secs, (long long)nanosecs) };
	}
	return true;
}

/* -- sysctl ---------------------------------------------------------------------------------- */

/* "net.ipv4.ip_forward" → "net/ipv4/ip_forward". Where a '/' comes first it already is a path,
 * and its dots belong to names (interfaces). */
static const char *sysctl_path(struct arena *arena, const char *name)
{
	char *path = arena_strdup(arena, name);
	size_t first = strcspn(path, "./");

	if (path[first] == '.')
		for (char *c = path; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	return path;
}

/* Every component a plain name: with ".." a path that begins with "net/" could end anywhere. */
static bool is_plain_path(const char *path)
{
	for (size_t length;; path += length + 1) {
		length = strcspn(path, "/");
		if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
			return false;
		if (path[length] == '\0')
			return true;
	}
}

static bool sysctl_is_allowed(const struct spec *spec, const char *path)
{
	static const char *const ipc[] = { "msgmax", "msgmnb", "msgmni", "sem",
					   "shmall", "shmmax", "shmmni", "shm_rmid_forced" };

	if (!is_plain_path(path))
		return false;
	if (strncmp(path, "net/", 4) == 0)
		return spec->namespaces[NAMESPACE_NETWORK].is_wanted;
	if (strncmp(path, "fs/mqueue/", 10) == 0)
		return spec->namespaces[NAMESPACE_IPC].is_wanted;
	if (strncmp(path, "user/", 5) == 0)
		return spec->namespaces[NAMESPACE_USER].is_wanted;
	if (strcmp(path, "kernel/domainname") == 0)
		return spec->namespaces[NAMESPACE_UTS].is_wanted;
	if (strncmp(path, "kernel/", 7) != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(ipc); i++)
		if (strcmp(path + 7, ipc[i]) == 0)
			return spec->namespaces[NAMESPACE_IPC].is_wanted;
	return false;
}

static bool read_sysctls(struct spec_reader *reader, const struct json *section)
{
	struct spec *spec = reader->spec;

	if (!spec_pairs(reader, section, "sysctl", &spec->sysctls, &spec->sysctl_count))
		return false;
	for (size_t i = 0; i < spec->sysctl_count; i++) {
		const char *name = spec->sysctls[i].name;

		spec->sysctls[i].name = sysctl_path(reader->arena, name);
		if (!sysctl_is_allowed(spec, spec->sysctls[i].name))
			return json_wrong(json_get(section, "sysctl"), reader->err,
					  "sysctl \"%s\" is not in a separate kernel namespace",
					  name);
	}
	return true;
}

/* -- devices and paths ----------------------------------------------------------------------- */

static bool read_device(struct spec_reader *reader, const struct json *item,
			struct spec_device *device)
{
	const char *type;
	int64_t major, minor, mode, uid, gid;

	if (!spec_absolute(reader, item, "path", &device->path) ||
	    !json_text(item, "type", &type, reader->err) ||
	    !spec_number(reader, item, "major", 0, (1 << 12) - 1, &major) ||
	    !spec_number(reader, item, "minor", 0, (1 << 20) - 1, &minor) ||
	    !spec_number(reader, item, "fileMode", 0, 0177777, &mode) ||
	    !spec_number(reader, item, "uid", 0, UINT32_MAX - 1, &uid) ||
	    !spec_number(reader, item, "gid", 0, UINT32_MAX - 1, &gid))
		return false;
	if (!device->path)
		return json_wrong(item, reader->err, "path: missing");
	if (strcmp(type, "c") == 0 || strcmp(type, "u") == 0)
		device->type = S_IFCHR;
	else if (strcmp(type, "b") == 0)
		device->type = S_IFBLK;
	else if (strcmp(type, "p") == 0)
		device->type = S_IFIFO;
	else
		return json_wrong(json_get(item, "type"), reader->err,
				  "unknown device type \"%s\": expected c, b, u or p", type);
	if (device->type != S_IFIFO && (major == SPEC_UNSET || minor == SPEC_UNSET))
		return json_wrong(item, reader->err, "major and minor: missing");
	device->major = major == SPEC_UNSET ? 0 : (unsigned int)major;
	device->minor = minor == SPEC_UNSET ? 0 : (unsigned int)minor;
	device->mode = mode == SPEC_UNSET ? 0666 : (mode_t)mode & 07777;
	device->uid = uid == SPEC_UNSET ? 0 : (uid_t)uid;
	device->gid = gid == SPEC_UNSET ? 0 : (gid_t)gid;
	return true;
}

static bool read_devices(struct spec_reader *reader, const struct json *section)
{
	struct spec *spec = reader->spec;
	const struct json *list;

	if (!spec_structs(reader, section, "devices", sizeof(*spec->devices), &list, &spec->devices,
			  &spec->device_count))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		if (!read_device(reader, item, &spec->devices[item->index]))
			return false;
	return true;
}

static bool read_paths(struct spec_reader *reader, const struct json *section, const char *key,
		       const char ***paths, size_t *count)
{
	const struct json *list;

	if (!spec_list(reader, section, key, &list) ||
	    !json_text_array(reader->arena, section, key, paths, count, reader->err))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		if (item->text[0] != '/')
			return json_wrong(item, reader->err, "must be an absolute path");
	if (*count > 0 && !reader->spec->namespaces[NAMESPACE_MOUNT].is_wanted)
		return json_wrong(list, reader->err, "needs a mount namespace");
	return true;
}

static bool read_propagation(struct spec_reader *reader, const struct json *section)
{
	const char *name;

	if (!json_text_or(section, "rootfsPropagation", "", &name, reader->err))
		return false;
	reader->spec->root_propagation = spec_propagation(name);
	if (name[0] && !reader->spec->root_propagation)
		return json_wrong(json_get(section, "rootfsPropagation"), reader->err,
				  "unknown propagation \"%s\"", name);
	return true;
}

/* The specification names no flag yet. */
static bool read_personality(struct spec_reader *reader, const struct json *section)
{
	const struct json *object, *flags;
	const char *domain;

	if (!json_object_or_null(section, "personality", &object, reader->err))
		return false;
	if (!object)
		return true;
	if (!json_text(object, "domain", &domain, reader->err) ||
	    !spec_list(reader, object, "flags", &flags))
		return false;
	if (strcmp(domain, "LINUX") == 0)
		reader->spec->personality = PER_LINUX;
	else if (strcmp(domain, "LINUX32") == 0)
		reader->spec->personality = PER_LINUX32;
	else
		return json_wrong(json_get(object, "domain"), reader->err,
				  "unknown domain \"%.40s\"", domain);
	return true;
}

/* -- Intel RDT ------------------------------------------------------------------------------- */

static bool read_rdt(struct spec_reader *reader, const struct json *section)
{
	const struct json *object;
	struct spec_rdt *into;

	if (!json_object_or_null(section, "intelRdt", &object, reader->err))
		return false;
	if (!object || object->count == 0)
		return true;
	into = arena_alloc(reader->arena, sizeof(*into));
	if (!spec_text(reader, object, "closID", &into->class_id) ||
	    !spec_text(reader, object, "l3CacheSchema", &into->l3) ||
	    !spec_text(reader, object, "memBwSchema", &into->mb) ||
	    !json_text_array(reader->arena, object, "schemata", &into->schemata,
			     &into->schema_count, reader->err) ||
	    !json_bool_or(object, "enableMonitoring", false, &into->has_monitoring, reader->err))
		return false;
	if (into->class_id && strcmp(into->class_id, "/") != 0 &&
	    (!path_is_component(into->class_id) || strchr(into->class_id, '\n')))
		return json_wrong(json_get(object, "closID"), reader->err,
				  "invalid intelRdt.ClosID \"%.40s\"", into->class_id);
	reader->spec->rdt = into;
	return true;
}

/* -- network devices ------------------------------------------------------------------------- */

/* As the kernel's own check, and of one template at most. */
static bool is_device_name(const char *name, bool may_be_template)
{
	size_t length = strlen(name);
	const char *percent = strchr(name, '%');

	if (length == 0 || length > 15 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	if (percent && (!may_be_template || percent[1] != 'd' || strchr(percent + 1, '%')))
		return false;
	return name[strcspn(name, "/: \t\n\v\f\r")] == '\0';
}

static bool read_net_device(struct spec_reader *reader, const struct json *item)
{
	struct spec *spec = reader->spec;
	struct spec_pair *into = &spec->net_devices[spec->net_device_count];

	into->name = item->key;
	if (item->type != JSON_OBJECT)
		return json_expected(item, "an object", reader->err);
	if (!spec_text(reader, item, "name", &into->value))
		return false;
	into->value = into->value ? into->value : item->key;
	if (!is_device_name(into->name, false))
		return json_wrong(item, reader->err, "invalid network device name \"%.40s\"",
				  into->name);
	if (!is_device_name(into->value, true))
		return json_wrong(json_get(item, "name"), reader->err,
				  "invalid network device name \"%.40s\"", into->value);
	for (size_t i = 0; i < spec->net_device_count; i++)
		if (!strchr(into->value, '%') &&
		    strcmp(spec->net_devices[i].value, into->value) == 0)
			return json_wrong(item, reader->err, "a second device named \"%s\"",
					  into->value);
	spec->net_device_count++;
	return true;
}

static bool read_net_devices(struct spec_reader *reader, const struct json *section)
{
	const struct json *map;

	if (!json_object_or_null(section, "netDevices", &map, reader->err))
		return false;
	if (!map || map->count == 0)
		return true;
	if (map->count > NET_DEVICES_MAX)
		return json_wrong(map, reader->err, "more than %d entries", NET_DEVICES_MAX);
	if (!reader->spec->namespaces[NAMESPACE_NETWORK].is_wanted)
		return json_wrong(map, reader->err,
				  "unable to move network devices without a private NET namespace");
	reader->spec->net_devices =
		arena_array(reader->arena, map->count, sizeof(*reader->spec->net_devices));
	for (const struct json *item = map->child; item; item = item->next)
		if (!read_net_device(reader, item))
			return false;
	return true;
}

/* -- all of it ------------------------------------------------------------------------------- */

static bool read_mount_label(struct spec_reader *reader, const struct json *section)
{
	const char **label = &reader->spec->mount_label;

	if (!spec_text(reader, section, "mountLabel", label))
		return false;
	if (*label && strchr(*label, '"')) /* it is quoted among the options of a mount */
		return json_wrong(json_get(section, "mountLabel"), reader->err,
				  "must not contain a quotation mark");
	return true;
}

bool spec_read_linux(struct spec_reader *reader, const struct json *root)
{
	struct spec *spec = reader->spec;
	const struct json *section;

	if (!json_object_or_null(root, "linux", &section, reader->err))
		return false;
	if (!read_namespaces(reader, section))
		return false;
	/* Its root would have no rights over the caller's mount tree. */
	if (spec->namespaces[NAMESPACE_USER].is_wanted &&
	    !spec->namespaces[NAMESPACE_MOUNT].is_wanted)
		return json_wrong(root, reader->err,
				  "linux.namespaces: a user namespace needs a mount namespace");
	return spec_id_maps(reader, section, "uidMappings", &spec->uid_maps,
			    &spec->uid_map_count) &&
	       spec_id_maps(reader, section, "gidMappings", &spec->gid_maps,
			    &spec->gid_map_count) &&
	       check_user_namespace(reader, section) && read_time_offsets(reader, section) &&
	       read_sysctls(reader, section) && read_devices(reader, section) &&
	       read_paths(reader, section, "maskedPaths", &spec->masked_paths,
			  &spec->masked_path_count) &&
	       read_paths(reader, section, "readonlyPaths", &spec->readonly_paths,
			  &spec->readonly_path_count) &&
	       read_propagation(reader, section) && read_personality(reader, section) &&
	       read_mount_label(reader, section) && spec_read_memory_policy(reader, section) &&
	       read_rdt(reader, section) && read_net_devices(reader, section) &&
	       json_text_or(section, "cgroupsPath", NULL, &spec->cgroups_path, reader->err) &&
	       json_object_or_null(section, "seccomp", &spec->seccomp, reader->err) &&
	       spec_read_resources(reader, section);
}
