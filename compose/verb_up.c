/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "compose/docker.h"
#include "compose/lender.h"
#include "compose/uprun.h"
#include "compose/viewer.h"

/*
 * `up`: everything runs; in the foreground (the default) we show what it writes until it has ended,
 * and stop it when we are told to end.
 */

#define EXIT_INTERRUPTED 130 /* of 2; 1 counts it as success */
#define EXIT_FORCED      2   /* 1, at the second signal */

struct values {
	struct texts scales, attached, unattached;
	const char *pull, *exit_code_from;
	struct opt_number seconds, wait_seconds;
	bool is_detached, waits, is_forced, is_unforced, is_without_dependencies, is_unstarted;
	bool is_unbuilt, renews_volumes, removes_orphans, forces_others, is_quiet;
	bool aborts, aborts_on_failure, is_colourless, is_without_prefix, has_times;
	bool attaches_dependencies;
};

#define AT(member) offsetof(struct values, member)

static const struct opt opts[] = {
	{ "abort-on-container-exit", 0, OPT_BOOL, AT(aborts), NULL,
	  "Stops all containers if any container was stopped", NULL },
	{ "abort-on-container-failure", 0, OPT_BOOL, AT(aborts_on_failure), NULL,
	  "Stops all containers if any container exited with failure", NULL },
	{ "always-recreate-deps", 0, OPT_BOOL, AT(forces_others), NULL,
	  "Recreate dependent containers", NULL },
	{ "attach", 0, OPT_LIST, AT(attached), "stringArray", "Restrict attaching to services",
	  NULL },
	{ "attach-dependencies", 0, OPT_BOOL, AT(attaches_dependencies), NULL,
	  "Automatically attach to log output of dependent services", NULL },
	{ "build", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "detach", 'd', OPT_BOOL, AT(is_detached), NULL,
	  "Detached mode: Run containers in the background", NULL },
	{ "exit-code-from", 0, OPT_TEXT, AT(exit_code_from), "string",
	  "Return the exit code of the selected service container", NULL },
	{ "force-recreate", 0, OPT_BOOL, AT(is_forced), NULL,
	  "Recreate containers even if nothing has changed", NULL },
	{ "menu", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "no-attach", 0, OPT_LIST, AT(unattached), "stringArray", "Do not attach to services",
	  NULL },
	{ "no-build", 0, OPT_BOOL, AT(is_unbuilt), NULL,
	  "Don't build an image, even if it's missing (it never is)", NULL },
	{ "no-color", 0, OPT_BOOL, AT(is_colourless), NULL, "Produce monochrome output", NULL },
	{ "no-deps", 0, OPT_BOOL, AT(is_without_dependencies), NULL, "Don't start linked services",
	  NULL },
	{ "no-log-prefix", 0, OPT_BOOL, AT(is_without_prefix), NULL, "Don't print prefix in logs",
	  NULL },
	{ "no-recreate", 0, OPT_BOOL, AT(is_unforced), NULL,
	  "If containers already exist, don't recreate them", NULL },
	{ "no-start", 0, OPT_BOOL, AT(is_unstarted), NULL,
	  "Don't start the services after creating them", NULL },
	{ "pull", 0, OPT_TEXT, AT(pull), "string",
	  "Pull image before running (\"always\"|\"missing\"|\"never\")", NULL },
	{ "quiet-pull", 0, OPT_BOOL, AT(is_quiet), NULL,
	  "Pull without printing progress information", NULL },
	{ "remove-orphans", 0, OPT_BOOL, AT(removes_orphans), NULL,
	  "Remove containers for services not defined in the Compose file", NULL },
	{ "renew-anon-volumes", 'V', OPT_BOOL, AT(renews_volumes), NULL,
	  "Recreate anonymous volumes instead of retrieving data from the previous containers",
	  NULL },
	{ "scale", 0, OPT_LIST, AT(scales), "scale", "Scale SERVICE to NUM instances", NULL },
	{ "timeout", 't', OPT_NUMBER, AT(seconds), "int",
	  "Seconds to wait before containers that are stopped are killed", NULL },
	{ "timestamps", 0, OPT_BOOL, AT(has_times), NULL, "Show timestamps", NULL },
	{ "wait", 0, OPT_BOOL, AT(waits), NULL,
	  "Wait for services to be running|healthy. Implies detached mode", NULL },
	{ "wait-timeout", 0, OPT_NUMBER, AT(wait_seconds), "int", "Most seconds to wait for that",
	  NULL },
	{ "watch", 'w', OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "yes", 'y', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ .name = NULL },
};

