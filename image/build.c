/* SPDX-License-Identifier: Apache-2.0 */
#include "image/build.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/texts.h"
#include "image/helper.h"
#include "image/limits.h"

#define BUILD_LAYER  0
#define BUILD_CONFIG 5

/* -- the configuration --------------------------------------------------------------------------
 */

/* What the parent's configuration tells of its own history. */
static bool read_history(const struct store *store, const struct digest *parent,
			 struct arena *arena, const struct json **history, struct error *err)
{
	autobuf struct buf text;
	const struct json *root;

	buf_init(&text, LIMIT_IMAGE_JSON);
	*history = NULL;
	if (!parent)
		return true;
	return store_read_blob(store, parent, &text, err) &&
	       json_parse(arena, "image configuration", text.data ? text.data : "", text.length,
			  &root, err) &&
	       json_array_or_null(root, "history", history, err);
}

static void print_if(struct jsonout *out, const char *key, const char *text)
{
	if (text && *text)
		jsonout_text(out, key, text);
}

static void print_history(struct jsonout *out, const struct image_build *build,
			  const struct json *before)
{
	jsonout_array(out, "history");
	for (const struct json *line = before ? before->child : NULL; line; line = line->next)
		jsonout_json(out, NULL, line);
	jsonout_object(out, NULL);
	jsonout_text(out, "created", build->config->created);
	print_if(out, "created_by", build->created_by);
	print_if(out, "author", build->author);
	print_if(out, "comment", build->comment);
	jsonout_object_end(out);
	jsonout_array_end(out);
}

/* Everything but "rootfs": the layer's diff ID is not known yet. */
static bool print_config(const struct store *store, const struct image_build *build,
			 struct buf *text, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *before;
	struct jsonout out;

	if (!read_history(store, build->parent, &arena, &before, err))
		return false;
	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	image_config_write(&out, build->config);
	print_if(&out, "author", build->author);
	print_if(&out, "comment", build->comment);
	print_history(&out, build, before);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(text, "image configuration", err);
}

static bool keep_in_memory(const struct buf *text, int *fd, struct error *err)
{
	autoclose int file = memfd_create("config", MFD_CLOEXEC);

	if (file < 0)
		return error_sys(err, "make a file in memory");
	if (!file_write(file, "configuration", text->data, text->length, err))
		return false;
	if (lseek(file, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the configuration");
	*fd = take_fd(&file);
	return true;
}

/* -- the build ----------------------------------------------------------------------------------
 */

bool image_build(const struct store *store, const struct image_build *build, struct digest *id,
		 struct error *err)
{
	struct helper helper = { .command = "build", .store = store, .fd_count = 2 };
	autobuf struct buf text;
	autoclose int config = -1;

	buf_init(&text, LIMIT_IMAGE_JSON);
	if (!print_config(store, build, &text, err) || !keep_in_memory(&text, &config, err))
		return false;
	helper.fds[0] = (struct proc_fd){ build->layer, BUILD_LAYER };
	helper.fds[1] = (struct proc_fd){ config, BUILD_CONFIG };
	if (build->parent) {
		texts_add(&helper.arguments, "--parent");
		texts_add(&helper.arguments, build->parent->text);
	}
	if (build->name) {
		texts_add(&helper.arguments, "--reference");
		texts_add(&helper.arguments, build->name);
	}
	if (build->is_upper)
		texts_add(&helper.arguments, "--upper");
	for (const char *const *bare = build->bare; bare && *bare; bare++)
		texts_add(&helper.arguments, *bare);

	bool is_good = helper_run(&helper, id, err);

	texts_done(&helper.arguments);
	return is_good;
}
