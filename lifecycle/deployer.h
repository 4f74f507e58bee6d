/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DEPLOYER_H
#define LIFECYCLE_DEPLOYER_H

#include <stdbool.h>

#include "base/texts.h"
#include "lifecycle/artifact.h"
#include "lifecycle/background.h"
#include "lifecycle/catalog.h"
#include "lifecycle/document.h"
#include "lifecycle/plan.h"
#include "lifecycle/statedb.h"
#include "lifecycle/unit.h"

/*
 * Deployments, one after another. Each goes through phases; what a phase has achieved is on the
 * disk before the next begins, so that after a crash or a power cut the next nucleus goes on where
 * this one was, and ends with the new configuration or the old one, never with half of each.
 *
 *     QUEUED ─► PREPARE ─► VALIDATE ─► BOOTSTRAP ─► ACTIVATE ─► CLEAN ─► SUCCEEDED
 *                  │           │           │           │
 *                  └───────────┴─────┬─────┘           ├─ROLLBACK─► FAILED_ROLLBACK_COMPLETE
 *                                    ▼                 └─DO_NOTHING─► FAILED_ROLLBACK_NOT_REQUESTED
 *                          FAILED_NO_STATE_CHANGE
 *
 * PREPARE    recipes read, versions chosen, plan made; artifacts fetched by a child process
 * VALIDATE   components that asked for it judge their new configuration
 * BOOTSTRAP  bootstrap scripts, in order; each one done is noted
 * ACTIVATE   one transaction: the old configuration saved, the new one in force; then components
 *            start, start again or are installed again, and all are waited for
 * ROLLBACK   one transaction: the saved configuration in force; bootstrap scripts that are to run
 *            for it; then the same again
 * CLEAN      components that nothing needs any more are removed; then files of old versions
 */

#define DEPLOYER_WARNINGS_MAX 20 /* more are in the log alone */

enum deployer_phase {
	DEPLOYER_IDLE,
	DEPLOYER_PREPARE,
	DEPLOYER_VALIDATE,
	DEPLOYER_BOOTSTRAP,
	DEPLOYER_ACTIVATE,
	DEPLOYER_ROLLBACK,
	DEPLOYER_CLEAN,
	DEPLOYER_PHASES,
};

struct nucleus;

struct deployer {
	struct nucleus *nucleus;
	enum deployer_phase phase;
	bool is_waiting;   /* for a child process or a script: nothing to do before it ends */
	bool is_cancelled; /* somebody asks to end it while that is possible */
	bool is_hurried;   /* nobody waits any longer: what is up now is up */

	/* Of the deployment in hand */
	struct arena arena;
	struct document document;
	struct catalog catalog;
	size_t given_count; /* recipes at the front of the catalog are the recipe directory's */
	struct plan plan;
	const char *warnings[DEPLOYER_WARNINGS_MAX]; /* for the author, with the end */
	size_t warning_count;
	struct texts bootstrapped; /* components whose bootstrap script has been run */
	struct texts redo;         /* components whose bootstrap script is due before going back */
	struct unit *bootstrap;    /* whose script runs now */
	int bootstrap_code;        /* of the last one */
	bool has_asked;            /* who wants to judge the new configuration */
	struct texts judges;       /* those who have not answered */
	const char *rejection;     /* what one of them said, or NULL */
	int64_t deadline;          /* for the others, on loop_now's clock */
	struct texts scope;        /* in the foreground: what is run; else unused */
	struct loop_timer timer;   /* when to look again */

	struct background background;
	struct background sweeping; /* removes files of old versions, after the deployment */

	bool is_queue_empty;
	bool is_going_back; /* in ROLLBACK: bootstrap scripts are over, components have been told */
	bool has_bootstrap_failed;
	struct error bootstrap_failure;
	const char *unrecorded; /* how it has failed, while that cannot be written; or NULL */
	bool is_late;           /* that has been said */
	bool has_ended;         /* one deployment has ended since the nucleus began */
	bool has_succeeded;
	struct error failure; /* why the last one failed */
	bool is_unchanged;    /* it failed before anything was changed */
};

/* Looks for deployments that were not finished. In the foreground they are given up, else they go
 * on. */
must_check bool deployer_open(struct deployer *deployer, struct nucleus *nucleus,
			      struct error *err);
void deployer_close(struct deployer *deployer);

/* Puts it at the end of the queue; it is on the disk when this returns. */
must_check bool deployer_queue(struct deployer *deployer, const struct document *document,
			       struct error *err);

/* Fails with ERROR_NOT_FOUND, or ERROR_INPUT if it is over or too far. */
must_check bool deployer_cancel(struct deployer *deployer, const char *id, struct error *err);

/* Does all that can be done without waiting. Call it after supervisor_advance. */
must_check bool deployer_advance(struct deployer *deployer, struct error *err);

/* Gives up what waits for the network: the nucleus is going to end. In the foreground, where nobody
 * goes on with it, a deployment whose components are all up has succeeded then. */
void deployer_stop(struct deployer *deployer);

/* Nobody will go on with the deployment in hand: in the foreground, when it was interrupted. */
void deployer_interrupt(struct deployer *deployer);

/* Starts what the configuration says; to be called once, before the first deployment. */
must_check bool deployer_start_all(struct deployer *deployer, struct error *err);

#endif
