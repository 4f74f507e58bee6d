/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_NUCLEUS_H
#define LIFECYCLE_NUCLEUS_H

#include "base/loop.h"
#include "lifecycle/account.h"
#include "lifecycle/cloud.h"
#include "lifecycle/configstore.h"
#include "lifecycle/deployer.h"
#include "lifecycle/device.h"
#include "lifecycle/ipchost.h"
#include "lifecycle/journal.h"
#include "lifecycle/runstate.h"
#include "lifecycle/settings.h"
#include "lifecycle/streamhost.h"
#include "lifecycle/supervisor.h"

/*
 * The nucleus: the configuration, the components that run by it, and the deployments that change
 * both. `mooring nucleus` is one that stays; `mooring deploy --foreground` is one that lives as
 * long as the components of its deployment.
 */

struct nucleus_options {
	const char *root;   /* NULL: ROOT/components of the machine's store */
	const char *config; /* NULL: the default file, if there is one */
	bool is_foreground; /* one deployment; tell the person at the terminal all about it */
};

struct nucleus {
	struct arena arena;
	struct nucleus_options options;
	struct settings settings;
	struct arena settings_arena; /* of what the configuration says */
	const struct json *document; /* the same as a tree: the file and the deployments together */
	const struct json *begun;    /* as it was when the nucleus began */
	const struct json *file;     /* the configuration file, or NULL */
	struct device device;
	const char *user; /* runWithDefault.posixUser when `account` was chosen, or NULL */
	struct account account_found;
	const struct account *account; /* who runs scripts; NULL: we ourselves */
	char *root;
	char *bin;    /* where our docker is */
	int lock;     /* one nucleus for each root */
	int stop_fd;  /* SIGINT, SIGTERM, SIGHUP */
	int child_fd; /* SIGCHLD */
	struct loop loop;
	struct loop_watch stops;
	struct loop_watch children;
	struct statedb *db;
	struct configstore config;
	struct supervisor supervisor;
	struct deployer deployer;
	struct ipchost ipc;
	struct cloud cloud;
	struct streamhost streams;
	struct runstate run;    /* who we are; its components are made when it is written */
	struct runstate before; /* how the last nucleus left what does not run now */
	const char *run_path;
	bool is_run_behind;     /* a state has changed since it was written */
	int signal;             /* that asked to stop, or 0 */
	bool is_restarting;     /* it is to begin anew when all have stopped */
	struct journal journal; /* greengrass.log */
};

/* The root directory: `root`, or where the machine's is. In `arena`. */
const char *nucleus_root(struct arena *arena, const char *root) must_check;

/* Takes the root's lock, reads all there is, ends what a killed nucleus left behind. Starts
 * nothing.
 */
must_check bool nucleus_open(struct nucleus *nucleus, const struct nucleus_options *options,
			     struct error *err);
void nucleus_close(struct nucleus *nucleus);

/* Runs until a signal has stopped all components; in the foreground also until the deployment has
 * failed, or its components have ended. */
must_check bool nucleus_run(struct nucleus *nucleus, struct error *err);

/* Asks all to stop; nucleus_run returns when they have. */
void nucleus_stop(struct nucleus *nucleus);

/* The same, to begin anew then; `why` is told. False in the foreground, where nobody would begin
 * anew: the deployment just goes on. */
bool nucleus_restart(struct nucleus *nucleus, const char *why);

/* Where people find a component's log, or the nucleus' ("greengrass"). In `arena`. */
const char *nucleus_log(const struct nucleus *nucleus, struct arena *arena,
			const char *component) must_check;

/* Tells people: in greengrass.log, and on the terminal in the foreground. */
void nucleus_say(struct nucleus *nucleus, const char *format, ...) printf_like(2, 3);
/* The same as a warning. */
void nucleus_warn(struct nucleus *nucleus, const char *format, ...) printf_like(2, 3);

/* Leaves in greengrass.log why a nucleus in the foreground has ended; nothing where that could not
 * even find out where its log is. */
void nucleus_note_failure(struct nucleus *nucleus, const struct error *err);

/* `mooring nucleus`. Returns the exit code. */
int nucleus_main(const struct nucleus_options *options);

#endif
