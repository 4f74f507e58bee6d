/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/standstill.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "engine/control.h"
#include "engine/status.h"

#define LOOK_STEP_MS 20
#define LOOK_TIMES   100 /* who was killed may have a pause on its way yet */

static bool is_paused(struct engine *engine, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(engine, &arena, id, &status);
	return status.state == STATUS_PAUSED;
}

static void let_go_on(struct engine *engine, const struct container *container)
{
	const struct timespec step = { .tv_nsec = LOOK_STEP_MS * 1000000L };
	struct error ignored; /* there is nobody to tell */

	for (int i = 0; i < LOOK_TIMES; i++) {
		if (is_paused(engine, container->id) &&
		    control_unpause(engine, container, &ignored))
			return;
		nanosleep(&step, NULL);
	}
}

/* Whoever kills the command with all of its group does not mean us, and nobody waits for what we
 * might have to say. */
static void leave_caller(void)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
}

/* A byte says that all is well; the end alone, that nobody is there any more to say it. */
static _Noreturn void guard(struct engine *engine, const struct container *container, int line)
{
	char byte;
	ssize_t got;

	leave_caller();
	do {
		got = read(line, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		let_go_on(engine, container);
	_exit(0);
}

static bool start_guard(struct engine *engine, const struct container *container,
			struct standstill *standstill, struct error *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket");
	standstill->guard = fork();
	if (standstill->guard == 0) {
		close(ends[1]);
		guard(engine, container, ends[0]);
	}
	bool is_there = standstill->guard > 0 || error_sys(err, "make a process");

	close(ends[0]);
	standstill->line = ends[1];
	if (!is_there)
		drop_fd(&standstill->line);
	return is_there;
}

static void dismiss_guard(struct standstill *standstill)
{
	ssize_t sent;

	do {
		sent = send(standstill->line, "", 1, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	drop_fd(&standstill->line);
	(void)proc_reap(standstill->guard, NULL);
	*standstill = STANDSTILL_NONE;
}

bool standstill_begin(struct engine *engine, const struct container *container,
		      struct standstill *standstill, struct error *err)
{
	*standstill = STANDSTILL_NONE;
	if (!start_guard(engine, container, standstill, err))
		return false;
	if (control_pause(engine, container, err))
		return true;
	dismiss_guard(standstill);
	return false;
}

bool standstill_end(struct engine *engine, const struct container *container,
		    struct standstill *standstill, struct error *err)
{
	bool is_done = control_unpause(engine, container, err);

	dismiss_guard(standstill);
	return is_done;
}
