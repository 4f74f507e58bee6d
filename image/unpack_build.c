/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker import and docker commit: one new layer, on those of a parent or on nothing, and a
 * configuration that names it. The layer comes in as any other does, as a tar archive: a
 * container's directory is made into one by a process of its own.
 */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "image/pack.h"
#include "image/publish.h"
#include "image/record.h"
#include "image/report.h"
#include "image/unpack_confine.h"

/* The digest of a tar archive without entries: two blocks of zeros. */
#define EMPTY_TAR "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

struct build {
	const struct store *store;
	const struct unpack_build *what;
	struct arena arena;
	struct store_image parent; /* without layers if there is none */
	struct worker packer;
	struct stage *stage;
	bool is_empty; /* the layer */
	struct buf config;
	struct draft draft;
};

/* -- the layer ----------------------------------------------------------------------------------
 */

struct packing {
	struct pack pack;
	int to;
};

static bool run_packer(void *context, struct worker_result *result, struct error *err)
{
	const struct packing *packing = context;

	(void)result;
	return pack_tree(&packing->pack, packing->to, err);
}

/* A process that reads the directory: what it writes is the archive. */
static bool start_packer(struct build *build, int *from, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* a wish */

	struct packing packing = {
		{ .dir = build->what->layer, .is_upper = true, .bare = build->what->bare }, ends[1]
	};
	const int fds[] = { packing.pack.dir, packing.to };
	struct worker_task task = { run_packer, &packing, fds, COUNT_OF(fds) };
	bool is_started = worker_start(&task, &build->packer, err);

	mem_cleanup_close(&ends[1]);
	*from = ends[0];
	return is_started;
}

/* The packer's failure is why the archive ended early, unless it is that nobody reads on: then the
 * reader failed first, and knows why. */
static bool finish_packer(struct build *build, bool is_good, struct error *err)
{
	struct worker_result result;
	struct error own;

	if (build->packer.result < 0)
		return is_good;
	if (!worker_finish(&build->packer, &result, &own))
		return *err = own, false;
	if (!result.is_good && (is_good || result.err.sys != EPIPE))
		return *err = result.err, false;
	return is_good;
}

static bool start_stage(struct build *build, int from, struct error *err)
{
	const struct pump_source source = { .fd = from, .offset = -1, .size = -1 };
	struct layout_path name;

	snprintf(name.text, sizeof(name.text), LAYOUT_STAGING "/build-%d", (int)getpid());
	return stage_new(build->store, &name, true, &build->stage, err) &&
	       stage_start(build->stage, &source, err);
}

static bool read_layer(struct build *build, struct error *err)
{
	static const struct digest empty = { .text = EMPTY_TAR };
	int from = build->what->layer;

	if (build->what->is_upper && !start_packer(build, &from, err))
		return false;

	bool is_good = start_stage(build, from, err);

	mem_cleanup_close(&from); /* the pump has it: nobody else may keep the pipe open */
	is_good = is_good && stage_finish(build->stage, NULL, err);
	if (!finish_packer(build, is_good, err))
		return false;
	build->is_empty = digest_is_equal(&build->stage->diff_id, &empty);
	return true;
}

/* -- the configuration --------------------------------------------------------------------------
 */

/* The last line is the new layer's. */
static void print_history(const struct build *build, struct jsonout *out, const struct json *lines)
{
	jsonout_array(out, "history");
	for (const struct json *line = lines->child; line; line = line->next) {
		if (line->next || !build->is_empty) {
			jsonout_json(out, NULL, line);
			continue;
		}
		jsonout_object(out, NULL);
		for (const struct json *member = line->child; member; member = member->next)
			jsonout_json(out, member->key, member);
		jsonout_bool(out, "empty_layer", true);
		jsonout_object_end(out);
	}
	jsonout_array_end(out);
}

static void print_rootfs(const struct build *build, struct jsonout *out)
{
	jsonout_object(out, "rootfs");
	jsonout_text(out, "type", "layers");
	jsonout_array(out, "diff_ids");
	for (size_t i = 0; i < build->parent.layer_count; i++)
		jsonout_text(out, NULL, build->parent.diff_ids[i].text);
	if (!build->is_empty)
		jsonout_text(out, NULL, build->stage->diff_id.text);
	jsonout_array_end(out);
	jsonout_object_end(out);
}

static bool complete_config(struct build *build, const struct json *root, struct error *err)
{
	struct jsonout out;

	jsonout_init(&out, &build->config, false);
	jsonout_object(&out, NULL);
	for (const struct json *member = root->child; member; member = member->next) {
		if (strcmp(member->key, "history") == 0)
			print_history(build, &out, member);
		else
			jsonout_json(&out, member->key, member);
	}
	print_rootfs(build, &out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(&build->config, "image configuration", err);
}

static bool make_config(struct build *build, struct error *err)
{
	autobuf struct buf text;
	const struct json *root;

	buf_init(&text, LIMIT_IMAGE_JSON);
	return file_read_fd(build->what->config, "image configuration", &text, err) &&
	       json_parse_at_most(&build->arena, "image configuration", text.data ? text.data : "",
				  text.length, LIMIT_CONFIG_VALUES, &root, err) &&
	       complete_config(build, root, err);
}

/* -- the image ----------------------------------------------------------------------------------
 */

static bool find_parent(struct build *build, struct error *err)
{
	struct digest id;

	if (!build->what->parent)
		return true;
	return digest_parse(&id, build->what->parent, err) &&
	       store_get(build->store, &build->arena, &id, &build->parent, err);
}

/* The same layer may be there already. */
static bool settle_layer(struct build *build, struct error *err)
{
	size_t last = build->draft.layer_count - 1;

	if (build->is_empty || build->draft.layers[last].dir >= 0)
		return true;
	return draft_add_layer(&build->draft, last, take_pointer(&build->stage), err);
}

static bool publish(struct build *build, struct error *err)
{
	const char *names[] = { build->what->name };
	const struct publication publication = { .config = build->config.data,
						 .config_length = build->config.length,
						 .names = names,
						 .name_count = names[0] ? 1 : 0 };
	struct name_change change = { 0 };
	bool is_new;

	if (!draft_open(build->store, build->config.data, build->config.length, &build->draft,
			err) ||
	    !settle_layer(build, err) ||
	    !draft_publish(&build->draft, &publication, &change, &is_new, err))
		return false;
	report_image(&build->draft.id, names[0], names[0] ? &change.before : NULL, is_new);
	return true;
}

bool unpack_build(const struct store *store, const struct unpack_build *what, struct error *err)
{
	autofree struct build *build = mem_alloc(sizeof(*build));

	*build = (struct build){ .store = store, .what = what, .packer = { .result = -1 } };
	buf_init(&build->config, LIMIT_IMAGE_JSON);

	bool is_good = find_parent(build, err) && read_layer(build, err) &&
		       make_config(build, err) && publish(build, err);

	worker_kill(&build->packer);
	stage_free(build->stage);
	draft_close(&build->draft);
	buf_done(&build->config);
	arena_done(&build->arena);
	return is_good;
}
