/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/claim.h"
#include "engine/prepare.h"
#include "engine/stale.h"
#include "engine/volume.h"
#include "runtime/signame.h"

#define DEFAULT_STOP_SECONDS 10

static bool send_signal(int process, int number, struct error *err)
{
	return syscall(SYS_pidfd_send_signal, process, number, NULL, 0) == 0 || errno == ESRCH ||
	       error_sys(err, "send signal %d", number);
}

bool control_signal(struct engine *engine, const char *id, int signal, struct error *err)
{
	autoclose int process = status_open_process(engine, id);

	if (process < 0)
		return error_set(err, ERROR_NOT_FOUND, "Container %s is not running", id);
	return send_signal(process, signal, err);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True once the process is gone; false when the time (milliseconds; -1: no limit) is up. */
static bool await_process(int process, int64_t milliseconds)
{
	int64_t end = now_ms() + milliseconds;

	for (;;) {
		struct pollfd wait = { .fd = process, .events = POLLIN };
		int64_t left = milliseconds < 0 ? -1 : end - now_ms();

		if (milliseconds >= 0 && left < 0)
			left = 0;
		int ready = poll(&wait, 1, left > 1000000 ? 1000000 : (int)left);
		if (ready > 0)
			return true;
		if (ready == 0 && milliseconds >= 0 && now_ms() >= end)
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

/* Init is dead; its monitor records that and lets go of the lock. */
static void await_record(struct engine *engine, const char *id)
{
	if (status_is_running(engine, id))
		claim_wait(engine, id);
}

bool control_stop(struct engine *engine, const struct container *container, int signal,
		  int64_t seconds, struct error *err)
{
	autoclose int process = status_open_process(engine, container->id);
	int64_t patience = seconds * 1000;

	if (process < 0) {
		await_record(engine, container->id);
		return true;
	}
	if (!signal)
		signal = stop_signal_of(container);
	if (!send_signal(process, seconds == 0 ? SIGKILL : signal, err))
		return false;
	if (!await_process(process, seconds < 0 ? -1 : patience)) {
		if (!send_signal(process, SIGKILL, err))
			return false;
		await_process(process, -1);
	}
	await_record(engine, container->id);
	if (container->is_removed_on_exit)
		claim_wait(engine, container->id); /* its name is free when we return */
	return true;
}

bool control_wait(struct engine *engine, struct arena *arena, const char *id, struct status *status,
		  struct error *err)
{
	for (;;) {
		autoclose int process = status_open_process(engine, id);
		struct container container = { 0 };

		if (process >= 0)
			await_process(process, -1);
		await_record(engine, id);
		status_read(engine, arena, id, status);
		if (status->state == STATUS_EXITED)
			return true;
		if (!container_read(engine, arena, id, &container, err)) {
			*status = (struct status){ .state = STATUS_EXITED };
			return err->kind == ERROR_NOT_FOUND;
		}
		container_done(&container);
		if (status->state == STATUS_CREATED)
			return true;
	}
}

/* Removal. ------------------------------------------------------------------------------------ */

static bool kill_it(struct engine *engine, const char *id, struct error *err)
{
	autoclose int process = status_open_process(engine, id);

	if (process < 0)
		return true;
	if (!send_signal(process, SIGKILL, err))
		return false;
	await_process(process, -1);
	return true;
}

bool control_remove(struct engine *engine, const struct container *container,
		    const struct removal *removal, struct error *err)
{
	autoclose int own_lock = -1;
	const char *id = container->id;

	if (removal->is_forced && !kill_it(engine, id, err))
		return false;
	if (!removal->is_forced && status_is_running(engine, id))
		return error_set(err, ERROR_EXISTS,
				 "You cannot remove a running container %s. Stop the container "
				 "before attempting removal or force remove",
				 id);
	if (removal->lock < 0 && !claim_lock(engine, id, &own_lock, err))
		return false;
	return stale_remove(engine, id, err) && prepare_undo(engine, container, err) &&
	       (!removal->with_volumes || volume_remove_anonymous(engine, container, err)) &&
	       claim_release(engine, id, container->name, err);
}

/* The monitor's mount namespace, which is ours, still has the root file system mounted: a mount
 * point cannot be removed from inside. */
static void unmount_root(const struct engine *engine, const char *id, struct arena *arena)
{
	umount2(arena_printf(arena, "%s/containers/%s/rootfs", engine->root, id), MNT_DETACH);
}

static bool clean_up_locked(struct engine *engine, const struct container *container, int lock,
			    struct arena *arena, struct error *err)
{
	const struct removal removal = { .with_volumes = true, .lock = lock };
	struct status status;

	/* Under the lock: nobody can have started it again. */
	status_read(engine, arena, container->id, &status);
	if (status.state != STATUS_EXITED)
		return true;
	unmount_root(engine, container->id, arena);
	return container->is_removed_on_exit ? control_remove(engine, container, &removal, err)
					     : prepare_undo(engine, container, err);
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
