/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>

#include "compose/projectfile.h"
#include "compose/provision.h"
#include "compose/variables.h"

/* `down`: what `up` made goes; what holds data only if that is asked for. */

struct values {
	struct opt_number seconds;
	const char *images; /* "all", "local" */
	bool with_volumes, removes_orphans;
};

static const struct opt opts[] = {
	{ "remove-orphans", 0, OPT_BOOL, offsetof(struct values, removes_orphans), NULL,
	  "Remove containers for services not defined in the Compose file", NULL },
	{ "rmi", 0, OPT_TEXT, offsetof(struct values, images), "string",
	  "Remove images used by services. \"local\" remove only images that don't have a custom "
	  "tag (\"local\"|\"all\")",
	  NULL },
	{ "timeout", 't', OPT_NUMBER, offsetof(struct values, seconds), "int",
	  "Seconds to wait before containers are killed", NULL },
	{ "volumes", 'v', OPT_BOOL, offsetof(struct values, with_volumes), NULL,
	  "Remove named volumes declared in the \"volumes\" section of the Compose file and "
	  "anonymous volumes attached to containers",
	  NULL },
	{ .name = NULL },
};

/* Of orphans 1 tells between the two. */
static bool stop_and_remove(struct session *session, const struct values *values,
			    struct member **members, struct member **orphans)
{
	struct error told;
	const char *stop[] = { "stop", NULL, NULL, NULL };
	const char *remove[] = { "rm", "--force", values->with_volumes ? "--volumes" : NULL, NULL };
	const struct session_deed stopping = { .classic = "Stopping",
					       .words = &telling_stopping,
					       .arguments = stop,
					       .is_for_running = true };
	const struct session_deed removing = { .classic = "Removing",
					       .words = &telling_removing,
					       .arguments = remove,
					       .is_for_running = true,
					       .is_for_stopped = true };

	if (values->seconds.is_set) {
		stop[1] = "--time";
		stop[2] = arena_printf(&session->project.arena, "%lld",
				       (long long)values->seconds.value);
	}
	if (!session_do(session, members, &stopping, NULL))
		return false;
	if (values->removes_orphans && !session_remove_orphans(session, orphans, &told))
		return false;
	if (!values->removes_orphans &&
	    !variables_is_true(&session->project.environment, "COMPOSE_IGNORE_ORPHANS"))
		session_tell_orphans(session, orphans);
	return session_do(session, members, &removing, NULL);
}

static void report(struct session *session, const struct error *err)
{
	telling_pause(&session->telling);
	fprintf(stderr, "%s\n", err->text);
}

/* One that another project's container uses stays, as docker says. */
static void remove_images(struct session *session, const struct values *values,
			  const struct texts *services)
{
	const struct project *project = &session->project;

	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *service = &project->services[i];
		autotexts struct texts arguments = { 0 };
		struct error err;

		if (strcmp(values->images, "local") == 0 && !service->is_build_only)
			continue;
		if (services->count && !texts_has(services, service->name))
			continue;
		if (!provision_image_id(session, service))
			continue;
		texts_add(&arguments, "rmi");
		texts_add(&arguments, service->image);
		telling_classic(&session->telling, "Removing image %s", service->image);
		telling_state(&session->telling, "Image", service->image, "Removing",
			      TELLING_WORKING);
		if (session_docker(session, &arguments, NULL, &err))
			telling_state(&session->telling, "Image", service->image, "Removed",
				      TELLING_DONE);
		else
			report(session, &err);
	}
}

static bool take_down(struct session *session, const struct values *values,
		      const struct texts *services, struct error *err)
{
	static struct member *none[] = { NULL };
	bool is_classic = session->composer->is_classic;
	bool takes_orphans = values->removes_orphans && !services->count;
	const struct fleet_choice choice = { .services = services,
					     .is_by_age = is_classic,
					     .has_oneoff = true,
					     .has_orphans = (takes_orphans && !is_classic) ||
							    !session->project.tree };
	struct member **members = fleet_choose(&session->fleet, &session->project, &choice);
	struct member **orphans = is_classic && session->project.tree && !services->count
					  ? fleet_orphans(&session->fleet, &session->project, false)
					  : none;

	if (!stop_and_remove(session, values, members, orphans))
		return error_set(err, ERROR_SYSTEM, "not all containers could be removed");
	if (!services->count) {
		size_t removed = 0;

		if (!provision_remove_networks(session, &removed, err))
			return false;
		if (!is_classic && !members[0] && !removed && !values->with_volumes)
			fprintf(stderr,
				"Warning: No resource found to remove for project \"%s\".\n",
				session->project.name);
		projectfile_remove(&session->project);
	}
	if (values->with_volumes && !services->count && !provision_remove_volumes(session, err))
		return false;
	if (values->images)
		remove_images(session, values, services);
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	struct values wishes = *values;
	autosession struct session session = SESSION_EMPTY;
	struct error err;

	if (values->images && strcmp(values->images, "all") != 0 &&
	    strcmp(values->images, "local") != 0) {
		if (composer_of(cli)->is_classic)
			error_set(&err, ERROR_INPUT, "--rmi flag must be one of: all, local");
		else
			error_set(&err, ERROR_INPUT, "invalid value for --rmi: \"%s\"",
				  values->images);
		return composer_failed(composer_of(cli), &err);
	}
	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err))
		return composer_failed(composer_of(cli), &err);
	wishes.removes_orphans |=
		variables_is_true(&session.project.environment, "COMPOSE_REMOVE_ORPHANS");
	return take_down(&session, &wishes, arguments, &err)
		       ? 0
		       : composer_failed(composer_of(cli), &err);
}

const struct command verb_down = {
	.name = "docker compose down",
	.usage = "[OPTIONS] [SERVICES]",
	.summary = "Stop and remove containers, networks",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run,
};
