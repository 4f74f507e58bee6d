/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/verb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "runtime/container.h"
#include "runtime/flag.h"
#include "runtime/signame.h"
#include "runtime/state.h"

#define OUTPUT_MAX (64 << 20)

/* Prints a verb's help and ends the process, if it was asked for. */
bool verb_wants_help(const char *help, const char *verb, const char *arguments,
		     const struct flag *flags)
{
	if (!flag_is_set(help))
		return false;
	printf("NAME:\n   mooring-runc %s\n\nUSAGE:\n   mooring-runc %s [options] %s\n\nOPTIONS:\n",
	       verb, verb, arguments);
	flag_print(flags);
	return true;
}

bool verb_one_id(int argc, char **argv, int next, const char **id, struct error *err)
{
	if (argc - next != 1)
		return error_set(err, ERROR_INPUT, "\"%s\" requires exactly 1 argument(s)",
				 argv[0]);
	*id = argv[next];
	return true;
}

int verb_start(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *help = NULL, *id;
	const struct flag flags[] = { { "help", 'h', NULL, "this text", &help }, { 0 } };
	int next = 1;

	if (!flag_parse(flags, argc, argv, &next, err))
		return -1;
	if (verb_wants_help(help, "start", "ID", flags))
		return 0;
	return verb_one_id(argc, argv, next, &id, err) && container_start(globals->root, id, err)
		       ? 0
		       : -1;
}

int verb_kill(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *help = NULL, *all = NULL;
	const struct flag flags[] = {
		{ "all", 'a', NULL, "every process of the container", &all },
		{ "help", 'h', NULL, "this text", &help },
		{ 0 },
	};
	int next = 1, signal;

	if (!flag_parse(flags, argc, argv, &next, err))
		return -1;
	if (verb_wants_help(help, "kill", "ID [SIGNAL]", flags))
		return 0;
	if (argc - next < 1)
		return error_set(err, ERROR_INPUT, "\"kill\" requires a minimum of 1 argument(s)") -
		       1;
	if (argc - next > 2)
		return error_set(err, ERROR_INPUT, "\"kill\" requires a maximum of 2 argument(s)") -
		       1;

	const char *name = argc - next == 2 ? argv[next + 1] : "TERM";

	/* "kill ID -9" is how some write it. */
	if (!signame_parse(name[0] == '-' ? name + 1 : name, &signal, err))
		return -1;
	return container_kill(globals->root, argv[next], signal,
			      flag_is_set(all) ? CONTAINER_EVERYONE : CONTAINER_INIT, err)
		       ? 0
		       : -1;
}

int verb_delete(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *help = NULL, *force = NULL, *id;
	const struct flag flags[] = {
		{ "force", 'f', NULL, "kill it first if it is running", &force },
		{ "help", 'h', NULL, "this text", &help },
		{ 0 },
	};
	int next = 1;

	if (!flag_parse(flags, argc, argv, &next, err))
		return -1;
	if (verb_wants_help(help, "delete", "ID", flags))
		return 0;
	return verb_one_id(argc, argv, next, &id, err) &&
			       container_delete(globals->root, id, flag_is_set(force), err)
		       ? 0
		       : -1;
}

/* -- state and list -------------------------------------------------------------------------- */

static int print(const struct buf *text, struct error *err)
{
	return buf_check(text, "output", err) &&
			       file_write(STDOUT_FILENO, "output", text->data, text->length, err)
		       ? 0
		       : -1;
}

/* Reads one container's state into an open object. */
static bool add_state(const struct globals *globals, const char *id, struct jsonout *out,
		      struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct state_dir dir;
	struct state state = { 0 };
	bool is_good;

	state_dir_init(&dir);
	is_good = state_find(globals->root, id, &dir, err) && state_load(&dir, &arena, &state, err);
	if (is_good) {
		jsonout_object(out, NULL);
		state_write(out, &state, state_status(&dir, &state), state.pid);
		jsonout_text(out, "owner", "");
		jsonout_object_end(out);
	}
	state_done(&state);
	state_dir_close(&dir);
	return is_good;
}

