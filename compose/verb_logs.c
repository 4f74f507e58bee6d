/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "cli/moment.h"
#include "compose/viewer.h"

/* `logs`: what the containers of a project wrote, each line behind its container's name. */

struct values {
	bool is_followed, has_times, is_colourless, is_without_prefix;
	const char *tail, *since, *until;
	struct opt_number index;
};

static const struct opt opts[] = {
	{ "follow", 'f', OPT_BOOL, offsetof(struct values, is_followed), NULL, "Follow log output",
	  NULL },
	{ "index", 0, OPT_NUMBER, offsetof(struct values, index), "int",
	  "index of the container if service has multiple replicas", NULL },
	{ "no-color", 0, OPT_BOOL, offsetof(struct values, is_colourless), NULL,
	  "Produce monochrome output", NULL },
	{ "no-log-prefix", 0, OPT_BOOL, offsetof(struct values, is_without_prefix), NULL,
	  "Don't print prefix in logs", NULL },
	{ "since", 0, OPT_TEXT, offsetof(struct values, since), "string",
	  "Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)",
	  NULL },
	{ "tail", 'n', OPT_TEXT, offsetof(struct values, tail), "string",
	  "Number of lines to show from the end of the logs for each container", NULL },
	{ "timestamps", 't', OPT_BOOL, offsetof(struct values, has_times), NULL, "Show timestamps",
	  NULL },
	{ "until", 0, OPT_TEXT, offsetof(struct values, until), "string",
	  "Show logs before timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)",
	  NULL },
	{ .name = NULL },
};

static bool read_query(const struct values *values, bool is_classic, struct logfile_query *query,
		       struct error *err)
{
	char *end = NULL;

	query->tail = -1;
	if (values->tail && strcmp(values->tail, "all") != 0) {
		query->tail = strtoll(values->tail, &end, 10);
		if (*end || end == values->tail || query->tail < 0)
			return error_set(err, ERROR_INPUT, "%s%s",
					 is_classic ? "tail flag must be all or a number"
						    : "tail value for the log should be a "
						      "number or \"all\": ",
					 is_classic ? "" : values->tail);
	}
	if (values->since &&
	    !moment_parse(values->since, "since", &query->since_seconds, &query->since_ns, err))
		return false;
	return !values->until ||
	       moment_parse(values->until, "until", &query->until_seconds, &query->until_ns, err);
}

/* Whose logs are wanted. */
struct wish {
	const struct project *project;
	struct fleet_choice choice;
};

static bool wants(void *context, const struct member *member)
{
	const struct wish *wish = context;

	return fleet_is_chosen(wish->project, &wish->choice, member);
}

static bool add_members(struct viewer *viewer, struct session *session, const struct wish *wish,
			struct error *err)
{
	struct member **members = fleet_choose(&session->fleet, &session->project, &wish->choice);

	for (; *members; members++) {
		if (!viewer_add(viewer, (*members)->service, (*members)->container.name,
				(*members)->container.id, false, err))
			return false;
	}
	return true;
}

static int follow(struct viewer *viewer, int signals, struct error *err)
{
	while (viewer->live && !ferror(stdout)) {
		if (!viewer_wait(viewer, signals, err))
			return 1;

		int signal = loop_next_signal(signals);

		if (signal)
			return viewer->console.is_classic ? 1 : 128 + signal;
	}
	return 0;
}

static int show(struct session *session, const struct values *values, const struct texts *services,
		struct error *err)
{
	static const int ending[] = { SIGINT, SIGTERM, 0 };
	const struct composer *composer = session->composer;
	struct viewer viewer = VIEWER_EMPTY;
	struct wish wish = { .project = &session->project,
			     .choice = { .services = services,
					 .is_by_age = composer->is_classic,
					 .has_oneoff = true,
					 .has_orphans = !session->project.tree,
					 .index = (int)values->index.value } };
	autoclose int signals = -1;
	int code = 1;

	viewer.console = (struct console){
		.is_classic = composer->is_classic,
		.has_colour = console_has_colour(composer->is_classic, values->is_colourless,
						 composer->ansi),
		.has_prefix = !values->is_without_prefix,
		.has_times = values->has_times,
	};
	viewer.tells_ends = values->is_followed;
	viewer.wants = values->is_followed ? wants : NULL;
	viewer.context = &wish;
	if (read_query(values, composer->is_classic, &viewer.query, err) &&
	    viewer_open(&viewer, session, err) && add_members(&viewer, session, &wish, err)) {
		viewer_settle(&viewer, composer->is_classic);
		code = !viewer_look(&viewer, err) ? 1 : 0;
		if (code == 0 && values->is_followed && viewer.live)
			code = loop_open_signals(ending, &signals, err)
				       ? follow(&viewer, signals, err)
				       : 1;
		else if (code == 0)
			viewer_flush(&viewer);
	}
	viewer_close(&viewer);
	return code;
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosession struct session session = SESSION_EMPTY;
	struct error err = { 0 };

	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err))
		return composer_failed(composer_of(cli), &err);

	int code = show(&session, values, arguments, &err);

	if (code && *err.text)
		return composer_failed(composer_of(cli), &err);
	return code;
}

const struct command verb_logs = {
	.name = "docker compose logs",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "View output from containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run,
};
