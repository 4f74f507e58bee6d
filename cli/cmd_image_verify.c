/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/pulling.h"
#include "engine/engine.h"
#include "image/integrity.h"
#include "registry/reference.h"

struct values {
	bool is_repair;
};

static const struct opt opts[] = {
	{ "repair", 0, OPT_BOOL, offsetof(struct values, is_repair), NULL,
	  "Fetch what is damaged again, and nothing else", NULL },
	{ .name = NULL },
};

/* An image and what is wrong with it. */
struct patient {
	char *id;
	const char *name;      /* familiar, or the ID */
	const char *reference; /* NAME@sha256:… to pull it by; NULL: it came from an archive */
	struct texts chains;   /* of the damaged layers; the configuration's is the ID */
};

struct ward {
	const struct store *store;
	struct arena *arena;
	struct patient *last; /* layers of an image come one after the other */
	struct patient **all;
	size_t count, room, damaged;
};

static void describe(const struct ward *ward, struct patient *patient)
{
	struct store_image image;
	struct reference reference;
	struct error ignored;

	patient->name = patient->id;
	if (!store_find(ward->store, ward->arena, patient->id, &image, &ignored))
		return;
	if (image.digest_count > 0)
		patient->reference = image.digests[0];
	if (image.name_count == 0 || !reference_parse_bare(&reference, image.names[0], &ignored))
		return;

	autofree char *familiar = reference_familiar(&reference);

	patient->name = arena_strdup(ward->arena, familiar);
}

static struct patient *admit(struct ward *ward, const char *id)
{
	if (ward->last && strcmp(ward->last->id, id) == 0)
		return ward->last;
	if (ward->count == ward->room) {
		ward->room = ward->room ? 2 * ward->room : 16;
		ward->all = mem_resize(ward->all, ward->room, sizeof(struct patient *));
	}
	ward->last = arena_alloc(ward->arena, sizeof(*ward->last));
	ward->last->id = arena_strdup(ward->arena, id);
	describe(ward, ward->last);
	ward->all[ward->count++] = ward->last;
	return ward->last;
}

static void on_event(void *context, const struct image_event *event)
{
	struct ward *ward = context;

	if (event->kind != IMAGE_CHECKED)
		return;

	struct patient *patient = admit(ward, event->id);
	const char *part = event->chain ? event->chain : event->id;

	if (!event->damage)
		return;
	printf("%s: %s %.12s is damaged: %s\n", patient->name,
	       event->chain ? "layer" : "configuration", part + strlen("sha256:"), event->damage);
	texts_add(&patient->chains, arena_strdup(ward->arena, part));
	ward->damaged++;
}

/* -- repair -- */

static bool repair(const struct cli *cli, const struct store *store, const struct patient *patient,
		   struct error *err)
{
	struct digest id;

	if (!patient->reference)
		return error_set(err, ERROR_UNSUPPORTED,
				 "%s came from an archive: remove it and load it again",
				 patient->name);
	return pulling_run(cli, store,
			   &(struct pulling){ .reference = patient->reference,
					      .again = patient->chains },
			   &id, err) ||
	       error_in(err, "repair %s", patient->name);
}

static int repair_all(const struct cli *cli, const struct ward *ward)
{
	struct error err;
	int code = 0;

	for (size_t i = 0; i < ward->count; i++) {
		if (ward->all[i]->chains.count == 0)
			continue;
		if (!repair(cli, ward->store, ward->all[i], &err))
			code = command_failed_plainly(&err);
		else
			printf("%s: repaired\n", ward->all[i]->name);
	}
	return code;
}

static void dismiss(struct ward *ward)
{
	for (size_t i = 0; i < ward->count; i++)
		texts_done(&ward->all[i]->chains);
	free(ward->all);
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct ward ward = { .store = &engine.store, .arena = &arena };
	const struct image_watcher watcher = { .on_event = on_event, .context = &ward };
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !image_verify(&engine.store, arguments, &watcher, &err))
		code = command_failed(&err);
	else if (values->is_repair)
		code = repair_all(cli, &ward);
	else
		code = ward.damaged > 0;
	if (code == 0 && ward.damaged == 0)
		printf("%zu %s checked: nothing is damaged\n", ward.count,
		       ward.count == 1 ? "image" : "images");
	dismiss(&ward);
	return code;
}

const struct command cmd_image_verify = {
	.name = "docker image verify",
	.usage = "[OPTIONS] [IMAGE...]",
	.summary = "Check that images are what they were, and repair them",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run,
};
