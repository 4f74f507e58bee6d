/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>

#include "base/caller.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "compose/composer.h"
#include "compose/tree.h"
#include "compose/upplan.h"
#include "compose/yamlout.h"

#define OUTPUT_MAX (64 << 20)

struct values {
	bool is_quiet, wants_services, wants_volumes, wants_images, wants_networks, wants_profiles;
	bool keeps_variables, wants_environment;
	const char *format, *hash, *output;
};

static const struct opt opts[] = {
	{ "environment", 0, OPT_BOOL, offsetof(struct values, wants_environment), NULL,
	  "Print environment used for interpolation.", NULL },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format the output. Values: [yaml | json]", NULL },
	{ "hash", 0, OPT_TEXT, offsetof(struct values, hash), "string",
	  "Print the service config hash, one per line", NULL },
	{ "images", 0, OPT_BOOL, offsetof(struct values, wants_images), NULL,
	  "Print the image names, one per line", NULL },
	{ "lock-image-digests", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "networks", 0, OPT_BOOL, offsetof(struct values, wants_networks), NULL,
	  "Print the network names, one per line", NULL },
	{ "no-consistency", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "no-interpolate", 0, OPT_BOOL, offsetof(struct values, keeps_variables), NULL,
	  "Don't interpolate environment variables", NULL },
	{ "no-normalize", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "no-path-resolution", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "output", 'o', OPT_TEXT, offsetof(struct values, output), "string",
	  "Save to file (default to stdout)", NULL },
	{ "profiles", 0, OPT_BOOL, offsetof(struct values, wants_profiles), NULL,
	  "Print the profile names, one per line", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Only validate the configuration, don't print anything", NULL },
	{ "resolve-image-digests", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "services", 0, OPT_BOOL, offsetof(struct values, wants_services), NULL,
	  "Print the service names, one per line", NULL },
	{ "variables", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "volumes", 0, OPT_BOOL, offsetof(struct values, wants_volumes), NULL,
	  "Print the volume names, one per line", NULL },
	{ .name = NULL },
};

/* A dollar must survive being read again. */
static void escape_dollars(struct arena *arena, struct json *tree)
{
	if (tree->type == JSON_TEXT && strchr(tree->text, '$')) {
		const char *escaped = "";

		for (const char *next = tree->text; *next;) {
			size_t length = strcspn(next, "$");

			escaped = arena_printf(arena, "%s%.*s%s", escaped, (int)length, next,
					       next[length] ? "$$" : "");
			next += length + (next[length] == '$');
		}
		tree->text = escaped;
	}
	for (struct json *child = tree->child; child; child = child->next)
		escape_dollars(arena, child);
}

/* What 2 prints as numbers of a service. */
static const char *const numbers[] = {
	"blkio_config.weight",
	"cpu_count",
	"cpu_percent",
	"cpu_period",
	"cpu_quota",
	"cpu_rt_period",
	"cpu_rt_runtime",
	"cpu_shares",
	"cpus",
	"deploy.replicas",
	"deploy.resources.*.cpus",
	"deploy.resources.*.pids",
	"deploy.restart_policy.max_attempts",
	"deploy.rollback_config.max_failure_ratio",
	"deploy.rollback_config.parallelism",
	"deploy.update_config.max_failure_ratio",
	"deploy.update_config.parallelism",
	"healthcheck.retries",
	"networks.*.gw_priority",
	"networks.*.priority",
	"oom_score_adj",
	"pids_limit",
	"scale",
	"ulimits.*",
	"ulimits.*.hard",
	"ulimits.*.soft",
};

/* As JSON has them: "010" and "400ms" stay texts. */
static bool is_number(const char *text)
{
	size_t sign = *text == '-', whole = strspn(text + sign, "0123456789");
	const char *rest = text + sign + whole;

	if (whole == 0 || (whole > 1 && text[sign] == '0'))
		return false;
	return !*rest || (*rest == '.' && rest[1] && !rest[1 + strspn(rest + 1, "0123456789")]);
}

static void make_number(struct json *value, const char *path)
{
	size_t length = strcspn(path, ".");

	if (!*path && value->type == JSON_TEXT && is_number(value->text))
		value->type = JSON_NUMBER;
	if (!*path || value->type != JSON_OBJECT)
		return;
	for (struct json *member = value->child; member; member = member->next) {
		bool is_it = *path == '*' ||
			     (strncmp(member->key, path, length) == 0 && !member->key[length]);

		if (is_it)
			make_number(member, path + length + (path[length] == '.'));
	}
}

/* A service as it is printed. Its hash goes by the texts, so only here. */
static void finish_service(struct arena *arena, struct json *service)
{
	struct json *networks = tree_find(service, "networks");
	struct json *secrets = tree_find(service, "secrets");

	tree_sort(service);
	for (struct json *item = networks ? networks->child : NULL; item; item = item->next) {
		if (item->type == JSON_OBJECT && !item->child)
			tree_reset(item, JSON_NULL, NULL);
	}
	for (struct json *use = secrets ? secrets->child : NULL; use; use = use->next) {
		if (use->type == JSON_OBJECT && !tree_find(use, "target"))
			(void)tree_put_text(
				arena, use, "target",
				arena_printf(arena, "/run/secrets/%s", tree_text(use, "source")));
	}
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		make_number(service, numbers[i]);
}

static void add_services(struct project *project, const struct texts *named, struct json *document)
{
	const bool *is_wanted = upplan_wanted(project, named, false);
	struct json *services = json_new(&project->arena, document, "services", JSON_OBJECT, NULL);

	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *service = &project->services[i];

		if (!is_wanted[i])
			continue;
		(void)tree_copy(&project->arena, services, service->name, service->tree);
		finish_service(&project->arena, services->last);
	}
}

