/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/upgate.h"

#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

/* 2 looks so long after a start for the first time: what has ended by then did not come up. */
#define SETTLED_MS 500

static enum task_gate wait_for_health(const struct session *session,
				      const struct instance *instance, const struct status *status,
				      struct error *err)
{
	bool is_classic = session->composer->is_classic;
	const char *who = is_classic ? instance->id : instance->name;
	int length = is_classic ? CONTAINER_SHORT_ID : (int)strlen(who);
	const char *head = is_classic ? "Container \"" : "dependency failed to start: container ";
	const char *tail = is_classic ? "\"" : "";

	if (status->state == STATUS_EXITED) {
		error_set(err, ERROR_SYSTEM,
			  is_classic ? "%s%.*s%s exited with code %d." : "%s%.*s%s exited (%d)",
			  head, length, who, tail, status->exit_code);
		return TASK_GATE_HOPELESS;
	}
	if (status->state == STATUS_RESTARTING)
		return TASK_GATE_CLOSED;
	switch (fleet_health(&session->fleet, instance->id)) {
	case FLEET_HEALTHY:
		return TASK_GATE_OPEN;
	case FLEET_UNCHECKED:
		if (is_classic)
			error_set(err, ERROR_INPUT,
				  "Service \"%s\" is missing a healthcheck configuration",
				  instance->service->name);
		else
			error_set(err, ERROR_INPUT, "%s%.*s%s has no healthcheck configured", head,
				  length, who, tail);
		return TASK_GATE_HOPELESS;
	case FLEET_UNHEALTHY:
		error_set(err, ERROR_SYSTEM, "%s%.*s%s is unhealthy%s", head, length, who, tail,
			  is_classic ? "." : "");
		return TASK_GATE_HOPELESS;
	default:
		return TASK_GATE_CLOSED;
	}
}

static enum task_gate wait_for_end(const struct session *session, const struct instance *instance,
				   const struct status *status, struct error *err)
{
	if (status->state != STATUS_EXITED)
		return TASK_GATE_CLOSED;
	if (status->exit_code == 0)
		return TASK_GATE_OPEN;
	if (session->composer->is_classic)
		error_set(err, ERROR_SYSTEM, "Container \"%.*s\" exited with code %d.",
			  CONTAINER_SHORT_ID, instance->id, status->exit_code);
	else
		error_set(err, ERROR_SYSTEM, "service \"%s\" didn't complete successfully: exit %d",
			  instance->service->name, status->exit_code);
	return TASK_GATE_HOPELESS;
}

/* The runner is woken by what changes in the container's directory, and where checks of health are
 * recorded. */
static void watch(const struct session *session, const struct instance *instance)
{
	autofree char *path =
		mem_printf("%s/containers/%s", session->fleet.engine.root, instance->id);
	autofree char *health = mem_printf("%s/health", session->fleet.engine.run);
	const unsigned int events = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF;

	if (session->runner.wake < 0)
		return;
	(void)inotify_add_watch(session->runner.wake, path, events);
	(void)inotify_add_watch(session->runner.wake, health, events);
}

enum task_gate upgate(struct session *session, const struct instance *instance,
		      enum condition condition, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct status status = { 0 };
	enum task_gate gate;

	if (condition == CONDITION_STARTED || !instance->id)
		return TASK_GATE_OPEN;
	watch(session, instance); /* before looking: no change is missed */
	status_read(&session->fleet.engine, &arena, instance->id, &status);
	gate = condition == CONDITION_HEALTHY ? wait_for_health(session, instance, &status, err)
					      : wait_for_end(session, instance, &status, err);
	return gate;
}

/* Of its process. */
static int64_t uptime_ms(const struct status *status)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 -
	       (int64_t)status->start_time * 1000 / sysconf(_SC_CLK_TCK);
}

enum task_gate upgate_settled(struct session *session, const struct instance *instance,
			      struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct status status = { 0 };

	if (fleet_health(&session->fleet, instance->id) != FLEET_UNCHECKED)
		return upgate(session, instance, CONDITION_HEALTHY, err);
	watch(session, instance);
	status_read(&session->fleet.engine, &arena, instance->id, &status);
	if (status.state == STATUS_RUNNING && status.pid > 0 && uptime_ms(&status) >= SETTLED_MS)
		return TASK_GATE_OPEN;
	if (status.state != STATUS_EXITED)
		return TASK_GATE_CLOSED;
	error_set(err, ERROR_SYSTEM, "container %s exited (%d)", instance->name, status.exit_code);
	return TASK_GATE_HOPELESS;
}
