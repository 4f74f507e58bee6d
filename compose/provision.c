/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/provision.h"

#include <stdio.h>
#include <string.h>

#include "compose/creation.h"
#include "compose/tree.h"

/* -- what is needed -----------------------------------------------------------------------------
 */

static bool is_network_used(const struct session *session, const bool *is_wanted,
			    const struct resource *network)
{
	const struct project *project = &session->project;

	if (network->is_wanted)
		return true;
	for (size_t i = 0; i < project->service_count; i++) {
		if (is_wanted[i] &&
		    tree_find(json_get(project->services[i].tree, "networks"), network->key))
			return true;
	}
	return false;
}

static bool is_volume_used(const struct session *session, const bool *is_wanted,
			   const struct resource *volume)
{
	const struct project *project = &session->project;

	if (volume->is_wanted)
		return true;
	for (size_t i = 0; i < project->service_count; i++) {
		const struct json *mounts =
			is_wanted[i] ? json_get(project->services[i].tree, "volumes") : NULL;

		for (const struct json *item = mounts ? mounts->child : NULL; item;
		     item = item->next) {
			const char *source = tree_text(item, "source");

			if (strcmp(tree_text(item, "type"), "volume") == 0 && source &&
			    strcmp(source, volume->key) == 0)
				return true;
		}
	}
	return false;
}

/* -- what is there ------------------------------------------------------------------------------
 */

/* *directory is the label of whoever made it, "" if it has none; NULL if it is not there. */
static bool look(struct session *session, const char *kind, const char *name,
		 const char **directory, struct error *err)
{
	autotexts struct texts arguments = { 0 };
	const char *const words[] = { kind, "inspect", "--format",
				      "{{index .Labels \"" LABEL_DIRECTORY "\"}}", name };

	texts_add_all(&arguments, words, COUNT_OF(words));
	if (session_docker(session, &arguments, directory, err)) {
		if (strcmp(*directory, "<no value>") == 0)
			*directory = "";
		return true;
	}
	*directory = NULL;
	return strstr(err->text, "No such") || strstr(err->text, "not found") ||
	       strstr(err->text, "no such");
}

static void add_label(struct session *session, struct texts *arguments, const char *key,
		      const char *value)
{
	texts_add(arguments, "--label");
	texts_add(arguments, arena_printf(&session->project.arena, "%s=%s", key, value));
}

static void add_labels(struct session *session, struct texts *arguments,
		       const struct resource *resource, const char *key)
{
	const struct json *labels = json_get(resource->tree, "labels");

	for (const struct json *label = labels ? labels->child : NULL; label; label = label->next) {
		const char *value = tree_scalar(label);

		add_label(session, arguments, label->key, value ? value : "");
	}
	add_label(session, arguments, key, resource->key);
	add_label(session, arguments, LABEL_PROJECT, session->project.name);
	add_label(session, arguments, LABEL_VERSION, composer_version(session->composer));
	/* What docker's compose does not know: whose it is among projects of one name. */
	add_label(session, arguments, LABEL_DIRECTORY, session->project.directory);
}

static void add_options(struct session *session, struct texts *arguments,
			const struct resource *resource)
{
	const struct json *options = json_get(resource->tree, "driver_opts");
	const char *driver = tree_text(resource->tree, "driver");

	if (driver) {
		texts_add(arguments, "--driver");
		texts_add(arguments, driver);
	}
	for (const struct json *item = options ? options->child : NULL; item; item = item->next) {
		const char *value = tree_scalar(item);

		texts_add(arguments, "--opt");
		texts_add(arguments, arena_printf(&session->project.arena, "%s=%s", item->key,
						  value ? value : ""));
	}
}

/* -- networks -----------------------------------------------------------------------------------
 */

static void add_ipam(struct session *session, struct texts *arguments, const struct json *ipam)
{
	static const char *const options[][2] = { { "subnet", "--subnet" },
						  { "gateway", "--gateway" },
						  { "ip_range", "--ip-range" } };
	const struct json *pools = json_get(ipam, "config"), *own = json_get(ipam, "options");
	const char *driver = tree_text(ipam, "driver");

	if (driver)
		creation_add(arguments, "--ipam-driver", driver);
	for (const struct json *item = own ? own->child : NULL; item; item = item->next) {
		const char *value = tree_scalar(item);

		creation_add(arguments, "--ipam-opt",
			     arena_printf(&session->project.arena, "%s=%s", item->key,
					  value ? value : ""));
	}
	for (const struct json *pool = pools ? pools->child : NULL; pool; pool = pool->next) {
		const struct json *others = json_get(pool, "aux_addresses");

		for (size_t i = 0; i < COUNT_OF(options); i++) {
			const char *value = tree_text(pool, options[i][0]);

			if (value) {
				texts_add(arguments, options[i][1]);
				texts_add(arguments, value);
			}
		}
		for (const struct json *item = others ? others->child : NULL; item;
		     item = item->next) {
			texts_add(arguments, "--aux-address");
			texts_add(arguments, arena_printf(&session->project.arena, "%s=%s",
							  item->key, tree_scalar(item)));
		}
	}
}

