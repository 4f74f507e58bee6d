/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ARTIFACT_H
#define LIFECYCLE_ARTIFACT_H

#include <stdbool.h>

#include "base/error.h"
#include "lifecycle/account.h"
#include "lifecycle/backoff.h"
#include "lifecycle/recipe.h"
#include "lifecycle/settings.h"

/*
 * A component's files: from the local artifact directory, from S3, or (images) by our own docker.
 *
 * They live in ROOT/packages/artifacts/NAME/VERSION. Directories belong to root, so that the
 * component's user, to whom the files belong, cannot put a link where we write the next time.
 */

#define ARTIFACT_FILES_MAX 65536
#define ARTIFACT_DEPTH_MAX 32

struct artifact_context {
	const char *root;
	const struct settings *settings;
	const struct account *account; /* whose the files will be; NULL: ours */
	const char *docker;            /* our docker command */
	int cancel_fd;                 /* readable: stop waiting for the network; -1: never */
};

/* Copies the tree NAME/VERSION/FILE below `directory` into the store; a file that is there with the
 * same size and time is not copied again. Links that lead out of the directory are refused. */
must_check bool artifact_merge(const struct artifact_context *context, const char *directory,
			       struct error *err);

/* Makes one artifact of the recipe be there: a file that is there already (and has the digest, if
 * one is given) is used, as Greengrass does. If it fails, *again says when another attempt is of
 * use. */
must_check bool artifact_get(const struct artifact_context *context, const struct recipe *recipe,
			     const struct recipe_artifact *artifact, enum backoff *again,
			     struct error *err);

/* What of a recipe this program cannot do: found before anything is changed. */
must_check bool artifact_check(const struct recipe *recipe, struct error *err);

/* Removes all files of a component's version. */
must_check bool artifact_forget(const char *root, const char *name, const char *version,
				struct error *err);

/* Removes an image from the store by our docker. *is_gone is false where docker refuses: it is in
 * use. One that is not there is gone. */
must_check bool artifact_remove_image(const struct artifact_context *context, const char *image,
				      bool *is_gone, struct error *err);

#endif
