/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "cli/filter.h"
#include "cli/jsonmaker.h"
#include "cli/moment.h"
#include "cli/shown.h"
#include "cli/template.h"
#include "engine/happening.h"

#define NS_PER_S       1000000000LL
#define LINE_MAX_BYTES (1 << 20)

struct values {
	struct texts filters;
	const char *format, *since, *until;
};

static const struct opt opts[] = {
	{ "filter", 'f', OPT_LIST, offsetof(struct values, filters), "filter",
	  "Filter output based on conditions provided", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output: 'json' or a Go template", NULL },
	{ "since", 0, OPT_TEXT, offsetof(struct values, since), "string",
	  "Show all events created since timestamp", NULL },
	{ "until", 0, OPT_TEXT, offsetof(struct values, until), "string",
	  "Stream events until this timestamp", NULL },
	{ .name = NULL },
};

struct printer {
	const struct values *values;
	const struct template *template; /* NULL: docker's own line, or "json" */
	bool is_json;
	struct error err;
	bool has_failed;
};

/* Filters. ------------------------------------------------------------------------------------ */

static bool is_thing(const struct happening *event, const char *type, const char *value)
{
	const struct json *name = json_get(event->attributes, "name");

	return strcmp(event->type, type) == 0 &&
	       (strncmp(event->id, value, strlen(value)) == 0 ||
		(name && strcmp(name->text, value[0] == '/' ? value + 1 : value) == 0));
}

/* "exec_create: ls" is an exec_create. */
static bool is_action(const struct happening *event, const char *value)
{
	size_t length = strlen(value);

	return strncmp(event->action, value, length) == 0 &&
	       (event->action[length] == '\0' || event->action[length] == ':');
}

static bool is_image(const struct happening *event, const char *value)
{
	const struct json *image = json_get(event->attributes, "image");
	size_t length = strlen(value);

	if (is_thing(event, "image", value))
		return true;
	return image && strncmp(image->text, value, length) == 0 &&
	       (image->text[length] == '\0' || image->text[length] == ':');
}

static bool has_label(const struct happening *event, const char *value)
{
	for (const struct json *item = event->attributes->child; item; item = item->next)
		if (filter_is_label(value, item->key, item->text ? item->text : ""))
			return true;
	return false;
}

static bool is_match(const struct happening *event, const char *name, const char *value)
{
	if (strcmp(name, "event") == 0)
		return is_action(event, value);
	if (strcmp(name, "type") == 0)
		return strcmp(event->type, value) == 0;
	if (strcmp(name, "image") == 0)
		return is_image(event, value);
	if (strcmp(name, "label") == 0)
		return has_label(event, value);
	if (strcmp(name, "scope") == 0)
		return strcmp(value, "local") == 0;
	return is_thing(event, name, value);
}

static const char *const names[] = { "container", "daemon", "event", "image",  "label", "network",
				     "plugin",    "scope",  "type",  "volume", NULL };

static bool is_wanted(const struct texts *filters, const struct happening *event)
{
	for (size_t i = 0; names[i]; i++) {
		size_t at = 0;
		const char *value = filter_next(filters, names[i], &at);
		bool is_any = !value;

		for (; value && !is_any; value = filter_next(filters, names[i], &at))
			is_any = is_match(event, names[i], value);
		if (!is_any)
			return false;
	}
	return true;
}

/* Output. ------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct json *const *left = a;
	const struct json *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

static const struct json **sorted(struct arena *arena, const struct json *attributes)
{
	const struct json **items = arena_array(arena, attributes->count + 1, sizeof(*items));
	size_t count = 0;

	for (const struct json *item = attributes->child; item; item = item->next)
		if (item->type == JSON_TEXT)
			items[count++] = item;
	qsort(items, count, sizeof(*items), by_key);
	items[count] = NULL;
	return items;
}

/* 2026-11-23T18:59:17.719027349Z container start ID (image=tiny:2, name=web) */
static void print_line(const struct happening *event)
{
	autoarena struct arena arena = { 0 };
	const struct json **items = sorted(&arena, event->attributes);
	time_t seconds = (time_t)(event->time / NS_PER_S);
	char date[32];
	char zone[8];
	struct tm parts;

	localtime_r(&seconds, &parts);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	strftime(zone, sizeof(zone), "%z", &parts);
	printf("%s.%09lld", date, (long long)(event->time % NS_PER_S));
	if (strcmp(zone, "+0000") == 0)
		printf("Z");
	else
		printf("%.3s:%s", zone, zone + 3);
	printf(" %s ", event->type);
	shown_put(event->action); /* of exec, with the command */
	printf(" %s", event->id);
	for (size_t i = 0; items[i]; i++) {
		printf("%s", i ? ", " : " (");
		shown_put(items[i]->key);
		putchar('=');
		shown_put(items[i]->text);
	}
	printf("%s\n", items[0] ? ")" : "");
}

static void add_actor(const struct jsonmaker *object, const struct happening *event)
{
	struct jsonmaker actor = jsonmaker_nested(object, "Actor", JSON_OBJECT);

	jsonmaker_text(&actor, "ID", event->id);
	struct jsonmaker attributes = jsonmaker_nested(&actor, "Attributes", JSON_OBJECT);
	const struct json **items = sorted(object->arena, event->attributes);
	for (size_t i = 0; items[i]; i++)
		jsonmaker_text(&attributes, items[i]->key, items[i]->text);
}

/* With the names that Go has in the program, or those of its JSON. */
static const struct json *make_message(struct arena *arena, const struct happening *event,
				       bool is_json)
{
	struct jsonmaker object = { arena, json_new(arena, NULL, NULL, JSON_OBJECT, NULL) };
	const struct json *image = json_get(event->attributes, "image");

	jsonmaker_text(&object, is_json ? "status" : "Status", event->action);
	jsonmaker_text(&object, is_json ? "id" : "ID", event->id);
	jsonmaker_text(&object, is_json ? "from" : "From", image ? image->text : "");
	jsonmaker_text(&object, "Type", event->type);
	jsonmaker_text(&object, "Action", event->action);
	add_actor(&object, event);
	jsonmaker_text(&object, is_json ? "scope" : "Scope", "local");
	jsonmaker_number(&object, is_json ? "time" : "Time", event->time / NS_PER_S);
	jsonmaker_number(&object, is_json ? "timeNano" : "TimeNano", event->time);
	return object.parent;
}

static bool print_template(struct printer *printer, const struct happening *event)
{
	autoarena struct arena arena = { 0 };
	struct template template = *printer->template;
	autobuf struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	template.arena = &arena; /* what each run needs is freed after it */
	const struct json *message = make_message(&arena, event, printer->is_json);

	if (!template_run(&template, shown_row(&arena, message), &line, &printer->err)) {
		printer->has_failed = true;
		return false;
	}
	printf("%s\n", line.data ? line.data : "");
	return true;
}

static bool print_event(void *context, const struct happening *event)
{
	struct printer *printer = context;

	if (!is_wanted(&printer->values->filters, event))
		return true;
	if (printer->template) {
		if (!print_template(printer, event))
			return false;
	} else {
		print_line(event);
	}
	return fflush(stdout) == 0;
}

/* -------------------------------------------------------------------------------------------- */

static bool check_span(const struct values *values, const struct happening_query *query,
		       struct error *err)
{
	return !values->since || !*values->since || !values->until || !*values->until ||
	       query->since <= query->until ||
	       error_set(err, ERROR_INPUT,
			 "`since` time (%lld.%09lld) cannot be after `until` time (%lld.%09lld)",
			 (long long)(query->since / NS_PER_S), (long long)(query->since % NS_PER_S),
			 (long long)(query->until / NS_PER_S),
			 (long long)(query->until % NS_PER_S));
}

/* A format that makes no sense is told before any event is waited for. */
static bool read_format(struct arena *arena, const char *format, struct template *template,
			struct error *err)
{
	const struct happening nothing = { .type = "",
					   .action = "",
					   .id = "",
					   .attributes =
						   json_new(arena, NULL, NULL, JSON_OBJECT, NULL) };
	autobuf struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	if (!template_parse(arena, template_unescape(arena, format), template, err))
		return false;
	template->type = "*events.Message";
	return template_run(template, make_message(arena, &nothing, false), &line, err);
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	const char *format = values->format ? values->format : "";
	bool is_json = strcmp(format, "json") == 0 || strcmp(format, "{{json .}}") == 0;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct printer printer = { .values = values, .is_json = is_json };
	struct happening_query query = { .on_event = print_event, .context = &printer };
	struct template template;
	struct timespec now;
	struct error err;

	(void)arguments;
	clock_gettime(CLOCK_REALTIME, &now);
	query.since = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
	if (!filter_names(&values->filters, names, &err))
		return command_failed(&err);
	if (!moment_parse_ns(values->since, "since", &query.since, &err) ||
	    !moment_parse_ns(values->until, "until", &query.until, &err))
		return command_failed_plainly(&err);
	if (!check_span(values, &query, &err))
		return command_failed(&err);
	if (is_json)
		format = "{{json .}}";
	if (*format && !read_format(&arena, format, &template, &err)) {
		error_in(&err, "Error parsing format");
		command_failed_plainly(&err);
		return EX_USAGE;
	}
	printer.template = *format ? &template : NULL;
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !happening_read(&engine, &query, &err))
		return command_failed(&err);
	return printer.has_failed ? command_failed_plainly(&printer.err) : 0;
}

const struct command cmd_events = {
	.name = "docker events",
	.usage = "[OPTIONS]",
	.summary = "Get real time events from the server",
	.opts = opts,
	.values_size = sizeof(struct values),
	.run = run,
};
