/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/containerrows.h"
#include "cli/dockerconfig.h"
#include "cli/jsonmaker.h"
#include "cli/listing.h"
#include "cli/shown.h"
#include "compose/grid.h"
#include "compose/session.h"
#include "compose/tree.h"

/* `ps`: the rows of `docker ps`, of one project. */

#define COMMAND_WIDTH 30 /* of 1 */
#define COMMAND_SHOWN 26

struct values {
	bool is_all, is_quiet, wants_services, is_whole, has_orphans;
	struct texts statuses, filters;
	const char *format;
};

static const struct opt opts[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct values, is_all), NULL,
	  "Show all stopped containers (including those created by the run command)", NULL },
	{ "filter", 0, OPT_LIST, offsetof(struct values, filters), "string",
	  "Filter services by a property (supported filters: status, with docker-compose source)",
	  NULL },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "no-trunc", 0, OPT_BOOL, offsetof(struct values, is_whole), NULL, "Don't truncate output",
	  NULL },
	{ "orphans", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL, "Only display IDs",
	  NULL },
	{ "services", 0, OPT_BOOL, offsetof(struct values, wants_services), NULL,
	  "Display services", NULL },
	{ "status", 0, OPT_LIST, offsetof(struct values, statuses), "stringArray",
	  "Filter services by status. Values: [paused | restarting | removing | running | dead | "
	  "created | exited]",
	  NULL },
	{ .name = NULL },
};

static const struct listing_field fields[] = {
	{ "ID", "CONTAINER ID" },
	{ "Name", "NAME" },
	{ "Image", "IMAGE" },
	{ "Command", "COMMAND" },
	{ "Service", "SERVICE" },
	{ "RunningFor", "CREATED" },
	{ "Status", "STATUS" },
	{ "State", "STATE" },
	{ "Health", "HEALTH" },
	{ "Ports", "PORTS" },
	{ "Publishers", "PUBLISHERS" },
	{ "ExitCode", "EXIT CODE" },
	{ "Project", "PROJECT" },
	{ "Names", "NAMES" },
	{ "Labels", "LABELS" },
	{ "CreatedAt", "CREATED AT" },
	{ .name = NULL },
};

static const struct listing listing = {
	.fields = fields,
	.table = "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t"
		 "{{.Ports}}",
	.quiet = "{{.ID}}",
};

/* -- rows ---------------------------------------------------------------------------------------
 */

static bool read_rows(struct session *session, const struct json **rows, bool is_whole,
		      struct error *err)
{
	autotexts struct texts filters = { 0 };
	const struct containerrows options = {
		.is_all = true, .is_whole = is_whole, .filters = &filters, .now = time(NULL)
	};

	texts_add(&filters, arena_printf(&session->fleet.arena, "label=" LABEL_PROJECT "=%s",
					 session->project.name));
	return containerrows_make(&options, &session->fleet.engine, &session->fleet.arena, rows,
				  err);
}

static const struct json *row_of(const struct json *rows, const struct member *member)
{
	for (const struct json *row = rows->child; row; row = row->next) {
		const char *id = tree_text(row, "ID");

		if (strncmp(id, member->container.id, strlen(id)) == 0)
			return row;
	}
	return NULL;
}

/* "KEY=VALUE": the value; NULL: of another key. */
static const char *value_of(const char *filter, const char *key)
{
	size_t length = strlen(key);

	return strncmp(filter, key, length) == 0 && filter[length] == '=' ? filter + length + 1
									  : NULL;
}

/* 1 says "stopped" of all that do not run, and "running" of what is paused, too. */
static bool is_in_state(const struct member *member, const char *state, bool is_classic)
{
	if (is_classic && strcmp(state, "running") == 0)
		return fleet_is_up(member);
	return strcmp(state, status_name(member->status.state)) == 0 ||
	       (strcmp(state, "stopped") == 0 && !fleet_is_up(member));
}

static bool has_status(const struct values *values, const struct member *member)
{
	bool is_filtered = values->statuses.count > 0;

	if (texts_has(&values->statuses, status_name(member->status.state)))
		return true;
	for (size_t i = 0; i < values->filters.count; i++) {
		const char *state = value_of(values->filters.items[i], "status");

		is_filtered |= state != NULL;
		if (state && is_in_state(member, state, false))
			return true;
	}
	return !is_filtered;
}

static bool check_filters(const struct values *values, bool is_classic, struct error *err)
{
	for (size_t i = 0; i < values->filters.count; i++) {
		const char *filter = values->filters.items[i];
		const char *source = is_classic ? value_of(filter, "source") : NULL;

		if (!strchr(filter, '='))
			return error_set(err, ERROR_INPUT,
					 "arguments to --filter should be in form KEY=VAL");
		if (source && strcmp(source, "image") != 0 && strcmp(source, "build") != 0)
			return error_set(err, ERROR_INPUT, "invalid value for source filter: %s",
					 source);
		if (!source && !value_of(filter, "status"))
			return error_set(err, ERROR_INPUT, "unknown filter %.*s",
					 (int)strcspn(filter, "="), filter);
	}
	return true;
}

