/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_PREPARING_H
#define LIFECYCLE_PREPARING_H

#include "lifecycle/deployer.h"

/*
 * The first phase of a deployment: what it means, and all the files it needs. Nothing that runs
 * notices.
 */

/* Reads the recipes, chooses versions and makes the plan. */
must_check bool preparing_plan(struct deployer *deployer, struct error *err);

/* Files of S3 and of private registries need the device's credentials, which may take a moment.
 * False: it is to be asked again, for which the deployer's timer is armed. */
bool preparing_has_credentials(struct deployer *deployer);

/* Stores the recipes and gets all artifacts. For background_start: `context` is the deployer. */
must_check bool preparing_fetch(void *context, struct error *err);

/* Removes recipes, artifacts and images of versions that are neither in force nor the ones before.
 * For background_start. */
must_check bool preparing_sweep(void *context, struct error *err);

#endif
