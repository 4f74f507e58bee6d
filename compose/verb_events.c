/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/jsonout.h"
#include "cli/moment.h"
#include "cli/shown.h"
#include "compose/session.h"
#include "compose/tree.h"
#include "engine/happening.h"

/* `events`: what happens to the containers of a project, in the words of 1 and of 2. */

#define NS_PER_S  1000000000LL
#define EVENT_MAX (1 << 20)

struct values {
	const char *since, *until;
	bool is_json;
};

static const struct opt events_opts[] = {
	{ "json", 0, OPT_BOOL, offsetof(struct values, is_json), NULL,
	  "Output events as a stream of json objects", NULL },
	{ "since", 0, OPT_TEXT, offsetof(struct values, since), "string",
	  "Show all events created since timestamp", NULL },
	{ "until", 0, OPT_TEXT, offsetof(struct values, until), "string",
	  "Stream events until this timestamp", NULL },
	{ .name = NULL },
};

struct event_reader {
	const struct project *project;
	const struct texts *services;
	bool is_json, is_classic;
};

static const char *attribute(const struct happening *event, const char *key)
{
	const char *value = tree_text(event->attributes, key);

	return value ? value : "";
}

static bool is_wanted(const struct event_reader *reader, const struct happening *event)
{
	const struct texts *services = reader->services;
	const char *service = attribute(event, LABEL_SERVICE);

	if (strcmp(event->type, "container") != 0 || !*service ||
	    strcmp(attribute(event, LABEL_PROJECT), reader->project->name) != 0 ||
	    strcmp(attribute(event, LABEL_ONEOFF), "True") == 0 ||
	    !fleet_is_own(reader->project, attribute(event, LABEL_DIRECTORY)))
		return false;
	return !services->count || texts_has(services, service);
}

/* Those that are not compose's own, in the order of their names. */
static const struct json *own_attributes(struct arena *arena, const struct happening *event)
{
	struct json *attributes = json_new(arena, NULL, NULL, JSON_OBJECT, NULL);

	for (const struct json *item = event->attributes->child; item; item = item->next) {
		if (item->type == JSON_TEXT && strncmp(item->key, "com.docker.compose.", 19) != 0)
			(void)tree_put_text(arena, attributes, item->key, item->text);
	}
	tree_sort(attributes);
	return attributes;
}

/* 1 and 2 both have microseconds and local time in lines; so has 1's JSON, 2's is RFC 3339. */
static const char *event_time(struct arena *arena, const struct event_reader *reader,
			      int64_t nanoseconds)
{
	time_t seconds = (time_t)(nanoseconds / NS_PER_S);
	long fraction = (long)(nanoseconds % NS_PER_S);
	bool is_standard = reader->is_json && !reader->is_classic;
	char date[32], zone[8];
	struct tm parts;

	localtime_r(&seconds, &parts);
	strftime(date, sizeof(date), reader->is_json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S",
		 &parts);
	strftime(zone, sizeof(zone), "%z", &parts);
	if (!is_standard)
		return arena_printf(arena, "%s.%06ld", date, fraction / 1000);
	if (strcmp(zone, "+0000") == 0)
		return arena_printf(arena, "%s.%09ldZ", date, fraction);
	return arena_printf(arena, "%s.%09ld%.3s:%s", date, fraction, zone, zone + 3);
}

static void print_line(struct arena *arena, const struct event_reader *reader,
		       const struct happening *event)
{
	const struct json *attributes = own_attributes(arena, event);

	printf("%s container %s %s (", event_time(arena, reader, event->time),
	       shown_cell(arena, event->action), event->id);
	for (const struct json *item = attributes->child; item; item = item->next)
		printf("%s%s=%s", item == attributes->child ? "" : ", ",
		       shown_cell(arena, item->key), shown_cell(arena, item->text));
	puts(")");
}

static bool print_json(struct arena *arena, const struct event_reader *reader,
		       const struct happening *event)
{
	autobuf struct buf text;
	struct jsonout json;
	struct error ignored; /* an event that is too large is none */

	buf_init(&text, EVENT_MAX);
	jsonout_init(&json, &text, false);
	jsonout_object(&json, NULL);
	jsonout_text(&json, "time", event_time(arena, reader, event->time));
	jsonout_text(&json, "type", "container");
	jsonout_text(&json, "action", event->action);
	jsonout_text(&json, "id", event->id);
	jsonout_text(&json, "service", attribute(event, LABEL_SERVICE));
	jsonout_json(&json, "attributes", own_attributes(arena, event));
	jsonout_object_end(&json);
	jsonout_done(&json);
	return !buf_check(&text, "an event", &ignored) || puts(text.data) >= 0;
}

static bool print_event(void *context, const struct happening *event)
{
	const struct event_reader *reader = context;
	autoarena struct arena arena = { 0 };

	if (!is_wanted(reader, event))
		return true;
	if (reader->is_json)
		(void)print_json(&arena, reader, event);
	else
		print_line(&arena, reader, event);
	return fflush(stdout) == 0;
}

static int run_events(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	struct event_reader reader = { &session.project, arguments, values->is_json,
				       composer_of(cli)->is_classic };
	struct happening_query query = { .on_event = print_event, .context = &reader };
	struct timespec now;
	struct error err;

	clock_gettime(CLOCK_REALTIME, &now);
	query.since = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err) ||
	    !moment_parse_ns(values->since, "since", &query.since, &err) ||
	    !moment_parse_ns(values->until, "until", &query.until, &err) ||
	    !happening_read(&session.fleet.engine, &query, &err))
		return composer_failed(composer_of(cli), &err);
	return 0;
}

const struct command verb_events = {
	.name = "docker compose events",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Receive real time events from containers",
	.opts = events_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_events,
};
