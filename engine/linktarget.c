/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/linktarget.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engine/change.h"
#include "engine/find.h"
#include "engine/hostfiles.h"
#include "engine/port.h"
#include "engine/status.h"

/* Creation. ----------------------------------------------------------------------------------- */

bool link_target_check(const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');

	if (!*text)
		return error_set(err, ERROR_INPUT, "empty string specified for links");
	return !colon || !strchr(colon + 1, ':') ||
	       error_set(err, ERROR_INPUT, "bad format for links: %s", text);
}

/* "NAME" is its own alias; of "/NAME:/OTHER/ALIAS" and of "NAME:/ALIAS" the last part is. */
static void split(struct arena *arena, const char *link, const char **name, const char **alias)
{
	char *word = arena_strdup(arena, link);
	char *colon = strchr(word, ':');

	*name = *alias = word;
	if (!colon)
		return;
	*colon = '\0';
	*alias = colon + 1;
	if ((*word == '/' || **alias == '/') && strrchr(*alias, '/'))
		*alias = strrchr(*alias, '/') + 1;
}

/* "ID:NAME" of the one in whose network the other one is, in the end. */
static bool find_other(const struct engine *engine, struct arena *arena, const char *name,
		       const char **other, struct error *err)
{
	struct container found;
	char id[CONTAINER_ID_LENGTH + 1];

	if (!find_one(engine, name, id, err))
		return error_in(err, "could not get container for %s", name);
	for (;;) {
		if (!container_read(engine, arena, id, &found, err))
			return error_in(err, "Could not get container for %s", id);
		container_done(&found);
		if (strncmp(found.network, NETWORK_CONTAINER, strlen(NETWORK_CONTAINER)) != 0)
			break;
		snprintf(id, sizeof(id), "%s", found.network + strlen(NETWORK_CONTAINER));
	}
	*other = arena_printf(arena, "%s:%s", id, found.name);
	return strcmp(found.network, NETWORK_HOST) != 0 ||
	       error_set(err, ERROR_INPUT,
			 "conflicting options: host type networking can't be used with links. This "
			 "would result in undefined behavior");
}

static bool has_alias(const struct texts *links, size_t count, const char *alias)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(strrchr(links->items[i], ':') + 1, alias) == 0)
			return true;
	}
	return false;
}

bool link_target_resolve(const struct engine *engine, struct arena *arena,
			 struct container *container, struct error *err)
{
	struct texts *links = &container->links;
	size_t kept = 0;

	for (size_t i = 0; i < links->count; i++) {
		const char *name, *alias, *other;

		split(arena, links->items[i], &name, &alias);
		if (!find_other(engine, arena, name, &other, err)) {
			/* It is not the image that was not found. */
			if (err->kind == ERROR_NOT_FOUND)
				err->kind = ERROR_INPUT;
			return false;
		}
		if (!has_alias(links, kept, alias))
			links->items[kept++] = arena_printf(arena, "%s:%s", other, alias);
	}
	links->count = kept;
	return true;
}

/* Removal. ------------------------------------------------------------------------------------ */

struct removal_of_link {
	const char *alias;
	bool is_found;
};

static void drop(struct container *container, void *context)
{
	struct removal_of_link *removal = context;
	struct texts *links = &container->links;
	size_t kept = 0;

	for (size_t i = 0; i < links->count; i++) {
		bool is_it = strcmp(strrchr(links->items[i], ':') + 1, removal->alias) == 0;

		removal->is_found |= is_it;
		if (!is_it)
			links->items[kept++] = links->items[i];
	}
	links->count = kept;
}

/* One that runs sees at once that the name is gone. */
static bool forget_host(const struct engine *engine, const char *id, const char *alias,
			struct error *err)
{
	autoclose int dir =
		openat(engine->containers, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return dir < 0 || !status_is_running(engine, id) || hostfiles_move(dir, alias, NULL, err) ||
	       err->kind == ERROR_NOT_FOUND;
}

bool link_target_remove(struct engine *engine, const char *text, struct error *err)
{
	autofree char *name = mem_strdup(text + (*text == '/'));
	char *slash = strrchr(name, '/');
	struct removal_of_link removal = { .alias = slash ? slash + 1 : "" };
	char id[CONTAINER_ID_LENGTH + 1];

	if (slash)
		*slash = '\0';
	if (!find_one(engine, name, id, err))
		return error_set(err, err->kind, "No such container: %s", text);
	if (!slash)
		return error_set(err, ERROR_INPUT,
				 "Conflict, cannot remove the default link name of the container");
	if (!change_container(engine, id, drop, &removal, err))
		return false;
	if (!removal.is_found)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", text);
	return forget_host(engine, id, removal.alias, err);
}

/* Finding. ------------------------------------------------------------------------------------ */

/* Of "ID:NAME:ALIAS". The name is the last that was known, should the other one be gone. */
static void take_apart(const struct engine *engine, struct arena *arena, const char *link,
		       struct link_target *target)
{
	char *id = arena_strdup(arena, link);
	char *name = strchr(id, ':'), *alias = strrchr(id, ':');
	struct error ignored;

