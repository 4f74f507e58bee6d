/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/viewer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "compose/replacement.h"

/*
 * How this works: an event in a container's directory makes its source due; so does a regular look,
 * for what leaves no trace there (a monitor that was killed). A source that is due has its log read
 * to the end, and its status: in this order a line that was written before the end is shown before
 * it, for the status is asked first and the log read after.
 *
 * Newcomers: a directory that appears where containers are made becomes a container when its
 * options are moved into it, so it is watched for that one event; then the project's containers are
 * read again. What a newcomer is waited for begins with its start: nobody may ever start it.
 */

#define LOOK_MS    2000
#define EVENTS_MAX 16384 /* bytes of one reading */

struct viewer_source {
	struct viewer *viewer;
	struct viewer_source *next;
	const char *service;
	char *id;
	struct console_voice voice;
	struct logfile *log;
	int wd;
	bool is_due;
	bool is_over;
	bool has_run; /* seen running since it was added */
	bool is_told; /* its end was told, and it was not seen running since */
	bool is_newcomer;
	char *ended;   /* finished_at of the last end that was told */
	char time[40]; /* of the last record */
};

bool viewer_open(struct viewer *viewer, const struct session *session, struct error *err)
{
	viewer->session = session;
	viewer->last = &viewer->sources;
	viewer->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (viewer->events < 0)
		return error_sys(err, "watch containers (inotify)");
	if (viewer->wants) {
		autofree char *path = mem_printf("%s/containers", session->fleet.engine.root);

		viewer->nursery = inotify_add_watch(viewer->events, path, IN_CREATE | IN_MOVED_TO);
		viewer->has_newcomers = true; /* since the fleet was read */
	}
	return true;
}

static void free_source(struct viewer_source *source)
{
	logfile_close(source->log);
	console_voice_done(&source->voice);
	mem_cleanup_free(&source->id);
	mem_cleanup_free(&source->ended);
	mem_cleanup_free(&source);
}

void viewer_close(struct viewer *viewer)
{
	for (struct viewer_source *source = viewer->sources, *next; source; source = next) {
		next = source->next;
		free_source(source);
	}
	viewer->sources = NULL;
	mem_cleanup_close(&viewer->events);
	viewer->events = -1;
}

/* -- sources ------------------------------------------------------------------------------------
 */

const char *viewer_short_name(struct arena *arena, const struct session *session,
			      const char *service, const char *name)
{
	const char *separator = session->composer->is_classic ? "_" : "-";
	size_t length = strlen(session->project.name);

	if (strncmp(name, session->project.name, length) != 0 || !name[length] ||
	    !strchr("_-", name[length]) ||
	    strncmp(name + length + 1, service, strlen(service)) != 0)
		return name;

	const char *rest = name + length + 1 + strlen(service);

	return *rest ? arena_printf(arena, "%s%s%s", service, separator, rest + 1) : service;
}

static bool show(void *context, const struct logrecord *record)
{
	struct viewer_source *source = context;

	snprintf(source->time, sizeof(source->time), "%s", record->time);
	console_write(&source->voice, record->bytes, record->length, record->is_stderr,
		      record->time);
	return !ferror(stdout);
}

static bool watch(struct viewer *viewer, struct viewer_source *source, struct error *err)
{
	autofree char *path =
		mem_printf("%s/containers/%s", viewer->session->fleet.engine.root, source->id);

	source->wd = inotify_add_watch(viewer->events, path, LOGFILE_EVENTS);
	if (source->wd >= 0 || errno == ENOSPC) /* then the regular look has to do */
		return true;
	return error_sys(err, "watch container %s", source->voice.whole);
}

static bool open_source(struct viewer *viewer, struct viewer_source *source,
			const struct logfile_query *given, struct error *err)
{
	struct logfile_query query = *given;

	query.on_record = show;
	query.context = source;
	return watch(viewer, source, err) &&
	       logfile_open(&viewer->session->fleet.engine, source->id, &query, &source->log, err);
}

/* NULL, and err, if the container cannot be followed. */
static struct viewer_source *add_source(struct viewer *viewer, const char *service,
					const char *name, const char *id,
					const struct logfile_query *query, struct error *err)
{
	struct arena *arena = (struct arena *)(uintptr_t)&viewer->session->project.arena;
	struct viewer_source *source = mem_alloc(sizeof(*source));

	source->viewer = viewer;
	source->service = service;
	source->id = mem_strdup(id);
	source->is_due = true;
	console_voice_init(&source->voice, &viewer->console);
	source->voice.whole = arena_strdup(arena, name);
	source->voice.name =
		arena_strdup(arena, viewer_short_name(arena, viewer->session, service, name));
	if (!open_source(viewer, source, query, err)) {
		free_source(source);
		return NULL;
	}
	*viewer->last = source;
	viewer->last = &source->next;
	viewer->live++;
	return source;
}

