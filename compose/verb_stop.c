/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>

#include "compose/session.h"

/* stop, start, restart, kill, pause, unpause: one verb of docker to each container. */

struct values {
	struct opt_number seconds;
	const char *signal;
	bool is_without_dependencies;
};

static const struct opt time_opts[] = {
	{ "no-deps", 0, OPT_BOOL, offsetof(struct values, is_without_dependencies), NULL,
	  "Don't restart dependent services", NULL },
	{ "timeout", 't', OPT_NUMBER, offsetof(struct values, seconds), "int",
	  "Seconds to wait before containers are killed", NULL },
	{ .name = NULL },
};

static const struct opt kill_opts[] = {
	{ "remove-orphans", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "signal", 's', OPT_TEXT, offsetof(struct values, signal), "string",
	  "SIGNAL to send to the container (default SIGKILL)", NULL },
	{ .name = NULL },
};

/* What sets the verbs apart. */
struct manner {
	struct session_deed deed;
	const char *verb;    /* docker's */
	bool has_needed;     /* also what they need, in 2 */
	bool has_dependents; /* also those that are restarted with what they depend on */
	bool is_by_name;     /* 1 goes by services, and not by age */
	bool tells_missing;  /* 1 tells of each service that has no container */
	bool is_lenient;     /* 1 tells of failures, and succeeds */
	const char *missing; /* 1 fails if there is no container to do it to; NULL: it does not */
};

static void add_words(struct session *session, const struct manner *manner,
		      const struct values *values, const char **words)
{
	*words++ = manner->verb;
	if (values->seconds.is_set) {
		*words++ = "--time";
		*words++ = arena_printf(&session->project.arena, "%lld",
					(long long)values->seconds.value);
	}
	if (values->signal) {
		*words++ = "--signal";
		*words++ = values->signal;
	}
	*words = NULL;
}

/* Adds what the named ones need, or those that `depends_on: {…: {restart: true}}` ties to them. */
static void add_related(const struct session *session, bool is_needed, struct texts *services)
{
	for (size_t i = 0; i < services->count; i++) { /* it grows, by each service once */
		for (size_t j = 0; j < session->fleet.count; j++) {
			const char *own = services->items[i],
				   *name = session->fleet.members[j].service;
			bool restarts = false;
			bool is_related =
				is_needed
					? session_needs(session, own, name, &restarts)
					: session_needs(session, name, own, &restarts) && restarts;

			if (is_related && !texts_has(services, name))
				texts_add(services, name);
		}
	}
}

static void tell_missing(struct session *session, const struct texts *services, const char *classic)
{
	const struct project *project = &session->project;

	for (size_t i = 0; i < project->service_count; i++) {
		const char *name = project->services[i].name;
		bool is_meant = services->count ? texts_has(services, name)
						: project->services[i].is_enabled;
		const struct texts one = { .items = &name, .count = 1 };
		const struct fleet_choice choice = { .services = &one };

		if (is_meant && !fleet_choose(&session->fleet, project, &choice)[0])
			telling_classic(&session->telling, "%s %s ... \n%s %s ... failed", classic,
					name, classic, name);
	}
}

static int run(const struct cli *cli, const struct manner *manner, const struct values *values,
	       const struct texts *services)
{
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts all = { 0 };
	const struct fleet_choice choice = { .services = &all,
					     .is_by_age = composer_of(cli)->is_classic &&
							  !manner->is_by_name,
					     .has_oneoff = false };
	struct session_deed deed = manner->deed;
	const char *words[6];
	struct error err;

	if (!session_open(&session, cli, COMPOSER_LOOSE, services, &err))
		return composer_failed(composer_of(cli), &err);
	texts_add_all(&all, services->items, services->count);
	if (manner->has_dependents && !values->is_without_dependencies)
		add_related(&session, false, &all);
	if (manner->has_needed && !composer_of(cli)->is_classic)
		add_related(&session, true, &all);

	struct member **members = fleet_choose(&session.fleet, &session.project, &choice);

	if (manner->tells_missing)
		tell_missing(&session, &all, deed.classic);
	if (!members[0] && manner->missing && composer_of(cli)->is_classic) {
		error_set(&err, ERROR_NOT_FOUND, "No containers to %s", manner->missing);
		return composer_failed(composer_of(cli), &err);
	}
	add_words(&session, manner, values, words);
	deed.arguments = words;
	return session_do(&session, members, &deed, NULL) ||
			       (manner->is_lenient && composer_of(cli)->is_classic)
		       ? 0
		       : 1;
}

static int run_stop(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = {
		.deed = { .classic = "Stopping",
			  .words = &telling_stopping,
			  .is_for_running = true },
		.verb = "stop",
	};

	return run(cli, &manner, values, arguments);
}

static int run_start(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = {
		.deed = { .classic = "Starting",
			  .words = &telling_starting,
			  .is_upwards = true,
			  .is_for_stopped = true,
			  .failure = "Cannot start service",
			  .names_service = true },
		.verb = "start",
		.has_needed = true,
		.is_by_name = true,
		.tells_missing = true,
		.missing = "start",
	};
	(void)values;

	static const struct values none = { .signal = NULL };

	return run(cli, &manner, &none, arguments);
}

static int run_restart(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = {
		.deed = { .classic = "Restarting",
			  .words = &telling_restarting,
			  .is_upwards = true,
			  .is_for_running = true,
			  .is_for_stopped = true },
		.verb = "restart",
		.has_dependents = true,
		.missing = "restart",
	};

	return run(cli, &manner, values, arguments);
}

static int run_kill(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = {
		.deed = { .classic = "Killing",
			  .words = &telling_killing,
			  .is_for_running = true,
			  .is_unordered = true },
		.verb = "kill",
	};

	return run(cli, &manner, values, arguments);
}

static int run_pause(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = {
		.deed = { .classic = "Pausing", .words = &telling_pausing, .is_for_running = true },
		.verb = "pause",
		.is_by_name = true,
		.is_lenient = true,
		.missing = "pause",
	};
	static const struct values none = { .signal = NULL };

	(void)values;
	return run(cli, &manner, &none, arguments);
}

static int run_unpause(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = {
		.deed = { .classic = "Unpausing",
			  .words = &telling_unpausing,
			  .is_upwards = true,
			  .is_for_running = true },
		.verb = "unpause",
		.is_lenient = true,
		.missing = "unpause",
	};
	static const struct values none = { .signal = NULL };

	(void)values;
	return run(cli, &manner, &none, arguments);
}

const struct command verb_stop = {
	.name = "docker compose stop",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Stop services",
	.opts = time_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_stop,
};

const struct command verb_start = {
	.name = "docker compose start",
	.usage = "[SERVICE...]",
	.summary = "Start services",
	.most = ARGUMENTS_ANY,
	.run = run_start,
};

const struct command verb_restart = {
	.name = "docker compose restart",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Restart service containers",
	.opts = time_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_restart,
};

const struct command verb_kill = {
	.name = "docker compose kill",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Force stop service containers",
	.opts = kill_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_kill,
};

const struct command verb_pause = {
	.name = "docker compose pause",
	.usage = "[SERVICE...]",
	.summary = "Pause services",
	.most = ARGUMENTS_ANY,
	.run = run_pause,
};

const struct command verb_unpause = {
	.name = "docker compose unpause",
	.usage = "[SERVICE...]",
	.summary = "Unpause services",
	.most = ARGUMENTS_ANY,
	.run = run_unpause,
};
