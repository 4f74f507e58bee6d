/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_ACCESSCONTROL_H
#define LIFECYCLE_IPC_ACCESSCONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * Authorisation policies of one component, from `accessControl` in its configuration:
 *
 *     SERVICE: { POLICY-ID: { operations: ["aws.greengrass#Op" or "*"], resources: [PATTERN] } }
 *
 * What no policy allows is denied. Patterns: '*' is any run of characters; ${c} is the character c
 * itself; {iot:thingName} and other recipe variables are their values, character for character, so
 * that a value never becomes a wildcard. In the service of the MQTT proxy '+' as a whole level is
 * one level (but not a '#'), and '#' as the last one is the rest and the parent.
 */

#define ACCESS_PATTERN_MAX 1024 /* characters of a pattern, variables filled in */
#define ACCESS_TEXT_MAX    1024 /* a resource that is longer is denied */

struct access_rule;

struct access_policies {
	struct arena arena;
	struct access_rule *rules;
};

/* Gives the value of a variable ("{iot:thingName}", braces and all), or NULL where it has none. */
struct access_variables {
	const char *(*value)(void *context, const char *variable, struct arena *arena);
	void *context;
};

/* Reads `accessControl` (NULL: there is none; a text is read as JSON). A policy that makes no sense
 * is left out, and a line about it is added to `complaints`; the lines live in the policies. */
void access_policies_read(struct access_policies *policies, const struct json *control,
			  const struct access_variables *variables, struct texts *complaints);
void access_policies_done(struct access_policies *policies);

/* `operation` is the full name, "aws.greengrass#PublishToTopic". */
bool access_is_allowed(const struct access_policies *policies, const char *service,
		       const char *operation, const char *resource);

#endif