	*target = (struct link_target){ .alias = alias + 1 };
	*name = *alias = '\0';
	target->is_there = container_read(engine, arena, id, &target->container, &ignored);
	target->name = target->is_there ? target->container.name : name + 1;
}

bool link_target_named(const struct engine *engine, const char *text,
		       char id[CONTAINER_ID_LENGTH + 1])
{
	autoarena struct arena arena = { 0 };
	char *name = arena_strdup(&arena, text + (*text == '/'));
	char *alias = strchr(name, '/');
	struct container linking;
	struct error ignored;
	bool is_found = false;

	if (!alias)
		return false;
	*alias++ = '\0';
	if (strchr(alias, '/') || !find_one(engine, name, id, &ignored) ||
	    !container_read(engine, &arena, id, &linking, &ignored))
		return false;
	for (size_t i = 0; i < linking.links.count && !is_found; i++) {
		const char *link = linking.links.items[i];

		is_found = strcmp(linking.name, name) == 0 &&
			   strcmp(strrchr(link, ':') + 1, alias) == 0;
		if (is_found)
			snprintf(id, CONTAINER_ID_LENGTH + 1, "%s", link);
	}
	container_done(&linking);
	return is_found && find_is_there(engine, id);
}

const char *link_target_text(const struct engine *engine, struct arena *arena,
			     const struct container *container, const char *link)
{
	struct link_target target;

	take_apart(engine, arena, link, &target);
	link_target_done(&target);
	return arena_printf(arena, "/%s:/%s/%s", target.name, container->name, target.alias);
}

static const struct endpoint *default_endpoint(const struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->count; i++) {
		if (strcmp(endpoints->items[i].network, NETWORK_BRIDGE) == 0)
			return &endpoints->items[i];
	}
	return NULL;
}

static bool is_in_default(const struct container *container)
{
	for (size_t i = 0; i < container->network_count; i++) {
		if (strcmp(container->networks[i].name, NETWORK_BRIDGE) == 0)
			return true;
	}
	return false;
}

static bool find_address(const struct engine *engine, struct arena *arena,
			 const struct container *container, struct link_target *target,
			 struct error *err)
{
	const struct container *other = &target->container;
	struct endpoints theirs;
	const struct endpoint *endpoint = NULL;

	if (target->is_there && !is_in_default(other))
		return error_set(err, ERROR_INPUT,
				 "Cannot link to /%s, as it does not belong to the default network",
				 target->name);
	if (target->is_there && status_is_running(engine, other->id) &&
	    endpoints_read(engine, arena, other->id, &theirs))
		endpoint = default_endpoint(&theirs);
	if (!endpoint)
		return error_set(err, ERROR_INPUT,
				 "Cannot link to a non running container: /%s AS /%s/%s",
				 target->name, container->name, target->alias);
	target->address = endpoint->addresses[NETWORK_IPV4].address;
	return true;
}

bool link_target_find(const struct engine *engine, struct arena *arena,
		      const struct container *container, const char *link,
		      const struct endpoints *endpoints, struct link_target *target,
		      struct error *err)
{
	if (!default_endpoint(endpoints))
		return error_set(err, ERROR_NOT_FOUND, "not in the default network");
	take_apart(engine, arena, link, target);
	if (find_address(engine, arena, container, target, err))
		return true;
	link_target_done(target);
	return false;
}

void link_target_done(struct link_target *target)
{
	container_done(&target->container);
}

/* The environment. ---------------------------------------------------------------------------- */

struct variables {
	struct arena *arena;
	struct texts *env;
	const char *prefix; /* the alias as a variable's name */
	char address[IPADDR_TEXT_MAX];
	struct port_spec *ports; /* exposed, sorted */
	size_t port_count;
};

static int compare_ports(const void *a, const void *b)
{
	const struct port_spec *left = a, *right = b;

	if (left->inside.first != right->inside.first)
		return left->inside.first < right->inside.first ? -1 : 1;
	return (int)left->protocol - (int)right->protocol;
}

