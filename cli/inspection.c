/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inspection.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonout.h"
#include "cli/template.h"
#include "registry/reference.h"

#define INSPECTION_MAX (64 << 20)

/* -- printing -- */

static bool print_whole(const struct json *objects, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, INSPECTION_MAX);
	if (!objects->child) {
		printf("[]\n");
		return true;
	}
	jsonout_init(&out, &text, true);
	jsonout_json(&out, NULL, objects);
	jsonout_done(&out);
	if (!buf_check(&text, "the description", err))
		return false;
	fwrite(text.data, 1, text.length, stdout);
	return true;
}

bool inspection_print(const char *format, const struct json *objects, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	struct template template;

	buf_init(&text, INSPECTION_MAX);
	if (!format || !*format)
		return print_whole(objects, err);
	if (!template_parse(&arena, format, &template, err))
		return error_in(err, "template parsing error");
	for (const struct json *object = objects->child; object; object = object->next) {
		buf_clear(&text);
		if (!template_run(&template, object, &text, err)) {
			printf("\n");
			return error_in(err, "template parsing error");
		}
		if (!buf_check(&text, "the description", err))
			return false;
		printf("%s\n", text.data ? text.data : "");
	}
	return true;
}

/* -- an image -- */

struct maker {
	struct arena *arena;
	struct json *parent;
};

static void add(const struct maker *maker, const char *key, const char *text)
{
	(void)json_new(maker->arena, maker->parent, key, text ? JSON_TEXT : JSON_NULL, text);
}

static void add_number(const struct maker *maker, const char *key, int64_t number)
{
	(void)json_new(maker->arena, maker->parent, key, JSON_NUMBER,
		       arena_printf(maker->arena, "%lld", (long long)number));
}

static struct maker add_container(const struct maker *maker, const char *key, enum json_type type)
{
	return (struct maker){ maker->arena,
			       json_new(maker->arena, maker->parent, key, type, NULL) };
}

/* An empty list is null where docker has it so. */
static void add_texts(const struct maker *maker, const char *key, const char *const *texts,
		      size_t count, bool is_null_if_empty)
{
	if (count == 0 && is_null_if_empty) {
		add(maker, key, NULL);
		return;
	}
	struct maker list = add_container(maker, key, JSON_ARRAY);

	for (size_t i = 0; i < count; i++)
		add(&list, NULL, texts[i]);
}

/* {"80/tcp": {}}; left out if there is none */
static void add_set(const struct maker *maker, const char *key, const char *const *texts,
		    size_t count)
{
	if (count == 0)
		return;
	struct maker set = add_container(maker, key, JSON_OBJECT);

	for (size_t i = 0; i < count; i++)
		(void)add_container(&set, texts[i], JSON_OBJECT);
}

static void add_healthcheck(const struct maker *maker, const struct image_healthcheck *check)
{
	if (check->test_count == 0)
		return;
	struct maker health = add_container(maker, "Healthcheck", JSON_OBJECT);

	add_texts(&health, "Test", check->test, check->test_count, true);
	if (check->interval)
		add_number(&health, "Interval", check->interval);
	if (check->timeout)
		add_number(&health, "Timeout", check->timeout);
	if (check->start_period)
		add_number(&health, "StartPeriod", check->start_period);
	if (check->retries)
		add_number(&health, "Retries", check->retries);
}

static void add_config(const struct maker *maker, const struct image_config *config)
{
	struct maker object = add_container(maker, "Config", JSON_OBJECT);

	add(&object, "User", config->user);
	add_set(&object, "ExposedPorts", config->exposed_ports, config->exposed_port_count);
	add_texts(&object, "Env", config->env, config->env_count, true);
	add_texts(&object, "Cmd", config->cmd, config->cmd_count, true);
	add_healthcheck(&object, &config->healthcheck);
	if (config->volume_count)
		add_set(&object, "Volumes", config->volumes, config->volume_count);
	else
		add(&object, "Volumes", NULL);
	add(&object, "WorkingDir", config->working_dir);
	add_texts(&object, "Entrypoint", config->entrypoint, config->entrypoint_count, true);
	if (config->label_count) {
		struct maker labels = add_container(&object, "Labels", JSON_OBJECT);

		for (size_t i = 0; i < config->label_count; i++)
			add(&labels, config->labels[i].key, config->labels[i].value);
	} else {
		add(&object, "Labels", NULL);
	}
	if (config->stop_signal)
		add(&object, "StopSignal", config->stop_signal);
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

static void add_names(const struct maker *maker, const struct store_image *image)
{
	struct maker tags = add_container(maker, "RepoTags", JSON_ARRAY);
	struct maker digests = add_container(maker, "RepoDigests", JSON_ARRAY);

	for (size_t i = 0; i < image->name_count; i++)
		if (!strchr(image->names[i], '@'))
			add(&tags, NULL, familiar(maker->arena, image->names[i]));
	for (size_t i = 0; i < image->digest_count; i++)
		add(&digests, NULL, familiar(maker->arena, image->digests[i]));
}

/* The layers' directories, the uppermost first, as overlay has them. */
static void add_graph_driver(const struct maker *maker, const struct store *store,
			     const struct store_image *image)
{
	struct maker driver = add_container(maker, "GraphDriver", JSON_OBJECT);
	struct maker data = add_container(&driver, "Data", JSON_OBJECT);
	const char *lower = "";

	for (size_t i = image->layer_count; i-- > 0;)
		lower = arena_printf(maker->arena, "%s%s%s/layers/%s/diff", lower,
				     *lower ? ":" : "", store->path, digest_hex(&image->chains[i]));
	add(&data, "LowerDir", lower);
	add(&driver, "Name", "overlay2");
}

static void add_layers(const struct maker *maker, const struct store_image *image)
{
	struct maker rootfs = add_container(maker, "RootFS", JSON_OBJECT);

	add(&rootfs, "Type", "layers");
	struct maker layers = add_container(&rootfs, "Layers", JSON_ARRAY);

	for (size_t i = 0; i < image->layer_count; i++)
		add(&layers, NULL, image->diff_ids[i].text);
}

void inspection_add_image(struct arena *arena, struct json *objects, const struct store *store,
			  const struct store_image *image)
{
	const struct image_config *config = &image->config;
	struct maker object = { arena, json_new(arena, objects, NULL, JSON_OBJECT, NULL) };

	add(&object, "Id", image->id.text);
	add_names(&object, image);
	add(&object, "Parent", "");
	add(&object, "Comment", "");
	add(&object, "Created", *config->created ? config->created : "0001-01-01T00:00:00Z");
	add(&object, "Author", "");
	add_config(&object, config);
	add(&object, "Architecture", config->architecture);
	if (*config->variant)
		add(&object, "Variant", config->variant);
	add(&object, "Os", config->os);
	add_number(&object, "Size", image->size);
	add_number(&object, "VirtualSize", image->size);
	add_graph_driver(&object, store, image);
	add_layers(&object, image);
}
