/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/runstate.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/path.h"
#include "base/proc.h"
#include "lifecycle/settings.h"

#define NAME_BYTES 8 /* of the hash: enough to keep a machine's roots apart */

const char *runstate_path(struct arena *arena, const char *root)
{
	unsigned char hash[HASH_SIZE];
	char name[2 * NAME_BYTES + 1];

	hash_sha256(root, strlen(root), hash);
	hash_hex(hash, NAME_BYTES, name);
	return arena_printf(arena, "%s/nucleus/%s.json", settings_run_directory(arena), name);
}

const struct runstate_component *runstate_find(const struct runstate *state, const char *name)
{
	for (size_t i = 0; i < state->count; i++)
		if (strcmp(state->components[i].name, name) == 0)
			return &state->components[i];
	return NULL;
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool read_component(struct runstate_component *component, const struct json *value,
			   struct error *err)
{
	return json_text(value, "name", &component->name, err) &&
	       json_text(value, "state", &component->state, err) &&
	       json_text_or(value, "status", NULL, &component->status, err) &&
	       json_int_or(value, "exit_code", -1, &component->exit_code, err) &&
	       json_int_or(value, "main_session", 0, &component->sessions[0], err) &&
	       json_int_or(value, "side_session", 0, &component->sessions[1], err);
}

static bool parse(struct runstate *state, struct arena *arena, const struct json *document,
		  struct error *err)
{
	const struct json *components;

	if (!json_text(document, "nucleus", &state->nucleus, err) ||
	    !json_text(document, "boot", &state->boot, err) ||
	    !json_int(document, "supervisor", &state->supervisor, err) ||
	    !json_int(document, "supervisor_start", &state->supervisor_start, err) ||
	    !json_array_or_null(document, "components", &components, err))
		return false;
	if (!components)
		return true;
	if (components->count > RUNSTATE_COMPONENTS_MAX)
		return json_wrong(components, err, "more than %d components",
				  RUNSTATE_COMPONENTS_MAX);
	state->components = arena_array(arena, components->count, sizeof(*state->components));
	for (const struct json *value = components->child; value; value = value->next)
		if (!read_component(&state->components[state->count++], value, err))
			return false;
	return true;
}

void runstate_read(struct runstate *state, struct arena *arena, const char *path)
{
	const struct json *document;
	struct error ignored;
	autobuf struct buf text = { 0 };

	*state = (struct runstate){ 0 };
	buf_init(&text, RUNSTATE_SIZE_MAX);
	if (!file_read(AT_FDCWD, path, &text, &ignored) ||
	    !json_parse(arena, path, text.data, text.length, &document, &ignored) ||
	    !parse(state, arena, document, &ignored))
		*state = (struct runstate){ 0 };
}

/* -- writing ------------------------------------------------------------------------------------
 */

static void write_component(struct jsonout *out, const struct runstate_component *component)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "name", component->name);
	jsonout_text(out, "state", component->state);
	if (component->status)
		jsonout_text(out, "status", component->status);
	jsonout_int(out, "exit_code", component->exit_code);
	jsonout_int(out, "main_session", component->sessions[0]);
	jsonout_int(out, "side_session", component->sessions[1]);
	jsonout_object_end(out);
}

bool runstate_write(const struct runstate *state, const char *path, struct error *err)
{
	autofree char *directory = mem_strdup(path);
	autobuf struct buf text = { 0 };
	struct jsonout out;

	buf_init(&text, RUNSTATE_SIZE_MAX);
	jsonout_init(&out, &text, true);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "nucleus", state->nucleus);
	jsonout_text(&out, "boot", state->boot);
	jsonout_int(&out, "supervisor", state->supervisor);
	jsonout_int(&out, "supervisor_start", state->supervisor_start);
	jsonout_array(&out, "components");
	for (size_t i = 0; i < state->count; i++)
		write_component(&out, &state->components[i]);
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	*strrchr(directory, '/') = '\0';
	return buf_check(&text, path, err) && path_make_own_dirs(directory, 0755, err) &&
	       file_replace(AT_FDCWD, path, text.data, text.length, 0600, FILE_VOLATILE, err);
}

/* -- who and when -------------------------------------------------------------------------------
 */

static bool read_boot_id(struct buf *text, struct error *err)
{
	if (!file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, err))
		return false;
	text->data[strcspn(text->data, "\n")] = '\0';
	return true;
}

bool runstate_is_this_boot(const struct runstate *state)
{
	struct error ignored;
	autobuf struct buf boot = { 0 };

	buf_init(&boot, 64);
	return state->boot && read_boot_id(&boot, &ignored) && strcmp(boot.data, state->boot) == 0;
}

bool runstate_is_supervised(const struct runstate *state)
{
	return state->supervisor > 0 && runstate_is_this_boot(state) &&
	       proc_is_alive((pid_t)state->supervisor, (unsigned long long)state->supervisor_start);
}

bool runstate_begin(struct runstate *state, struct arena *arena, const char *nucleus,
		    struct error *err)
{
	unsigned long long start;
	autobuf struct buf boot = { 0 };

	buf_init(&boot, 64);
	if (!read_boot_id(&boot, err) || !proc_start_time(getpid(), &start, err))
		return false;
	state->nucleus = nucleus;
	state->boot = arena_strdup(arena, boot.data);
	state->supervisor = getpid();
	state->supervisor_start = (int64_t)start;
	return true;
}
