/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/creation.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "compose/tree.h"
#include "engine/status.h"

/* Networks of a container: which, in which order, and under which names it is found there. */

static const char *add_aliases(const struct creation *creation, const struct json *entry,
			       const char *spec)
{
	const struct json *aliases = json_get(entry, "aliases");
	struct arena *arena = &creation->project->arena;

	if (!creation->has_aliases)
		return spec;
	spec = csv_add(arena, spec, "alias", creation->service->name);
	for (const struct json *alias = aliases ? aliases->child : NULL; alias; alias = alias->next)
		spec = csv_add(arena, spec, "alias", alias->text);
	return spec;
}

static const char *network_spec(const struct creation *creation, const struct json *entry)
{
	struct arena *arena = &creation->project->arena;
	const struct json *options = json_get(entry, "driver_opts");
	const struct json *local = json_get(entry, "link_local_ips");
	const char *spec = arena_printf(arena, "name=%s",
					project_network(creation->project, entry->key)->name);

	spec = add_aliases(creation, entry, spec);
	spec = csv_add(arena, spec, "ip", tree_text(entry, "ipv4_address"));
	spec = csv_add(arena, spec, "ip6", tree_text(entry, "ipv6_address"));
	spec = csv_add(arena, spec, "mac-address", tree_text(entry, "mac_address"));
	for (const struct json *ip = local ? local->child : NULL; ip; ip = ip->next)
		spec = csv_add(arena, spec, "link-local-ip", ip->text);
	spec = csv_add(arena, spec, "gw-priority", tree_text(entry, "gw_priority"));
	if (tree_text(entry, "interface_name"))
		spec = csv_add(arena, spec, "driver-opt",
			       arena_printf(arena, "com.docker.network.endpoint.ifname=%s",
					    tree_text(entry, "interface_name")));
	for (const struct json *option = options ? options->child : NULL; option;
	     option = option->next)
		spec = csv_add(arena, spec, "driver-opt",
			       arena_printf(arena, "%s=%s", option->key,
					    tree_scalar(option) ? tree_scalar(option) : ""));
	return spec;
}

static long priority_of(const struct json *entry)
{
	const char *text = tree_text(entry, "priority");

	return text ? strtol(text, NULL, 10) : 0;
}

/* The highest priority first; among equals by name. */
static int compare(const void *a, const void *b)
{
	const struct json *const *one = a, *const *other = b;
	long first = priority_of(*one), second = priority_of(*other);

	if (first != second)
		return first > second ? -1 : 1;
	return strcmp((*one)->key, (*other)->key);
}

static void add_networks(const struct creation *creation, struct texts *arguments)
{
	const struct json *networks = json_get(creation->service->tree, "networks");
	const struct json **entries =
		arena_array(&creation->project->arena, networks->count, sizeof(*entries));
	size_t count = 0;

	for (const struct json *entry = networks->child; entry; entry = entry->next)
		entries[count++] = entry;
	qsort(entries, count, sizeof(struct json *), compare);
	for (size_t i = 0; i < count; i++)
		creation_add(arguments, "--network", network_spec(creation, entries[i]));
}

static void add_link(const struct creation *creation, struct texts *arguments, const char *peer,
		     const char *alias)
{
	creation_add(arguments, "--link",
		     arena_printf(&creation->project->arena, "%s:%s", peer, alias));
}

/* All containers of the service that are there, each by the alias and by its own names. */
static void add_service_links(const struct creation *creation, struct texts *arguments,
			      const struct service *service, const char *alias)
{
	const struct project *project = creation->project;
	struct arena *arena = &creation->project->arena;
	const char *separator = project->separator;
	struct creation_peer peer = { .number = 0 };

	while (creation_next_peer(creation, service, peer.number, &peer)) {
		const char *nick =
			arena_printf(arena, "%s%s%d", service->name, separator, peer.number);
		struct status status = { 0 };

		status_read(&creation->fleet->engine, arena, peer.id, &status);
		if (status.state == STATUS_EXITED)
			continue;
		add_link(creation, arguments, peer.name, alias);
		add_link(creation, arguments, peer.name, nick);
		add_link(creation, arguments, peer.name,
			 arena_printf(arena, "%s%s%s", project->name, separator, nick));
	}
}

/* "SERVICE[:ALIAS]", "CONTAINER[:ALIAS]": an alias is a name in this container's eyes only. */
static void add_links(const struct creation *creation, struct texts *arguments, const char *key)
{
	const struct json *links = json_get(creation->service->tree, key);
	struct arena *arena = &creation->project->arena;

	for (const struct json *link = links ? links->child : NULL; link; link = link->next) {
		size_t length = strcspn(link->text, ":");
		const char *name = arena_strndup(arena, link->text, length);
		const char *alias = link->text[length] ? link->text + length + 1 : name;
		const struct service *other =
			strcmp(key, "links") == 0 ? project_find(creation->project, name) : NULL;

		if (other)
			add_service_links(creation, arguments, other, alias);
		else
			add_link(creation, arguments, name, alias);
	}
}

static void add_all_links(const struct creation *creation, struct texts *arguments)
{
	const struct service *service = creation->service;

	add_links(creation, arguments, "links");
	if (creation->is_oneoff)
		add_service_links(creation, arguments, service, service->name);
	add_links(creation, arguments, "external_links");
}

bool creation_networks(const struct creation *creation, struct texts *arguments, struct error *err)
{
	struct arena *arena = &creation->project->arena;
	const char *mode = tree_text(creation->service->tree, "network_mode"), *id;

	if (!mode) {
		add_networks(creation, arguments);
		texts_add(arguments, "--link-all");
		add_all_links(creation, arguments);
		return true;
	}
	if (strncmp(mode, "service:", 8) == 0) {
		if (!creation_lender(creation, project_find(creation->project, mode + 8),
				     "network namespace", &id, err))
			return false;
		if (!id)
			return true;
		mode = arena_printf(arena, "container:%s", id);
	}
	creation_add(arguments, "--network", mode);
	if (strcmp(mode, "bridge") == 0)
		add_all_links(creation, arguments);
	return true;
}
