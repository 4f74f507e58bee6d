/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/projectservice.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonout.h"
#include "compose/dotenv.h"
#include "compose/hook.h"
#include "compose/projectfile.h"
#include "compose/tree.h"

#define HASH_TEXT_MAX  (16 << 20)
#define DEPENDENCY_MAX 1024

static bool wrong(struct error *err, const struct service *service, const char *text,
		  const char *name)
{
	return error_set(err, ERROR_INPUT, "service \"%s\" %s%s: invalid compose project",
			 service->name, text, name);
}

static size_t count_of(const struct json *tree, const char *key)
{
	const struct json *value = json_get(tree, key);

	return value ? value->count : 0;
}

/* -- by itself ----------------------------------------------------------------------------------
 */

static bool read_scale(struct service *service, struct error *err)
{
	const char *text = tree_text(service->tree, "scale");
	char *end = NULL;

	if (!text)
		text = tree_text(json_get(service->tree, "deploy"), "replicas");
	service->scale = text ? strtoll(text, &end, 10) : 1;
	if ((end && *end) || service->scale < 0 || service->scale > PROJECT_SCALE_MAX)
		return wrong(err, service, "cannot be scaled to ", text);
	if (service->scale > 1 && service->container_name)
		return wrong(err, service,
			     "cannot have several containers, since there is one container_name: ",
			     service->container_name);
	return true;
}

/* It has taken away what a file below said. */
static void drop_null(struct json *service, const char *key)
{
	struct json *member = tree_find(service, key);

	if (member && member->type == JSON_NULL)
		tree_remove(service, member);
}

/* Only printed: what was not said, and arguments that have their value from here. */
static bool settle_build(struct project *project, struct service *service, struct error *err)
{
	struct json *build = tree_find(service->tree, "build");
	struct json *arguments = build ? tree_find(build, "args") : NULL;
	bool is_inline = build && tree_find(build, "dockerfile_inline");

	if (!build || build->type != JSON_OBJECT)
		return true;
	if (is_inline && tree_find(build, "dockerfile"))
		return wrong(err, service,
			     "declares mutually exclusive dockerfile and dockerfile_inline", "");
	if (!tree_find(build, "context"))
		(void)tree_put_text(&project->arena, build, "context", project->directory);
	if (!is_inline && !tree_find(build, "dockerfile"))
		(void)tree_put_text(&project->arena, build, "dockerfile", "Dockerfile");
	for (struct json *item = arguments ? arguments->child : NULL, *next; item; item = next) {
		const char *value = variables_get(&project->environment, item->key);

		next = item->next;
		if (item->type == JSON_NULL && value)
			tree_reset(item, JSON_TEXT, value);
		else if (item->type == JSON_NULL)
			tree_remove(arguments, item);
	}
	return true;
}

bool projectservice_read(struct project *project, struct service *service, struct error *err)
{
	const struct json *tree = service->tree, *attach = json_get(tree, "attach");

	drop_null(service->tree, "command");
	drop_null(service->tree, "entrypoint");
	service->image = tree_text(tree, "image");
	if (service->image && !*service->image)
		service->image = NULL;
	service->container_name = tree_text(tree, "container_name");
	service->is_build_only = !service->image;
	service->is_silent = attach && !tree_bool(tree, "attach");
	if (!service->image && !json_get(tree, "build") && project->is_classic)
		return error_set(err, ERROR_INPUT,
				 "The Compose file is invalid because: Service %s has neither an "
				 "image nor a build context specified. At least one must be "
				 "provided.",
				 service->name);
	if (!service->image && !json_get(tree, "build"))
		return wrong(err, service, "has neither an image nor a build context specified",
			     "");
	if (!service->image)
		service->image = arena_printf(&project->arena, "%s%s%s", project->name,
					      project->separator, service->name);
	if (!settle_build(project, service, err))
		return false;
	if (json_get(tree, "network_mode") && json_get(tree, "networks"))
		return wrong(err, service,
			     "declares mutually exclusive `network_mode` and `networks`", "");
	if (count_of(tree, "post_start") > HOOKS_MAX || count_of(tree, "pre_stop") > HOOKS_MAX)
		return wrong(err, service, "has too many hooks", "");
	return read_scale(service, err);
}

/* -- environment --------------------------------------------------------------------------------
 */