struct foreground {
	struct session *session;
	const struct values *values;
	const struct texts *services;
	struct viewer viewer;
	struct upplan plan;
	struct member **members; /* when they are stopped */
	bool is_aborted;         /* a container has ended, and all are to */
	int code;
	bool has_code; /* of --exit-code-from's service */
	struct error err;
	bool is_broken;
};

/* -- which to look at ---------------------------------------------------------------------------
 */

static bool is_shown(const struct foreground *foreground, const struct service *service)
{
	const struct values *values = foreground->values;
	bool is_named = !foreground->services->count ||
			texts_has(foreground->services, service->name) ||
			values->attaches_dependencies;

	if (values->attached.count)
		is_named = texts_has(&values->attached, service->name);
	return is_named && !service->is_silent && !texts_has(&values->unattached, service->name);
}

static void add(struct foreground *foreground, const struct instance *instance)
{
	/* A new container's log begins now; one that runs already, 2 shows from here on. */
	bool is_new =
		instance->action == INSTANCE_START || instance->action == INSTANCE_RESTART ||
		(instance->action == INSTANCE_KEEP && !foreground->session->composer->is_classic);

	if (!is_shown(foreground, instance->service) || foreground->is_broken)
		return;
	foreground->is_broken = !viewer_add(&foreground->viewer, instance->service->name,
					    instance->name, instance->id, is_new, &foreground->err);
}

static void on_start(void *context, const struct instance *instance)
{
	add(context, instance);
}

static void add_running(struct foreground *foreground)
{
	for (size_t i = 0; i < foreground->plan.count; i++) {
		if (foreground->plan.instances[i].action == INSTANCE_KEEP)
			add(foreground, &foreground->plan.instances[i]);
	}
}

/* Scaled, or made anew from elsewhere. */
static bool wants(void *context, const struct member *member)
{
	const struct foreground *foreground = context;

	for (size_t i = 0; i < foreground->plan.count; i++) {
		const struct service *service = foreground->plan.instances[i].service;

		if (service && strcmp(service->name, member->service) == 0)
			return is_shown(foreground, service);
	}
	return false;
}

/* -- ends ---------------------------------------------------------------------------------------
 */

static bool aborts(const struct foreground *foreground, int code)
{
	const struct values *values = foreground->values;

	return values->aborts || values->exit_code_from || (values->aborts_on_failure && code != 0);
}

/* One that was replaced has ended for whoever aborts at any end, but with no code of its own. */
static void on_end(void *context, const char *service, int code, enum viewer_end end)
{
	struct foreground *foreground = context;
	const char *from = foreground->values->exit_code_from;

	if (end == VIEWER_REPLACED)
		code = 0;
	else if (from && strcmp(from, service) == 0 && !foreground->has_code &&
		 end == VIEWER_ENDED) {
		foreground->has_code = true;
		foreground->code = code;
	}
	if (end == VIEWER_RESTARTING || foreground->is_aborted || !aborts(foreground, code))
		return;
	foreground->is_aborted = true;
	if (!from)
		foreground->code = code;
}

/* All of a service, also those that came later. */
static size_t add_members(struct session *session, const char *service, struct member **members)
{
	size_t count = 0;

	for (size_t i = 0; i < session->fleet.count; i++) {
		struct member *member = &session->fleet.members[i];

		if (fleet_is_of(member, service))
			members[count++] = member;
	}
	return count;
}

