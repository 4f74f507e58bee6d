/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose/docker.h"
#include "compose/hook.h"

/* A directory without files, after which nothing is called: somebody is in the wrong place. */
static bool is_nowhere(const struct session *session)
{
	if (session->project.tree || session->project.is_named)
		return false;
	for (size_t i = 0; i < session->fleet.count; i++) {
		if (!session->fleet.members[i].is_stranger)
			return false;
	}
	return true;
}

bool session_open(struct session *session, const struct cli *cli, enum composer_scope scope,
		  const struct texts *services, struct error *err)
{
	const struct composer *composer = composer_of(cli);

	session->composer = composer;
	telling_open(&session->telling, composer->is_classic, composer->ansi, composer->progress,
		     composer->tells_on_stdout ? stdout : stderr);
	session->telling.is_dry = session->runner.is_dry = composer->is_dry;
	session->runner.telling = &session->telling;
	session->runner.parallel = composer->parallel > 0 ? (size_t)composer->parallel : 0;
	if (!docker_find(&session->docker, err) ||
	    !composer_load(composer, scope, services, &session->project, err) ||
	    !fleet_read(&session->fleet, composer, &session->project, err))
		return false;
	session->runner.docker = session->docker;
	return !is_nowhere(session) || composer_no_files(composer, err);
}

bool session_look_again(struct session *session, struct error *err)
{
	fleet_done(&session->fleet);
	session->fleet = FLEET_EMPTY;
	return fleet_read(&session->fleet, session->composer, &session->project, err);
}

void session_done(struct session *session)
{
	telling_close(&session->telling);
	fleet_done(&session->fleet);
	project_done(&session->project);
	mem_cleanup_free(&session->docker);
}

static bool is_among(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

/* "network inspect", "volume ls", "logs": which of docker's verbs change nothing. */
static bool only_looks(const struct texts *arguments)
{
	static const char *const groups[] = { "container", "image", "network", "volume" };
	static const char *const verbs[] = { "events", "images", "inspect", "logs", "ls",
					     "port",   "ps",     "stats",   "top",  "version" };
	size_t at = is_among(arguments->items[0], groups, COUNT_OF(groups)) ? 1 : 0;

	return at < arguments->count && is_among(arguments->items[at], verbs, COUNT_OF(verbs));
}

bool session_docker(struct session *session, const struct texts *arguments, const char **output,
		    struct error *err)
{
	if (!session->composer->is_dry || only_looks(arguments))
		return docker_run(session->docker, arguments, &session->project.arena, output, err);
	if (output)
		*output = DOCKER_NOBODY;
	return true;
}

static bool has_failed(const struct task *task)
{
	return task->state == TASK_FAILED && *task->err.text;
}

/* Of 1: each container that was begun, then the first failure of each service. */
static void report_classic(struct session *session, const struct task *tasks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (has_failed(&tasks[i]) && strstr(tasks[i].err.text, DOCKER_PORT_FAILURE))
			telling_classic(&session->telling,
					"Host is already in use by another container");
	}
	for (size_t i = 0; i < count; i++) {
		if (has_failed(&tasks[i]) && (tasks[i].is_told || !tasks[i].service))
			telling_classic(&session->telling, "\nERROR: for %s  %s", tasks[i].name,
					tasks[i].err.text);
	}
	for (size_t i = 0; i < count; i++) {
		bool is_first = has_failed(&tasks[i]) && tasks[i].service;

		for (size_t j = 0; j < i && is_first; j++)
			is_first = !has_failed(&tasks[j]) || !tasks[j].service ||
				   strcmp(tasks[j].service, tasks[i].service) != 0;
		if (is_first)
			telling_classic(&session->telling, "\nERROR: for %s  %s", tasks[i].service,
					tasks[i].err.text);
	}
}

int session_report(struct session *session, const struct task *tasks, size_t count, bool is_good)
{
	telling_pause(&session->telling);
	if (session->composer->is_classic)
		report_classic(session, tasks, count);
	for (size_t i = 0; i < count && !session->composer->is_classic; i++) {
		if (has_failed(&tasks[i]))
			fprintf(stderr, "%s%s\n",
				tasks[i].is_dockers ? "Error response from daemon: " : "",
				tasks[i].err.text);
	}
	return is_good ? 0 : 1;
}