static bool read_env_file(struct project *project, const struct service *service,
			  const struct json *file, struct variables *variables, struct error *err)
{
	const struct json *required = json_get(file, "required");
	const char *path = tree_text(file, "path"), *format = tree_text(file, "format");

	if (format && strcmp(format, "raw") != 0)
		return error_set(err, ERROR_INPUT,
				 "service \"%s\": unsupported env_file format \"%s\"",
				 service->name, format);
	if (format ? dotenv_read_raw(variables, &project->environment, &project->arena, path, err)
		   : dotenv_read(variables, &project->environment, &project->arena, path, err))
		return true;
	if (err->kind != ERROR_NOT_FOUND)
		return false;
	if (required && !required->boolean)
		return true;
	if (project->is_classic)
		return error_set(err, ERROR_NOT_FOUND, "Couldn't find env file: %s", path);
	return error_set(err, ERROR_NOT_FOUND, "service \"%s\": env file %s not found",
			 service->name, path);
}

bool projectservice_environment(struct project *project, struct service *service, struct error *err)
{
	struct json *files = tree_find(service->tree, "env_file");
	struct json *own = tree_find(service->tree, "environment");
	autovariables struct variables variables = { 0 };
	autotexts struct texts unset = { 0 }; /* nor does the container have them from elsewhere */

	for (const struct json *file = files ? files->child : NULL; file; file = file->next) {
		if (!read_env_file(project, service, file, &variables, err))
			return false;
	}
	for (const struct json *entry = own ? own->child : NULL; entry; entry = entry->next) {
		const char *value = entry->type == JSON_NULL
					    ? variables_get(&project->environment, entry->key)
					    : entry->text;

		if (!value)
			texts_add(&unset, entry->key);
		else if (!variables_set(&variables, entry->key, value))
			return wrong(err, service, "has too many variables", "");
	}
	if (files)
		tree_remove(service->tree, files);
	if (!variables.count && !own)
		return true;

	struct json *map =
		tree_put(&project->arena, service->tree, "environment", JSON_OBJECT, NULL);

	for (size_t i = 0; i < variables.count; i++) {
		if (!texts_has(&unset, variables.items[i].name))
			(void)json_new(&project->arena, map, variables.items[i].name, JSON_TEXT,
				       variables.items[i].value);
	}
	for (size_t i = 0; i < unset.count; i++)
		(void)json_new(&project->arena, map, arena_strdup(&project->arena, unset.items[i]),
			       JSON_NULL, NULL);
	return true;
}

/* -- other services -----------------------------------------------------------------------------
 */

/* "p q": what would enable it. */
static const char *profiles_of(struct project *project, const struct service *service)
{
	const struct json *list = json_get(service->tree, "profiles");
	const char *names = "";

	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		names = arena_printf(&project->arena, "%s%s%s", names, *names ? " " : "",
				     item->text);
	return names;
}

static bool add_dependency(struct project *project, struct service *service, const char *name,
			   const struct json *details, struct error *err)
{
	const struct service *other = project_find(project, name);
	const char *condition = tree_text(details, "condition");
	const struct json *required = json_get(details, "required");
	bool is_required = !required || required->boolean;

	if (!other && !is_required)
		return true; /* `config` leaves out what is disabled, and can be read again */
	if (!other && project->is_classic)
		return error_set(err, ERROR_INPUT,
				 "Service '%s' depends on service '%s' which is undefined.",
				 service->name, name);
	if (!other)
		return wrong(err, service, "depends on undefined service ", name);
	if (!other->is_enabled && is_required && project->is_classic)
		return error_set(err, ERROR_INPUT,
				 "Service \"%s\" was pulled in as a dependency of service \"%s\" "
				 "but is not enabled by the active profiles. You may fix this by "
				 "adding a common profile to \"%s\" and \"%s\".",
				 name, service->name, name, service->name);
	if (!other->is_enabled && is_required)
		return error_set(err, ERROR_INPUT,
				 "service \"%s\" is required by \"%s\" but is disabled. Can be "
				 "enabled by profiles [%s]",
				 name, service->name, profiles_of(project, other));
	if (!other->is_enabled)
		return true;
	for (size_t i = 0; i < service->dependency_count; i++) {
		if (service->dependencies[i].service == (size_t)(other - project->services))
			return true;
	}
	service->dependencies[service->dependency_count++] = (struct dependency){
		.service = (size_t)(other - project->services),
		.condition = !condition || strcmp(condition, "service_started") == 0
				     ? CONDITION_STARTED
			     : strcmp(condition, "service_healthy") == 0 ? CONDITION_HEALTHY
									 : CONDITION_COMPLETED,
		.is_required = is_required,
		.restarts = tree_bool(details, "restart"),
	};
	return true;
}