bool viewer_add(struct viewer *viewer, const char *service, const char *name, const char *id,
		bool is_new, struct error *err)
{
	struct viewer_source *source = add_source(viewer, service, name, id, &viewer->query, err);

	return source && (!is_new || logfile_skip(source->log, err));
}

/* 1 goes by the services' names, and leaves room for numbers; 2 by what is shown. */
static size_t width_of(const struct viewer *viewer)
{
	size_t width = 0;

	for (const struct viewer_source *source = viewer->sources; source; source = source->next) {
		size_t length = viewer->console.is_classic ? strlen(source->service) + 2
							   : strlen(source->voice.name);

		if (length > width)
			width = length;
	}
	return width + 1;
}

void viewer_settle(struct viewer *viewer, bool tells)
{
	const char *separator = "Attaching to ";

	viewer->console.width = width_of(viewer);
	for (struct viewer_source *source = viewer->sources; source; source = source->next) {
		size_t colour = 0; /* by the order of the services' names */

		for (const struct viewer_source *other = viewer->sources; other;
		     other = other->next)
			colour += strcmp(other->voice.whole, source->voice.whole) < 0;
		source->voice.colour = colour;
		if (tells)
			printf("%s%s", separator,
			       viewer->console.is_classic ? source->voice.whole
							  : source->voice.name);
		separator = ", ";
	}
	if (tells)
		puts(viewer->sources ? "" : "Attaching to ");
	fflush(stdout);
}

/* -- newcomers ----------------------------------------------------------------------------------
 */

static bool is_known(const struct viewer *viewer, const char *id)
{
	for (const struct viewer_source *source = viewer->sources; source; source = source->next) {
		if (strcmp(source->id, id) == 0)
			return true;
	}
	return false;
}

/* One that is gone again already has nothing to show. */
static bool add_newcomer(struct viewer *viewer, const struct member *member, struct error *err)
{
	struct arena *arena = (struct arena *)(uintptr_t)&viewer->session->project.arena;
	struct logfile_query query = viewer->query;
	struct viewer_source *source;

	query.tail = -1;
	source = add_source(viewer, arena_strdup(arena, member->service), member->container.name,
			    member->container.id, &query, err);
	if (!source)
		return err->kind == ERROR_NOT_FOUND;
	source->is_newcomer = true;
	return true;
}

static bool add_newcomers(struct viewer *viewer, struct error *err)
{
	const struct session *session = viewer->session;
	autofleet struct fleet fleet = FLEET_EMPTY;

	viewer->has_newcomers = false;
	if (!fleet_read(&fleet, session->composer, &session->project, err))
		return false;
	for (size_t i = 0; i < fleet.count; i++) {
		const struct member *member = &fleet.members[i];

		if (member->is_oneoff || member->is_stranger ||
		    is_known(viewer, member->container.id) ||
		    !viewer->wants(viewer->context, member))
			continue;
		if (!add_newcomer(viewer, member, err))
			return false;
	}
	viewer_settle(viewer, false);
	return true;
}

/* Until its options are there it is no container. */
static void watch_birth(struct viewer *viewer, const char *id)
{
	autofree char *path =
		mem_printf("%s/containers/%s", viewer->session->fleet.engine.root, id);

	if (!is_known(viewer, id)) /* gone again: then nothing comes of it */
		(void)inotify_add_watch(viewer->events, path, IN_MOVED_TO | IN_ONESHOT);
}

/* -- looking ------------------------------------------------------------------------------------
 */

/* To 1 its end is the end, whatever comes after it. */
static bool is_replaced(const struct viewer_source *source)
{
	const struct viewer *viewer = source->viewer;

	return viewer->wants && !viewer->console.is_classic &&
	       replacement_is_under_way(&viewer->session->fleet.engine, source->id);
}

