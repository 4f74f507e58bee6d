/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/uprun.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "compose/creation.h"
#include "compose/hook.h"
#include "compose/projectfile.h"
#include "compose/replacement.h"
#include "compose/upgate.h"
#include "engine/find.h"

/*
 * How this works: each instance of the plan is one task of a few docker commands. A task comes
 * after those of the services that it depends on, and its first step has a gate for what they must
 * have become by then.
 */
struct up {
	struct session *session;
	const struct uprun_wishes *wishes;
	struct upplan *plan;
	struct task *tasks;
};

/* What was told of one that another waits for. */
enum awaited {
	AWAITED_UNTOLD,
	AWAITED_WAITING,
	AWAITED_OVER,
};

struct up_task {
	const struct up *up;
	struct instance *instance;
	enum awaited *awaited; /* by the index of the plan's instances: by this one */
	int replacement;       /* of what this one is made instead of; -1: of nothing */
};

static struct arena *arena_of(const struct up *up)
{
	return &up->session->project.arena;
}

/* -- steps --------------------------------------------------------------------------------------
 */

static void add_words(struct texts *arguments, const char *first, const char *second)
{
	texts_add(arguments, first);
	if (second)
		texts_add(arguments, second);
}

static bool stop(struct task *task, struct texts *arguments, struct error *err)
{
	struct up_task *own = task->context;
	int64_t seconds = own->up->wishes->stop_seconds;

	(void)err;
	if (own->instance->action == INSTANCE_RECREATE)
		own->replacement = replacement_begin(&own->up->session->fleet.engine,
						     own->instance->member->container.id);
	texts_add(arguments, "stop");
	if (seconds >= 0)
		add_words(arguments, "--time",
			  arena_printf(arena_of(own->up), "%lld", (long long)seconds));
	texts_add(arguments, own->instance->member->container.id);
	return true;
}

/* The name that the one to be replaced has meanwhile. */
static const char *old_name(const struct up *up, const struct instance *instance)
{
	return arena_printf(arena_of(up), "%.*s_%s", CONTAINER_SHORT_ID,
			    instance->member->container.id, instance->name);
}

static bool rename_old(struct task *task, struct texts *arguments, struct error *err)
{
	const struct up_task *own = task->context;

	(void)err;
	add_words(arguments, "rename", own->instance->member->container.id);
	texts_add(arguments, old_name(own->up, own->instance));
	return true;
}

static bool remove_old(struct task *task, struct texts *arguments, struct error *err)
{
	const struct up_task *own = task->context;

	(void)err;
	add_words(arguments, "rm", "--force");
	if (own->up->wishes->renews_volumes || own->instance->action == INSTANCE_REMOVE)
		texts_add(arguments, "--volumes");
	texts_add(arguments, own->instance->member->container.id);
	return true;
}

static bool replaced(struct task *task, const char *output, struct error *err)
{
	struct up_task *own = task->context;

	(void)output;
	(void)err;
	mem_cleanup_close(&own->replacement);
	own->replacement = -1;
	return true;
}

static bool create(struct task *task, struct texts *arguments, struct error *err)
{
	const struct up_task *own = task->context;
	const struct instance *instance = own->instance;
	struct project *project = &own->up->session->project;
	autotexts struct texts carried = { 0 };

	if (instance->member && !own->up->wishes->renews_volumes)
		creation_carry(&project->arena, instance->service, &instance->member->container,
			       &carried);

	const struct creation creation = {
		.project = project,
		.service = instance->service,
		.name = instance->name,
		.number = instance->number,
		.fleet = &own->up->session->fleet,
		.plan = own->up->plan,
		.version = composer_version(own->up->session->composer),
		.has_ports = true,
		.has_aliases = true,
		.carried = &carried,
	};

	add_words(arguments, "create", "--pull");
	texts_add(arguments, "never");
	if (own->up->session->composer->is_classic)
		texts_add(arguments, "--unattached");
	return creation_arguments(&creation, arguments, err);
}

static bool created(struct task *task, const char *output, struct error *err)
{
	const struct up_task *own = task->context;

	if (strlen(output) < CONTAINER_ID_LENGTH)
		return error_set(err, ERROR_SYSTEM, "docker create told no container ID");
	own->instance->id = arena_strndup(arena_of(own->up), output, CONTAINER_ID_LENGTH);
	return true;
}

