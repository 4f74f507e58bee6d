/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_PROVISION_H
#define COMPOSE_PROVISION_H

#include <stdbool.h>

#include "base/error.h"
#include "compose/session.h"

/*
 * What containers need before they are made: images, networks, volumes.
 */

/* NULL if the image of the service is not here. The text lives in the fleet's arena. */
const char *provision_image_id(struct session *session, const struct service *service);

enum provision_pull {
	PROVISION_MISSING, /* what is not here, unless the service says otherwise */
	PROVISION_ALWAYS,
	PROVISION_NEVER,
};
/* "always", "missing", "never", "policy" (NULL: the same) of --pull. */
must_check bool provision_read_pull(const char *text, enum provision_pull *pull, struct error *err);

struct provision_images {
	const bool *is_wanted; /* by the index of services */
	enum provision_pull pull;
	bool is_quiet;
	bool is_unbuilt; /* --no-build was said */
};
/* Fails with what names the service. */
must_check bool provision_images(struct session *session, const struct provision_images *images,
				 struct error *err);
/* How pulls are told. */
struct provision_manner {
	bool is_quiet;
	bool names_image; /* in 1's line: "Pulling web (busybox)...", as `up` has it */
};
/* Pulls the images of some services, several at a time, and tells of it as it goes. errors[i] says
 * why that of services[i] failed; its text is "" where it did not. */
must_check bool provision_pull(struct session *session, const struct service *const *services,
			       size_t count, const struct provision_manner *manner,
			       struct error *errors);
/* Adds the service, unless one with the same image is there. `services` has room. */
void provision_add_pull(const struct service **services, size_t *count,
			const struct service *service);

/* Makes the networks and volumes of the services that are wanted, where they are not there. */
must_check bool provision_networks(struct session *session, const bool *is_wanted,
				   struct error *err);
must_check bool provision_volumes(struct session *session, const bool *is_wanted,
				  struct error *err);

/* All of the project's, found by their labels where there are no files: what is not there, is
 * somebody else's or in use stays, and is told. *removed: how many
 * were found so, or are the files'. */
must_check bool provision_remove_networks(struct session *session, size_t *removed,
					  struct error *err);
must_check bool provision_remove_volumes(struct session *session, struct error *err);

#endif