static bool is_first_of_service(const struct upplan *plan, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (plan->instances[i].service == plan->instances[index].service)
			return false;
	}
	return true;
}

/* Of those that were named, or all that the plan is about, whatever they do now. */
static struct member **members_of(struct foreground *foreground, struct error *err)
{
	struct session *session = foreground->session;
	struct member **members;
	size_t count = 0;

	if (!session_look_again(session, err))
		return NULL;
	members = arena_array(&session->fleet.arena, session->fleet.count + 1,
			      sizeof(struct member *));
	for (size_t i = 0; i < foreground->plan.count; i++) {
		const struct instance *instance = &foreground->plan.instances[i];
		const char *name = instance->service->name;

		/* What was only needed stays, for it may have been there before. */
		if (foreground->services->count && !texts_has(foreground->services, name))
			continue;
		if (is_first_of_service(&foreground->plan, i))
			count += add_members(session, name, members + count);
	}
	return members;
}

/* At the second signal. Those that run are waited for by whoever is stopping them. */
static void kill_all(void *context)
{
	struct foreground *foreground = context;
	struct session *session = foreground->session;
	autotexts struct texts arguments = { 0 };
	struct error ignored; /* ended by itself meanwhile */

	texts_add(&arguments, "kill");
	for (struct member **next = foreground->members; *next; next++) {
		fleet_refresh(&session->fleet, *next);
		if (!fleet_is_up(*next))
			continue;
		telling_begin(&session->telling, "Killing", (*next)->container.name);
		telling_state(&session->telling, "Container", (*next)->container.name, "Killing",
			      TELLING_WORKING);
		texts_add(&arguments, (*next)->container.id);
	}
	if (arguments.count > 1)
		(void)!session_docker(session, &arguments, NULL, &ignored);
}

/* Returns false at the second signal: then all were killed. */
static bool stop_all(struct foreground *foreground, int signals)
{
	struct session *session = foreground->session;
	const struct opt_number *seconds = &foreground->values->seconds;
	const char *words[] = { "stop", NULL, NULL, NULL };
	const struct session_deed deed = { .classic = "Stopping",
					   .words = &telling_stopping,
					   .arguments = words,
					   .is_for_running = true };
	struct error err;

	telling_pause(&session->telling); /* below them the containers have written */
	foreground->members = members_of(foreground, &err);
	if (!foreground->members) {
		(void)composer_failed(session->composer, &err);
		return true;
	}
	if (seconds->is_set) {
		words[1] = "--time";
		words[2] = arena_printf(&session->project.arena, "%lld", (long long)seconds->value);
	}
	session->runner.signals = signals;
	session->runner.is_interrupted = false;
	session->runner.on_interrupt = kill_all;
	session->runner.context = foreground;
	(void)!session_do(session, foreground->members, &deed, NULL);
	session->runner.signals = -1;
	return !session->runner.is_interrupted;
}

/* What was written while they were stopped. 1 shows nothing of it. */
static void show_rest(struct foreground *foreground)
{
	struct error ignored; /* it was as good as over */

	if (foreground->session->composer->is_classic)
		return;
	while (foreground->viewer.live && viewer_wait(&foreground->viewer, -1, &ignored) &&
	       !ferror(stdout))
		continue;
}

static int interrupted(struct foreground *foreground, int signals)
{
	bool is_classic = foreground->session->composer->is_classic;

	puts("Gracefully stopping... (press Ctrl+C again to force)");
	fflush(stdout);

	bool is_graceful = stop_all(foreground, signals);

	show_rest(foreground);
	return !is_classic ? EXIT_INTERRUPTED : is_graceful ? 0 : EXIT_FORCED;
}

