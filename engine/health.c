/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/health.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/proc.h"
#include "image/config.h"

#define NS_PER_MS        1000000LL
#define NS_PER_S         1000000000LL
#define DEFAULT_INTERVAL (30 * NS_PER_S)
#define DEFAULT_FIRST    (5 * NS_PER_S)
#define RECORD_MAX       (1 << 20) /* bytes; results are escaped */

bool health_is_checked(const struct container *container)
{
	return container->health_test.count > 0 &&
	       strcmp(container->health_test.items[0], "NONE") != 0;
}

/* A container that an earlier version made may have a span that health_check refuses. */
static int64_t span_or(int64_t span, int64_t fallback)
{
	return span >= NS_PER_MS ? span : fallback;
}

int64_t health_interval(const struct container *container)
{
	return span_or(container->health_interval, DEFAULT_INTERVAL);
}

bool health_check(const struct container *container, struct error *err)
{
	const struct {
		const char *name;
		int64_t value;
	} spans[] = { { "Interval", container->health_interval },
		      { "Timeout", container->health_timeout },
		      { "StartPeriod", container->health_start_period },
		      { "StartInterval", container->health_start_interval } };

	for (size_t i = 0; i < COUNT_OF(spans); i++) {
		if (spans[i].value != 0 && spans[i].value < NS_PER_MS)
			return error_set(err, ERROR_INPUT,
					 "%s in Healthcheck cannot be less than 1ms",
					 spans[i].name);
	}
	return container->health_retries >= 0 ||
	       error_set(err, ERROR_INPUT, "Retries in Healthcheck cannot be negative");
}

const char *health_name(enum health_state state)
{
	static const char *const names[] = {
		[HEALTH_NONE] = "none",
		[HEALTH_STARTING] = "starting",
		[HEALTH_HEALTHY] = "healthy",
		[HEALTH_UNHEALTHY] = "unhealthy",
	};

	return names[state];
}

/* Reading. ------------------------------------------------------------------------------------ */

static bool read_result(const struct json *item, struct health_result *result, struct error *err)
{
	int64_t code;

	if (!json_text(item, "start", &result->start, err) ||
	    !json_text(item, "end", &result->end, err) ||
	    !json_text_or(item, "output", "", &result->output, err) ||
	    !json_int(item, "code", &code, err))
		return false;
	result->code = (int)code;
	return true;
}

static bool read_record(const struct json *root, const char *run, struct health *health,
			struct error *err)
{
	const struct json *results;
	const char *recorded;
	const char *state;

	if (!json_text(root, "run", &recorded, err) || !json_text(root, "state", &state, err) ||
	    !json_int_or(root, "streak", 0, &health->streak, err) ||
	    !json_array_or_null(root, "results", &results, err))
		return false;
	if (run && strcmp(recorded, run) != 0)
		return error_set(err, ERROR_NOT_FOUND, "of an earlier run");
	for (int i = HEALTH_STARTING; i <= HEALTH_UNHEALTHY; i++) {
		if (strcmp(state, health_name((enum health_state)i)) == 0)
			health->state = (enum health_state)i;
	}
	for (const struct json *item = results ? results->child : NULL;
	     item && health->count < HEALTH_RESULTS_MAX; item = item->next) {
		if (!read_result(item, &health->results[health->count], err))
			return false;
		health->count++;
	}
	return true;
}

/* A record that is not there, damaged or old says nothing. */
void health_read(const struct engine *engine, struct arena *arena,
		 const struct container *container, const struct status *status,
		 struct health *health)
{
	const char *path = arena_printf(arena, "%s/health/%s", engine->run, container->id);
	bool is_running = status->state == STATUS_RUNNING;
	const struct json *root;
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, RECORD_MAX);
	*health = (struct health){ .state = HEALTH_NONE };
	if (!health_is_checked(container) || status->state == STATUS_CREATED)
		return;
	health->state = HEALTH_STARTING;
	if (!file_read(AT_FDCWD, path, &text, &ignored) ||
	    !json_parse(arena, "health", text.data, text.length, &root, &ignored) ||
	    !read_record(root, status_has_process(status) ? status->started_at : NULL, health,
			 &ignored))
		*health = (struct health){ .state = HEALTH_STARTING };
	if (!is_running)
		health->state = HEALTH_UNHEALTHY;
}

/* For the monitor. ---------------------------------------------------------------------------- */

static void add_milliseconds(struct texts *argv, struct arena *arena, const char *option,
			     int64_t nanoseconds)
{
	texts_add(argv, option);
	texts_add(argv, arena_printf(arena, "%lld", (long long)(nanoseconds / NS_PER_MS)));
}

bool health_monitor_argv(const struct container *container, struct arena *arena, struct texts *argv,
			 struct error *err)
{
	int64_t first = span_or(container->health_start_interval, DEFAULT_FIRST);
	autofree char *self = NULL;

	if (!health_is_checked(container))
		return true;
	if (!proc_helper("mooring", &self, err))
		return false;
	const char *const words[] = { arena_strdup(arena, self), "container-probe", container->id };
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		texts_add(argv, "--probe-command");
		texts_add(argv, words[i]);
	}
	add_milliseconds(argv, arena, "--probe-interval", health_interval(container));
	add_milliseconds(argv, arena, "--probe-first-interval", first);
	add_milliseconds(argv, arena, "--probe-start-period", container->health_start_period);
	return true;
}

void health_forget(const struct engine *engine, const char *id)
{
	autofree char *path = mem_printf("%s/health/%s", engine->run, id);

	unlink(path);
}
