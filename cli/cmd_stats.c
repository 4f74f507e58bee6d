/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/dockerconfig.h"
#include "cli/human.h"
#include "cli/jsonmaker.h"
#include "cli/listing.h"
#include "cli/usage.h"
#include "engine/find.h"
#include "engine/status.h"

#define SAMPLE_SECONDS 1
#define CLEAR_SCREEN   "\033[2J\033[H"

struct values {
	bool is_all, is_once, is_whole;
	const char *format;
};

static const struct opt opts[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct values, is_all), NULL,
	  "Show all containers (default shows just running)", NULL },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "no-stream", 0, OPT_BOOL, offsetof(struct values, is_once), NULL,
	  "Disable streaming stats and only pull the first result", NULL },
	{ "no-trunc", 0, OPT_BOOL, offsetof(struct values, is_whole), NULL,
	  "Do not truncate output", NULL },
	{ .name = NULL },
};

static const struct listing_field fields[] = {
	{ "Container", "CONTAINER" },
	{ "ID", "CONTAINER ID" },
	{ "Name", "NAME" },
	{ "CPUPerc", "CPU %" },
	{ "MemUsage", "MEM USAGE / LIMIT" },
	{ "MemPerc", "MEM %" },
	{ "NetIO", "NET I/O" },
	{ "BlockIO", "BLOCK I/O" },
	{ "PIDs", "PIDS" },
	{ .name = NULL },
};

static const struct listing listing = {
	.fields = fields,
	.table = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{."
		 "BlockIO}}\t{{.PIDs}}",
	.type = "*container.statsContext",
};

/* One container between two looks at it. */
struct subject {
	char id[CONTAINER_ID_LENGTH + 1];
	const char *name;
	const char *typed; /* by the user; NULL: all are shown */
	const char *created;
	struct usage before, now;
	bool is_running;
};

struct show {
	struct engine engine;
	struct arena arena;
	const struct values *values;
	const char *format;
	struct subject *subjects;
	size_t count;
	bool is_format_wrong;
};

/* Cells. -------------------------------------------------------------------------------------- */

static double cpu_percent(const struct subject *subject)
{
	double used = (double)(subject->now.cpu_ns - subject->before.cpu_ns);
	double passed = (double)(subject->now.taken_ns - subject->before.taken_ns);

	if (!subject->before.taken_ns) /* it is new here */
		return 0;
	return subject->now.cpu_ns > subject->before.cpu_ns && passed > 0 ? used / passed * 100 : 0;
}

static const char *two_sizes(struct arena *arena, uint64_t first, uint64_t second)
{
	char one[HUMAN_MAX];
	char two[HUMAN_MAX];

	return arena_printf(arena, "%s / %s", human_size((int64_t)first, 3, one),
			    human_size((int64_t)second, 3, two));
}

static const char *two_binary_sizes(struct arena *arena, uint64_t first, uint64_t second)
{
	char one[HUMAN_MAX];
	char two[HUMAN_MAX];

	return arena_printf(arena, "%s / %s", human_binary_size((int64_t)first, one),
			    human_binary_size((int64_t)second, two));
}

static void add_cells(const struct show *show, const struct jsonmaker *rows,
		      const struct subject *subject, struct arena *arena)
{
	const struct usage *now = &subject->now;
	struct jsonmaker row = jsonmaker_nested(rows, NULL, JSON_OBJECT);
	double memory =
		now->memory_limit ? 100.0 * (double)now->memory / (double)now->memory_limit : 0;
	int id_length = show->values->is_whole ? CONTAINER_ID_LENGTH : CONTAINER_SHORT_ID;
	const char *id = arena_printf(arena, "%.*s", id_length, subject->id);

	jsonmaker_text(&row, "BlockIO", two_sizes(arena, now->block_read, now->block_written));
	jsonmaker_text(&row, "CPUPerc", arena_printf(arena, "%.2f%%", cpu_percent(subject)));
	jsonmaker_text(&row, "Container", subject->typed ? subject->typed : id);
	jsonmaker_text(&row, "ID", id);
	jsonmaker_text(&row, "MemPerc", arena_printf(arena, "%.2f%%", memory));
	jsonmaker_text(&row, "MemUsage", two_binary_sizes(arena, now->memory, now->memory_limit));
	jsonmaker_text(&row, "Name", subject->name);
	jsonmaker_text(&row, "NetIO", two_sizes(arena, now->net_received, now->net_sent));
	jsonmaker_text(&row, "PIDs", arena_printf(arena, "%llu", (unsigned long long)now->pids));
}

/* Which containers. --------------------------------------------------------------------------- */

static bool add_subject(struct show *show, const char *id, const char *typed, struct error *err)
{
	struct subject *subject = &show->subjects[show->count];
	struct container container = { 0 };
	bool is_read = container_read(&show->engine, &show->arena, id, &container, err);

	if (is_read) {
		memcpy(subject->id, container.id, CONTAINER_ID_LENGTH + 1);
		subject->name = container.name;
		subject->typed = typed;
		subject->created = container.created;
		show->count++;
	}
	container_done(&container);
	return is_read;
}

static bool take_named(struct show *show, const struct texts *arguments, struct error *err)
{
	char id[CONTAINER_ID_LENGTH + 1];

	show->subjects = arena_array(&show->arena, arguments->count, sizeof(*show->subjects));
	for (size_t i = 0; i < arguments->count; i++) {
		if (!find_one(&show->engine, arguments->items[i], id, err) ||
		    !add_subject(show, id, arguments->items[i], err))
			return false;
	}
	return true;
}

static int compare_newest_first(const void *a, const void *b)
{
	const struct subject *left = a, *right = b;

	return strcmp(right->created, left->created);
}

/* In the order of ps. */
static bool take_all(struct show *show, struct error *err)
{
	autotexts struct texts ids = { 0 };
	struct error ignored; /* one that is just being made or removed is not there */

	if (!find_all(&show->engine, &show->arena, &ids, err))
		return false;
	show->subjects = arena_array(&show->arena, ids.count + 1, sizeof(*show->subjects));
	for (size_t i = 0; i < ids.count; i++) {
		if ((show->values->is_all || status_is_running(&show->engine, ids.items[i])) &&
		    !add_subject(show, ids.items[i], NULL, &ignored))
			continue;
	}
	if (show->count > 1)
		qsort(show->subjects, show->count, sizeof(*show->subjects), compare_newest_first);
	return true;
}

/* Who is new appears, who has ended goes; the others are compared with what they were before. */
static bool take_again(struct show *show, struct error *err)
{
	struct show fresh = *show;

	fresh.arena = (struct arena){ 0 };
	fresh.count = 0;
	if (!take_all(&fresh, err)) {
		arena_done(&fresh.arena);
		return false;
	}
	for (size_t i = 0; i < fresh.count; i++) {
		for (size_t j = 0; j < show->count; j++) {
			if (strcmp(fresh.subjects[i].id, show->subjects[j].id) == 0)
				fresh.subjects[i].now = show->subjects[j].now;
		}
	}
	arena_done(&show->arena);
	*show = fresh;
	return true;
}

/* Looking. ------------------------------------------------------------------------------------ */

static void look(struct show *show)
{
	for (size_t i = 0; i < show->count; i++) {
		struct subject *subject = &show->subjects[i];

		subject->before = subject->now;
		usage_read(&show->engine, subject->id, &subject->now);
	}
}

static bool print(const struct show *show, bool is_screen, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct jsonmaker rows = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };

	for (size_t i = 0; i < show->count; i++)
		add_cells(show, &rows, &show->subjects[i], &arena);
	if (is_screen)
		fputs(CLEAR_SCREEN, stdout);
	if (!listing_print(&listing, show->format, false, rows.parent, err))
		return false;
	if (fflush(stdout) != 0)
		return error_sys(err, "write /dev/stdout");
	return true;
}

