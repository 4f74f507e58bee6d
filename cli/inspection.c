/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inspection.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonout.h"
#include "cli/gotype.h"
#include "cli/jsonmaker.h"
#include "cli/shown.h"
#include "cli/template.h"
#include "image/limits.h"
#include "registry/reference.h"

#define INSPECTION_MAX (64 << 20)
#define UNREADABLE     "template parsing error"
#define EXIT_TEMPLATE  64 /* what docker answers to a --format that it cannot read */

const struct opt inspection_opts[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct inspection_values, format), "string",
	  "Format output using a custom template", NULL },
	{ .name = NULL },
};

/* -- printing -- */

static bool print_whole(const struct json *objects, bool is_indented, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, INSPECTION_MAX);
	if (!objects->child) {
		printf("[]\n");
		return true;
	}
	jsonout_init(&out, &text, is_indented);
	jsonout_json(&out, NULL, objects);
	jsonout_done(&out);
	if (!buf_check(&text, "the description", err))
		return false;
	shown_put_lines(text.data);
	if (!is_indented)
		printf("\n");
	return true;
}

static bool print_each(const struct template *template, const struct json *objects,
		       struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, INSPECTION_MAX);
	for (const struct json *object = objects->child; object; object = object->next) {
		buf_clear(&text);
		if (!template_run(template, shown_json(template->arena, object), &text, err)) {
			printf("\n");
			return template->type ? false : error_in(err, UNREADABLE);
		}
		if (!buf_check(&text, "the description", err))
			return false;
		printf("%s\n", text.data ? text.data : "");
	}
	return true;
}

int inspection_finish(const char *format, struct json *objects, int code)
{
	autoarena struct arena arena = { 0 };
	struct template template;
	struct error err;

	bool is_whole = !format || !*format;

	gotype_sort_maps(objects);

	if (is_whole || strcmp(format, "json") == 0)
		return print_whole(objects, is_whole, &err) ? code : command_failed_plainly(&err);
	if (!template_parse(&arena, format, &template, &err)) {
		error_in(&err, UNREADABLE);
		command_failed_plainly(&err);
		return EXIT_TEMPLATE;
	}
	template.is_untyped = true;
	if (!objects->child)
		printf("\n"); /* as docker does where nothing was found */
	return print_each(&template, objects, &err) ? code : command_failed_plainly(&err);
}

int inspection_run(const struct cli *cli, const struct inspection *inspection,
		   const struct texts *names)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct json *objects = json_new(&arena, NULL, NULL, JSON_ARRAY, NULL);
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < names->count; i++) {
		if (!inspection->add(&engine, &arena, objects, inspection->values, names->items[i],
				     &err))
			code = command_failed(&err);
	}
	return inspection_finish(inspection->format, objects, code);
}

int inspection_finish_one(const char *format, const char *name, const char *type,
			  const struct json *objects)
{
	autoarena struct arena arena = { 0 };
	struct template template;
	struct error err;

	if (strcmp(format, "json") == 0)
		format = "{{json .}}";
	if (!template_parse_named(&arena, name, format, &template, &err)) {
		error_in(&err, UNREADABLE);
		command_failed_plainly(&err);
		return EXIT_TEMPLATE;
	}
	template.type = type;
	return print_each(&template, objects, &err) ? 0 : command_failed_plainly(&err);
}

/* -- an image -- */

static void add_healthcheck(const struct jsonmaker *maker, const struct image_healthcheck *check)
{
	if (check->test_count == 0)
		return;
	struct jsonmaker health = jsonmaker_nested(maker, "Healthcheck", JSON_OBJECT);

	jsonmaker_texts(&health, "Test", check->test, check->test_count, true);
	if (check->interval)
		jsonmaker_number(&health, "Interval", check->interval);
	if (check->timeout)
		jsonmaker_number(&health, "Timeout", check->timeout);
	if (check->start_period)
		jsonmaker_number(&health, "StartPeriod", check->start_period);
	if (check->retries)
		jsonmaker_number(&health, "Retries", check->retries);
}