static bool create_network(struct session *session, const struct resource *network,
			   struct error *err)
{
	autotexts struct texts arguments = { 0 };
	const char *driver = tree_text(network->tree, "driver");

	telling_classic(&session->telling, "Creating network \"%s\" with %s%s%s", network->name,
			driver ? "driver \"" : "the default driver", driver ? driver : "",
			driver ? "\"" : "");
	telling_state(&session->telling, "Network", network->name, "Creating", TELLING_WORKING);
	texts_add(&arguments, "network");
	texts_add(&arguments, "create");
	add_options(session, &arguments, network);
	add_ipam(session, &arguments, json_get(network->tree, "ipam"));
	if (tree_bool(network->tree, "internal"))
		texts_add(&arguments, "--internal");
	if (tree_bool(network->tree, "attachable") || session->telling.is_classic)
		texts_add(&arguments, "--attachable");
	if (json_get(network->tree, "enable_ipv4") && !tree_bool(network->tree, "enable_ipv4"))
		texts_add(&arguments, "--ipv4=false");
	if (tree_bool(network->tree, "enable_ipv6"))
		texts_add(&arguments, "--ipv6");
	add_labels(session, &arguments, network, LABEL_NETWORK);
	texts_add(&arguments, network->name);
	if (!session_docker(session, &arguments, NULL, err)) {
		telling_state(&session->telling, "Network", network->name, "Error", TELLING_FAILED);
		return error_in(err, "network %s", network->name);
	}
	telling_state(&session->telling, "Network", network->name, "Created", TELLING_DONE);
	return true;
}

static bool refuse_external(const struct session *session, const char *kind, const char *name,
			    const char *how, struct error *err)
{
	bool is_volume = strcmp(how, "volume") == 0;

	if (!session->composer->is_classic && is_volume)
		return error_set(err, ERROR_NOT_FOUND, "external volume \"%s\" not found", name);
	if (!session->composer->is_classic)
		return error_set(err, ERROR_NOT_FOUND,
				 "network %s declared as external, but could not be found", name);
	return error_set(err, ERROR_NOT_FOUND,
			 "%s %s declared as external, but could not be found. Please create the "
			 "%s manually using `docker %s create %s%s` and try again.",
			 kind, name, how, how, is_volume ? "--name=" : "", name);
}

bool provision_networks(struct session *session, const bool *is_wanted, struct error *err)
{
	for (size_t i = 0; i < session->project.network_count; i++) {
		const struct resource *network = &session->project.networks[i];
		const char *directory;

		if (!is_network_used(session, is_wanted, network))
			continue;
		if (!look(session, "network", network->name, &directory, err))
			return false;
		if (directory)
			continue;
		if (network->is_external)
			return refuse_external(session, "Network", network->name, "network", err);
		if (!create_network(session, network, err))
			return false;
	}
	return true;
}

/* -- volumes ------------------------------------------------------------------------------------
 */

static bool create_volume(struct session *session, const struct resource *volume, struct error *err)
{
	autotexts struct texts arguments = { 0 };
	const char *driver = tree_text(volume->tree, "driver");

	telling_classic(&session->telling, "Creating volume \"%s\" with %s driver", volume->name,
			driver ? driver : "default");
	telling_state(&session->telling, "Volume", volume->name, "Creating", TELLING_WORKING);
	texts_add(&arguments, "volume");
	texts_add(&arguments, "create");
	add_options(session, &arguments, volume);
	add_labels(session, &arguments, volume, LABEL_VOLUME);
	texts_add(&arguments, volume->name);
	if (!session_docker(session, &arguments, NULL, err)) {
		telling_state(&session->telling, "Volume", volume->name, "Error", TELLING_FAILED);
		return error_in(err, "volume %s", volume->name);
	}
	telling_state(&session->telling, "Volume", volume->name, "Created", TELLING_DONE);
	return true;
}

