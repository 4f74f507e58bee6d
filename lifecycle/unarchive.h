/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_UNARCHIVE_H
#define LIFECYCLE_UNARCHIVE_H

#include "lifecycle/artifact.h"

/*
 * Unarchive: ZIP. The archive's files are in ROOT/packages/artifacts-unarchived/NAME/VERSION/STEM,
 * STEM being the archive's name without its last extension: all of them, or none.
 */

/* Unpacks the archive `fd`. What is there already from the same file is left alone. */
must_check bool unarchive(const struct artifact_context *context, const struct recipe *recipe,
			  const struct recipe_artifact *artifact, int fd, struct error *err);

#endif