static void add_resources(struct project *project, struct json *document, const char *section,
			  const struct resource *resources, size_t count)
{
	struct json *object = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct resource *resource = &resources[i];

		if (!resource->is_used)
			continue;
		if (!object)
			object = json_new(&project->arena, document, section, JSON_OBJECT, NULL);

		struct json *item =
			tree_copy(&project->arena, object, resource->key, resource->tree);

		(void)tree_put_text(&project->arena, item, "name", resource->name);
		tree_sort(item);
	}
}

/* The files as they are, with their variables, merged. */
static struct json *as_merged(struct project *project)
{
	struct json *document = json_new(&project->arena, NULL, NULL, JSON_OBJECT, NULL);

	(void)tree_put_text(&project->arena, document, "name", project->name);
	for (const struct json *member = project->tree->child; member; member = member->next) {
		if (strcmp(member->key, "name") != 0 && strcmp(member->key, "version") != 0)
			(void)tree_copy(&project->arena, document, member->key, member);
	}

	struct json *services = tree_find(document, "services");

	for (struct json *item = services ? services->child : NULL; item; item = item->next)
		finish_service(&project->arena, item);
	return document;
}

static bool is_used(const struct json *services, const char *section, const char *name)
{
	for (const struct json *service = services->child; service; service = service->next) {
		const struct json *lists[] = { json_get(service, section),
					       json_get(json_get(service, "build"), section) };

		for (size_t i = 0; i < COUNT_OF(lists); i++) {
			for (const struct json *use = lists[i] ? lists[i]->child : NULL; use;
			     use = use->next) {
				if (strcmp(tree_text(use, "source"), name) == 0)
					return true;
			}
		}
	}
	return false;
}

/* Secrets or configs that are used, with the names that they would have in a swarm. */
static void add_files(struct project *project, struct json *document, const char *section)
{
	const struct json *files = json_get(project->tree, section);
	const struct json *services = json_get(document, "services");
	struct json *object = NULL;

	for (const struct json *file = files ? files->child : NULL; file; file = file->next) {
		if (!is_used(services, section, file->key))
			continue;
		if (!object)
			object = json_new(&project->arena, document, section, JSON_OBJECT, NULL);

		struct json *item = tree_copy(&project->arena, object, file->key, file);

		if (tree_find(item, "name"))
			continue;
		(void)tree_put_text(
			&project->arena, item, "name",
			tree_bool(file, "external")
				? file->key
				: arena_printf(&project->arena, "%s_%s", project->name, file->key));
	}
}

/* The project as one complete file. */
static struct json *as_document(struct project *project, const struct texts *named)
{
	struct json *document = json_new(&project->arena, NULL, NULL, JSON_OBJECT, NULL);
	static const char *const others[] = { "secrets", "configs" };

	(void)tree_put_text(&project->arena, document, "name", project->name);
	add_services(project, named, document);
	add_resources(project, document, "networks", project->networks, project->network_count);
	add_resources(project, document, "volumes", project->volumes, project->volume_count);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		add_files(project, document, others[i]);
	}
	for (const struct json *member = project->tree->child; member; member = member->next) {
		if (strncmp(member->key, "x-", 2) == 0)
			(void)tree_copy(&project->arena, document, member->key, member);
	}
	escape_dollars(&project->arena, document);
	return document;
}

static bool print_json(const struct json *document, FILE *out, struct error *err)
{
	autobuf struct buf text;
	struct jsonout json;

	buf_init(&text, OUTPUT_MAX);
	jsonout_init(&json, &text, true);
	jsonout_indent(&json, "  ");
	jsonout_json(&json, NULL, document);
	jsonout_done(&json);
	if (!buf_check(&text, "the configuration", err))
		return false;
	fwrite(text.data, 1, text.length, out);
	fputc('\n', out);
	return true;
}