static bool start(struct task *task, struct texts *arguments, struct error *err)
{
	const struct up_task *own = task->context;
	const struct uprun_wishes *wishes = own->up->wishes;

	(void)err;
	if (wishes->on_start)
		wishes->on_start(wishes->context, own->instance);
	add_words(arguments, "start", own->instance->id);
	return true;
}

/* -- gates --------------------------------------------------------------------------------------
 */

/* Once for each that waits, as 2 has it. */
static void tell_awaited(const struct up_task *own, size_t index, const struct dependency *needed,
			 enum task_gate gate)
{
	const char *name = own->up->plan->instances[index].name;
	struct telling *telling = &own->up->session->telling;
	enum awaited *told = &own->awaited[index];
	bool is_good = gate == TASK_GATE_OPEN || !needed->is_required;
	const char *end = needed->condition == CONDITION_HEALTHY ? "Healthy" : "Exited";

	if (needed->condition == CONDITION_STARTED || *told == AWAITED_OVER)
		return;
	if (*told == AWAITED_UNTOLD)
		telling_state(telling, "Container", name, "Waiting", TELLING_WORKING);
	*told = AWAITED_WAITING;
	if (gate == TASK_GATE_CLOSED)
		return;
	if (gate == TASK_GATE_HOPELESS && is_good)
		end = arena_printf(arena_of(own->up),
				   "Skipped: optional dependency \"%s\" failed to start",
				   own->up->plan->instances[index].service->name);
	else if (gate == TASK_GATE_HOPELESS)
		end = "Error";
	telling_state(telling, "Container", name, end, is_good ? TELLING_DONE : TELLING_FAILED);
	*told = AWAITED_OVER;
}

/* All instances of all services that this one needs. */
static enum task_gate dependencies(struct task *task, struct error *err)
{
	const struct up_task *own = task->context;
	const struct service *service = own->instance->service;
	const struct project *project = &own->up->session->project;
	bool is_closed = false;

	for (size_t i = 0; i < service->dependency_count; i++) {
		const struct dependency *needed = &service->dependencies[i];

		for (size_t j = 0; j < own->up->plan->count; j++) {
			const struct instance *other = &own->up->plan->instances[j];
			enum task_gate gate;

			if (other->service != &project->services[needed->service] ||
			    other->action == INSTANCE_REMOVE)
				continue;
			gate = upgate(own->up->session, other, needed->condition, err);
			if (other->id)
				tell_awaited(own, j, needed, gate);
			if (gate == TASK_GATE_HOPELESS && needed->is_required)
				return gate;
			is_closed |= gate == TASK_GATE_CLOSED;
		}
	}
	return is_closed ? TASK_GATE_CLOSED : TASK_GATE_OPEN;
}

/* -- tasks --------------------------------------------------------------------------------------
 */

static void add_step(struct task *task, const struct task_step *step)
{
	task->steps[task->step_count++] = *step;
}

static const char *failure(const struct up *up, const struct task *task, const char *what)
{
	return arena_printf(arena_of(up), "Cannot %s service %s", what, task->service);
}

static void add_start(const struct up *up, struct task *task)
{
	const struct up_task *own = task->context;
	const struct task_step step = { .arguments = start,
					.words = &telling_starting,
					.failure = failure(up, task, "start") };

	if (up->wishes->is_unstarted)
		return;
	add_step(task, &step);
	hook_add(arena_of(up), task, own->instance->service, "post_start", &own->instance->id);
}

static void add_creation(const struct up *up, struct task *task, const struct telling_words *words)
{
	const struct task_step step = { .arguments = create,
					.on_output = created,
					.words = words,
					.failure = failure(up, task, "create container for") };

	add_step(task, &step);
	add_start(up, task);
}

/* All of it is told as one deed. */
static void add_recreation(const struct up *up, struct task *task, const struct instance *instance)
{
	static const struct telling_words begun = { "Recreate", NULL },
					  ended = { NULL, "Recreated" };
	bool is_up = fleet_is_up(instance->member);
	/* Else that is left from an attempt that failed. */
	bool has_name = strcmp(old_name(up, instance), instance->member->container.name) != 0;
	const struct task_step stopping = { .arguments = stop, .words = &begun };
	const struct task_step renaming = { .arguments = rename_old,
					    .words = is_up ? NULL : &begun };
	const struct task_step removing = { .arguments = remove_old, .on_output = replaced };

	if (is_up)
		add_step(task, &stopping);
	if (has_name)
		add_step(task, &renaming);
	add_creation(up, task, is_up || has_name ? &ended : &telling_recreating);
	add_step(task, &removing);
}

