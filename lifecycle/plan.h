/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_PLAN_H
#define LIFECYCLE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "lifecycle/configtree.h"
#include "lifecycle/document.h"
#include "lifecycle/resolve.h"
#include "lifecycle/service.h"
#include "lifecycle/settings.h"

/*
 * What a deployment is going to do: what /services/NAME will be for each of its components, in
 * start order, every variable filled in. Making it changes nothing.
 */

struct plan_component {
	const struct recipe *recipe;
	const struct json *tree;              /* /services/NAME without `configuration` */
	const struct json *defaults;          /* DefaultConfiguration, or NULL */
	const struct document_change *change; /* what the deployment says of it, or NULL */
	const struct json *configuration;     /* as it is going to be */
};

struct plan {
	struct plan_component *components;
	size_t count;
};

struct plan_options {
	const char *root;
	const struct settings *settings;
	const struct confignode *services; /* /services as it is now, or NULL */
	const struct document *document;
	/* Told of what an author may not have meant: a variable that cannot be resolved. */
	void (*on_warning)(void *context, const struct recipe *recipe, const char *line);
	void *context;
};

/* All lives in `arena` or in the recipes. */
must_check bool plan_make(struct plan *plan, struct arena *arena,
			  const struct plan_options *options, const struct resolve_result *result,
			  struct error *err);

const struct plan_component *plan_find(const struct plan *plan, const char *name);

#endif
