/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "compose/creation.h"
#include "compose/docker.h"
#include "compose/dotenv.h"
#include "compose/lender.h"
#include "compose/uprun.h"
#include "engine/port.h"

/* `run`: one more container of a service for one command, in the foreground. We become docker. */

#define SLUG_BYTES 32
#define SLUG_SHOWN 12

struct values {
	struct texts env, env_files, labels, publish, volumes, cap_add, cap_drop;
	const char *name, *entrypoint, *user, *workdir, *pull;
	bool is_detached, is_removed, is_without_terminal, is_without_dependencies, has_ports;
	bool has_aliases, is_quiet, is_silent, removes_orphans, is_without_stdin;
};

#define AT(member) offsetof(struct values, member)

static const struct opt opts[] = {
	{ "build", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "cap-add", 0, OPT_LIST, AT(cap_add), "list", "Add Linux capabilities", NULL },
	{ "cap-drop", 0, OPT_LIST, AT(cap_drop), "list", "Drop Linux capabilities", NULL },
	{ "detach", 'd', OPT_BOOL, AT(is_detached), NULL,
	  "Run container in background and print container ID", NULL },
	{ "entrypoint", 0, OPT_TEXT, AT(entrypoint), "string",
	  "Override the entrypoint of the image", NULL },
	{ "env", 'e', OPT_LIST, AT(env), "stringArray", "Set environment variables", NULL },
	{ "env-from-file", 0, OPT_LIST, AT(env_files), "stringArray",
	  "Set environment variables from file", NULL },
	{ "interactive", 'i', OPT_UNLESS, AT(is_without_stdin), NULL,
	  "Keep STDIN open even if not attached (default true)", NULL },
	{ "label", 'l', OPT_LIST, AT(labels), "stringArray", "Add or override a label", NULL },
	{ "labels", 0, OPT_LIST, AT(labels), NULL, NULL, NULL },
	{ "name", 0, OPT_TEXT, AT(name), "string", "Assign a name to the container", NULL },
	{ "no-deps", 0, OPT_BOOL, AT(is_without_dependencies), NULL, "Don't start linked services",
	  NULL },
	{ "no-TTY", 'T', OPT_BOOL, AT(is_without_terminal), NULL,
	  "Disable pseudo-TTY allocation (default: auto-detected)", NULL },
	{ "publish", 'p', OPT_LIST, AT(publish), "stringArray",
	  "Publish a container's port(s) to the host", port_check },
	{ "pull", 0, OPT_TEXT, AT(pull), "string",
	  "Pull image before running (\"always\"|\"missing\"|\"never\")", NULL },
	{ "quiet", 'q', OPT_BOOL, AT(is_silent), NULL, "Don't tell of what is started and created",
	  NULL },
	{ "quiet-build", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "quiet-pull", 0, OPT_BOOL, AT(is_quiet), NULL,
	  "Pull without printing progress information", NULL },
	{ "remove-orphans", 0, OPT_BOOL, AT(removes_orphans), NULL,
	  "Remove containers for services not defined in the Compose file", NULL },
	{ "rm", 0, OPT_BOOL, AT(is_removed), NULL,
	  "Automatically remove the container when it exits", NULL },
	{ "service-ports", 0, OPT_BOOL, AT(has_ports), NULL,
	  "Run command with all service's ports enabled and mapped to the host", NULL },
	{ "service-ports", 'P', OPT_BOOL, AT(has_ports), NULL, NULL, NULL },
	{ "use-aliases", 0, OPT_BOOL, AT(has_aliases), NULL,
	  "Use the service's network aliases in the network(s) the container connects to", NULL },
	{ "user", 'u', OPT_TEXT, AT(user), "string", "Run as specified username or uid", NULL },
	{ "volume", 'v', OPT_LIST, AT(volumes), "stringArray", "Bind mount a volume", NULL },
	{ "volumes", 0, OPT_LIST, AT(volumes), NULL, NULL, NULL },
	{ "workdir", 'w', OPT_TEXT, AT(workdir), "string", "Working directory inside the container",
	  NULL },
	{ .name = NULL },
};