static void add_restart(const struct up *up, struct task *task)
{
	const struct task_step stopping = { .arguments = stop, .words = &telling_stopping };

	if (up->wishes->is_unstarted)
		return;
	add_step(task, &stopping);
	add_start(up, task);
}

static void add_removal(struct task *task, const struct instance *instance)
{
	const struct task_step stopping = { .arguments = stop, .words = &telling_stopping };
	const struct task_step removing = { .arguments = remove_old, .words = &telling_removing };

	if (fleet_is_up(instance->member))
		add_step(task, &stopping);
	add_step(task, &removing);
}

/* 1 tells nothing of the others then. */
static bool is_scaled(const struct up *up, const struct instance *instance)
{
	for (size_t i = 0; i < up->plan->count; i++) {
		const struct instance *other = &up->plan->instances[i];

		if (other->service == instance->service &&
		    (other->action == INSTANCE_REMOVE || other->action == INSTANCE_CREATE))
			return true;
	}
	return false;
}

static enum awaited *awaited_none(const struct up *up)
{
	return arena_array(arena_of(up), up->plan->count + 1, sizeof(enum awaited));
}

static void fill_in(const struct up *up, struct task *task, struct instance *instance)
{
	struct up_task *own = arena_alloc(arena_of(up), sizeof(*own));

	*own = (struct up_task){ up, instance, awaited_none(up), -1 };
	*task = (struct task){ .name = instance->name,
			       .service = instance->service->name,
			       .context = own };
	switch (instance->action) {
	case INSTANCE_CREATE:
		task->classic = "Creating";
		add_creation(up, task, &telling_creating);
		break;
	case INSTANCE_RECREATE:
		task->classic = "Recreating";
		add_recreation(up, task, instance);
		break;
	case INSTANCE_START:
		task->classic = up->wishes->is_unstarted ? NULL : "Starting";
		add_start(up, task);
		break;
	case INSTANCE_RESTART:
		task->classic = up->wishes->is_unstarted ? NULL : "Restarting";
		add_restart(up, task);
		break;
	case INSTANCE_REMOVE:
		task->classic = "Stopping and removing";
		add_removal(task, instance);
		return;
	default:
		if (!up->wishes->plan.is_unforced && !is_scaled(up, instance))
			telling_classic(&up->session->telling, "%s is up-to-date", instance->name);
		telling_state(&up->session->telling, "Container", instance->name, "Running",
			      TELLING_DONE);
		break;
	}
	if (task->step_count && !up->wishes->is_unstarted)
		task->steps[0].gate = dependencies;
}

static void order(const struct up *up)
{
	const struct project *project = &up->session->project;

	for (size_t i = 0; i < up->plan->count; i++) {
		const struct instance *own = &up->plan->instances[i];
		struct task *task = &up->tasks[i];

		task->after = arena_array(arena_of(up), up->plan->count, sizeof(struct task *));
		for (size_t j = 0; j < up->plan->count; j++) {
			const struct service *other = up->plan->instances[j].service;

			for (size_t k = 0; k < own->service->dependency_count; k++) {
				if (other ==
				    &project->services[own->service->dependencies[k].service])
					task->after[task->after_count++] = &up->tasks[j];
			}
		}
	}
}

/* -- all of it ----------------------------------------------------------------------------------
 */

static const char *image_id(void *context, const struct service *service)
{
	return provision_image_id(context, service);
}

/* What the project once had and the files name no more. */
static bool look_after_orphans(struct session *session, const struct uprun_wishes *wishes,
			       struct error *err)
{
	struct member **orphans =
		fleet_orphans(&session->fleet, &session->project, !session->composer->is_classic);

	if (!orphans[0] || (wishes->ignores_orphans && !wishes->removes_orphans))
		return true;
	if (wishes->removes_orphans)
		return session_remove_orphans(session, orphans, err);
	session_tell_orphans(session, orphans);
	return true;
}

