/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compose/creation.h"
#include "compose/docker.h"
#include "compose/grid.h"
#include "compose/session.h"

/* exec, attach, port, top: what docker has for one container, here named by its service. */

struct values {
	struct texts env;
	const char *user, *workdir, *protocol, *detach_keys;
	struct opt_number index;
	bool is_detached, is_without_terminal, is_privileged, is_without_stdin, is_without_proxy;
};

#define AT(member) offsetof(struct values, member)

static const struct opt exec_opts[] = {
	{ "detach", 'd', OPT_BOOL, AT(is_detached), NULL, "Run command in the background", NULL },
	{ "env", 'e', OPT_LIST, AT(env), "stringArray", "Set environment variables", NULL },
	{ "index", 0, OPT_NUMBER, AT(index), "int",
	  "Index of the container if service has multiple replicas", NULL },
	{ "interactive", 'i', OPT_UNLESS, AT(is_without_stdin), NULL,
	  "Keep STDIN open even if not attached (default true)", NULL },
	{ "no-TTY", 'T', OPT_BOOL, AT(is_without_terminal), NULL,
	  "Disable pseudo-TTY allocation (default: auto-detected)", NULL },
	{ "privileged", 0, OPT_BOOL, AT(is_privileged), NULL,
	  "Give extended privileges to the process", NULL },
	{ "tty", 't', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "user", 'u', OPT_TEXT, AT(user), "string", "Run the command as this user", NULL },
	{ "workdir", 'w', OPT_TEXT, AT(workdir), "string",
	  "Path to workdir directory for this command", NULL },
	{ .name = NULL },
};

static const struct opt attach_opts[] = {
	{ "detach-keys", 0, OPT_TEXT, AT(detach_keys), "string",
	  "Override the key sequence for detaching from a container", NULL },
	{ "index", 0, OPT_NUMBER, AT(index), "int",
	  "index of the container if service has multiple replicas", NULL },
	{ "no-stdin", 0, OPT_BOOL, AT(is_without_stdin), NULL, "Do not attach STDIN", NULL },
	{ "sig-proxy", 0, OPT_UNLESS, AT(is_without_proxy), NULL,
	  "Proxy all received signals to the process (default true)", NULL },
	{ .name = NULL },
};

static const struct opt port_opts[] = {
	{ "index", 0, OPT_NUMBER, AT(index), "int",
	  "Index of the container if service has multiple replicas", NULL },
	{ "protocol", 0, OPT_TEXT, AT(protocol), "string", "tcp or udp", NULL },
	{ .name = NULL },
};

/* The running container of the service; NULL, and err says so. */
static const struct member *find_running(struct session *session, const char *service,
					 const struct values *values, struct error *err)
{
	autotexts struct texts services = { 0 };
	const struct fleet_choice choice = { .services = &services,
					     .index = (int)values->index.value };

	texts_add(&services, service);
	for (struct member **next = fleet_choose(&session->fleet, &session->project, &choice);
	     *next; next++) {
		if (fleet_is_up(*next))
			return *next;
	}
	if (session->composer->is_classic)
		error_set(err, ERROR_NOT_FOUND, "No container found for %s_%d", service,
			  values->index.is_set ? choice.index : 1);
	else if (values->index.is_set)
		error_set(err, ERROR_NOT_FOUND, "service \"%s\" is not running container #%d",
			  service, choice.index);
	else
		error_set(err, ERROR_NOT_FOUND, "service \"%s\" is not running", service);
	return NULL;
}

static bool open_for(struct session *session, const struct cli *cli, const char *service,
		     struct error *err)
{
	autotexts struct texts services = { 0 };

	texts_add(&services, service);
	return session_open(session, cli, COMPOSER_LOOSE, &services, err);
}

/* -- exec ---------------------------------------------------------------------------------------
 */

/* 1 wants a terminal unless it is told not to, and docker complains; 2 looks whether there is one.
 */
static bool wants_terminal(const struct session *session, const struct values *values)
{
	if (values->is_without_terminal || values->is_detached)
		return false;
	return session->composer->is_classic || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
}

static void add_exec(const struct session *session, const struct values *values,
		     struct texts *words)
{
	texts_add(words, "exec");
	if (values->is_detached)
		texts_add(words, "--detach");
	else if (!values->is_without_stdin)
		texts_add(words, "--interactive");
	if (wants_terminal(session, values))
		texts_add(words, "--tty");
	if (values->is_privileged)
		texts_add(words, "--privileged");
	for (size_t i = 0; i < values->env.count; i++)
		creation_add(words, "--env", values->env.items[i]);
	if (values->user)
		creation_add(words, "--user", values->user);
	if (values->workdir)
		creation_add(words, "--workdir", values->workdir);
}

static int run_exec(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts words = { 0 };
	const struct member *member;
	struct error err;

	if (!open_for(&session, cli, arguments->items[0], &err) ||
	    !(member = find_running(&session, arguments->items[0], values, &err)))
		return composer_failed(composer_of(cli), &err);
	add_exec(&session, values, &words);
	texts_add(&words, member->container.id);
	texts_add_all(&words, arguments->items + 1, arguments->count - 1);
	docker_become(session.docker, &words, &err);
	return composer_failed(composer_of(cli), &err);
}

