/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "base/path.h"
#include "base/proc.h"

static const char *const status_names[] = {
	[LEDGER_IN_PROGRESS] = "IN_PROGRESS",
	[LEDGER_SUCCEEDED] = "SUCCEEDED",
	[LEDGER_FAILED] = "FAILED",
};

const char *ledger_status_name(enum ledger_status status)
{
	return status_names[status];
}

/* -- components ---------------------------------------------------------------------------------
 */

struct ledger_component *ledger_find(const struct ledger *ledger, const char *name)
{
	for (size_t i = 0; i < ledger->count; i++)
		if (strcmp(ledger->components[i].name, name) == 0)
			return &ledger->components[i];
	return NULL;
}

struct ledger_component *ledger_add(struct ledger *ledger, struct arena *arena, const char *name)
{
	struct ledger_component *found = ledger_find(ledger, name);
	struct ledger_component *grown;

	if (found)
		return found;
	grown = arena_array(arena, ledger->count + 1, sizeof(*grown));
	if (ledger->count > 0)
		memcpy(grown, ledger->components, ledger->count * sizeof(*grown));
	ledger->components = grown;
	grown[ledger->count] = (struct ledger_component){ .name = name, .exit_code = -1 };
	return &grown[ledger->count++];
}

void ledger_remove(struct ledger *ledger, const char *name)
{
	struct ledger_component *found = ledger_find(ledger, name);

	if (!found)
		return;

	size_t index = (size_t)(found - ledger->components);

	ledger->count--;
	memmove(found, found + 1, (ledger->count - index) * sizeof(*found));
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool read_component(struct ledger *ledger, struct arena *arena, const struct json *value,
			   struct error *err)
{
	const char *name;

	if (!json_text(value, "name", &name, err))
		return false;

	struct ledger_component *component = ledger_add(ledger, arena, name);

	return json_text(value, "version", &component->version, err) &&
	       json_text(value, "state", &component->state, err) &&
	       json_text_or(value, "status", NULL, &component->status, err) &&
	       json_int_or(value, "exit_code", -1, &component->exit_code, err) &&
	       json_bool_or(value, "is_root", false, &component->is_root, err) &&
	       json_int_or(value, "main_session", 0, &component->sessions[0], err) &&
	       json_int_or(value, "side_session", 0, &component->sessions[1], err);
}

static bool read_status(struct ledger *ledger, const struct json *document, struct error *err)
{
	const char *status;

	if (!json_text(document, "status", &status, err))
		return false;
	ledger->status = LEDGER_FAILED;
	for (size_t i = 0; i < COUNT_OF(status_names); i++)
		if (strcmp(status_names[i], status) == 0)
			ledger->status = (enum ledger_status)i;
	return true;
}

static bool parse(struct ledger *ledger, struct arena *arena, const struct json *document,
		  struct error *err)
{
	const struct json *components;

	if (!json_text(document, "deployment", &ledger->deployment, err) ||
	    !json_text(document, "created_at", &ledger->created_at, err) ||
	    !read_status(ledger, document, err) ||
	    !json_text_or(document, "reason", NULL, &ledger->reason, err) ||
	    !json_text(document, "boot", &ledger->boot, err) ||
	    !json_int(document, "supervisor", &ledger->supervisor, err) ||
	    !json_int(document, "supervisor_start", &ledger->supervisor_start, err) ||
	    !json_array_or_null(document, "components", &components, err))
		return false;
	if (components && components->count > LEDGER_COMPONENTS_MAX)
		return json_wrong(components, err, "more than %d components",
				  LEDGER_COMPONENTS_MAX);
	for (const struct json *value = components ? components->child : NULL; value;
	     value = value->next)
		if (!read_component(ledger, arena, value, err))
			return false;
	return true;
}

static char *ledger_path(const char *root)
{
	return mem_printf("%s/deployments/state.json", root);
}

bool ledger_read(struct ledger *ledger, struct arena *arena, const char *root, struct error *err)
{
	autofree char *path = ledger_path(root);
	const struct json *document;
	autobuf struct buf text;

	*ledger = (struct ledger){ 0 };
	buf_init(&text, LEDGER_SIZE_MAX);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return true;
	if (!file_read(AT_FDCWD, path, &text, err))
		return false;
	return (json_parse(arena, path, text.data, text.length, &document, err) &&
		parse(ledger, arena, document, err)) ||
	       error_in(err, "the record of deployments is damaged (remove it to start anew)");
}

/* -- writing ------------------------------------------------------------------------------------
 */

static void write_component(struct jsonout *out, const struct ledger_component *component)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "name", component->name);
	jsonout_text(out, "version", component->version);
	jsonout_text(out, "state", component->state);
	if (component->status)
		jsonout_text(out, "status", component->status);
	jsonout_int(out, "exit_code", component->exit_code);
	jsonout_bool(out, "is_root", component->is_root);
	jsonout_int(out, "main_session", component->sessions[0]);
	jsonout_int(out, "side_session", component->sessions[1]);
	jsonout_object_end(out);
}

bool ledger_write(const struct ledger *ledger, const char *root, struct error *err)
{
	autofree char *path = ledger_path(root);
	autofree char *directory = mem_printf("%s/deployments", root);
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, LEDGER_SIZE_MAX);
	jsonout_init(&out, &text, true);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "deployment", ledger->deployment);
	jsonout_text(&out, "created_at", ledger->created_at);
	jsonout_text(&out, "status", status_names[ledger->status]);
	if (ledger->reason)
		jsonout_text(&out, "reason", ledger->reason);
	jsonout_text(&out, "boot", ledger->boot);
	jsonout_int(&out, "supervisor", ledger->supervisor);
	jsonout_int(&out, "supervisor_start", ledger->supervisor_start);
	jsonout_array(&out, "components");
	for (size_t i = 0; i < ledger->count; i++)
		write_component(&out, &ledger->components[i]);
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(&text, path, err) && path_make_own_dirs(directory, 0700, err) &&
	       file_replace(AT_FDCWD, path, text.data, text.length, 0600, FILE_DURABLE, err);
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

bool ledger_is_this_boot(const struct ledger *ledger)
{
	struct error ignored;
	autobuf struct buf boot;

	buf_init(&boot, 64);
	return ledger->boot && read_boot_id(&boot, &ignored) &&
	       strcmp(boot.data, ledger->boot) == 0;
}

bool ledger_is_supervised(const struct ledger *ledger)
{
	return ledger->supervisor > 0 && ledger_is_this_boot(ledger) &&
	       proc_is_alive((pid_t)ledger->supervisor,
			     (unsigned long long)ledger->supervisor_start);
}

static bool make_id(struct ledger *ledger, struct arena *arena, struct error *err)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return error_sys(err, "getrandom");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 1 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	ledger->deployment = arena_printf(
		arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		b[14], b[15]);
	return true;
}

bool ledger_begin(struct ledger *ledger, struct arena *arena, struct error *err)
{
	time_t now = time(NULL);
	unsigned long long start;
	struct tm utc;
	char text[32];
	autobuf struct buf boot;

	buf_init(&boot, 64);
	if (!make_id(ledger, arena, err) || !read_boot_id(&boot, err) ||
	    !proc_start_time(getpid(), &start, err))
		return false;
	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	ledger->created_at = arena_strdup(arena, text);
	ledger->boot = arena_strdup(arena, boot.data);
	ledger->supervisor = getpid();
	ledger->supervisor_start = (int64_t)start;
	ledger->status = LEDGER_IN_PROGRESS;
	ledger->reason = NULL;
	return true;
}