static FILE *open_output(const char *path)
{
	caller_enter();
	FILE *file = fopen(path, "we");

	caller_leave();
	return file;
}

static bool print_document(struct project *project, const struct values *values,
			   const struct texts *named, struct error *err)
{
	const struct json *document =
		values->keeps_variables ? as_merged(project) : as_document(project, named);
	autofile FILE *file = values->output ? open_output(values->output) : NULL;

	if (values->output && !file)
		return error_sys(err, "open %s", values->output) ||
		       file_add_remedy(values->output, err);
	bool is_done = values->format && strcmp(values->format, "json") == 0
			       ? print_json(document, file ? file : stdout, err)
			       : yamlout_print(document, file ? file : stdout, err);
	if (!file || (fflush(file) == 0 && !ferror(file)))
		return is_done;
	return error_sys(err, "write %s", values->output) || file_add_remedy(values->output, err);
}

/* -- one thing a line ---------------------------------------------------------------------------
 */

/* "*", or names with commas between them. */
static bool print_hashes(struct project *project, const char *wanted, struct error *err)
{
	autotexts struct texts names = { 0 };

	for (char *rest = arena_strdup(&project->arena, wanted), *name;
	     (name = strsep(&rest, ","));) {
		if (strcmp(name, "*") != 0 && !project_find(project, name))
			return error_set(err, ERROR_NOT_FOUND, "no such service: %s", name);
		texts_add(&names, name);
	}
	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *service = &project->services[i];

		if (service->is_enabled &&
		    (texts_has(&names, "*") || texts_has(&names, service->name)))
			printf("%s %s\n", service->name, service->hash);
	}
	return true;
}

static void print_services(const struct project *project, bool wants_images)
{
	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *service = &project->services[i];

		if (service->is_enabled)
			puts(wants_images ? service->image : service->name);
	}
}

static void print_keys(const struct resource *resources, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (resources[i].is_used)
			puts(resources[i].key);
	}
}

static void print_profiles(const struct project *project)
{
	autotexts struct texts seen = { 0 };

	for (size_t i = 0; i < project->service_count; i++) {
		const struct json *list = json_get(project->services[i].tree, "profiles");

		for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
			if (!texts_has(&seen, item->text))
				texts_add(&seen, item->text);
		}
	}
	texts_sort(&seen);
	for (size_t i = 0; i < seen.count; i++)
		puts(seen.items[i]);
}

/* What ${…} in the files may be: the process' environment, and .env behind it. */
static void print_environment(struct project *project)
{
	autotexts struct texts lines = { 0 };

	for (const struct variables *list = &project->environment; list; list = list->next) {
		for (size_t i = 0; i < list->count; i++) {
			const char *name = list->items[i].name;
			const char *value = list->items[i].value;

			if (strcmp(name, "COMPOSE_PROJECT_NAME") != 0 &&
			    variables_get(&project->environment, name) == value)
				texts_add(&lines,
					  arena_printf(&project->arena, "%s=%s", name, value));
		}
	}
	texts_add(&lines, arena_printf(&project->arena, "COMPOSE_PROJECT_NAME=%s", project->name));
	texts_sort(&lines);
	for (size_t i = 0; i < lines.count; i++)
		puts(lines.items[i]);
}

static bool print(struct project *project, const struct values *values, const struct texts *named,
		  struct error *err)
{
	if (values->wants_services || values->wants_images)
		print_services(project, values->wants_images);
	else if (values->wants_volumes)
		print_keys(project->volumes, project->volume_count);
	else if (values->wants_networks)
		print_keys(project->networks, project->network_count);
	else if (values->wants_profiles)
		print_profiles(project);
	else if (values->wants_environment)
		print_environment(project);
	else if (values->hash)
		return print_hashes(project, values->hash, err);
	else if (!values->is_quiet)
		return print_document(project, values, named, err);
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoproject struct project project = { 0 };
	struct composer composer = *composer_of(cli);
	struct error err;

	/* For lists the files must be understood, whatever was said. */
	composer.request.keeps_variables = values->keeps_variables && !values->wants_services &&
					   !values->wants_images && !values->wants_volumes &&
					   !values->wants_networks && !values->wants_profiles &&
					   !values->hash;
	if (!composer_load(&composer, COMPOSER_ACTIVE, arguments, &project, &err) ||
	    !print(&project, values, arguments, &err))
		return composer_failed(composer_of(cli), &err);
	return 0;
}

const struct command verb_config = {
	.name = "docker compose config",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Parse, resolve and render compose file in canonical format",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.is_for_anyone = true,
	.run = run,
};