static void read_ports(struct variables *self, const struct container *other)
{
	const struct texts *exposed = &other->exposed_ports;
	struct error ignored; /* checked when that one was created */

	self->ports = arena_array(self->arena, exposed->count + 1, sizeof(*self->ports));
	for (size_t i = 0; i < exposed->count; i++) {
		if (port_parse_exposed(exposed->items[i], &self->ports[self->port_count], &ignored))
			self->port_count++;
	}
	qsort(self->ports, self->port_count, sizeof(*self->ports), compare_ports);
}

static const char *upper(struct arena *arena, const char *text)
{
	char *word = arena_strdup(arena, text);

	for (char *at = word; *at; at++)
		*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
	return word;
}

static const char *url(const struct variables *self, const struct port_spec *port)
{
	return arena_printf(self->arena, "%s://%s:%u", port_protocol_name(port->protocol),
			    self->address, port->inside.first);
}

/* PREFIX_PORT_NUMBER_PROTOCOL and `ending`. */
static void add(struct variables *self, const struct port_spec *port, enum port_protocol protocol,
		const char *ending, const char *value)
{
	texts_add(self->env,
		  arena_printf(self->arena, "%s_PORT_%u_%s%s=%s", self->prefix, port->inside.first,
			       upper(self->arena, port_protocol_name(protocol)), ending, value));
}

static const char *number(const struct variables *self, const struct port_spec *port)
{
	return arena_printf(self->arena, "%u", port->inside.first);
}

/* The last of the ports from `first` on that follow one another. */
static size_t run_end(const struct variables *self, size_t first)
{
	size_t last = first;

	while (last + 1 < self->port_count &&
	       self->ports[last + 1].inside.first <=
		       self->ports[first].inside.first + last + 1 - first)
		last++;
	return last;
}

/* More than two in a row are told as a range too. */
static void add_ranges(struct variables *self)
{
	for (size_t i = 0; i < self->port_count; i++) {
		size_t end = run_end(self, i);
		const struct port_spec *first = &self->ports[i], *last = &self->ports[end];

		if (end <= i + 1)
			continue;
		add(self, first, first->protocol, "_START", url(self, first));
		add(self, first, first->protocol, "_ADDR", self->address);
		add(self, first, first->protocol, "_PROTO", port_protocol_name(first->protocol));
		add(self, first, first->protocol, "_PORT_START", number(self, first));
		add(self, first, last->protocol, "_END", url(self, last));
		add(self, first, last->protocol, "_PORT_END", number(self, last));
		i = end;
	}
}

static void add_ports(struct variables *self)
{
	if (self->port_count)
		texts_add(self->env, arena_printf(self->arena, "%s_PORT=%s", self->prefix,
						  url(self, &self->ports[0])));
	add_ranges(self);
	for (size_t i = 0; i < self->port_count; i++) {
		const struct port_spec *port = &self->ports[i];

		add(self, port, port->protocol, "", url(self, port));
		add(self, port, port->protocol, "_ADDR", self->address);
		add(self, port, port->protocol, "_PORT", number(self, port));
		add(self, port, port->protocol, "_PROTO", port_protocol_name(port->protocol));
	}
}

/* HOME and PATH say nothing about the other one. */
static void add_env(struct variables *self, const struct texts *env)
{
	for (size_t i = 0; i < env->count; i++) {
		const char *pair = env->items[i];

		if (strchr(pair, '=') && strncmp(pair, "HOME=", 5) != 0 &&
		    strncmp(pair, "PATH=", 5) != 0)
			texts_add(self->env,
				  arena_printf(self->arena, "%s_ENV_%s", self->prefix, pair));
	}
}

static void add_variables(struct arena *arena, const struct container *container,
			  const struct link_target *target, struct texts *env)
{
	struct variables self = { .arena = arena,
				  .env = env,
				  .prefix = upper(arena, target->alias) };

	ipaddr_text(&target->address, self.address);
	read_ports(&self, &target->container);
	add_ports(&self);
	texts_add(env, arena_printf(arena, "%s_NAME=/%s/%s", self.prefix, container->name,
				    target->alias));
	add_env(&self, &target->container.env);
}

bool link_target_env(const struct engine *engine, struct arena *arena,
		     const struct container *container, const struct endpoints *endpoints,
		     struct texts *env, struct error *err)
{
	bool is_done = true;

	for (size_t i = 0; i < container->links.count; i++) {
		struct link_target target;
		struct error failure;

		if (link_target_find(engine, arena, container, container->links.items[i], endpoints,
				     &target, &failure)) {
			add_variables(arena, container, &target, env);
			link_target_done(&target);
		} else if (is_done && failure.kind != ERROR_NOT_FOUND) {
			*err = failure;
			is_done = false;
		}
	}
	return is_done;
}
