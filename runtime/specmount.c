/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "runtime/specpart.h"

/*
 * The mounts of config.json: option names to flags. What is no flag is data for the file system.
 */

#define DATA_MAX 4095 /* mount(2) copies one page */

struct option_flag {
	const char *name;
	unsigned long set, clear;
};

static const struct option_flag flag_names[] = {
	{ "async", 0, MS_SYNCHRONOUS },
	{ "atime", 0, MS_NOATIME },
	{ "bind", MS_BIND, 0 },
	{ "defaults", 0, 0 },
	{ "dev", 0, MS_NODEV },
	{ "diratime", 0, MS_NODIRATIME },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "iversion", MS_I_VERSION, 0 },
	{ "lazytime", MS_LAZYTIME, 0 },
	{ "loud", 0, MS_SILENT },
	{ "mand", MS_MANDLOCK, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "nodev", MS_NODEV, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "noexec", MS_NOEXEC, 0 },
	{ "noiversion", 0, MS_I_VERSION },
	{ "nolazytime", 0, MS_LAZYTIME },
	{ "nomand", 0, MS_MANDLOCK },
	{ "norelatime", 0, MS_RELATIME },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "nosuid", MS_NOSUID, 0 },
	{ "nosymfollow", MS_NOSYMFOLLOW, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	{ "relatime", MS_RELATIME, 0 },
	{ "remount", MS_REMOUNT, 0 },
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "silent", MS_SILENT, 0 },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "symfollow", 0, MS_NOSYMFOLLOW },
	{ "sync", MS_SYNCHRONOUS, 0 },
};

struct recursive_flag {
	const char *name;
	uint64_t set, clear;
};

/* The access-time modes are one field of two bits and a value: setting one clears the field. */
static const struct recursive_flag recursive_names[] = {
	{ "ratime", 0, MOUNT_ATTR__ATIME },
	{ "rdev", 0, MOUNT_ATTR_NODEV },
	{ "rdiratime", 0, MOUNT_ATTR_NODIRATIME },
	{ "rexec", 0, MOUNT_ATTR_NOEXEC },
	{ "rnoatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "rnodev", MOUNT_ATTR_NODEV, 0 },
	{ "rnodiratime", MOUNT_ATTR_NODIRATIME, 0 },
	{ "rnoexec", MOUNT_ATTR_NOEXEC, 0 },
	{ "rnorelatime", 0, MOUNT_ATTR__ATIME },
	{ "rnostrictatime", 0, MOUNT_ATTR__ATIME },
	{ "rnosuid", MOUNT_ATTR_NOSUID, 0 },
	{ "rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "rrelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "rro", MOUNT_ATTR_RDONLY, 0 },
	{ "rrw", 0, MOUNT_ATTR_RDONLY },
	{ "rstrictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "rsuid", 0, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW },
};

static const struct {
	const char *name;
	unsigned long flags;
} propagation_names[] = {
	{ "private", MS_PRIVATE },       { "rprivate", MS_PRIVATE | MS_REC },
	{ "shared", MS_SHARED },         { "rshared", MS_SHARED | MS_REC },
	{ "slave", MS_SLAVE },           { "rslave", MS_SLAVE | MS_REC },
	{ "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
};

/* What no kernel calls an option. */
static const struct {
	const char *name;
	bool is_idmap, is_recursive, is_copy_up;
} extensions[] = {
	{ "idmap", .is_idmap = true },
	{ "ridmap", .is_idmap = true, .is_recursive = true },
	{ "tmpcopyup", .is_copy_up = true },
};

unsigned long spec_propagation(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(propagation_names); i++)
		if (strcmp(name, propagation_names[i].name) == 0)
			return propagation_names[i].flags;
	return 0;
}

const char *spec_mount_option(size_t i)
{
	if (i < COUNT_OF(flag_names))
		return flag_names[i].name;
	i -= COUNT_OF(flag_names);
	if (i < COUNT_OF(recursive_names))
		return recursive_names[i].name;
	i -= COUNT_OF(recursive_names);
	if (i < COUNT_OF(propagation_names))
		return propagation_names[i].name;
	i -= COUNT_OF(propagation_names);
	return i < COUNT_OF(extensions) ? extensions[i].name : NULL;
}

static bool apply_flag(struct spec_mount *mount, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
		if (strcmp(name, flag_names[i].name) != 0)
			continue;
		mount->flags = (mount->flags | flag_names[i].set) & ~flag_names[i].clear;
		mount->cleared = (mount->cleared | flag_names[i].clear) & ~flag_names[i].set;
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(recursive_names); i++) {
		if (strcmp(name, recursive_names[i].name) != 0)
			continue;
		mount->recursive_set &= ~recursive_names[i].clear;
		mount->recursive_set |= recursive_names[i].set;
		mount->recursive_clear &= ~recursive_names[i].set;
		mount->recursive_clear |= recursive_names[i].clear;
		return true;
	}
	return false;
}

static void apply_propagation(struct spec_mount *mount, unsigned long propagation)
{
	/* Shared after slave is both: it receives, and passes on. Else the last one counts. */
	if (propagation & MS_SHARED)
		propagation |= mount->propagation & MS_SLAVE;
	mount->propagation = propagation;
}

static bool apply_extension(struct spec_mount *mount, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(extensions); i++) {
		if (strcmp(name, extensions[i].name) != 0)
			continue;
		if (extensions[i].is_idmap)
			mount->is_idmap_recursive = extensions[i].is_recursive;
		mount->is_idmapped = mount->is_idmapped || extensions[i].is_idmap;
		mount->has_copy_up = mount->has_copy_up || extensions[i].is_copy_up;
		return true;
	}
	return false;
}