bool provision_volumes(struct session *session, const bool *is_wanted, struct error *err)
{
	for (size_t i = 0; i < session->project.volume_count; i++) {
		const struct resource *volume = &session->project.volumes[i];
		const char *directory;

		if (!is_volume_used(session, is_wanted, volume))
			continue;
		if (!look(session, "volume", volume->name, &directory, err))
			return false;
		if (directory)
			continue;
		if (volume->is_external)
			return refuse_external(session, "Volume", volume->name, "volume", err);
		if (!create_volume(session, volume, err))
			return false;
	}
	return true;
}

/* -- removal ------------------------------------------------------------------------------------
 */

static bool is_shared(const struct session *session)
{
	for (size_t i = 0; i < session->fleet.count; i++) {
		if (session->fleet.members[i].is_stranger)
			return true;
	}
	return false;
}

/* In docker's words. Whatever else keeps it there is a failure. */
static bool is_in_use(const struct error *err)
{
	return strstr(err->text, " has active endpoints") || strstr(err->text, " is in use");
}

/* Somebody else has removed it meanwhile. */
static bool is_gone(const struct error *err)
{
	return strstr(err->text, " not found") || strstr(err->text, ": no such volume");
}

static bool remove_resource(struct session *session, const char *kind, const char *shown,
			    const struct resource *resource, struct error *err)
{
	autotexts struct texts arguments = { 0 };
	const char *const words[] = { kind, "rm", resource->name };
	const char *directory;

	if (resource->is_external) {
		telling_classic(&session->telling, "%s %s is external, skipping", shown,
				resource->name);
		return true;
	}
	if (!look(session, kind, resource->name, &directory, err))
		return false;
	telling_classic(&session->telling, "Removing %s %s", kind, resource->name);
	if (!directory) {
		telling_classic(&session->telling, "%s %s not found.", shown, resource->name);
		return true;
	}
	if (!fleet_is_own(&session->project, directory))
		return true; /* another directory's project of this name has its data there */
	telling_state(&session->telling, shown, resource->name, "Removing", TELLING_WORKING);
	texts_add_all(&arguments, words, COUNT_OF(words));
	if (session_docker(session, &arguments, NULL, err) || is_gone(err)) {
		telling_state(&session->telling, shown, resource->name, "Removed", TELLING_DONE);
		return true;
	}
	bool is_used = is_in_use(err);

	telling_state(&session->telling, shown, resource->name,
		      is_used ? "Resource is still in use" : "Error", TELLING_FAILED);
	return (is_used && (!session->composer->is_classic || is_shared(session))) ||
	       error_in(err, "remove %s %s", kind, resource->name);
}

/* Without files only labels say what the project made. */
static bool remove_labelled(struct session *session, const char *kind, const char *shown,
			    size_t *removed, struct error *err)
{
	struct arena *arena = &session->project.arena;
	autotexts struct texts arguments = { 0 };
	const char *const words[] = {
		kind,
		"ls",
		"--filter",
		arena_printf(arena, "label=" LABEL_PROJECT "=%s", session->project.name),
		"--format",
		"{{.Name}}"
	};
	const char *output;

	texts_add_all(&arguments, words, COUNT_OF(words));
	if (!session_docker(session, &arguments, &output, err))
		return false;
	for (char *rest = arena_strdup(arena, output), *name; (name = strsep(&rest, "\n"));) {
		const struct resource resource = { .name = name };

		if (*name && !remove_resource(session, kind, shown, &resource, err))
			return false;
		*removed += *name != '\0';
	}
	return true;
}

bool provision_remove_networks(struct session *session, size_t *removed, struct error *err)
{
	*removed = 0;
	if (!session->project.tree)
		return remove_labelled(session, "network", "Network", removed, err);
	for (size_t i = 0; i < session->project.network_count; i++) {
		const struct resource *network = &session->project.networks[i];

		*removed += network->is_used && !network->is_external;
		if (network->is_used &&
		    !remove_resource(session, "network", "Network", network, err))
			return false;
	}
	return true;
}

bool provision_remove_volumes(struct session *session, struct error *err)
{
	size_t removed = 0;

	if (!session->project.tree)
		return remove_labelled(session, "volume", "Volume", &removed, err);
	for (size_t i = 0; i < session->project.volume_count; i++) {
		if (!remove_resource(session, "volume", "Volume", &session->project.volumes[i],
				     err))
			return false;
	}
	return true;
}