/* -- attach -------------------------------------------------------------------------------------
 */

static int run_attach(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts words = { 0 };
	const struct member *member;
	struct error err;

	if (!open_for(&session, cli, arguments->items[0], &err) ||
	    !(member = find_running(&session, arguments->items[0], values, &err)))
		return composer_failed(composer_of(cli), &err);
	texts_add(&words, "attach");
	if (values->detach_keys)
		creation_add(&words, "--detach-keys", values->detach_keys);
	if (values->is_without_stdin)
		texts_add(&words, "--no-stdin");
	if (values->is_without_proxy)
		texts_add(&words, "--sig-proxy=false");
	texts_add(&words, member->container.id);
	docker_become(session.docker, &words, &err);
	return composer_failed(composer_of(cli), &err);
}

/* -- port ---------------------------------------------------------------------------------------
 */

static int run_port(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts words = { 0 };
	const struct member *member;
	const char *output;
	struct error err;

	if (!open_for(&session, cli, arguments->items[0], &err) ||
	    !(member = find_running(&session, arguments->items[0], values, &err)))
		return composer_failed(composer_of(cli), &err);
	texts_add(&words, "port");
	texts_add(&words, member->container.id);
	texts_add(&words, arena_printf(&session.project.arena, "%s/%s", arguments->items[1],
				       values->protocol ? values->protocol : "tcp"));
	if (session_docker(&session, &words, &output, &err)) {
		printf("%.*s\n", (int)strcspn(output, "\n"), output);
		return 0;
	}
	if (composer_of(cli)->is_classic) { /* "" is its answer */
		putchar('\n');
		return 0;
	}
	error_set(&err, ERROR_NOT_FOUND, "no port %s for container %s", words.items[2],
		  member->container.name);
	return composer_failed(composer_of(cli), &err);
}

/* -- top ----------------------------------------------------------------------------------------
 */

/* As many columns as the headers are; the last one holds what remains of a line. */
static void print_processes(const char *before, const char *name, const char *table)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts cells = { 0 };
	size_t columns = 0;

	for (const char *line = table; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n"), *at = line;

		for (size_t i = 0; at < end && (!columns || i < columns); i++) {
			size_t length = strcspn(at, " \n");

			if (columns && i + 1 == columns)
				length = (size_t)(end - at);
			texts_add(&cells, arena_strndup(&arena, at, length));
			at += length;
			at += strspn(at, " ");
		}
		if (!columns)
			columns = cells.count;
		while (columns && cells.count % columns)
			texts_add(&cells, "");
	}
	printf("%s%s\n", before, name);
	if (columns && columns <= GRID_COLUMNS_MAX)
		grid_print(&cells, columns, stdout);
}

static int run_top(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosession struct session session = SESSION_EMPTY;
	const struct fleet_choice choice = { .services = arguments };
	bool is_classic = composer_of(cli)->is_classic, is_first = true;
	struct error err;

	(void)values;
	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err))
		return composer_failed(composer_of(cli), &err);
	for (struct member **next = fleet_choose(&session.fleet, &session.project, &choice); *next;
	     next++) {
		autotexts struct texts words = { 0 };
		const char *output;

		if (!fleet_is_up(*next))
			continue;
		texts_add(&words, "top");
		texts_add(&words, (*next)->container.id);
		if (!session_docker(&session, &words, &output, &err))
			return composer_failed(composer_of(cli), &err);
		if (is_classic)
			print_processes(is_first ? "" : "\n", (*next)->container.name, output);
		else
			printf("%s\n%s\n\n", (*next)->container.name, output);
		is_first = false;
	}
	return 0;
}

const struct command verb_exec = {
	.name = "docker compose exec",
	.usage = "[OPTIONS] SERVICE COMMAND [ARGS...]",
	.summary = "Execute a command in a running container",
	.opts = exec_opts,
	.values_size = sizeof(struct values),
	.least = 2,
	.most = ARGUMENTS_ANY,
	.stops_at_argument = true,
	.run = run_exec,
};

const struct command verb_attach = {
	.name = "docker compose attach",
	.usage = "[OPTIONS] SERVICE",
	.summary = "Attach local standard input, output, and error streams to a service's running "
		   "container",
	.opts = attach_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run_attach,
};

const struct command verb_port = {
	.name = "docker compose port",
	.usage = "[OPTIONS] SERVICE PRIVATE_PORT",
	.summary = "Print the public port for a port binding",
	.opts = port_opts,
	.values_size = sizeof(struct values),
	.least = 2,
	.most = 2,
	.run = run_port,
};

const struct command verb_top = {
	.name = "docker compose top",
	.usage = "[SERVICES...]",
	.summary = "Display the running processes",
	.most = ARGUMENTS_ANY,
	.run = run_top,
};
