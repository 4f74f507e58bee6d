/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/provision.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compose/docker.h"
#include "compose/tree.h"
#include "image/store.h"

#define PULLS_MAX 4 /* at a time: each needs memory, and the line is one */

/* Images of services: what is here, what is fetched, what cannot be had. */

const char *provision_image_id(struct session *session, const struct service *service)
{
	struct store_image image;
	struct error ignored; /* not here */

	if (!store_find(&session->fleet.engine.store, &session->fleet.arena, service->image, &image,
			&ignored))
		return NULL;
	return arena_strdup(&session->fleet.arena, image.id.text);
}

bool provision_read_pull(const char *text, enum provision_pull *pull, struct error *err)
{
	*pull = PROVISION_MISSING;
	if (!text || strcmp(text, "missing") == 0 || strcmp(text, "policy") == 0)
		return true;
	if (strcmp(text, "always") == 0)
		*pull = PROVISION_ALWAYS;
	else if (strcmp(text, "never") == 0)
		*pull = PROVISION_NEVER;
	else
		return error_set(err, ERROR_INPUT,
				 "invalid --pull option \"%s\": must be one of \"policy\", "
				 "\"always\", \"missing\" or \"never\"",
				 text);
	return true;
}

static void add_pull(const struct service *service, struct texts *arguments)
{
	const char *platform = tree_text(service->tree, "platform");

	texts_add(arguments, "pull");
	if (platform) {
		texts_add(arguments, "--platform");
		texts_add(arguments, platform);
	}
	texts_add(arguments, service->image);
}

/* -- pulls --------------------------------------------------------------------------------------
 */

static bool pull_arguments(struct task *task, struct texts *arguments, struct error *err)
{
	(void)err;
	add_pull(task->context, arguments);
	return true;
}

/* Somebody who looks on sees docker's own progress: for one image, as several would mix. */
static bool pull_visibly(struct session *session, const struct service *service, struct error *err)
{
	autotexts struct texts arguments = { 0 };
	int code;

	add_pull(service, &arguments);
	telling_state(&session->telling, "", service->name, telling_pulling.begin, TELLING_WORKING);
	telling_pause(&session->telling);
	if (!docker_run_here(session->docker, &arguments, STDERR_FILENO, &code, err))
		return false;
	if (code != 0)
		return error_set(err, ERROR_SYSTEM, "pull failed");
	telling_state(&session->telling, "", service->name, telling_pulling.end, TELLING_DONE);
	return true;
}

static bool pull_together(struct session *session, const struct service *const *services,
			  size_t count, const char *classic, struct error *errors)
{
	struct task *tasks = arena_array(&session->fleet.arena, count + 1, sizeof(*tasks));
	size_t parallel = session->runner.parallel;

	for (size_t i = 0; i < count; i++)
		tasks[i] = (struct task){
			.kind = "",
			.name = services[i]->name,
			.classic = classic,
			.steps = { { .arguments = pull_arguments, .words = &telling_pulling } },
			.step_count = 1,
			.context = (void *)(uintptr_t)services[i],
		};
	if (!parallel || parallel > PULLS_MAX)
		session->runner.parallel = PULLS_MAX;

	bool is_good = task_run_all(&session->runner, tasks, count);

	session->runner.parallel = parallel;
	for (size_t i = 0; i < count; i++) {
		errors[i] = tasks[i].err;
		if (tasks[i].state == TASK_FAILED && !*errors[i].text)
			error_set(&errors[i], ERROR_SYSTEM, "interrupted");
	}
	return is_good;
}

bool provision_pull(struct session *session, const struct service *const *services, size_t count,
		    const struct provision_manner *manner, struct error *errors)
{
	bool is_watched = count == 1 && !session->runner.is_dry && !manner->is_quiet &&
			  !session->telling.is_quiet && isatty(STDERR_FILENO);

	for (size_t i = 0; i < count; i++) {
		errors[i] = (struct error){ 0 };
		if (!manner->is_quiet && (manner->names_image || is_watched))
			telling_classic(&session->telling, "Pulling %s (%s)...", services[i]->name,
					services[i]->image);
	}
	if (is_watched)
		return pull_visibly(session, services[0], errors);
	return pull_together(session, services, count,
			     manner->is_quiet || manner->names_image ? NULL : "Pulling", errors);
}

/* -- what up needs ------------------------------------------------------------------------------
 */

