/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "runtime/container.h"
#include "runtime/found.h"
#include "runtime/hook.h"
#include "runtime/hostroot.h"
#include "runtime/kernel.h"
#include "runtime/salvage.h"

/*
 * The verbs that change a container found by its name: start, kill, pause, resume, delete. Its init
 * is signalled through a pidfd.
 */

#define KILL_WAIT_MS 10000

/* -- start ----------------------------------------------------------------------------------- */

/* Init holds the FIFO's other end from create on: no reader, no init. */
static bool let_go(const struct found *found, int *result, struct error *err)
{
	autoclose int fifo = -1;

	*result = openat(found->dir.dir, STATE_RESULT,
			 O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (*result < 0)
		return error_sys(err, "open %s", STATE_RESULT);
	fifo = openat(found->dir.dir, STATE_FIFO, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fifo < 0 && errno == ENXIO)
		return error_set(err, ERROR_INPUT, "cannot start a container that has stopped");
	if (fifo < 0 || write(fifo, "s", 1) != 1)
		return error_sys(err, "write %s", STATE_FIFO);
	unlinkat(found->dir.dir, STATE_FIFO, 0);
	unlinkat(found->dir.dir, STATE_RESULT, 0);
	return true;
}

/* The end of the FIFO is init's execve, or its death; text before that is why it could not. */
static bool await_result(int result, struct error *err)
{
	char text[ERROR_TEXT_MAX / 2];
	struct pollfd fd = { .fd = result, .events = POLLIN };
	ssize_t got;

	while (poll(&fd, 1, -1) < 0)
		if (errno != EINTR)
			return error_sys(err, "wait for init");
	got = read(result, text, sizeof(text) - 1);
	if (got <= 0)
		return true;
	text[got] = '\0';
	return error_set(err, ERROR_SYSTEM, "unable to start container process: %s", text);
}

static bool run_poststart(const struct found *found, struct error *err)
{
	struct hook_place place = { .kind = HOOK_POSTSTART,
				    .directory = found->state.bundle,
				    .status = CONTAINER_RUNNING,
				    .pid = found->state.pid };
	autoclose int init = -1;

	state_unlock(&found->dir); /* a hook may exec in the container */
	if (hook_run(&found->state.hooks[HOOK_POSTSTART], &place, &found->state, err))
		return true;
	init = found_open_init(found);
	if (init >= 0)
		kernel_pidfd_signal(init, SIGKILL);
	return false;
}

/* Others may want to stop it while it is getting ready. */
static bool await_ready(const struct found *found, int notify_socket, const char *notify,
			struct error *err)
{
	autoclose int init = found_open_init(found);

	state_unlock(&found->dir);
	return init < 0 || service_await(notify_socket, notify, found->state.pid, init, err);
}

bool container_start(const char *state_root, const char *id, const char *notify, struct error *err)
{
	autofound struct found found;
	autoclose int notify_socket = -1;
	autoclose int result = -1;

	found_init(&found);
	if (!found_load_locked(&found, state_root, id, err))
		return false;
	switch (found_status(&found)) {
	case CONTAINER_CREATED:
		break;
	case CONTAINER_STOPPED:
		return error_set(err, ERROR_INPUT, "cannot start a container that has stopped");
	case CONTAINER_PAUSED:
		return error_set(err, ERROR_INPUT, "cannot start a container in the paused state");
	default:
		return error_set(err, ERROR_INPUT, "cannot start an already running container");
	}
	if (notify && !service_listen(found.dir.dir, &notify_socket, err))
		return false;
	return let_go(&found, &result, err) && await_result(result, err) &&
	       run_poststart(&found, err) &&
	       (!notify || await_ready(&found, notify_socket, notify, err));
}

/* -- kill ------------------------------------------------------------------------------------ */

/* Without a pid namespace of its own the container's other processes outlive init. */
static bool signal_found(const struct found *found, int signal, enum container_reach reach,
			 struct error *err)
{
	const struct cgroup *cgroup = &found->state.cgroup;
	bool is_shared = !found->state.has_pid_namespace && signal == SIGKILL;
	autoclose int init = found_open_init(found);

	if (init < 0 && reach == CONTAINER_INIT && !is_shared)
		return error_set(err, ERROR_NOT_FOUND, "container not running");
	if ((reach == CONTAINER_EVERYONE || is_shared) && cgroup->count > 0 &&
	    !cgroup_signal_all(cgroup, signal, err))
		return error_in(err, "unable to kill all processes");
	if (init >= 0 && kernel_pidfd_signal(init, signal) < 0 && errno != ESRCH)
		return error_sys(err, "unable to signal init");
	if (signal == SIGKILL)
		cgroup_release(cgroup);
	return true;
}

/* Without init the container counts as stopped, whatever it left running. */
static bool kill_rest(const struct found *found, int signal, enum container_reach reach,
		      struct error *err)
{
	struct cgroup_pids rest = { 0 };
	bool is_shared = !found->state.has_pid_namespace && signal == SIGKILL;
	bool is_known = !is_shared || cgroup_list(&found->state.cgroup, &rest, err);
	size_t count = rest.count;

	cgroup_pids_done(&rest);
	if (!is_known)
		return false;
	if (count > 0)
		return cgroup_signal_all(&found->state.cgroup, SIGKILL, err);
	return reach == CONTAINER_EVERYONE ||
	       error_set(err, ERROR_NOT_FOUND, "container not running");
}

bool container_kill(const char *state_root, const char *id, int signal, enum container_reach reach,
		    struct error *err)
{
	autofound struct found found;

	found_init(&found);
	if (!found_load(&found, state_root, id, err))
		return false;
	if (found_status(&found) == CONTAINER_STOPPED)
		return kill_rest(&found, signal, reach, err);
	return signal_found(&found, signal, reach, err);
}

/* -- pause and resume ------------------------------------------------------------------------ */

bool container_pause(const char *state_root, const char *id, struct error *err)
{
	autofound struct found found;
	enum container_status status;

	found_init(&found);
	if (!found_load(&found, state_root, id, err))
		return false;
	status = found_status(&found);
	if (status != CONTAINER_RUNNING && status != CONTAINER_CREATED)
		return error_set(err, ERROR_INPUT, "container not running");
	return cgroup_freeze(&found.state.cgroup, err);
}

bool container_resume(const char *state_root, const char *id, struct error *err)
{
	autofound struct found found;

	found_init(&found);
	if (!found_load(&found, state_root, id, err))
		return false;
	if (found_status(&found) != CONTAINER_PAUSED)
		return error_set(err, ERROR_INPUT, "container not paused");
	return cgroup_thaw(&found.state.cgroup, err);
}

/* -- delete ---------------------------------------------------------------------------------- */

static bool kill_and_wait(const struct found *found, struct error *err)
{
	autoclose int init = found_open_init(found);
	struct pollfd fd = { .fd = init, .events = POLLIN };
	struct error ignored;

	(void)!signal_found(found, SIGKILL, CONTAINER_INIT, &ignored);
	if (init >= 0 && poll(&fd, 1, KILL_WAIT_MS) <= 0)
		return error_set(err, ERROR_SYSTEM, "container init still running");
	return true;
}

static bool remove_found(struct found *found, const char *id, struct error *warning,
			 struct error *err)
{
	struct hook_place place = { .kind = HOOK_POSTSTOP,
				    .directory = found->state.bundle,
				    .status = CONTAINER_STOPPED };

	if (!found->state.has_pid_namespace &&
	    !cgroup_signal_all(&found->state.cgroup, SIGKILL, err))
		return false;
	/* If the groups stay, so does the state: delete can be tried again. */
	if (!cgroup_remove(&found->state.cgroup, err) || !rdt_remove(&found->state.rdt, err) ||
	    !hostroot_remove(&found->state, err) || !state_remove(&found->dir, id, err))
		return false;
	(void)!hook_run(&found->state.hooks[HOOK_POSTSTOP], &place, &found->state, warning);
	return true;
}

/* A state that cannot be read: what it still tells is ended, and the name given back. */
static bool remove_damaged(struct found *found, const char *id, struct error *err)
{
	struct cgroup *cgroup = &found->state.cgroup;
	autoclose int init = -1;
	struct pollfd fd = { .events = POLLIN };

	salvage_state(&found->dir, &found->arena, &found->state);
	init = found->state.pid > 0 ? found_open_init(found) : -1;
	fd.fd = init;
	if (init >= 0)
		kernel_pidfd_signal(init, SIGKILL);
	if (!cgroup_signal_all(cgroup, SIGKILL, err))
		return false;
	if (init >= 0 && poll(&fd, 1, KILL_WAIT_MS) <= 0)
		return error_set(err, ERROR_SYSTEM, "container init still running");
	return cgroup_remove(cgroup, err) && hostroot_remove(&found->state, err) &&
	       state_remove(&found->dir, id, err);
}

/* A directory without a state is what a killed create leaves behind. */
static bool remove_rest(struct found *found, const char *id, bool is_forced, struct error *err)
{
	struct error failure = *err;

	if (failure.kind == ERROR_UNSUPPORTED) /* whole, and another runtime's: it lives on */
		return false;
	if (failure.kind != ERROR_NOT_FOUND && !is_forced)
		return error_set(err, failure.kind, "%.900s: delete --force removes the container",
				 failure.text);
	if (!remove_damaged(found, id, err))
		return false;
	*err = failure;
	return is_forced;
}

/* Who creates or starts it holds the lock, and may wait for a hook of the container's for ever. */
static void kill_unlocked(struct found *found)
{
	struct error ignored;

	if (state_load(&found->dir, &found->arena, &found->state, &ignored)) {
		autoclose int init = found_open_init(found);

		if (init >= 0)
			kernel_pidfd_signal(init, SIGKILL);
	}
	state_done(&found->state);
}

bool container_delete(const char *state_root, const char *id, bool is_forced, struct error *warning,
		      struct error *err)
{
	autofound struct found found;
	enum container_status status;

	warning->text[0] = '\0';
	found_init(&found);
	if (!state_find(state_root, id, &found.dir, err))
		return is_forced && err->kind == ERROR_NOT_FOUND;
	if (is_forced)
		kill_unlocked(&found);
	if (!state_lock(&found.dir, id, err))
		return false;
	if (!state_load(&found.dir, &found.arena, &found.state, err))
		return remove_rest(&found, id, is_forced, err);
	status = found_status(&found);
	if (!is_forced && (status == CONTAINER_RUNNING || status == CONTAINER_PAUSED))
		return error_set(err, ERROR_EXISTS,
				 "cannot delete container %s that is not stopped: %s", id,
				 container_status_name(status));
	if (status != CONTAINER_STOPPED && !kill_and_wait(&found, err))
		return false;
	return remove_found(&found, id, warning, err);
}
