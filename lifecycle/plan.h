/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_PLAN_H
#define LIFECYCLE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lifecycle/resolve.h"
#include "lifecycle/settings.h"
#include "lifecycle/steps.h"

/*
 * What a deployment is going to do: its components in start order, every variable of their scripts
 * filled in. Making it changes nothing.
 */

struct plan_step {
	const char *script; /* NULL: not defined */
	const char *log_name;
	const char *skip_if; /* NULL: never; else it is well-formed */
	int64_t timeout;     /* milliseconds; 0: none */
	bool is_privileged;
	struct step_env env;
};

struct plan_component {
	const struct recipe *recipe;
	struct plan_step steps[STEP_KINDS];
	struct step_env env;
	const char *work;    /* the working directory */
	const size_t *needs; /* hard dependencies: indexes of components before this one */
	size_t need_count;
	bool is_root; /* asked for by name */
};

struct plan {
	struct plan_component *components;
	size_t count;
};

struct plan_options {
	const char *root;
	const struct settings *settings;
	const struct resolve_root *roots;
	size_t root_count;
};

must_check bool plan_make(struct plan *plan, struct arena *arena,
			  const struct plan_options *options, const struct resolve_result *result,
			  struct error *err);

/* True if a Skipif says so now. `path` is what `onpath` searches. */
bool plan_is_skipped(const struct plan_step *step, const char *root, const char *path);

#endif