static bool is_shown(const struct session *session, const struct values *values,
		     const struct member *member)
{
	bool is_filtered = values->statuses.count || values->filters.count;
	/* 1 hides only what `run` left. */
	bool may_hide = member->is_oneoff || !session->composer->is_classic;

	if (may_hide && !values->is_all && !is_filtered && !fleet_is_up(member))
		return false;
	return has_status(values, member);
}

/* -- 1 ------------------------------------------------------------------------------------------
 */

static const char *classic_command(struct arena *arena, const struct container *container)
{
	autotexts struct texts argv = { 0 };

	container_argv(container, &argv);

	const char *line = shown_cell(arena, texts_join(&argv, arena, " "));

	if (strlen(line) > COMMAND_WIDTH)
		return arena_printf(arena, "%.*s ...", COMMAND_SHOWN, line);
	return line;
}

static const char *classic_state(struct arena *arena, const struct session *session,
				 const struct member *member)
{
	static const char *const words[] = { [FLEET_STARTING] = "Up (health: starting)",
					     [FLEET_HEALTHY] = "Up (healthy)",
					     [FLEET_UNHEALTHY] = "Up (unhealthy)",
					     [FLEET_UNCHECKED] = "Up" };
	const char *state = status_name(member->status.state);

	if (member->status.state == STATUS_RESTARTING)
		return "Restarting";
	if (strcmp(state, "paused") == 0)
		return "Paused";
	if (!fleet_is_up(member))
		return arena_printf(arena, "Exit %d", member->status.exit_code);
	return words[fleet_health(&session->fleet, member->container.id)];
}

/* "0.0.0.0:80->80/tcp, [::]:80->80/tcp" is "0.0.0.0:80->80/tcp,:::80->80/tcp" there. */
static const char *classic_ports(struct arena *arena, const char *ports)
{
	char *rest = arena_strdup(arena, ports);
	const char *line = "", *before = "";

	for (char *port; (port = strsep(&rest, ","));) {
		port += strspn(port, " ");

		const char *target = strstr(port, "->");
		bool is_v6 = strncmp(port, "[::]:", 5) == 0;

		line = arena_printf(arena, "%s%s%s%s", line,
				    !*line                                  ? ""
				    : target && strcmp(target, before) == 0 ? ","
									    : ", ",
				    is_v6 ? ":::" : "", is_v6 ? port + 5 : port);
		before = target ? target : "";
	}
	return line;
}

static void print_classic(const struct session *session, struct member **members,
			  const struct values *values, const struct json *rows)
{
	struct arena *arena = (struct arena *)(uintptr_t)&session->fleet.arena;
	autotexts struct texts cells = { 0 };
	static const char *const headers[] = { "Name", "Command", "State", "Ports" };

	texts_add_all(&cells, headers, COUNT_OF(headers));
	for (; *members; members++) {
		const struct json *row = row_of(rows, *members);

		if (!row || !is_shown(session, values, *members))
			continue;
		texts_add(&cells, (*members)->container.name);
		texts_add(&cells, classic_command(arena, &(*members)->container));
		texts_add(&cells, classic_state(arena, session, *members));
		texts_add(&cells, classic_ports(arena, tree_text(row, "Ports")));
	}
	grid_print(&cells, COUNT_OF(headers), stdout);
}

/* -- 2 ------------------------------------------------------------------------------------------
 */

static const char *health_word(const struct session *session, const struct member *member)
{
	static const char *const words[] = { [FLEET_STARTING] = "starting",
					     [FLEET_HEALTHY] = "healthy",
					     [FLEET_UNHEALTHY] = "unhealthy",
					     [FLEET_UNCHECKED] = "" };

	return words[fleet_health(&session->fleet, member->container.id)];
}

/* "127.0.0.1:8080->80/tcp, 90/tcp" */
static void add_publishers(const struct jsonmaker *row, struct arena *arena, const char *ports)
{
	struct jsonmaker list = jsonmaker_nested(row, "Publishers", JSON_ARRAY);
	char *rest = arena_strdup(arena, ports);

	for (char *port; rest && (port = strsep(&rest, ","));) {
		char *target = strstr(port, "->"), *protocol = strrchr(port, '/');
		char *colon;

		port += strspn(port, " ");
		if (!*port || !protocol)
			continue;
		*protocol++ = '\0';

		struct jsonmaker item = jsonmaker_nested(&list, NULL, JSON_OBJECT);

		if (target) {
			*target = '\0';
			target += 2;
		}
		colon = target ? strrchr(port, ':') : NULL;
		if (colon)
			*colon++ = '\0';
		if (colon && *port == '[' && colon[-2] == ']') { /* of an address alone: "::" */
			port++;
			colon[-2] = '\0';
		}
		jsonmaker_text(&item, "URL", colon ? port : "");
		jsonmaker_number(&item, "TargetPort", atoll(target ? target : port));
		jsonmaker_number(&item, "PublishedPort", colon ? atoll(colon) : 0);
		jsonmaker_text(&item, "Protocol", protocol);
	}
}

