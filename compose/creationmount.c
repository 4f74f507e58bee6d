/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/creation.h"

#include <string.h>

#include "base/csv.h"
#include "compose/projectfile.h"
#include "compose/tree.h"

/* What a container sees of the host and of volumes: volumes, tmpfs, secrets, configs. */

static const char *add_word(struct arena *arena, const char *words, const char *word)
{
	return word ? arena_printf(arena, "%s%s%s", words, *words ? "," : "", word) : words;
}

static const char *source_of(const struct project *project, const struct json *mount)
{
	const char *source = tree_text(mount, "source");
	bool is_volume = strcmp(tree_text(mount, "type"), "volume") == 0;

	return source && is_volume ? project_volume(project, source)->name : source;
}

/* What -v makes where it is missing, --mount asks for. */
static bool is_for_volume_option(const struct json *mount, const char *source)
{
	const struct json *bind = json_get(mount, "bind");
	bool is_bind = strcmp(tree_text(mount, "type"), "bind") == 0;

	if (strcmp(tree_text(mount, "type"), "tmpfs") == 0 ||
	    strcmp(tree_text(mount, "type"), "image") == 0 ||
	    json_get(json_get(mount, "volume"), "subpath") || tree_text(bind, "recursive"))
		return false;
	if ((source && strchr(source, ':')) || strchr(tree_text(mount, "target"), ':'))
		return false;
	return !is_bind || !json_get(bind, "create_host_path") ||
	       tree_bool(bind, "create_host_path");
}

static void add_volume_option(struct arena *arena, const struct json *mount, const char *source,
			      struct texts *arguments)
{
	const struct json *bind = json_get(mount, "bind");
	const char *words =
		tree_bool(mount, "read_only") ? "ro" : "rw"; /* said, as inspect shows it */

	words = add_word(arena, words, tree_text(bind, "propagation"));
	words = add_word(arena, words, tree_text(bind, "selinux"));
	if (tree_bool(json_get(mount, "volume"), "nocopy"))
		words = add_word(arena, words, "nocopy");
	creation_add(arguments, "--volume",
		     arena_printf(arena, "%s%s%s%s%s", source ? source : "", source ? ":" : "",
				  tree_text(mount, "target"), source ? ":" : "",
				  source ? words : ""));
}

static void add_mount_option(struct arena *arena, const struct json *mount, const char *source,
			     struct texts *arguments)
{
	const struct json *bind = json_get(mount, "bind"), *volume = json_get(mount, "volume");
	const struct json *tmpfs = json_get(mount, "tmpfs");
	const char *spec = arena_printf(arena, "type=%s", tree_text(mount, "type"));

	spec = csv_add(arena, spec, "source", source);
	spec = csv_add(arena, spec, "target", tree_text(mount, "target"));
	spec = csv_add(arena, spec, "bind-propagation", tree_text(bind, "propagation"));
	spec = csv_add(arena, spec, "bind-recursive", tree_text(bind, "recursive"));
	spec = csv_add(arena, spec, "volume-subpath", tree_text(volume, "subpath"));
	spec = csv_add(arena, spec, "image-subpath",
		       tree_text(json_get(mount, "image"), "subpath"));
	spec = csv_add(arena, spec, "tmpfs-size", tree_text(tmpfs, "size"));
	spec = csv_add(arena, spec, "tmpfs-mode", tree_text(tmpfs, "mode"));
	if (tree_bool(volume, "nocopy"))
		spec = csv_add(arena, spec, "volume-nocopy", "true");
	if (tree_bool(mount, "read_only"))
		spec = csv_add(arena, spec, "readonly", "true");
	creation_add(arguments, "--mount", spec);
}

/* Volumes that are carried over stand for the anonymous ones of the same target. */
static bool is_carried(const struct creation *creation, const char *target)
{
	size_t length = strlen(target);

	for (size_t i = 0; creation->carried && i < creation->carried->count; i++) {
		const char *at = strchr(creation->carried->items[i], ':') + 1;

		if (strncmp(at, target, length) == 0 && (!at[length] || at[length] == ':'))
			return true;
	}
	return false;
}

