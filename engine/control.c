/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/claim.h"
#include "engine/happening.h"
#include "engine/health.h"
#include "engine/keeper.h"
#include "engine/oci.h"
#include "engine/prepare.h"
#include "engine/stale.h"
#include "engine/volume.h"
#include "runtime/signame.h"

#define DEFAULT_STOP_SECONDS 10
#define FIND_STEP_MS         2
#define FIND_PATIENCE_MS     10000 /* that a start has to get on, or a monitor to give up a restart */
#define LOOK_AGAIN_MS        2000
#define OUTPUT_PATIENCE_MS   2000 /* after its end, for who takes the last output; as dockerd */
#define SECONDS_MAX          (100LL * 365 * 24 * 3600) /* of a stop: more is without a limit */

/* Pausing. ------------------------------------------------------------------------------------ */

static bool check_running(struct engine *engine, const char *id, struct status *status,
			  struct error *err)
{
	autoarena struct arena arena = { 0 };

	status_read(engine, &arena, id, status);
	status->started_at = status->finished_at = status->error = NULL; /* gone with the arena */
	if (status->state == STATUS_RESTARTING)
		return error_set(err, ERROR_EXISTS,
				 "Container %s is restarting, wait until the container is running",
				 id);
	return status_has_process(status) ||
	       error_set(err, ERROR_NOT_FOUND, "Container %s is not running", id);
}

/* A change that leaves no trace in the container's directory is announced there, for who remembers
 * what the container was doing. Before the change, so that none goes unseen if we are killed. */
static void announce(const struct engine *engine, const char *id)
{
	(void)utimensat(engine->containers, id, NULL, 0);
}

static bool resume(struct engine *engine, const char *id, struct error *err)
{
	const char *const words[] = { "resume", id };

	announce(engine, id);
	return oci_call(engine, words, COUNT_OF(words), NULL, err);
}

bool control_pause(struct engine *engine, const struct container *container, struct error *err)
{
	const char *const words[] = { "pause", container->id };
	struct status status;

	if (!check_running(engine, container->id, &status, err))
		return false;
	if (status.state == STATUS_PAUSED)
		return error_set(err, ERROR_EXISTS, "Container %s is already paused",
				 container->id);
	announce(engine, container->id);
	if (!oci_call(engine, words, COUNT_OF(words), NULL, err))
		return false;
	happening_container(engine, container, "pause", NULL);
	return true;
}

bool control_unpause(struct engine *engine, const struct container *container, struct error *err)
{
	struct status status;
	struct error ignored;

	if (!check_running(engine, container->id, &status, &ignored) ||
	    status.state != STATUS_PAUSED)
		return error_set(err, ERROR_EXISTS, "Container %s is not paused", container->id);
	if (!resume(engine, container->id, err))
		return false;
	happening_container(engine, container, "unpause", NULL);
	return true;
}

/* What is frozen hears of no signal before it goes on. */
static bool let_go_on(struct engine *engine, const char *id, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(engine, &arena, id, &status);
	return status.state != STATUS_PAUSED || resume(engine, id, err);
}

/* Ending. ------------------------------------------------------------------------------------- */

static bool send_signal(int process, int number, struct error *err)
{
	return syscall(SYS_pidfd_send_signal, process, number, NULL, 0) == 0 || errno == ESRCH ||
	       error_sys(err, "send signal %d", number);
}

/* True once the process is gone; false when the time (milliseconds; -1: no limit) is up. */
static bool await_process(int process, int64_t milliseconds)
{
	int64_t end = clock_ms() + milliseconds;

	for (;;) {
		struct pollfd wait = { .fd = process, .events = POLLIN };
		int64_t left = milliseconds < 0 ? -1 : end - clock_ms();

		if (milliseconds >= 0 && left < 0)
			left = 0;
		int ready = poll(&wait, 1, left > 1000000 ? 1000000 : (int)left);
		if (ready > 0)
			return true;
		if (ready == 0 && milliseconds >= 0 && clock_ms() >= end)
			return false;
	}
}

static int stop_signal_of(const struct container *container)
{
	struct error ignored; /* checked when the container was created */
	int number;

	if (!*container->stop_signal || !signame_parse(container->stop_signal, &number, &ignored))
		return SIGTERM;
	return number;
}

/* Init is dead; its monitor records that and lets go of the lock. Before, it gives clients the last
 * output, which they may never take: a terminal stopped by a key, a pager. */
