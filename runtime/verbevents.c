/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duration.h"
#include "base/jsonout.h"
#include "base/loop.h"
#include "runtime/cgroupstat.h"
#include "runtime/found.h"
#include "runtime/oomwatch.h"
#include "runtime/verb.h"

/*
 * events: a line of JSON with what the container uses, every so often, and one whenever the
 * kernel's out-of-memory killer struck in it. Ends when the container's init does.
 */

#define LINE_MAX_SIZE (4 << 20)
#define INTERVAL_MAX  1000000000.0 /* seconds */

static bool parse_interval(const char *text, int64_t *milliseconds, struct error *err)
{
	double seconds;

	if (!duration_parse(text, &seconds) || seconds > INTERVAL_MAX)
		return error_set(err, ERROR_INPUT,
				 "--interval: expected a duration (5s, 100ms, 1m30s), found %.40s",
				 text);
	if (seconds <= 0)
		return error_set(err, ERROR_INPUT, "duration interval must be greater than 0");
	*milliseconds = seconds < 0.001 ? 1 : (int64_t)(seconds * 1000);
	return true;
}

/* -------------------------------------------------------------------------------------------- */

struct watching {
	const struct found *found;
	struct loop loop;
	struct loop_watch init, oom;
	struct loop_timer timer;
	struct oomwatch killer;
	int64_t interval; /* milliseconds */
	bool is_over, has_failed;
	struct error *err;
};

static bool print_event(const struct state *state, const char *type, bool has_data,
			struct error *err)
{
	autobuf struct buf line = { 0 };
	struct jsonout out;

	buf_init(&line, LINE_MAX_SIZE);
	jsonout_init(&out, &line, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "type", type);
	jsonout_text(&out, "id", state->id);
	if (has_data)
		cgroup_stat(&out, "data", &state->cgroup);
	jsonout_object_end(&out);
	jsonout_done(&out);
	buf_add_char(&line, '\n');
	return verb_print(&line, err);
}

static void print_or_end(struct watching *watching, const char *type, bool has_data)
{
	if (!print_event(&watching->found->state, type, has_data, watching->err))
		watching->is_over = watching->has_failed = true;
}

static void on_oom(struct loop_watch *watch)
{
	struct watching *watching = watch->context;

	if (oomwatch_take(&watching->killer))
		print_or_end(watching, "oom", false);
}

/* Of its last breath the kernel may have told in the other file only. */
static void on_end(struct loop_watch *watch)
{
	struct watching *watching = watch->context;

	on_oom(&watching->oom);
	watching->is_over = true;
}

static void on_time(struct loop_timer *timer)
{
	struct watching *watching = timer->context;

	loop_arm(&watching->loop, timer, watching->interval);
	if (!watching->is_over)
		print_or_end(watching, "stats", true);
}

static bool watch_it(struct watching *watching, struct error *err)
{
	autoclose int init = found_open_init(watching->found);

	if (init < 0)
		return true; /* it has just ended */
	watching->init = (struct loop_watch){ .fd = init, .on_ready = on_end, .context = watching };
	watching->oom = (struct loop_watch){ .fd = watching->killer.fd,
					     .on_ready = on_oom,
					     .context = watching };
	watching->timer = (struct loop_timer){ .on_expiry = on_time, .context = watching };
	loop_watch(&watching->loop, &watching->init);
	if (watching->killer.fd >= 0)
		loop_watch(&watching->loop, &watching->oom);
	loop_arm(&watching->loop, &watching->timer, watching->interval);
	while (!watching->is_over)
		if (!loop_step(&watching->loop, err))
			return false;
	return !watching->has_failed;
}

static bool show(const char *root, const char *id, bool is_once, int64_t interval,
		 struct error *err)
{
	autofound struct found found;
	struct watching watching = { .found = &found, .interval = interval, .err = err };
	bool is_good;

	found_init(&found);
	if (!found_load(&found, root, id, err))
		return false;
	if (found_status(&found) == CONTAINER_STOPPED)
		return error_set(err, ERROR_INPUT, "container with id %s is not running", id);
	if (found.state.cgroup.count == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "events needs control groups, and the container has none");
	if (is_once)
		return print_event(&found.state, "stats", true, err);
	if (!oomwatch_open(&watching.killer, &found.state.cgroup, err))
		return false;
	is_good = watch_it(&watching, err);
	loop_done(&watching.loop);
	oomwatch_close(&watching.killer);
	return is_good;
}

int verb_events(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *stats = NULL, *interval = "5s", *id;
	const struct flag flags[] = {
		{ "interval", 0, "DURATION", "time between statistics: 5s, 100ms", &interval },
		{ "stats", 0, NULL, "print statistics once and end", &stats },
		{ 0 },
	};
	int64_t milliseconds = 0;
	int status;

	if (!verb_take_id(flags, argc, argv, &id, &status, err))
		return status;
	return parse_interval(interval, &milliseconds, err) &&
			       show(globals->root, id, flag_is_set(stats), milliseconds, err)
		       ? 0
		       : -1;
}