static void add_row(struct session *session, const struct jsonmaker *rows,
		    const struct member *member, const struct json *from)
{
	struct jsonmaker row = jsonmaker_nested(rows, NULL, JSON_OBJECT);

	for (const struct json *cell = from->child; cell; cell = cell->next)
		(void)tree_copy(&session->fleet.arena, row.parent, cell->key, cell);
	jsonmaker_number(&row, "ExitCode", member->status.exit_code);
	jsonmaker_text(&row, "Health", health_word(session, member));
	jsonmaker_text(&row, "Name", member->container.name);
	jsonmaker_text(&row, "Project", session->project.name);
	add_publishers(&row, &session->fleet.arena, tree_text(from, "Ports"));
	jsonmaker_text(&row, "Service", member->service);
	tree_sort(row.parent);
}

static bool print_modern(struct session *session, struct member **members,
			 const struct values *values, const char *format, const struct json *rows,
			 struct error *err)
{
	struct jsonmaker list = { &session->fleet.arena,
				  json_new(&session->fleet.arena, NULL, NULL, JSON_ARRAY, NULL) };

	for (; *members; members++) {
		const struct json *row = row_of(rows, *members);

		if (row && is_shown(session, values, *members))
			add_row(session, &list, *members, row);
	}
	return listing_print(&listing, format, false, list.parent, err);
}

/* -- the verb -----------------------------------------------------------------------------------
 */

static void print_ids(const struct session *session, struct member **members,
		      const struct values *values)
{
	for (; *members; members++) {
		if (is_shown(session, values, *members))
			puts((*members)->container.id);
	}
}

/* Of 1: what a service is made from, and whether a container of it is in that state. */
static bool is_service_shown(const struct service *service, struct member **members,
			     const struct values *values)
{
	bool is_shown = true;

	for (size_t i = 0; i < values->filters.count && is_shown; i++) {
		const char *source = value_of(values->filters.items[i], "source");
		const char *state = value_of(values->filters.items[i], "status");

		is_shown = source && tree_find(service->tree, source) != NULL;
		for (struct member **member = members; state && *member && !is_shown; member++)
			is_shown = !(*member)->is_oneoff &&
				   strcmp((*member)->service, service->name) == 0 &&
				   is_in_state(*member, state, true);
	}
	return is_shown;
}

/* 1 names those of the files, 2 those that run. */
static void print_services(const struct session *session, struct member **members,
			   const struct values *values)
{
	autotexts struct texts told = { 0 };
	const struct project *project = &session->project;

	for (size_t i = 0; session->composer->is_classic && i < project->service_count; i++) {
		if (!is_service_shown(&project->services[i], members, values))
			continue;
		puts(project->services[i].name);
		texts_add(&told, project->services[i].name);
	}
	if (session->composer->is_classic && values->filters.count)
		return;
	for (; *members; members++) {
		if (!is_shown(session, values, *members) || texts_has(&told, (*members)->service))
			continue;
		puts((*members)->service);
		texts_add(&told, (*members)->service);
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct member *const *one = a, *const *other = b;

	return strcmp((*one)->container.name, (*other)->container.name);
}

static void sort_by_name(struct member **members)
{
	size_t count = 0;

	while (members[count])
		count++;
	qsort(members, count, sizeof(struct member *), compare_names);
}

static bool print(struct session *session, const struct values *values,
		  const struct texts *services, struct error *err)
{
	const struct fleet_choice choice = { .services = services,
					     .has_oneoff = session->composer->is_classic ||
							   values->is_all,
					     .has_orphans = !session->composer->is_classic };
	struct member **members = fleet_choose(&session->fleet, &session->project, &choice);
	const char *format = values->format;
	const struct json *rows;

	sort_by_name(members);
	if (values->is_quiet) {
		print_ids(session, members, values);
		return true;
	}
	if (values->wants_services) {
		print_services(session, members, values);
		return true;
	}
	/* What the user has chosen for `docker ps` holds here, too; 1 does not know it. */
	if (!session->composer->is_classic)
		format = dockerconfig_choice(&session->fleet.arena,
					     session->composer->cli.docker_config, "psFormat",
					     format);
	if (!read_rows(session, &rows, values->is_whole || format, err))
		return false;
	if (session->composer->is_classic && !format) {
		print_classic(session, members, values, rows);
		return true;
	}
	return print_modern(session, members, values, format, rows, err);
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosession struct session session = SESSION_EMPTY;
	struct error err;

	if (!check_filters(values, composer_of(cli)->is_classic, &err) ||
	    !session_open(&session, cli, COMPOSER_LOOSE, arguments, &err) ||
	    !print(&session, values, arguments, &err))
		return composer_failed(composer_of(cli), &err);
	return 0;
}

const struct command verb_ps = {
	.name = "docker compose ps",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "List containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run,
};