static void await_record(struct engine *engine, const char *id, const struct keeper *monitor)
{
	if (monitor->pidfd >= 0 && !await_process(monitor->pidfd, OUTPUT_PATIENCE_MS))
		keeper_hurry(monitor);
	if (status_is_running(engine, id))
		claim_wait(engine, id);
}

int64_t control_stop_seconds(const struct container *container)
{
	return container->stop_timeout >= 0 ? container->stop_timeout : DEFAULT_STOP_SECONDS;
}

/* There is no process, and may soon be one: somebody is at it, who has not recorded its end. */
static bool is_being_started(const struct engine *engine, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(engine, &arena, id, &status);
	return !status.pid && status.state != STATUS_EXITED && status_is_locked(engine, id);
}

/* The process to stop; *process is -1 if there is none. One that is just being started is waited
 * for: it would run although it was stopped. One whose restart is due is given up by its monitor,
 * since its policy has been cancelled, unless that is just starting it. */
static bool find_process(const struct engine *engine, const char *id, int *process,
			 struct error *err)
{
	const struct timespec step = { .tv_nsec = FIND_STEP_MS * 1000000L };

	for (int waited = 0; waited < FIND_PATIENCE_MS; waited += FIND_STEP_MS) {
		/* In this order: it may get its process in between. */
		bool is_soon = is_being_started(engine, id);

		*process = status_open_process(engine, id);
		if (*process >= 0 || !is_soon)
			return true;
		nanosleep(&step, NULL);
	}
	return error_set(err, ERROR_EXISTS, "container %.12s is being started by another command",
			 id);
}

/* On a disk that takes nothing any more the monitor itself is told, for which it is to end: at most
 * `boot`, on a disk that can be written to again, does not learn of it. */
static bool cancel_policy(const struct engine *engine, const char *id, enum policy_cause cause,
			  struct error *err)
{
	if (policy_cancel(engine, id, cause, err))
		return true;
	autokeeper struct keeper monitor = keeper_find(engine, id);

	if ((err->sys != EROFS && err->sys != EIO) || monitor.pidfd < 0)
		return false;
	log_warning("%s", err->text);
	keeper_hurry(&monitor);
	return true;
}

/* The same without a policy. A start arms it: what was cancelled before that is to be again. */
static bool take_process(const struct engine *engine, const char *id, enum policy_cause cause,
			 int *process, struct error *err)
{
	bool is_early = is_being_started(engine, id);

	return cancel_policy(engine, id, cause, err) && find_process(engine, id, process, err) &&
	       (!is_early || cancel_policy(engine, id, cause, err));
}

/* Somebody looks after it, or is about to. */
static bool is_looked_after(const struct engine *engine, const char *id)
{
	return status_is_running(engine, id) || is_being_started(engine, id);
}

static void tell_of_signal(struct engine *engine, const struct container *container, int signal)
{
	autofree char *attribute = mem_printf("signal=%d", signal);
	const char *const extra[] = { attribute, NULL };

	happening_container(engine, container, "kill", extra);
}

/* -1: no limit. */
static int64_t milliseconds_of(int64_t seconds)
{
	return seconds < 0 || seconds > SECONDS_MAX ? -1 : seconds * 1000;
}

static bool end_process(struct engine *engine, const struct container *container, int process,
			const struct stopping *stopping, struct error *err)
{
	int64_t seconds = stopping->seconds;
	const char *id = container->id;

	tell_of_signal(engine, container, seconds == 0 ? SIGKILL : stopping->signal);

	if (!send_signal(process, seconds == 0 ? SIGKILL : stopping->signal, err) ||
	    !let_go_on(engine, id, err))
		return false;
	if (await_process(process, milliseconds_of(seconds)))
		return true;
	if (!send_signal(process, SIGKILL, err))
		return false;
	await_process(process, -1);
	return true;
}

bool control_stop(struct engine *engine, const struct container *container,
		  const struct stopping *stopping, struct error *err)
{
	const char *id = container->id;
	struct stopping way = *stopping;

	if (!way.signal)
		way.signal = stop_signal_of(container);
	autoclose int process = -1;
	if (!is_looked_after(engine, id))
		return true;
	autokeeper struct keeper monitor = keeper_find(engine, id);
	if (!take_process(engine, id, stopping->cause, &process, err))
		return false;
	if (process < 0 && !status_is_running(engine, id))
		return true; /* its start has failed */
	if (process >= 0 && !end_process(engine, container, process, &way, err))
		return false;
	await_record(engine, id, &monitor);
	happening_container(engine, container, "stop", NULL);
	if (container->is_removed_on_exit)
		claim_wait(engine, id); /* its name is free when we return */
	return true;
}