/* -- what it needs ------------------------------------------------------------------------------
 */

static bool start_dependencies(struct session *session, const struct values *values,
			       const struct texts *named, const struct service *service, int *code)
{
	autotexts struct texts names = { 0 };
	struct uprun_wishes wishes = {
		.plan = { .services = &names, .is_unforced = true, .keeps_surplus = true },
		.stop_seconds = -1,
		.is_quiet = values->is_quiet,
		.removes_orphans = values->removes_orphans,
		.ignores_orphans = variables_is_true(&session->project.environment,
						     "COMPOSE_IGNORE_ORPHANS")
	};
	struct upplan plan;

	for (size_t i = 0; i < service->dependency_count; i++)
		texts_add(&names, session->project.services[service->dependencies[i].service].name);
	if (!names.count || values->is_without_dependencies) {
		if (session->composer->is_classic && !wishes.ignores_orphans)
			session_tell_orphans(
				session, fleet_orphans(&session->fleet, &session->project, false));
		return lender_create(session, named, code);
	}
	return uprun(session, &wishes, &plan, code) && uprun_await(session, service, &plan, code);
}

static bool provide(struct session *session, const struct values *values,
		    const struct service *service, struct error *err)
{
	bool *is_wanted = arena_array(&session->project.arena, session->project.service_count, 1);
	struct provision_images images = { .is_wanted = is_wanted, .is_quiet = values->is_quiet };

	is_wanted[service - session->project.services] = true;
	return provision_read_pull(values->pull, &images.pull, err) &&
	       provision_networks(session, is_wanted, err) &&
	       provision_volumes(session, is_wanted, err) &&
	       provision_images(session, &images, err);
}

/* -- the command line of docker run -------------------------------------------------------------
 */

/* What tells the one-off containers of a service from each other. */
static const char *new_slug(struct arena *arena)
{
	unsigned char bytes[SLUG_BYTES];
	const char *slug = "";

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort(); /* a kernel that has no random numbers by now never will */
	for (size_t i = 0; i < sizeof(bytes); i++)
		slug = arena_printf(arena, "%s%02x", slug, bytes[i]);
	return slug;
}

/* "proj_web_run_0123456789ab" */
static const char *one_off_name(const struct session *session, const struct service *service,
				const char *slug, struct arena *arena)
{
	const char *separator = session->project.separator;

	return arena_printf(arena, "%s%s%s%srun%s%.*s", session->project.name, separator,
			    service->name, separator, separator, SLUG_SHOWN, slug);
}

static void add_list(struct texts *extra, const char *option, const struct texts *values)
{
	for (size_t i = 0; i < values->count; i++)
		creation_add(extra, option, values->items[i]);
}

/* 1 asks for a terminal where one types, 2 where one reads. */
static bool wants_terminal(const struct session *session, const struct values *values)
{
	return !values->is_detached && !values->is_without_terminal &&
	       isatty(session->composer->is_classic ? STDIN_FILENO : STDOUT_FILENO) &&
	       isatty(STDIN_FILENO);
}

/* "KEY" alone has the value that the project knows, from .env too. Where that knows none, 2 leaves
 * the image's, and 1 says that there is to be none. */
static void add_environment(const struct session *session, const struct texts *values,
			    struct texts *extra)
{
	struct arena *arena = (struct arena *)(uintptr_t)&session->project.arena;

	for (size_t i = 0; i < values->count; i++) {
		const char *text = values->items[i];
		const char *value = strchr(text, '=')
					    ? NULL
					    : variables_get(&session->project.environment, text);

		if (value)
			text = arena_printf(arena, "%s=%s", text, value);
		if (strchr(text, '=') || session->composer->is_classic)
			creation_add(extra, "--env", text);
	}
}

/* They count more than what the service says, and less than --env. */
static bool add_files(struct session *session, const struct texts *paths, struct texts *extra,
		      struct error *err)
{
	struct project *project = &session->project;
	autovariables struct variables variables = { 0 };

