/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DEPLOYMENT_H
#define LIFECYCLE_DEPLOYMENT_H

#include "base/texts.h"
#include "lifecycle/account.h"
#include "lifecycle/catalog.h"
#include "lifecycle/deploy.h"
#include "lifecycle/device.h"
#include "lifecycle/ledger.h"
#include "lifecycle/plan.h"
#include "lifecycle/settings.h"

/*
 * The second half of deploy: the components run, and the ledger follows them.
 */

/* All a deployment knows. */
struct deployment {
	struct arena arena;
	struct settings settings;
	struct device device;
	struct account account_found;
	const struct account *account; /* who runs scripts; NULL: we ourselves */
	char *root;
	char *logs;
	char *bin;    /* where our docker is */
	int lock;     /* one deployment at a time */
	int stop_fd;  /* SIGINT, SIGTERM, SIGHUP */
	int child_fd; /* SIGCHLD */
	struct catalog catalog;
	struct resolve_root *roots;
	size_t root_count;
	struct plan plan;
	struct ledger before; /* as the last deployment left it */
	struct ledger ledger; /* as it is now */
};

/* Writes down what is going to be, before anything is changed. */
must_check bool deployment_write_plan(struct deployment *deployment, struct error *err);

/* Runs the plan's components until they have ended, or a signal asks to stop. `removes` go when the
 * others are up. */
must_check bool deployment_supervise(struct deployment *deployment, const struct texts *removes,
				     enum deploy_outcome *outcome, int *signal, struct error *err);

#endif