/* Signals by which programs are told of something. */
static bool is_notice(int signal)
{
	return signal == SIGHUP || signal == SIGUSR1 || signal == SIGUSR2 || signal == SIGWINCH ||
	       signal == SIGCONT || signal == SIGCHLD || signal == SIGURG;
}

bool control_kill(struct engine *engine, const struct container *container, int signal,
		  struct error *err)
{
	const char *id = container->id;
	bool is_end = signal == stop_signal_of(container) || !is_notice(signal);
	/* Between two runs it has no process, and with its policy cancelled gets none: then it is
	 * ended as it was to be. */
	bool was_running = status_is_running(engine, id);

	autoclose int process = -1;
	/* Only who waits for its record needs it. */
	autokeeper struct keeper monitor = { .pidfd = -1 };
	if (signal == SIGKILL || !was_running)
		monitor = keeper_find(engine, id);
	if (is_looked_after(engine, id) &&
	    !(is_end ? take_process(engine, id, POLICY_USER, &process, err)
		     : find_process(engine, id, &process, err)))
		return false;
	if (process < 0 && !was_running && !status_is_running(engine, id))
		return error_set(err, ERROR_NOT_FOUND, "Container %s is not running", id);
	if (process >= 0)
		tell_of_signal(engine, container, signal);
	if (process >= 0 && (!send_signal(process, signal, err) || !let_go_on(engine, id, err)))
		return false;
	/* Docker returns when it is gone; with another signal it may well go on. */
	if (signal == SIGKILL && process >= 0)
		await_process(process, -1);
	if (signal == SIGKILL || process < 0)
		await_record(engine, id, &monitor);
	return true;
}

/* Waiting. ------------------------------------------------------------------------------------ */

/* Word of every change in the container's directory; -1: none to be had. */
static int watch_directory(const struct engine *engine, const char *id)
{
	autofree char *path = mem_printf("%s/containers/%s", engine->root, id);
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (watch < 0 || inotify_add_watch(watch, path, IN_MOVED_TO | IN_DELETE | IN_MOVE_SELF) < 0)
		return -1;
	return take_fd(&watch);
}

static void await_change(int watch)
{
	struct pollfd wait = { .fd = watch, .events = POLLIN };
	char events[4096];

	/* The time limit is for a monitor that was killed: nobody writes then. */
	if (poll(&wait, 1, LOOK_AGAIN_MS) > 0)
		while (read(watch, events, sizeof(events)) > 0)
			continue;
}

/* The monitor may go on after the end we wait for: only the record tells of it. */
static void await_next_end(struct engine *engine, struct arena *arena, const char *id,
			   struct status *status)
{
	autoclose int watch = watch_directory(engine, id);
	struct status first;

	status_read(engine, arena, id, &first);
	for (;;) {
		struct status now;
		struct status record;

		status_read(engine, arena, id, &now);
		/* Removed, or never started, nor being started just now. */
		if (now.state == STATUS_CREATED && !status_is_locked(engine, id)) {
			*status = now;
			return;
		}
		status_read_record(engine, arena, id, &record);
		if (now.state == STATUS_EXITED ||
		    strcmp(record.finished_at, first.finished_at) != 0) {
			*status = now.state == STATUS_EXITED ? now : record;
			return;
		}
		await_change(watch);
	}
}

static void await_end(struct engine *engine, struct arena *arena, const char *id,
		      const struct container *container, struct status *status)
{
	bool is_last = !*container->restart || strcmp(container->restart, "no") == 0;
	/* The record stays until we have read it, whoever removes the container at its end. */
	autoclose int reading = claim_read_end(engine, id);
	autoclose int process = is_last ? status_open_process(engine, id) : -1;

	(void)reading; /* is open: that is its use */
	if (process >= 0)
		await_process(process, -1);
	await_next_end(engine, arena, id, status);
}

bool control_wait(struct engine *engine, struct arena *arena, const char *id, struct status *status,
		  struct error *err)
{
	struct container container = { 0 };
	bool is_there = container_read(engine, arena, id, &container, err);