	for (size_t i = 0; i < paths->count; i++) {
		if (dotenv_read(&variables, &project->environment, &project->arena, paths->items[i],
				err))
			continue;
		return err->kind != ERROR_NOT_FOUND
			       ? false
			       : error_set(err, ERROR_NOT_FOUND, "couldn't find env file: %s",
					   paths->items[i]);
	}
	for (size_t i = 0; i < variables.count; i++)
		creation_add(extra, "--env",
			     arena_printf(&project->arena, "%s=%s", variables.items[i].name,
					  variables.items[i].value));
	return true;
}

static void add_extra(const struct session *session, const struct values *values,
		      struct texts *extra)
{
	if (values->is_removed)
		texts_add(extra, "--rm");
	if (values->is_detached)
		texts_add(extra, "--detach");
	else if (!values->is_without_stdin)
		texts_add(extra, "--interactive");
	texts_add(extra, "--one-off");
	texts_add(extra, wants_terminal(session, values) ? "--tty" : "--tty=false");
	add_environment(session, &values->env, extra);
	add_list(extra, "--label", &values->labels);
	add_list(extra, "--publish", &values->publish);
	add_list(extra, "--volume", &values->volumes);
	add_list(extra, "--cap-add", &values->cap_add);
	add_list(extra, "--cap-drop", &values->cap_drop);
	if (values->user)
		creation_add(extra, "--user", values->user);
	if (values->workdir)
		creation_add(extra, "--workdir", values->workdir);
}

static bool make_arguments(struct session *session, const struct values *values,
			   const struct service *service, const struct texts *command,
			   struct texts *arguments, struct error *err)
{
	autotexts struct texts extra = { 0 };
	const char *slug = new_slug(&session->project.arena);
	struct creation creation = {
		.project = &session->project,
		.service = service,
		.name = values->name
				? values->name
				: one_off_name(session, service, slug, &session->project.arena),
		.number = 1,
		.fleet = &session->fleet,
		.version = composer_version(session->composer),
		.is_oneoff = true,
		.has_ports = values->has_ports,
		.has_aliases = values->has_aliases,
		.extra = &extra,
		.command = command->count ? command : NULL,
		.entrypoint = values->entrypoint,
	};

	if (!add_files(session, &values->env_files, &extra, err))
		return false;
	add_extra(session, values, &extra);
	creation_add(&extra, "--label",
		     arena_printf(&session->project.arena, LABEL_SLUG "=%s", slug));
	creation_add(arguments, "run", "--pull=never");
	telling_classic(&session->telling, "Creating %s_%s_run ... \nCreating %s_%s_run ... done",
			session->project.name, service->name, session->project.name, service->name);
	return creation_arguments(&creation, arguments, err);
}

static int run_detached(struct session *session, const struct texts *arguments, struct error *err)
{
	const char *output;

	if (!session_docker(session, arguments, &output, err))
		return composer_failed(session->composer, err);
	/* 1 tells the name: it follows --name. */
	puts(session->composer->is_classic ? arguments->items[3] : output);
	return 0;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts services = { 0 }, command = { 0 }, words = { 0 };
	struct error err;
	int code = 1;

	texts_add(&services, arguments->items[0]);
	texts_add_all(&command, arguments->items + 1, arguments->count - 1);
	if (!session_open(&session, cli, COMPOSER_ACTIVE, &services, &err))
		return composer_failed(composer_of(cli), &err);

	const struct service *service = project_find(&session.project, services.items[0]);

	session.telling.is_quiet |= values->is_silent;
	if (!start_dependencies(&session, values, &services, service, &code))
		return code;
	if (!session_look_again(&session, &err) || !provide(&session, values, service, &err) ||
	    !make_arguments(&session, values, service, &command, &words, &err))
		return composer_failed(composer_of(cli), &err);
	if (values->is_detached)
		return run_detached(&session, &words, &err);
	fflush(stdout);
	docker_become(session.docker, &words, &err);
	return composer_failed(composer_of(cli), &err);
}

const struct command verb_run = {
	.name = "docker compose run",
	.usage = "[OPTIONS] SERVICE [COMMAND] [ARGS...]",
	.summary = "Run a one-off command on a service",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.stops_at_argument = true,
	.run = run,
};