static enum provision_pull policy_of(const struct provision_images *images,
				     const struct service *service)
{
	const char *policy = tree_text(service->tree, "pull_policy");

	if (images->pull != PROVISION_MISSING || !policy)
		return images->pull;
	return strcmp(policy, "always") == 0  ? PROVISION_ALWAYS
	       : strcmp(policy, "never") == 0 ? PROVISION_NEVER
					      : PROVISION_MISSING;
}

static bool refuse_build(const struct service *service, bool is_unbuilt, struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED,
			 "Service \"%s\" needs to be built%s: there is no image \"%s\" here, and "
			 "this runtime does not build. Build it on another machine and bring it "
			 "here with 'docker save' and 'docker load', or through a registry",
			 service->name, is_unbuilt ? ", but --no-build was passed" : "",
			 service->image);
}

/* Whether the image must be fetched. */
static bool look_for(struct session *session, const struct provision_images *images,
		     const struct service *service, bool *is_due, struct error *err)
{
	enum provision_pull pull = policy_of(images, service);
	bool is_here = provision_image_id(session, service) != NULL;

	*is_due = false;
	if (service->is_build_only)
		return is_here || refuse_build(service, images->is_unbuilt, err);
	if (is_here && pull != PROVISION_ALWAYS)
		return true;
	if (pull == PROVISION_NEVER)
		return error_set(err, ERROR_NOT_FOUND, "service \"%s\": No such image: %s",
				 service->name, service->image);
	*is_due = true;
	return true;
}

static bool is_same_image(const struct service *one, const struct service *other)
{
	const char *platform = tree_text(one->tree, "platform");
	const char *another = tree_text(other->tree, "platform");

	return strcmp(one->image, other->image) == 0 &&
	       strcmp(platform ? platform : "", another ? another : "") == 0;
}

void provision_add_pull(const struct service **services, size_t *count,
			const struct service *service)
{
	for (size_t i = 0; i < *count; i++) {
		if (is_same_image(services[i], service))
			return;
	}
	services[(*count)++] = service;
}

/* Those that the service mounts (type: image) and that are not here, each as the image of a service
 * that has nothing else. */
static bool look_for_mounted(struct session *session, const struct provision_images *images,
			     const struct service *service, const struct service **due,
			     size_t *count, struct error *err)
{
	const struct json *mounts = json_get(service->tree, "volumes");
	struct arena *arena = &session->fleet.arena;

	for (const struct json *mount = mounts ? mounts->child : NULL; mount; mount = mount->next) {
		struct service *lent;

		if (strcmp(tree_text(mount, "type"), "image") != 0)
			continue;
		lent = arena_alloc(arena, sizeof(*lent));
		*lent = (struct service){ .name = service->name,
					  .image = tree_text(mount, "source") };
		if (provision_image_id(session, lent))
			continue;
		if (policy_of(images, service) == PROVISION_NEVER)
			return error_set(err, ERROR_NOT_FOUND, "service \"%s\": No such image: %s",
					 lent->name, lent->image);
		provision_add_pull(due, count, lent);
	}
	return true;
}

static size_t count_mounts(const struct project *project)
{
	size_t count = 0;

	for (size_t i = 0; i < project->service_count; i++) {
		const struct json *mounts = json_get(project->services[i].tree, "volumes");

		count += mounts ? mounts->count : 0;
	}
	return count;
}

bool provision_images(struct session *session, const struct provision_images *images,
		      struct error *err)
{
	const struct project *project = &session->project;
	struct arena *arena = &session->fleet.arena;
	const struct service **due = arena_array(
		arena, project->service_count + count_mounts(project) + 1, sizeof(*due));
	const struct provision_manner manner = { .is_quiet = images->is_quiet,
						 .names_image = true };
	size_t count = 0;

	for (size_t i = 0; i < project->service_count; i++) {
		bool is_due = false;

		if (images->is_wanted[i] &&
		    !look_for(session, images, &project->services[i], &is_due, err))
			return false;
		if (is_due)
			provision_add_pull(due, &count, &project->services[i]);
		if (images->is_wanted[i] &&
		    !look_for_mounted(session, images, &project->services[i], due, &count, err))
			return false;
	}

	struct error *errors = arena_array(arena, count + 1, sizeof(*errors));

	if (!count || provision_pull(session, due, count, &manner, errors))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (!*errors[i].text)
			continue;
		if (json_get(due[i]->tree, "build"))
			return refuse_build(due[i], images->is_unbuilt, err);
		*err = errors[i];
		return error_in(err, "service \"%s\"", due[i]->name);
	}
	return error_set(err, ERROR_SYSTEM, "not all images could be pulled");
}