/* What depends_on does not name but needs all the same. Without the other's namespace a container
 * is of no use: it is restarted with it. */
static bool imply(struct project *project, struct service *service, const char *name, bool restarts,
		  struct error *err)
{
	struct json *named = tree_find(service->tree, "depends_on"), *details;

	if (tree_find(named, name))
		return true;
	if (!named)
		named = tree_put(&project->arena, service->tree, "depends_on", JSON_OBJECT, NULL);
	details = tree_put(&project->arena, named, name, JSON_OBJECT, NULL);
	(void)tree_put_text(&project->arena, details, "condition", "service_started");
	if (restarts)
		(void)tree_put_bool(&project->arena, details, "restart", true);
	(void)tree_put_bool(&project->arena, details, "required", true);
	return add_dependency(project, service, name, details, err);
}

/* "service:NAME" */
static bool add_mode(struct project *project, struct service *service, const char *key,
		     struct error *err)
{
	const char *mode = tree_text(service->tree, key);

	return !mode || strncmp(mode, "service:", 8) != 0 ||
	       imply(project, service, mode + 8, true, err);
}

/* "NAME[:…]" in a list; other kinds of name are left alone. */
static bool add_list(struct project *project, struct service *service, const char *key,
		     bool restarts, struct error *err)
{
	const struct json *list = json_get(service->tree, key);

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		const char *name =
			arena_strndup(&project->arena, item->text, strcspn(item->text, ":"));

		if (strcmp(name, "container") != 0 && !imply(project, service, name, restarts, err))
			return false;
	}
	return true;
}

bool projectservice_dependencies(struct project *project, struct service *service,
				 struct error *err)
{
	const struct json *tree = service->tree, *named = json_get(tree, "depends_on");
	size_t most = count_of(tree, "depends_on") + count_of(tree, "links") +
		      count_of(tree, "volumes_from") + 4;

	if (most > DEPENDENCY_MAX)
		return wrong(err, service, "has too many dependencies", "");
	service->dependencies = arena_array(&project->arena, most, sizeof(*service->dependencies));
	for (struct json *item = named ? named->child : NULL; item; item = item->next) {
		if (!tree_find(item, "condition"))
			return json_wrong(item, err, "missing property 'condition'");
		if (!tree_find(item, "required"))
			(void)tree_put_bool(&project->arena, item, "required", true);
		if (!add_dependency(project, service, item->key, item, err))
			return false;
	}
	return add_list(project, service, "links", !project->is_classic, err) &&
	       add_list(project, service, "volumes_from", false, err) &&
	       add_mode(project, service, "network_mode", err) &&
	       add_mode(project, service, "pid", err) && add_mode(project, service, "ipc", err) &&
	       add_mode(project, service, "uts", err);
}

/* -- networks, volumes, files -------------------------------------------------------------------
 */

static bool use_networks(struct project *project, struct service *service, struct error *err)
{
	struct json *networks = tree_find(service->tree, "networks");

	if (json_get(service->tree, "network_mode"))
		return true;
	if (!networks || !networks->child) {
		networks = tree_put(&project->arena, service->tree, "networks", JSON_OBJECT, NULL);
		(void)tree_put(&project->arena, networks, "default", JSON_OBJECT, NULL);
	}
	for (const struct json *item = networks->child; item; item = item->next) {
		struct resource *network = project_network(project, item->key);

		if (!network && project->is_classic)
			return error_set(err, ERROR_INPUT,
					 "Service \"%s\" uses an undefined network \"%s\"",
					 service->name, item->key);
		if (!network)
			return wrong(err, service, "refers to undefined network ", item->key);
		network->is_used = true;
	}
	return true;
}

