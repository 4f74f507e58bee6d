/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/provision.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compose/docker.h"
#include "compose/tree.h"
#include "image/store.h"

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

/* Somebody who looks on sees docker's own progress. */
static bool pull_visibly(const struct session *session, const struct texts *arguments,
			 struct error *err)
{
	int code;

	if (!docker_run_here(session->docker, arguments, STDERR_FILENO, &code, err))
		return false;
	return code == 0 || error_set(err, ERROR_SYSTEM, "pull failed");
}

bool provision_pull(struct session *session, const struct service *service, bool is_quiet,
		    struct error *err)
{
	autotexts struct texts arguments = { 0 };
	bool is_watched = !is_quiet && !session->telling.is_quiet && isatty(STDERR_FILENO);

	add_pull(service, &arguments);
	if (!is_quiet)
		telling_classic(&session->telling, "Pulling %s (%s)...", service->name,
				service->image);
	telling_modern(&session->telling, " %s Pulling ", service->name);

	bool is_good = is_watched ? pull_visibly(session, &arguments, err)
				  : session_docker(session, &arguments, NULL, err);

	telling_modern(&session->telling, " %s %s ", service->name, is_good ? "Pulled" : "Error");
	return is_good;
}

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

static bool provide(struct session *session, const struct provision_images *images,
		    const struct service *service, struct error *err)
{
	enum provision_pull pull = policy_of(images, service);
	bool is_here = provision_image_id(session, service) != NULL;

	if (service->is_build_only)
		return is_here || refuse_build(service, images->is_unbuilt, err);
	if (is_here && pull != PROVISION_ALWAYS)
		return true;
	if (pull == PROVISION_NEVER)
		return error_set(err, ERROR_NOT_FOUND, "service \"%s\": No such image: %s",
				 service->name, service->image);
	if (provision_pull(session, service, images->is_quiet, err))
		return true;
	if (json_get(service->tree, "build"))
		return refuse_build(service, images->is_unbuilt, err);
	return error_in(err, "service \"%s\"", service->name);
}

bool provision_images(struct session *session, const struct provision_images *images,
		      struct error *err)
{
	for (size_t i = 0; i < session->project.service_count; i++) {
		if (images->is_wanted[i] &&
		    !provide(session, images, &session->project.services[i], err))
			return false;
	}
	return true;
}