int session_report_up(struct session *session, const struct task *tasks, size_t count, bool is_good)
{
	int code = session_report(session, tasks, count, is_good);

	if (!is_good && !session->runner.is_interrupted && session->composer->is_classic)
		fprintf(stderr, "%sEncountered errors while bringing up the project.\n",
			composer_level(session->composer, "ERROR: "));
	return code;
}

/* -- the same to many ---------------------------------------------------------------------------
 */

struct deed_context {
	const struct session_deed *deed;
	const struct member *member;
	const char *id;
};

static bool deed_arguments(struct task *task, struct texts *arguments, struct error *err)
{
	const struct deed_context *context = task->context;

	(void)err;
	for (const char *const *word = context->deed->arguments; *word; word++)
		texts_add(arguments, *word);
	texts_add(arguments, context->member->container.id);
	return true;
}

/* By the label of a container: "NAME:CONDITION:RESTART,…". */
static bool label_names(const char *label, const char *other, bool *restarts)
{
	size_t length = strlen(other);

	for (const char *next = label; *next;) {
		size_t end = strcspn(next, ",");

		if (strncmp(next, other, length) == 0 && next[length] == ':') {
			*restarts = end > 5 && strncmp(next + end - 5, ":true", 5) == 0;
			return true;
		}
		next += end + (next[end] == ',');
	}
	return false;
}

bool session_needs(const struct session *session, const char *name, const char *other,
		   bool *restarts)
{
	const struct project *project = &session->project;
	const struct service *service = project->tree ? project_find(project, name) : NULL;

	*restarts = false;
	for (size_t i = 0; service && i < service->dependency_count; i++) {
		const struct dependency *needed = &service->dependencies[i];

		*restarts = needed->restarts;
		if (strcmp(project->services[needed->service].name, other) == 0)
			return true;
	}
	for (size_t i = 0; !project->tree && i < session->fleet.count; i++) {
		const struct member *member = &session->fleet.members[i];

		if (strcmp(member->service, name) == 0 &&
		    label_names(fleet_label(&member->container, LABEL_DEPENDENCIES), other,
				restarts))
			return true;
	}
	return false;
}

static bool is_meant(const struct session_deed *deed, const struct member *member)
{
	return fleet_is_up(member) ? deed->is_for_running : deed->is_for_stopped;
}

/* Whether a task waits for another one, itself or by those that it waits for. `seen` are those that
 * were asked already. */
static bool waits_for(const struct task *tasks, const struct task *task, const struct task *other,
		      bool *seen)
{
	if (task == other)
		return true;
	seen[task - tasks] = true;
	for (size_t i = 0; i < task->after_count; i++) {
		const struct task *before = task->after[i];

		if (!seen[before - tasks] && waits_for(tasks, before, other, seen))
			return true;
	}
	return false;
}

static int oldest_first(const void *a, const void *b)
{
	const struct task *const *one = a, *const *other = b;
	const struct deed_context *left = (*one)->context, *right = (*other)->context;

	return strcmp(left->member->container.created, right->member->container.created);
}

/* Without files each container speaks for itself alone. */
static bool member_needs(const struct session *session, const struct member *member,
			 const char *other)
{
	bool ignored;

	if (session->project.tree)
		return session_needs(session, member->service, other, &ignored);
	return label_names(fleet_label(&member->container, LABEL_DEPENDENCIES), other, &ignored);
}

/* Tasks are few: each is compared with each other. Labels can be a stranger's image's, and may
 * close a circle, in which nothing would ever begin: then the younger container does not get its
 * way. */
static void order(struct session *session, struct task *tasks, size_t count, bool is_upwards)
{
	struct arena *arena = &session->fleet.arena;
	struct task **by_age = arena_array(arena, count + 1, sizeof(struct task *));
	bool *seen = arena_array(arena, count + 1, sizeof(bool));

	for (size_t i = 0; i < count; i++) {
		tasks[i].after = arena_array(arena, count, sizeof(struct task *));
		by_age[i] = &tasks[i];
	}
	qsort(by_age, count, sizeof(struct task *), oldest_first);
	for (size_t i = 0; i < count; i++) {
		const struct deed_context *own = by_age[i]->context;

		for (size_t j = 0; j < count; j++) {
			const struct deed_context *other = tasks[j].context;
			struct task *later = is_upwards ? by_age[i] : &tasks[j];
			struct task *first = is_upwards ? &tasks[j] : by_age[i];

			if (!member_needs(session, own->member, other->member->service))
				continue;
			memset(seen, 0, count * sizeof(*seen));
			if (!waits_for(tasks, first, later, seen))
				later->after[later->after_count++] = first;
		}
	}
}