/* One option: a propagation, a flag, an extension, or else data. */
static bool read_option(struct spec_reader *reader, const struct json *option,
			struct spec_mount *mount, struct buf *data)
{
	const char *name;

	if (!json_as_text(option, &name, reader->err))
		return false;

	unsigned long propagation = spec_propagation(name);
	bool is_recursive = strncmp(name, "ridmap=", 7) == 0;

	if (is_recursive || strncmp(name, "idmap=", 6) == 0) {
		mount->is_idmapped = true;
		mount->is_idmap_recursive = is_recursive;
		return spec_read_idmap(reader, option, name + 6 + is_recursive, mount);
	}
	if (propagation)
		apply_propagation(mount, propagation);
	else if (!apply_extension(mount, name) && !apply_flag(mount, name))
		buf_printf(data, "%s%s", data->length > 0 ? "," : "", name);
	return true;
}

static bool read_options(struct spec_reader *reader, const struct json *item,
			 struct spec_mount *mount)
{
	autobuf struct buf data = { 0 };
	const struct json *options;

	if (!spec_list(reader, item, "options", &options))
		return false;
	buf_init(&data, DATA_MAX);
	for (const struct json *option = options ? options->child : NULL; option;
	     option = option->next)
		if (!read_option(reader, option, mount, &data))
			return false;
	if (data.is_cut)
		return json_wrong(options, reader->err, "longer than %d bytes", DATA_MAX);
	mount->data = data.length > 0 ? arena_strdup(reader->arena, data.data) : "";
	return true;
}

/* Mapped by lists of its own, or, without, as the container is. */
static bool read_idmap(struct spec_reader *reader, const struct json *item,
		       struct spec_mount *mount)
{
	bool has_maps = mount->uid_map_count > 0 || mount->gid_map_count > 0; /* of an option */

	if (!has_maps &&
	    (!spec_id_maps(reader, item, "uidMappings", &mount->uid_maps, &mount->uid_map_count) ||
	     !spec_id_maps(reader, item, "gidMappings", &mount->gid_maps, &mount->gid_map_count)))
		return false;
	if ((mount->uid_map_count > 0) != (mount->gid_map_count > 0))
		return json_wrong(item, reader->err,
				  "uidMappings and gidMappings belong together: one is missing");
	mount->is_idmapped = mount->is_idmapped || mount->uid_map_count > 0;
	if (!mount->is_idmapped)
		return true;
	if (!mount->is_bind)
		return json_wrong(item, reader->err, "only bind mounts can be id-mapped");
	if (mount->uid_map_count == 0 && !reader->spec->namespaces[NAMESPACE_USER].is_wanted)
		return json_wrong(item, reader->err,
				  "an id-mapped mount needs uidMappings and gidMappings, of its "
				  "own or of the container's user namespace");
	return true;
}

static bool read_mount(struct spec_reader *reader, const struct json *item,
		       struct spec_mount *mount)
{
	mount->place = item;
	if (!json_text(item, "destination", &mount->destination, reader->err) ||
	    !json_text_or(item, "type", "", &mount->type, reader->err) ||
	    !json_text_or(item, "source", NULL, &mount->source, reader->err) ||
	    !read_options(reader, item, mount))
		return false;
	if (mount->destination[0] == '\0')
		return json_wrong(item, reader->err, "destination must not be empty");
	mount->is_bind = mount->flags & MS_BIND || strcmp(mount->type, "bind") == 0;
	if (mount->is_bind && (!mount->source || !mount->source[0]))
		return json_wrong(item, reader->err, "a bind mount needs a source");
	if (!mount->is_bind && mount->type[0] == '\0')
		return json_wrong(item, reader->err, "type: missing");
	if (mount->has_copy_up && (mount->is_bind || strcmp(mount->type, "tmpfs") != 0))
		return json_wrong(item, reader->err, "only a tmpfs can have tmpcopyup");
	return read_idmap(reader, item, mount);
}

bool spec_read_mounts(struct spec_reader *reader, const struct json *root)
{
	struct spec *spec = reader->spec;
	const struct json *list;

	if (!spec_structs(reader, root, "mounts", sizeof(*spec->mounts), &list, &spec->mounts,
			  &spec->mount_count))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		if (!read_mount(reader, item, &spec->mounts[item->index]))
			return false;
	return true;
}
