/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_ROOTLESS_H
#define RUNTIME_ROOTLESS_H

#include "runtime/container.h"
#include "runtime/spec.h"

/*
 * Callers that are not the machine's root: another user, or uid 0 of a user namespace.
 */

/* Is the caller one? Reads a file: ask only where it matters. */
bool rootless_is_caller(void);

/* Where such a caller keeps the state: `name` below $XDG_RUNTIME_DIR; NULL for others. The caller
 * frees it. */
char *rootless_root(const char *name) must_check;

/* Refuses, before anything is made, what an ordinary user cannot have. */
must_check bool rootless_check(const struct spec *spec, struct error *err);

/* Refuses limits, which would hold nobody: the container gets no control groups. */
must_check bool rootless_check_limits(const struct spec *spec, struct error *err);

/* Making control groups has failed with `err`: true if the container can go without. */
bool rootless_may_skip_cgroups(const struct spec *spec, enum container_rootless wish,
			       struct error *err);

/* The value of --rootless; NULL is the default. */
must_check bool rootless_parse(const char *text, enum container_rootless *wish, struct error *err);

#endif