/* 1 names all of them first. */
static void tell_begins(struct session *session, struct task *tasks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		telling_expect(&session->telling, tasks[i].name);
	for (size_t i = 0; i < count; i++) {
		telling_begin(&session->telling, tasks[i].classic, tasks[i].name);
		tasks[i].is_told = true;
	}
}

/* Its step, between what the service wants done before and after it. */
static void add_steps(struct session *session, struct task *task)
{
	const struct deed_context *context = task->context;
	const struct session_deed *deed = context->deed;
	const struct project *project = &session->project;
	const struct member *member = context->member;
	const struct service *service =
		project->tree && !member->is_oneoff ? project_find(project, member->service) : NULL;
	struct arena *arena = &session->fleet.arena;

	if (deed->words == &telling_stopping)
		hook_add(arena, task, service, "pre_stop", &context->id);
	task->steps[task->step_count++] = (struct task_step){
		.arguments = deed_arguments,
		.words = deed->words,
		.failure = deed->failure
				   ? arena_printf(arena, "%s %s", deed->failure, member->service)
				   : NULL,
	};
	if (deed->words == &telling_starting)
		hook_add(arena, task, service, "post_start", &context->id);
}

bool session_do(struct session *session, struct member **members, const struct session_deed *deed,
		size_t *done)
{
	struct arena *arena = &session->fleet.arena;
	size_t most = 0, count = 0;

	while (members[most])
		most++;

	struct task *tasks = arena_array(arena, most + 1, sizeof(*tasks));

	for (size_t i = 0; i < most; i++) {
		struct deed_context *context = arena_alloc(arena, sizeof(*context));

		if (!is_meant(deed, members[i]))
			continue;
		*context = (struct deed_context){ deed, members[i], members[i]->container.id };
		tasks[count++] = (struct task){
			.name = deed->names_service && session->composer->is_classic
					? members[i]->service
					: members[i]->container.name,
			.classic = deed->classic,
			.is_patient = true,
			.context = context,
		};
		add_steps(session, &tasks[count - 1]);
	}
	tell_begins(session, tasks, count);
	if (!deed->is_unordered)
		order(session, tasks, count, deed->is_upwards);

	bool is_good = task_run_all(&session->runner, tasks, count);

	(void)session_report(session, tasks, count, is_good);
	for (size_t i = 0; i < most; i++)
		fleet_refresh(&session->fleet, members[i]);
	if (done)
		*done = count;
	return is_good;
}

void session_tell_clash(struct session *session, const char *service)
{
	telling_classic(&session->telling,
			"The \"%s\" service specifies a port on the host. If multiple containers "
			"for this service are created on a single host, the port will clash.",
			service);
}

void session_tell_orphans(struct session *session, struct member **orphans)
{
	bool is_classic = session->composer->is_classic;
	const char *names = "";

	if (!orphans[0])
		return;
	for (size_t i = 0; orphans[i]; i++)
		names = arena_printf(&session->project.arena, "%s%s%s", names,
				     !i           ? ""
				     : is_classic ? ", "
						  : " ",
				     orphans[i]->container.name);
	fprintf(stderr,
		"%sFound orphan containers (%s%s%s) for this project. If you removed or renamed "
		"this service in your compose file, you can run this command with the "
		"--remove-orphans flag to clean it up.\n",
		composer_level(session->composer, "WARNING: "), is_classic ? "" : "[", names,
		is_classic ? "" : "]");
}

bool session_remove_orphans(struct session *session, struct member **orphans, struct error *err)
{
	static const char *const words[] = { "rm", "--force", NULL };
	const struct session_deed deed = { .words = &telling_removing,
					   .arguments = words,
					   .is_for_running = true,
					   .is_for_stopped = true };

	for (size_t i = 0; orphans[i]; i++)
		telling_classic(&session->telling, "Removing orphan container \"%s\"",
				orphans[i]->container.name);
	return session_do(session, orphans, &deed, NULL) ||
	       error_set(err, ERROR_SYSTEM, "not all orphan containers could be removed");
}