/* It may have ended only now, when it was told to. */
static int code_of_named(const struct foreground *foreground)
{
	for (struct member **next = foreground->members; next && *next; next++) {
		if (strcmp((*next)->service, foreground->values->exit_code_from) == 0)
			return (*next)->status.exit_code;
	}
	return foreground->code;
}

static int aborted(struct foreground *foreground, int signals)
{
	bool is_classic = foreground->session->composer->is_classic;

	puts("Aborting on container exit...");
	fflush(stdout);
	if (!stop_all(foreground, signals))
		return is_classic ? EXIT_FORCED : EXIT_INTERRUPTED;
	show_rest(foreground);
	if (foreground->values->exit_code_from && !foreground->has_code)
		return code_of_named(foreground);
	return foreground->code;
}

/* -- the foreground -----------------------------------------------------------------------------
 */

static int follow(struct foreground *foreground, int signals)
{
	struct session *session = foreground->session;
	struct viewer *viewer = &foreground->viewer;
	struct error err;

	if (session->runner.is_interrupted) {
		(void)loop_next_signal(signals);
		return interrupted(foreground, signals);
	}
	add_running(foreground);
	if (foreground->is_broken)
		return composer_failed(session->composer, &foreground->err);
	viewer_settle(viewer, true);

	bool is_good = viewer_look(viewer, &err);

	while (is_good && viewer->live && !foreground->is_aborted && !ferror(stdout)) {
		is_good = viewer_wait(viewer, signals, &err);
		if (loop_next_signal(signals))
			return interrupted(foreground, signals);
	}
	if (!is_good)
		return composer_failed(session->composer, &err);
	return foreground->is_aborted ? aborted(foreground, signals) : foreground->code;
}

static bool open_viewer(struct foreground *foreground, struct error *err)
{
	const struct values *values = foreground->values;
	const struct composer *composer = foreground->session->composer;
	struct viewer *viewer = &foreground->viewer;

	viewer->console = (struct console){
		.is_classic = composer->is_classic,
		.has_colour = console_has_colour(composer->is_classic, values->is_colourless,
						 composer->ansi),
		.has_prefix = !values->is_without_prefix,
		.has_times = values->has_times,
	};
	viewer->on_end = on_end;
	viewer->wants = wants;
	viewer->context = foreground;
	return viewer_open(viewer, foreground->session, err);
}

static int run_attached(struct session *session, const struct uprun_wishes *given,
			const struct values *values)
{
	static const int ending[] = { SIGINT, SIGTERM, 0 };
	struct foreground foreground = { .session = session,
					 .values = values,
					 .services = given->plan.services,
					 .viewer = VIEWER_EMPTY };
	struct uprun_wishes wishes = *given;
	autoclose int signals = -1;
	struct error err;
	int code;

	if (!loop_open_signals(ending, &signals, &err) || !open_viewer(&foreground, &err))
		return composer_failed(session->composer, &err);
	session->runner.signals = signals;
	wishes.on_start = on_start;
	wishes.context = &foreground;
	if (uprun(session, &wishes, &foreground.plan, &code) || session->runner.is_interrupted)
		code = follow(&foreground, signals);
	viewer_close(&foreground.viewer);
	return code;
}

static int run_detached(struct session *session, const struct uprun_wishes *wishes,
			const struct values *values)
{
	struct upplan plan;
	int code;

	if (!uprun(session, wishes, &plan, &code))
		return code;
	if (values->waits && !uprun_wait(session, &plan, values->wait_seconds.value, &code))
		return code;
	return 0;
}

/* What would run cannot be followed. */
static int run_dry(struct session *session, const struct uprun_wishes *wishes,
		   const struct values *values)
{
	int code = run_detached(session, wishes, values);

	if (code == 0 && !values->is_detached && !values->waits && !values->is_unstarted)
		puts("end of 'compose up' output, interactive run is not supported in dry-run "
		     "mode");
	return code;
}

/* -- the verb -----------------------------------------------------------------------------------
 */