static bool use_volumes(struct project *project, struct service *service, struct error *err)
{
	const struct json *mounts = json_get(service->tree, "volumes");

	for (const struct json *item = mounts ? mounts->child : NULL; item; item = item->next) {
		const char *source = tree_text(item, "source");

		if (strcmp(tree_text(item, "type"), "volume") != 0 || !source)
			continue;

		struct resource *volume = project_volume(project, source);

		if (!volume && project->is_classic)
			return error_set(err, ERROR_INPUT,
					 "Named volume \"%s:%s:%s\" is used in service \"%s\" but "
					 "no declaration was found in the volumes section.",
					 source, tree_text(item, "target"),
					 tree_bool(item, "read_only") ? "ro" : "rw", service->name);
		if (!volume)
			return wrong(err, service, "refers to undefined volume ", source);
		volume->is_used = true;
	}
	return true;
}

static bool check_files(const struct project *project, const struct service *service,
			const char *section, const char *text, struct error *err)
{
	const struct json *list = json_get(service->tree, section);
	const struct json *known = json_get(project->tree, section);

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (!tree_find(known, tree_text(item, "source")))
			return wrong(err, service, text, tree_text(item, "source"));
	}
	return true;
}

bool projectservice_resources(struct project *project, struct service *service, struct error *err)
{
	return use_networks(project, service, err) && use_volumes(project, service, err) &&
	       check_files(project, service, "secrets", "refers to undefined secret ", err) &&
	       check_files(project, service, "configs", "refers to undefined config ", err);
}

/* -- the hash -----------------------------------------------------------------------------------
 */

static void sort_all(struct json *tree)
{
	if (tree->type == JSON_OBJECT)
		tree_sort(tree);
	for (struct json *child = tree->child; child; child = child->next)
		sort_all(child);
}

/* FNV-1a of 128 bits (draft-eastlake-fnv): it tells one text from another, and costs this program
 * no library. There is nobody to deceive: who writes the file may have anything recreated. */
static const char *fnv_hex(struct arena *arena, const char *text, size_t length)
{
	uint64_t high = 0x6c62272e07bb0142, low = 0x62b821756295c58d;

	for (size_t i = 0; i < length; i++) {
		/* Times 2^88 + 0x13b, in halves: small machines have no integers of 128 bits. */
		low ^= (unsigned char)text[i];

		uint64_t first = (low & UINT32_MAX) * 0x13b;
		uint64_t second = (low >> 32) * 0x13b + (first >> 32);

		high = high * 0x13b + (low << 24) + (second >> 32);
		low = (second << 32) | (first & UINT32_MAX);
	}
	return arena_printf(arena, "%016llx%016llx", (unsigned long long)high,
			    (unsigned long long)low);
}

/* What a container is not made of. */
static void drop_unhashed(struct json *tree)
{
	static const char *const unhashed[] = { "build",    "pull_policy", "scale",   "depends_on",
						"profiles", "attach",      "develop", "deploy" };

	for (size_t i = 0; i < COUNT_OF(unhashed); i++) {
		struct json *member = tree_find(tree, unhashed[i]);

		if (!member)
			continue;
		if (strcmp(unhashed[i], "deploy") == 0) /* limits count, the number does not */
			tree_remove(member, tree_find(member, "replicas"));
		else
			tree_remove(tree, member);
	}
	struct json *environment = tree_find(tree, "environment");

	for (struct json *item = environment ? environment->child : NULL, *next; item;
	     item = next) {
		next = item->next;
		if (item->type == JSON_NULL)
			tree_remove(environment, item);
	}
}

/* A secret's or config's text, where it is none of a file. */
static void add_contents(struct project *project, struct json *tree, const char *section)
{
	struct json *list = tree_find(tree, section);

	for (struct json *item = list ? list->child : NULL; item; item = item->next) {
		const char *content =
			projectfile_content(project, section, tree_text(item, "source"));

		if (content)
			(void)tree_put_text(&project->arena, item, "content", content);
	}
}

bool projectservice_hash(struct project *project, struct service *service, struct error *err)
{
	struct json *tree = tree_copy(&project->arena, NULL, NULL, service->tree);
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, HASH_TEXT_MAX);
	drop_unhashed(tree);
	add_contents(project, tree, "secrets");
	add_contents(project, tree, "configs");
	sort_all(tree);
	jsonout_init(&out, &text, false);
	jsonout_json(&out, NULL, tree);
	jsonout_done(&out);
	service->hash = fnv_hex(&project->arena, text.data, text.length);
	return buf_check(&text, "the service", err);
}
