/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/verb.h"

#include <string.h>

#include "base/jsonout.h"
#include "base/log.h"
#include "runtime/container.h"
#include "runtime/flag.h"
#include "runtime/found.h"
#include "runtime/signame.h"

static const struct flag no_flags[] = { { 0 } };

int verb_start(const struct globals *globals, int argc, char **argv, struct error *err)
{
	struct service service;
	const char *id;
	int status;

	if (!verb_take_id(no_flags, argc, argv, &id, &status, err))
		return status;
	return service_read(&service, err) &&
			       container_start(globals->root, id, service.notify, err)
		       ? 0
		       : -1;
}

int verb_kill(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *all = NULL;
	const struct flag flags[] = {
		{ "all", 'a', NULL, "every process of the container", &all },
		{ 0 },
	};
	int next, signal;

	if (!verb_parse(flags, argc, argv, &next, err))
		return VERB_MISUSED;

	const char *name = argc - next == 2 ? argv[next + 1] : "TERM";

	name += name[0] == '-'; /* "kill ID -9" is how some write it */
	if (strcmp(name, "0") == 0)
		signal = 0; /* asks whether it is there */
	else if (!signame_parse(name, &signal, err))
		return -1;
	return container_kill(globals->root, argv[next], signal,
			      flag_is_set(all) ? CONTAINER_EVERYONE : CONTAINER_INIT, err)
		       ? 0
		       : -1;
}

int verb_delete(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *force = NULL, *id;
	const struct flag flags[] = {
		{ "force", 'f', NULL, "kill it first if it is running", &force },
		{ 0 },
	};
	struct error warning;
	int status;

	if (!verb_take_id(flags, argc, argv, &id, &status, err))
		return status;
	if (!container_delete(globals->root, id, flag_is_set(force), &warning, err))
		return -1;
	if (warning.text[0])
		log_warning("%s", warning.text);
	return 0;
}

/* -- state ---------------------------------------------------------------------------- */

/* Reads one container's state into an object. */
static bool add_state(const struct globals *globals, const char *id, struct jsonout *out,
		      struct error *err)
{
	autofound struct found found;

	found_init(&found);
	if (!found_load(&found, globals->root, id, err))
		return false;
	jsonout_object(out, NULL);
	state_write(out, &found.state, found_status(&found), found.state.pid);
	jsonout_text(out, "owner", "");
	jsonout_object_end(out);
	return true;
}

int verb_state(const struct globals *globals, int argc, char **argv, struct error *err)
{
	autobuf struct buf text = { 0 };
	struct jsonout out;
	const char *id;
	int status;
	bool is_good;

	if (!verb_take_id(no_flags, argc, argv, &id, &status, err))
		return status;
	buf_init(&text, VERB_OUTPUT_MAX);
	jsonout_init(&out, &text, true);
	jsonout_indent(&out, "  ");
	is_good = add_state(globals, id, &out, err);
	jsonout_done(&out);
	if (text.length > 0 && text.data[text.length - 1] == '\n')
		text.length--; /* runc writes none */
	return is_good && verb_print(&text, err) ? 0 : -1;
}
