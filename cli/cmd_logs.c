/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "cli/moment.h"
#include "engine/container.h"
#include "engine/find.h"
#include "engine/logfile.h"

struct values {
	bool is_followed, has_times, has_details;
	const char *tail, *since, *until;
};

static const struct opt opts[] = {
	{ "details", 0, OPT_BOOL, offsetof(struct values, has_details), NULL,
	  "Show extra details provided to logs", NULL },
	{ "follow", 'f', OPT_BOOL, offsetof(struct values, is_followed), NULL, "Follow log output",
	  NULL },
	{ "since", 0, OPT_WORD, offsetof(struct values, since), "string",
	  "Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)",
	  NULL },
	{ "tail", 'n', OPT_TEXT, offsetof(struct values, tail), "string",
	  "Number of lines to show from the end of the logs", NULL },
	{ "timestamps", 't', OPT_BOOL, offsetof(struct values, has_times), NULL, "Show timestamps",
	  NULL },
	{ "until", 0, OPT_WORD, offsetof(struct values, until), "string",
	  "Show logs before timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)",
	  NULL },
	{ .name = NULL },
};

/* The file has no zeros at the end of the fraction; docker prints nine digits. */
static void print_time(const char *time, FILE *out)
{
	size_t length = strcspn(time, "Z");
	const char *dot = strchr(time, '.');
	int missing = dot ? 10 - (int)(time + length - dot) : 0;

	fprintf(out, "%.*s%.*sZ ", (int)length, time, missing > 0 ? missing : 0, "000000000");
}

/* As in a URL's query. */
static void print_quoted(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
			fputc(*text, out);
		else if (*text == ' ')
			fputc('+', out);
		else
			fprintf(out, "%%%02X", (unsigned char)*text);
	}
}

/* "KEY=VALUE,KEY=VALUE " */
static void print_details(const struct logrecord *record, FILE *out)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	struct error ignored; /* damaged ones are as good as none */
	const char *text = arena_printf(&arena, "{%.*s}", (int)record->attributes_length,
					record->attributes ? record->attributes : "");

	if (json_parse(&arena, "attributes", text, strlen(text), &root, &ignored)) {
		for (const struct json *item = root->child; item; item = item->next) {
			print_quoted(item->key, out);
			fputc('=', out);
			print_quoted(item->type == JSON_TEXT ? item->text : "", out);
			fputs(item->next ? "," : "", out);
		}
	}
	fputc(' ', out);
}

static bool print_record(void *context, const struct logrecord *record)
{
	const struct values *values = context;
	FILE *out = record->is_stderr ? stderr : stdout;

	/* Both may be the same file or pipe: the lines stay in order. */
	if (record->is_stderr)
		fflush(stdout);
	if (values->has_times)
		print_time(record->time, out);
	if (values->has_details)
		print_details(record, out);
	fwrite(record->bytes, 1, record->length, out);
	if (values->is_followed)
		fflush(out);
	return !ferror(out);
}

/* Anything that is no number from 0 on means all, as with docker. */
static int64_t tail_of(const char *text)
{
	char *end = NULL;
	long long count = text && *text ? strtoll(text, &end, 10) : -1;

	return end && *end ? -1 : count;
}

static bool read_query(const struct values *values, struct logfile_query *query, struct error *err)
{
	query->tail = tail_of(values->tail);
	query->is_followed = values->is_followed;
	if (values->since &&
	    !moment_parse(values->since, "since", &query->since_seconds, &query->since_ns, err))
		return false;
	return !values->until ||
	       moment_parse(values->until, "until", &query->until_seconds, &query->until_ns, err);
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const int ending[] = { SIGINT, SIGTERM, 0 };
	struct values values = *(const struct values *)of;
	struct logfile_query query = { .on_record = print_record, .context = &values };
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	char id[CONTAINER_ID_LENGTH + 1];
	struct container container = { 0 };
	autoclose int interrupt = -1;
	struct error err;

	if (!read_query(&values, &query, &err))
		return command_failed_plainly(&err);
	if (values.is_followed && !loop_open_signals(ending, &interrupt, &err))
		return command_failed(&err);
	query.interrupt = interrupt;
	bool is_done = engine_open(cli->root, cli->run, &engine, &err) &&
		       find_one(&engine, arguments->items[0], id, &err) &&
		       container_read(&engine, &arena, id, &container, &err) &&
		       logfile_read(&engine, &container, &query, &err);
	container_done(&container);
	int signal = interrupt >= 0 ? loop_next_signal(interrupt) : 0;
	if (signal)
		return 128 + signal;
	return is_done ? 0 : command_failed(&err);
}

const struct command cmd_logs = {
	.name = "docker logs",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Fetch the logs of a container",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run,
};
