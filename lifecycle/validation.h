/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_VALIDATION_H
#define LIFECYCLE_VALIDATION_H

#include "lifecycle/deployer.h"

/*
 * Before a deployment changes anything, components that have subscribed to it over IPC judge the
 * configuration they are going to have. One that rejects it, or does not answer in time, fails the
 * deployment.
 */

/* Asks those that run and whose configuration is going to be another; *is_done if all have agreed,
 * or none was asked. Fails where one has not. Call it again when something has happened. */
must_check bool validation_next(struct deployer *deployer, bool *is_done, struct error *err);

/* A component's answer. ERROR_INPUT: nobody waits for it. */
must_check bool validation_answer(struct deployer *deployer, const char *component,
				  const char *deployment, bool is_accepted, const char *message,
				  struct error *err);

#endif