static bool watch(struct show *show, const struct texts *arguments, struct error *err)
{
	const struct timespec pause = { .tv_sec = SAMPLE_SECONDS };
	bool is_screen = !show->values->is_once && isatty(STDOUT_FILENO) && !show->format;
	bool is_changing = !arguments->count && !show->values->is_once;

	if (!(arguments->count ? take_named(show, arguments, err) : take_all(show, err)))
		return false;
	look(show);
	for (;;) {
		if (show->count || is_changing)
			nanosleep(&pause, NULL);
		if (is_changing && !take_again(show, err))
			return false;
		look(show);
		if (!print(show, is_screen, err)) {
			show->is_format_wrong = true;
			return false;
		}
		if (show->values->is_once)
			return true;
	}
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoarena struct arena arena = { 0 };
	struct show show = { .engine = ENGINE_EMPTY,
			     .values = values,
			     .format = dockerconfig_choice(&arena, cli->docker_config,
							   "statsFormat", values->format) };
	struct error err;
	bool is_done = engine_open(cli->root, cli->run, &show.engine, &err) &&
		       watch(&show, arguments, &err);

	engine_close(&show.engine);
	arena_done(&show.arena);
	if (is_done)
		return 0;
	return show.is_format_wrong ? command_failed_plainly(&err) : command_failed(&err);
}

const struct command cmd_stats = {
	.name = "docker stats",
	.usage = "[OPTIONS] [CONTAINER...]",
	.summary = "Display a live stream of container(s) resource usage statistics",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run,
};