static void tell_end(struct viewer_source *source, const struct status *status)
{
	struct viewer *viewer = source->viewer;
	enum viewer_end end = status->state == STATUS_RESTARTING ? VIEWER_RESTARTING
			      : is_replaced(source)              ? VIEWER_REPLACED
								 : VIEWER_ENDED;

	/* Told already: now it is being removed, or started again. */
	if (source->is_told && status->state == STATUS_CREATED)
		return;
	if (source->ended && strcmp(source->ended, status->finished_at) == 0)
		return;
	source->is_told = true;
	mem_cleanup_free(&source->ended);
	source->ended = mem_strdup(status->finished_at);
	console_flush(&source->voice, source->time);
	/* Of ends before our time 1 tells as well; of what never ran there is none. */
	if (!viewer->on_end &&
	    (!viewer->tells_ends ||
	     !(source->has_run || (viewer->console.is_classic && status->state != STATUS_CREATED))))
		return;
	/* One that was removed was killed before. */
	int code = status->state == STATUS_CREATED ? STATUS_LOST_CODE : status->exit_code;

	console_tell_end(&source->voice, code, end == VIEWER_RESTARTING);
	if (end == VIEWER_REPLACED)
		console_tell_replaced(&source->voice);
	if (viewer->on_end)
		viewer->on_end(viewer->context, source->service, code, end);
}

static void set_over(struct viewer_source *source, bool is_over)
{
	if (source->is_over == is_over)
		return;
	source->is_over = is_over;
	source->viewer->live += is_over ? (size_t)-1 : 1;
}

/* A container that is gone was removed by somebody: its log went with it. */
static bool look(struct viewer_source *source, struct error *err)
{
	const struct engine *engine = &source->viewer->session->fleet.engine;
	autoarena struct arena arena = { 0 };
	struct status status = { 0 };

	source->is_due = false;
	status_read(engine, &arena, source->id, &status);
	if (!logfile_pump(source->log, err))
		return false;
	if (status.state == STATUS_RUNNING || status.state == STATUS_PAUSED) {
		source->has_run = true;
		source->is_told &= status.pid == 0; /* else it is only about to start */
		set_over(source, false);
	} else if (status.state == STATUS_CREATED && status_is_locked(engine, source->id)) {
		return true; /* it is being started again, or removed: that will be seen */
	} else if (status.state == STATUS_RESTARTING) {
		tell_end(source, &status);
	} else if (source->is_newcomer && !source->has_run && status.state == STATUS_CREATED) {
		set_over(source, true);
	} else if (status.state == STATUS_EXITED || source->has_run || !source->viewer->on_end) {
		tell_end(source, &status);
		set_over(source, !is_replaced(source));
	}
	return true;
}

bool viewer_look(struct viewer *viewer, struct error *err)
{
	bool is_good = true;

	for (struct viewer_source *source = viewer->sources; source && is_good;
	     source = source->next) {
		if (source->is_due)
			is_good = look(source, err);
	}
	fflush(stdout);
	return is_good;
}

void viewer_flush(struct viewer *viewer)
{
	for (struct viewer_source *source = viewer->sources; source; source = source->next)
		console_flush(&source->voice, source->time);
	fflush(stdout);
}

static void mark_all(struct viewer *viewer)
{
	for (struct viewer_source *source = viewer->sources; source; source = source->next)
		source->is_due = true;
}

static void mark(struct viewer *viewer, const struct inotify_event *event)
{
	bool is_known_one = false;

	for (struct viewer_source *source = viewer->sources; source; source = source->next) {
		source->is_due |= source->wd == event->wd;
		is_known_one |= source->wd == event->wd;
	}
	if (event->wd == viewer->nursery && event->len)
		watch_birth(viewer, event->name);
	viewer->has_newcomers |= !is_known_one && !(event->mask & IN_IGNORED);
}

static void read_events(struct viewer *viewer)
{
	char bytes[EVENTS_MAX] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t got;

	while ((got = read(viewer->events, bytes, sizeof(bytes))) > 0) {
		for (const char *at = bytes; at < bytes + got;) {
			const struct inotify_event *event =
				(const struct inotify_event *)(uintptr_t)at;

			if (event->mask & IN_Q_OVERFLOW)
				mark_all(viewer);
			mark(viewer, event);
			at += sizeof(*event) + event->len;
		}
	}
}

/* Before all counts as over: what took the place of the last one may run without a sign of it. */
static bool look_for_more(struct viewer *viewer, struct error *err)
{
	if (viewer->live || !viewer->wants || viewer->console.is_classic)
		return true;
	mark_all(viewer);
	return add_newcomers(viewer, err) && viewer_look(viewer, err);
}

bool viewer_wait(struct viewer *viewer, int signals, struct error *err)
{
	struct pollfd waits[] = { { .fd = viewer->events, .events = POLLIN },
				  { .fd = signals, .events = POLLIN } };
	int ready = poll(waits, COUNT_OF(waits), LOOK_MS);

	if (ready == 0)
		mark_all(viewer);
	else if (ready > 0 && waits[0].revents)
		read_events(viewer);
	if (viewer->wants && viewer->has_newcomers && !add_newcomers(viewer, err))
		return false;
	return viewer_look(viewer, err) && look_for_more(viewer, err);
}