	if (is_there)
		await_end(engine, arena, id, &container, status);
	container_done(&container);
	if (is_there && status->state == STATUS_CREATED) { /* never started, or gone */
		is_there = container_read(engine, arena, id, &container, err);
		container_done(&container);
	}
	return is_there;
}

/* Removal. ------------------------------------------------------------------------------------ */

static bool kill_it(struct engine *engine, const char *id, struct error *err)
{
	autoclose int process = -1;
	autokeeper struct keeper monitor = keeper_find(engine, id);

	if (!take_process(engine, id, POLICY_USER, &process, err))
		return false;
	if (process < 0)
		return true;
	if (!send_signal(process, SIGKILL, err) || !let_go_on(engine, id, err))
		return false;
	await_process(process, -1);
	await_record(engine, id, &monitor);
	return true;
}

bool control_await_start(const struct engine *engine, const char *id, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int process = -1;
	struct status status;

	status_read(engine, &arena, id, &status);
	return status.state == STATUS_RESTARTING || !is_being_started(engine, id) ||
	       find_process(engine, id, &process, err);
}

bool control_remove(struct engine *engine, const struct container *container,
		    const struct removal *removal, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int own_lock = -1;
	const char *id = container->id;

	bool is_ready = removal->is_forced  ? kill_it(engine, id, err)
			: removal->lock < 0 ? control_await_start(engine, id, err)
					    : true;
	if (!is_ready)
		return false;
	struct status status;

	status_read(engine, &arena, id, &status);
	if (!removal->is_forced &&
	    (status_has_process(&status) || status.state == STATUS_RESTARTING))
		return error_set(err, ERROR_EXISTS,
				 "You cannot remove a %s container %s. %s the container before "
				 "attempting removal or force remove",
				 status_name(status.state), id,
				 status.state == STATUS_PAUSED ? "Unpause and then stop" : "Stop");
	if (removal->lock < 0 && !claim_lock(engine, id, &own_lock, err))
		return removal->is_forced && err->kind == ERROR_NOT_FOUND;
	autoclose int readers = claim_await_readers(engine, id);
	(void)readers; /* is open: nobody begins to read what goes away */
	health_forget(engine, id);
	if (!stale_remove(engine, id, err) || !prepare_undo(engine, container, err) ||
	    (removal->with_volumes && !volume_remove_anonymous(engine, container, err)) ||
	    !claim_release(engine, id, container->name,
			   container->is_removed_on_exit ? FILE_VOLATILE : FILE_DURABLE, err))
		return false;
	happening_container(engine, container, "destroy", NULL);
	return true;
}

/* The monitor's mount namespace, which is ours, still has the root file system mounted: a mount
 * point cannot be removed from inside. */
static void unmount_root(const struct engine *engine, const char *id, struct arena *arena)
{
	umount2(arena_printf(arena, "%s/containers/%s/rootfs", engine->root, id), MNT_DETACH);
}

void control_begin_removal(const struct engine *engine, const struct container *container)
{
	if (container->is_removed_on_exit && !claim_is_kept(engine, container->id))
		claim_drop_bundle(engine, container->id);
}

bool control_remove_ended(struct engine *engine, const struct container *container, int lock,
			  struct error *err)
{
	const struct removal removal = { .with_volumes = true, .lock = lock };

	return container->is_removed_on_exit && !claim_is_kept(engine, container->id)
		       ? control_remove(engine, container, &removal, err)
		       : prepare_undo(engine, container, err);
}

static bool clean_up_locked(struct engine *engine, const struct container *container, int lock,
			    struct arena *arena, struct error *err)
{
	struct status status;

	/* Under the lock: nobody can have started it again. */
	status_read(engine, arena, container->id, &status);
	if (status.state != STATUS_EXITED)
		return true;
	unmount_root(engine, container->id, arena);
	return control_remove_ended(engine, container, lock, err);
}

bool control_clean_up(struct engine *engine, const char *id, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int lock = claim_inherited(engine, id);
	struct container container = { 0 };

	if (!container_read(engine, &arena, id, &container, err))
		return err->kind == ERROR_NOT_FOUND;
	bool is_done = (lock >= 0 || claim_lock(engine, id, &lock, err)) &&
		       clean_up_locked(engine, &container, lock, &arena, err);
	container_done(&container);
	return is_done;
}
