/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DEPLOY_H
#define LIFECYCLE_DEPLOY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"
#include "lifecycle/document.h"

/*
 * `mooring deploy --foreground`: one deployment, by a nucleus that lives as long as the components
 * of that deployment do.
 */

struct deploy_options {
	const char *root;         /* NULL: ROOT/components of the machine's store */
	const char *config;       /* NULL: the default file, if there is one */
	const char *recipe_dir;   /* NULL: only recipes that earlier deployments stored */
	const char *artifact_dir; /* NULL: none */
	const char *group;        /* NULL: the local one */
	const char *updates;      /* JSON of --update-config, or the name of a file; NULL: none */
	const char *limits;       /* the same of --systemLimits */
	struct texts merges;      /* NAME=VERSION */
	struct texts removes;     /* NAME */
	struct texts users;       /* COMPONENT:posixUser=USER[:GROUP] */
	bool does_rollback;
};

enum deploy_outcome {
	DEPLOY_DONE,    /* all are FINISHED, or were running when they were told to stop */
	DEPLOY_REFUSED, /* it ended before it changed what runs */
	DEPLOY_BROKEN,  /* at least one is BROKEN, or waits for one that is; or it was taken back */
	DEPLOY_INTERRUPTED, /* by *signal, before all components were up */
};

/* `document` is what the options ask for. Fails where the deployment cannot be begun. */
must_check bool deploy_run(const struct deploy_options *options, const struct document *document,
			   enum deploy_outcome *outcome, int *signal, struct error *err);

/* The options as a document, in `arena`, which points into the options' texts. Fails where the
 * command line makes no sense. */
must_check bool deploy_document(const struct deploy_options *options, struct arena *arena,
				struct document *document, struct error *err);

#endif