static bool prepare(const struct up *up, struct error *err)
{
	struct session *session = up->session;
	struct upplan_wishes wishes = up->wishes->plan;
	const struct provision_images images = {
		.is_wanted = upplan_wanted(&session->project, wishes.services,
					   wishes.is_without_dependencies),
		.pull = up->wishes->pull,
		.is_quiet = up->wishes->is_quiet,
		.is_unbuilt = up->wishes->is_unbuilt,
	};

	for (size_t i = 0; i < session->project.service_count; i++) {
		if (!images.is_wanted[i])
			continue;
		if (!projectfile_check(&session->project, &session->project.services[i], err))
			return false;
		creation_warn(&session->project, &session->project.services[i]);
	}
	wishes.image_id = image_id;
	wishes.context = session;
	if (!provision_networks(session, images.is_wanted, err) ||
	    !provision_volumes(session, images.is_wanted, err) ||
	    !provision_images(session, &images, err) ||
	    !look_after_orphans(session, up->wishes, err) ||
	    !upplan_make(up->plan, &session->project, &session->fleet, &wishes, err))
		return false;
	for (size_t i = 0; i < session->project.service_count; i++) {
		if (upplan_has_clash(up->plan, &session->project.services[i]))
			session_tell_clash(session, session->project.services[i].name);
	}
	return true;
}

/* With gates that are asked whenever a container that was looked at has changed. */
static bool run_watched(struct session *session, struct task *tasks, size_t count)
{
	autoclose int wake = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	session->runner.wake = wake;

	bool is_good = task_run_all(&session->runner, tasks, count);

	session->runner.wake = -1;
	return is_good;
}

bool uprun(struct session *session, const struct uprun_wishes *wishes, struct upplan *plan,
	   int *code)
{
	struct up up = { .session = session, .wishes = wishes, .plan = plan };
	struct error err;

	*plan = (struct upplan){ 0 };
	*code = 1;
	if (!prepare(&up, &err)) {
		(void)composer_failed(session->composer, &err);
		return false;
	}
	up.tasks = arena_array(arena_of(&up), plan->count + 1, sizeof(*up.tasks));
	for (size_t i = 0; i < plan->count; i++)
		fill_in(&up, &up.tasks[i], &plan->instances[i]);
	order(&up);

	bool is_good = run_watched(session, up.tasks, plan->count);

	*code = session_report_up(session, up.tasks, plan->count, is_good);
	return is_good;
}

/* -- waiting -------------------------------------------------------------------------------------
 */

/* One that has nothing to do but to wait. */
static struct task waiting_task(const struct up *up, struct instance *instance,
				enum task_gate (*gate)(struct task *, struct error *))
{
	struct up_task *own = arena_alloc(arena_of(up), sizeof(*own));

	*own = (struct up_task){ up, instance, awaited_none(up), -1 };
	return (struct task){ .name = instance->name,
			      .steps = { { .gate = gate } },
			      .step_count = 1,
			      .context = own };
}

/* Whether others wait for its end. */
static bool is_job(const struct project *project, const struct service *service)
{
	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *other = &project->services[i];

		for (size_t j = 0; j < other->dependency_count; j++) {
			if (other->dependencies[j].condition == CONDITION_COMPLETED &&
			    &project->services[other->dependencies[j].service] == service)
				return true;
		}
	}
	return false;
}

static enum task_gate settled(struct task *task, struct error *err)
{
	const struct up_task *own = task->context;
	struct session *session = own->up->session;
	const struct instance *instance = own->instance;

	return is_job(&session->project, instance->service)
		       ? upgate(session, instance, CONDITION_COMPLETED, err)
		       : upgate_settled(session, instance, err);
}

bool uprun_wait(struct session *session, struct upplan *plan, int64_t seconds, int *code)
{
	static const struct telling_words waiting = { "Waiting", "Healthy" };
	struct up up = { .session = session, .plan = plan };
	size_t count = 0;

	up.tasks = arena_array(arena_of(&up), plan->count + 1, sizeof(*up.tasks));
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->instances[i].action == INSTANCE_REMOVE)
			continue;
		up.tasks[count++] = waiting_task(&up, &plan->instances[i], settled);
		up.tasks[count - 1].steps[0].words = &waiting;
	}
	session->runner.patience_ms = seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000;

	bool is_good = run_watched(session, up.tasks, count);

	*code = session_report(session, up.tasks, count, is_good);
	if (session->runner.is_late)
		fprintf(stderr, "application not healthy after %llds\n", (long long)seconds);
	return is_good;
}

bool uprun_await(struct session *session, const struct service *service, struct upplan *plan,
		 int *code)
{
	struct up up = { .session = session, .plan = plan };
	struct instance instance = { .service = service, .name = service->name };
	struct task task = waiting_task(&up, &instance, dependencies);
	bool is_good = run_watched(session, &task, 1);

	*code = session_report_up(session, &task, 1, is_good);
	return is_good;
}