static void add_no_streams(const struct jsonmaker *config)
{
	static const char *const names[] = { "AttachStdin", "AttachStdout", "AttachStderr",
					     "Tty",         "OpenStdin",    "StdinOnce" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		jsonmaker_bool(config, names[i], false);
}

/* With what 20.10's images have of containers, which is empty. */
static void add_config(const struct jsonmaker *maker, const char *key,
		       const struct image_config *config)
{
	struct jsonmaker object = jsonmaker_nested(maker, key, JSON_OBJECT);

	jsonmaker_text(&object, "Hostname", "");
	jsonmaker_text(&object, "Domainname", "");
	jsonmaker_text(&object, "User", config->user ? config->user : "");
	jsonmaker_set(&object, "ExposedPorts", config->exposed_ports, config->exposed_port_count);
	add_no_streams(&object);
	jsonmaker_texts(&object, "Env", config->env, config->env_count, true);
	jsonmaker_texts(&object, "Cmd", config->cmd, config->cmd_count, true);
	add_healthcheck(&object, &config->healthcheck);
	jsonmaker_text(&object, "Image", "");
	if (config->volume_count)
		jsonmaker_set(&object, "Volumes", config->volumes, config->volume_count);
	else
		jsonmaker_text(&object, "Volumes", NULL);
	jsonmaker_text(&object, "WorkingDir", config->working_dir ? config->working_dir : "");
	jsonmaker_texts(&object, "Entrypoint", config->entrypoint, config->entrypoint_count, true);
	jsonmaker_texts(&object, "OnBuild", config->on_build, config->on_build_count, true);
	if (config->label_count) {
		struct jsonmaker labels = jsonmaker_nested(&object, "Labels", JSON_OBJECT);

		for (size_t i = 0; i < config->label_count; i++)
			jsonmaker_text(&labels, config->labels[i].key, config->labels[i].value);
	} else {
		jsonmaker_text(&object, "Labels", NULL);
	}
	if (config->stop_signal)
		jsonmaker_text(&object, "StopSignal", config->stop_signal);
}

static const char *familiar(struct arena *arena, const char *name)
{
	struct reference reference;
	struct error ignored;

	if (!reference_parse_bare(&reference, name, &ignored))
		return name;
	autofree char *text = reference_familiar(&reference);

	return arena_strdup(arena, text);
}

static void add_names(const struct jsonmaker *maker, const struct store_image *image)
{
	struct jsonmaker tags = jsonmaker_nested(maker, "RepoTags", JSON_ARRAY);
	struct jsonmaker digests = jsonmaker_nested(maker, "RepoDigests", JSON_ARRAY);

	for (size_t i = 0; i < image->name_count; i++)
		if (!strchr(image->names[i], '@'))
			jsonmaker_text(&tags, NULL, familiar(maker->arena, image->names[i]));
	for (size_t i = 0; i < image->digest_count; i++)
		jsonmaker_text(&digests, NULL, familiar(maker->arena, image->digests[i]));
}

/* The layers' directories, the uppermost first, as overlay has them. */
static void add_graph_driver(const struct jsonmaker *maker, const struct store *store,
			     const struct store_image *image)
{
	struct jsonmaker driver = jsonmaker_nested(maker, "GraphDriver", JSON_OBJECT);
	struct jsonmaker data = jsonmaker_nested(&driver, "Data", JSON_OBJECT);
	const char *lower = "";

	for (size_t i = image->layer_count; i-- > 0;)
		lower = arena_printf(maker->arena, "%s%s%s/layers/%s/diff", lower,
				     *lower ? ":" : "", store->path, digest_hex(&image->chains[i]));
	jsonmaker_text(&data, "LowerDir", lower);
	jsonmaker_text(&driver, "Name", "overlay2");
}

static void add_layers(const struct jsonmaker *maker, const struct store_image *image)
{
	struct jsonmaker rootfs = jsonmaker_nested(maker, "RootFS", JSON_OBJECT);

	jsonmaker_text(&rootfs, "Type", "layers");
	struct jsonmaker layers = jsonmaker_nested(&rootfs, "Layers", JSON_ARRAY);

	for (size_t i = 0; i < image->layer_count; i++)
		jsonmaker_text(&layers, NULL, image->diff_ids[i].text);
}

/* What people said of an image: of its history the last line counts. */
struct words {
	const char *comment, *author;
};

static void read_words(struct arena *arena, const struct store *store,
		       const struct store_image *image, struct words *words)
{
	autobuf struct buf text;
	const struct json *root, *history;
	struct error ignored; /* a damaged one is found out by what needs it */

	buf_init(&text, LIMIT_IMAGE_JSON);
	if (!store_read_blob(store, &image->id, &text, &ignored) ||
	    !json_parse(arena, "image configuration", text.data ? text.data : "", text.length,
			&root, &ignored) ||
	    !json_text_or(root, "author", "", &words->author, &ignored) ||
	    !json_text_or(root, "comment", "", &words->comment, &ignored) ||
	    !json_array_or_null(root, "history", &history, &ignored))
		return;
	if (history && history->last && !*words->comment &&
	    !json_text_or(history->last, "comment", "", &words->comment, &ignored))
		words->comment = "";
}

void inspection_add_image(struct arena *arena, struct json *objects, const struct store *store,
			  const struct store_image *image)
{
	const struct image_config *config = &image->config;
	const struct image_config none = { 0 };
	struct words words = { "", "" };
	struct jsonmaker object = { arena, json_new(arena, objects, NULL, JSON_OBJECT, NULL) };

	read_words(arena, store, image, &words);
	jsonmaker_text(&object, "Id", image->id.text);
	add_names(&object, image);
	jsonmaker_text(&object, "Parent", "");
	jsonmaker_text(&object, "Comment", words.comment);
	jsonmaker_text(&object, "Created",
		       *config->created ? config->created : "0001-01-01T00:00:00Z");
	jsonmaker_text(&object, "Container", "");
	add_config(&object, "ContainerConfig", &none);
	jsonmaker_text(&object, "DockerVersion", "");
	jsonmaker_text(&object, "Author", words.author);
	add_config(&object, "Config", config);
	jsonmaker_text(&object, "Architecture", config->architecture);
	if (*config->variant)
		jsonmaker_text(&object, "Variant", config->variant);
	jsonmaker_text(&object, "Os", config->os);
	jsonmaker_number(&object, "Size", image->size);
	jsonmaker_number(&object, "VirtualSize", image->size);
	add_graph_driver(&object, store, image);
	add_layers(&object, image);
	struct jsonmaker metadata = jsonmaker_nested(&object, "Metadata", JSON_OBJECT);
	jsonmaker_text(&metadata, "LastTagTime", "0001-01-01T00:00:00Z");
}