/* It stays without a name: it goes with the container that it is handed on to. */
static void add_carried(struct arena *arena, const char *carried, struct texts *arguments)
{
	size_t length = strcspn(carried, ":");
	const char *spec = arena_printf(arena, "type=volume,source=%.*s", (int)length, carried);

	spec = csv_add(arena, spec, "target", carried + length + 1);
	creation_add(arguments, "--mount", csv_add(arena, spec, "volume-anonymous", "true"));
}

static void add_mounts(const struct creation *creation, struct texts *arguments)
{
	const struct json *mounts = json_get(creation->service->tree, "volumes");
	struct arena *arena = &creation->project->arena;

	for (const struct json *mount = mounts ? mounts->child : NULL; mount; mount = mount->next) {
		const char *source = source_of(creation->project, mount);

		if (!source && is_carried(creation, tree_text(mount, "target")))
			continue;
		if (is_for_volume_option(mount, source))
			add_volume_option(arena, mount, source, arguments);
		else
			add_mount_option(arena, mount, source, arguments);
	}
	for (size_t i = 0; creation->carried && i < creation->carried->count; i++)
		add_carried(arena, creation->carried->items[i], arguments);
}

/* "SERVICE[:ro]", "container:NAME[:ro]" */
static bool add_volumes_from(const struct creation *creation, struct texts *arguments,
			     struct error *err)
{
	const struct json *list = json_get(creation->service->tree, "volumes_from");
	const struct project *project = creation->project;
	struct arena *arena = &creation->project->arena;

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		bool is_container = strncmp(item->text, "container:", 10) == 0;
		const char *text = is_container ? item->text + 10 : item->text;
		size_t length = strcspn(text, ":");
		const char *name = arena_strndup(arena, text, length);

		if (is_container)
			name = creation_container(creation, name);
		else if (!creation_lender(creation, project_find(project, name), "volume", &name,
					  err))
			return false;
		if (!name)
			continue;
		creation_add(
			arguments, "--volumes-from",
			arena_printf(arena, "%s%s", name, text[length] ? text + length : ":rw"));
	}
	return true;
}

/* A secret or a config becomes a file, which the container may read. */
static bool add_files(const struct creation *creation, const char *section, const char *directory,
		      struct texts *arguments, struct error *err)
{
	const struct json *list = json_get(creation->service->tree, section);
	struct arena *arena = &creation->project->arena;

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		const char *name = tree_text(item, "source"), *target = tree_text(item, "target");
		const char *path;

		if (!projectfile_path(creation->project, creation->service, section, item, &path,
				      err))
			return false;
		if (!target)
			target = name;
		if (*target != '/')
			target = arena_printf(arena, "%s/%s", directory, target);

		const char *spec = csv_add(arena, "type=bind", "source", path);

		spec = csv_add(arena, spec, "target", target);
		creation_add(arguments, "--mount", csv_add(arena, spec, "readonly", "true"));
	}
	return true;
}

bool creation_mounts(const struct creation *creation, struct texts *arguments, struct error *err)
{
	add_mounts(creation, arguments);
	return add_volumes_from(creation, arguments, err) &&
	       add_files(creation, "secrets", "/run/secrets", arguments, err) &&
	       add_files(creation, "configs", "", arguments, err);
}

void creation_carry(struct arena *arena, const struct service *service,
		    const struct container *from, struct texts *volumes)
{
	const struct json *mounts = json_get(service->tree, "volumes");

	for (size_t i = 0; i < from->mount_count; i++) {
		const struct container_mount *mount = &from->mounts[i];
		bool is_now_another = false;

		if (mount->kind != MOUNT_VOLUME || !mount->is_anonymous || !mount->source)
			continue;
		for (const struct json *own = mounts ? mounts->child : NULL; own; own = own->next)
			is_now_another |= tree_text(own, "source") &&
					  strcmp(tree_text(own, "target"), mount->target) == 0;
		if (!is_now_another)
			texts_add(volumes,
				  arena_printf(arena, "%s:%s", mount->source, mount->target));
	}
}