static bool check(const struct values *values, struct error *err)
{
	bool is_detached = values->is_detached || values->waits;

	if (is_detached &&
	    (values->aborts || values->attaches_dependencies || values->aborts_on_failure))
		return error_set(err, ERROR_INPUT,
				 "-d cannot be combined with --abort-on-container-exit or "
				 "--attach-dependencies.");
	if (values->is_forced && values->is_unforced)
		return error_set(err, ERROR_INPUT,
				 "--force-recreate and --no-recreate cannot be combined.");
	if (is_detached && values->exit_code_from)
		return error_set(err, ERROR_INPUT, "--exit-code-from and -d cannot be combined.");
	return true;
}

/* To 1, anonymous volumes that are to be new are a reason for new containers. */
static bool renew_of_classic(const struct values *values, bool is_classic,
			     struct uprun_wishes *wishes, struct error *err)
{
	if (!is_classic || !values->renews_volumes)
		return true;
	wishes->plan.is_forced = true;
	return !values->is_unforced ||
	       error_set(err, ERROR_INPUT,
			 "--no-recreate and --renew-anon-volumes cannot be combined.");
}

static bool check_exit_code_from(struct session *session, const struct values *values,
				 struct error *err)
{
	const char *from = values->exit_code_from;
	const struct service *service = from ? project_find(&session->project, from) : NULL;
	bool is_classic = session->composer->is_classic;

	if (from && !values->aborts)
		telling_classic(&session->telling,
				"using --exit-code-from implies --abort-on-container-exit");
	return !from || (service && service->is_enabled) ||
	       error_set(err, ERROR_NOT_FOUND,
			 is_classic ? "No service named \"%s\" was found in your compose file."
				    : "no such service: %s",
			 from);
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	struct uprun_wishes wishes = {
		.plan = { .services = arguments,
			  .scales = &values->scales,
			  .is_without_dependencies = values->is_without_dependencies,
			  .is_forced = values->is_forced,
			  .is_unforced = values->is_unforced,
			  .forces_others = values->forces_others },
		.stop_seconds = values->seconds.is_set ? values->seconds.value : -1,
		.is_quiet = values->is_quiet,
		.is_unbuilt = values->is_unbuilt,
		.is_unstarted = values->is_unstarted,
		.renews_volumes = values->renews_volumes,
	};
	struct error err;
	int code;

	if (!check(values, &err) ||
	    !renew_of_classic(values, composer_of(cli)->is_classic, &wishes, &err) ||
	    !provision_read_pull(values->pull, &wishes.pull, &err) ||
	    !session_open(&session, cli, COMPOSER_ACTIVE, arguments, &err))
		return composer_failed(composer_of(cli), &err);
	if (!check_exit_code_from(&session, values, &err)) {
		(void)composer_failed(composer_of(cli), &err);
		return composer_of(cli)->is_classic ? 2 : 1;
	}
	wishes.removes_orphans =
		values->removes_orphans ||
		variables_is_true(&session.project.environment, "COMPOSE_REMOVE_ORPHANS");
	wishes.ignores_orphans =
		variables_is_true(&session.project.environment, "COMPOSE_IGNORE_ORPHANS");
	if (values->removes_orphans && wishes.ignores_orphans) {
		error_set(
			&err, ERROR_INPUT, "%s",
			session.composer->is_classic
				? "COMPOSE_IGNORE_ORPHANS and --remove-orphans cannot be combined."
				: "cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans");
		return composer_failed(composer_of(cli), &err);
	}
	if (values->is_without_dependencies && !lender_create(&session, arguments, &code))
		return code;
	if (session.composer->is_dry)
		return run_dry(&session, &wishes, values);
	if (values->is_detached || values->waits || values->is_unstarted)
		return run_detached(&session, &wishes, values);
	return run_attached(&session, &wishes, values);
}

const struct command verb_up = {
	.name = "docker compose up",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Create and start containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run,
};
