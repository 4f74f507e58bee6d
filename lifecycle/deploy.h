/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DEPLOY_H
#define LIFECYCLE_DEPLOY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * One deployment, in the foreground: plan, write the plan down, fetch, then run the components and
 * wait for them.
 */

struct deploy_options {
	const char *root;         /* NULL: ROOT/components of the machine's store */
	const char *config;       /* NULL: the default file, if there is one */
	const char *recipe_dir;   /* NULL: only recipes that earlier deployments stored */
	const char *artifact_dir; /* NULL: none */
	struct texts merges;      /* NAME=VERSION */
	struct texts removes;     /* NAME */
};

enum deploy_outcome {
	DEPLOY_DONE,        /* all are FINISHED, or were running when they were told to stop */
	DEPLOY_BROKEN,      /* at least one is BROKEN, or waits for one that is */
	DEPLOY_INTERRUPTED, /* by *signal, before all components were up */
};

/* Fails where the deployment fails before any component was started: what was deployed before is
 * then as it was. */
must_check bool deploy_run(const struct deploy_options *options, enum deploy_outcome *outcome,
			   int *signal, struct error *err);

/* The root directory: `root`, or where the machine's is. In `arena`. */
const char *deploy_root(struct arena *arena, const char *root) must_check;

#endif
