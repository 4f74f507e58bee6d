/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SUBMIT_H
#define LIFECYCLE_SUBMIT_H

#include "lifecycle/deploy.h"

/*
 * Deployments by way of the nucleus that is running: handed over, asked about, cancelled. What is
 * printed has the words of greengrass-cli.
 */

/* `document` is what the options ask for. `waits`: until it is over; *outcome tells how it ended
 * then. */
must_check bool submit_deployment(const struct deploy_options *options,
				  const struct document *document, bool waits,
				  enum deploy_outcome *outcome, struct error *err);

must_check bool submit_status(const char *root, const char *id, struct error *err);
must_check bool submit_list(const char *root, struct error *err);
must_check bool submit_cancel(const char *root, const char *id, struct error *err);

/* RestartComponent or StopComponent, for each of the names. */
must_check bool submit_action(const char *root, const char *operation, const struct texts *names,
			      struct error *err);

/* Publishes one message, or prints those that come until somebody stops it. `service` is pubsub or
 * iotcore. */
must_check bool submit_publish(const char *root, const char *service, const char *topic,
			       const char *message, struct error *err);
must_check bool submit_subscribe(const char *root, const char *service, const char *topic,
				 struct error *err);
must_check bool submit_debug_password(const char *root, struct error *err);

#endif
