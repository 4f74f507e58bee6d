/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_AWSASK_H
#define REGISTRY_AWSASK_H

#include "registry/aws.h"
#include "registry/http.h"

/*
 * One question to a provider of AWS' credentials, as an exchange of its own: for callers that are
 * no source (registry/source.h). What comes of it is in `aws`.
 */
struct awsask;

/* Where aws_may_ask. `on_end` is called once, last; the question is gone then. */
struct awsask *awsask_start(struct http_client *client, struct aws *aws,
			    void (*on_end)(void *context), void *context) must_check;
/* Ends it without on_end. NULL is fine. */
void awsask_cancel(struct awsask *ask);

#endif