int verb_state(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *help = NULL, *id;
	const struct flag flags[] = { { "help", 'h', NULL, "this text", &help }, { 0 } };
	autobuf struct buf text = { 0 };
	struct jsonout out;
	int next = 1;
	bool is_good;

	if (!flag_parse(flags, argc, argv, &next, err))
		return -1;
	if (verb_wants_help(help, "state", "ID", flags))
		return 0;
	if (!verb_one_id(argc, argv, next, &id, err))
		return -1;
	buf_init(&text, OUTPUT_MAX);
	jsonout_init(&out, &text, true);
	is_good = add_state(globals, id, &out, err);
	jsonout_done(&out);
	return is_good ? print(&text, err) : -1;
}

struct listing {
	bool is_json, is_quiet;
	struct jsonout out;
	struct buf text;
};

/* The C library's own lookup would load shared libraries into this static program. */
static char *owner_name(uid_t uid)
{
	autofile FILE *file = fopen("/etc/passwd", "re");
	autofree char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		char *rest = line;
		const char *name = strsep(&rest, ":");
		const char *number = strsep(&rest, ":") ? strsep(&rest, ":") : NULL;

		if (number && number[0] && strtoul(number, NULL, 10) == uid)
			return mem_strdup(name);
	}
	return mem_printf("#%u", uid);
}

static void add_row(struct listing *list, const struct state *state, enum container_status status)
{
	autofree char *name = owner_name(state->owner);

	if (list->is_quiet) {
		buf_printf(&list->text, "%s\n", state->id);
	} else if (list->is_json) {
		jsonout_object(&list->out, NULL);
		state_write(&list->out, state, status, state->pid);
		jsonout_text(&list->out, "owner", name);
		jsonout_object_end(&list->out);
	} else {
		buf_printf(&list->text, "%-11s %-11d %-11s %-20s %-31s %s\n", state->id,
			   status == CONTAINER_STOPPED ? 0 : state->pid,
			   container_status_name(status), state->bundle, state->created, name);
	}
}

static void add_container(const struct globals *globals, const char *id, struct listing *list)
{
	autoarena struct arena arena = { 0 };
	struct state_dir dir;
	struct state state = { 0 };
	struct error err;

	state_dir_init(&dir);
	if (state_find(globals->root, id, &dir, &err) && state_load(&dir, &arena, &state, &err))
		add_row(list, &state, state_status(&dir, &state));
	else if (err.kind != ERROR_NOT_FOUND) /* one that is being made or removed just now */
		log_error("load container %s: %s", id, err.text);
	state_done(&state);
	state_dir_close(&dir);
}

static bool add_all(const struct globals *globals, struct listing *list, struct error *err)
{
	autodir DIR *dir = opendir(globals->root);

	if (!dir)
		return errno == ENOENT ? true : error_sys(err, "read %s", globals->root);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			add_container(globals, entry->d_name, list);
	return true;
}

int verb_list(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *help = NULL, *format = "table", *quiet = NULL;
	const struct flag flags[] = {
		{ "format", 'f', "table|json", "output format", &format },
		{ "quiet", 'q', NULL, "ids only", &quiet },
		{ "help", 'h', NULL, "this text", &help },
		{ 0 },
	};
	struct listing list = { 0 };
	int next = 1, status;

	if (!flag_parse(flags, argc, argv, &next, err))
		return -1;
	if (verb_wants_help(help, "list", "", flags))
		return 0;
	list.is_json = strcmp(format, "json") == 0;
	list.is_quiet = flag_is_set(quiet);
	if (!list.is_json && strcmp(format, "table") != 0)
		return error_set(err, ERROR_INPUT, "invalid format option: %s", format) - 1;
	buf_init(&list.text, OUTPUT_MAX);
	if (list.is_json && !list.is_quiet) {
		jsonout_init(&list.out, &list.text, false);
		jsonout_array(&list.out, NULL);
	} else if (!list.is_quiet) {
		buf_printf(&list.text, "%-11s %-11s %-11s %-20s %-31s %s\n", "ID", "PID", "STATUS",
			   "BUNDLE", "CREATED", "OWNER");
	}
	status = add_all(globals, &list, err) ? 0 : -1;
	if (list.is_json && !list.is_quiet) {
		jsonout_array_end(&list.out);
		jsonout_done(&list.out);
	}
	status = status == 0 ? print(&list.text, err) : status;
	buf_done(&list.text);
	return status;
}
