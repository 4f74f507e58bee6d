/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ENVIRONMENT_H
#define LIFECYCLE_ENVIRONMENT_H

#include "base/mem.h"
#include "base/texts.h"

/*
 * The environment of a script: "NAME=value" texts, a later value in place of an earlier one.
 */
struct environment {
	struct arena *arena;
	struct texts texts;
};

/* Ours, without what belongs to this program alone: AWS credentials are the device's, for its
 * artifacts; a component gets its own from the token exchange. */
void environment_init(struct environment *environment, struct arena *arena);
void environment_set(struct environment *environment, const char *name, const char *value);
void environment_unset(struct environment *environment, const char *name);
const char *environment_get(const struct environment *environment, const char *name);
void environment_done(struct environment *environment);

/* `first`, then PATH as it is, then those of /bin /usr/bin /sbin /usr/sbin it lacks. */
void environment_set_path(struct environment *environment, const char *first);

#endif
