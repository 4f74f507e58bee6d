/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/privilege.h"
#include "engine/logger.h"
#include "runtime/detach.h"
#include "runtime/slim.h"

#define LOG             3
#define DIRECTORY       4
#define MONITOR         5

#define PAUSE_FIRST     250   /* milliseconds before another try, */
#define PAUSE_LAST      30000 /* twice as long each time up to this */
#define PATIENCE_AT_END 10000 /* after the monitor's end: then what was not taken is lost */

struct logger {
	struct loggertail tail;
	struct logger_outlet outlet;
	struct buf text;
	struct slim slim;
	int monitor, watch;
	int64_t end; /* when to give up; 0: the monitor lives */
};

/* `watch` -1: only for the monitor. */
static void wait_for(struct logger *self, int watch, int64_t milliseconds)
{
	struct pollfd slots[] = { { self->end ? -1 : self->monitor, 0, 0 }, { watch, POLLIN, 0 } };
	char events[4096];

	if (slim_poll(&self->slim, slots, COUNT_OF(slots), milliseconds) <= 0)
		return;
	if (slots[0].revents)
		self->end = clock_ms() + PATIENCE_AT_END;
	while (slots[1].revents && read(self->watch, events, sizeof(events)) > 0)
		continue;
}

/* False: nobody takes it, and there is no time left. */
static bool pass_on(struct logger *self, const struct logrecord *record)
{
	int64_t pause = PAUSE_FIRST;

	while (self->outlet.send(&self->outlet, record) == LOGGER_LATER) {
		if (self->end && clock_ms() >= self->end)
			return false;
		wait_for(self, -1, self->end ? PAUSE_FIRST : pause);
		pause = pause * 2 < PAUSE_LAST ? pause * 2 : PAUSE_LAST;
	}
	return true;
}

static void run(struct logger *self)
{
	for (bool is_over = false; !is_over;) {
		/* Asked before reading: what is written before the end is then read for sure. */
		is_over = self->end != 0;
		for (const char *line; (line = loggertail_next(&self->tail));) {
			struct logrecord record;

			if (logrecord_parse(line, &self->text, &record) && !pass_on(self, &record))
				return;
		}
		if (!is_over && !self->end)
			wait_for(self, self->watch, -1);
	}
}

static bool begin(struct logger *self, char **argv, int log, int dir, int monitor,
		  struct error *err)
{
	const char *driver = argv[1] ? argv[1] : "";
	char path[PATH_OF_FD_MAX];

	loggertail_init(&self->tail, dir, log);
	buf_init(&self->text, LOGRECORD_LINE_MAX);
	slim_init(&self->slim);
	self->monitor = monitor;
	self->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (self->watch < 0 || inotify_add_watch(self->watch, path_of_fd(dir, path),
						 IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_sys(err, "watch the log");
	if (strcmp(driver, "syslog") == 0)
		return loggersyslog_init(&self->outlet, argv + 2, err);
	if (strcmp(driver, "journald") == 0)
		return loggerjournal_init(&self->outlet, argv + 2, err);
	return error_set(err, ERROR_INPUT, "no log driver \"%s\"", driver);
}

int main(int argc, char **argv)
{
	struct logger *self = mem_alloc(sizeof(*self));
	int log = LOG, dir = DIRECTORY, monitor = MONITOR;
	int *const kept[] = { &log, &dir, &monitor };
	struct error err;
	pid_t child;

	(void)argc;
	if (!detach_keep_fds(kept, COUNT_OF(kept), &err) ||
	    !begin(self, argv, log, dir, monitor, &err) || !detach_fork(&child, &err)) {
		log_error("mooring-logger: %s", err.text);
		return 1;
	}
	if (child > 0)
		_exit(0);
	prctl(PR_SET_NAME, "mooring-logger", 0, 0, 0);
	/* What it reads is the store's, where it is root; all else needs no privilege. */
	if (!detach_settle(&err) || !privilege_drop(&err))
		_exit(1);
	run(self);
	/* At once: a sanitizer's search for leaks at the end needs what we have given up. */
	_exit(0);
}
