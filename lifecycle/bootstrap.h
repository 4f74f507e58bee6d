/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_BOOTSTRAP_H
#define LIFECYCLE_BOOTSTRAP_H

#include "lifecycle/deployer.h"

/*
 * Bootstrap scripts: those of components that are new, of another version, or whose script is
 * another, in start order, before the new configuration comes into force. A script that is done is
 * on the record. Exit code 100 asks for the nucleus to be started again, 101 for the device; then
 * the remaining ones go on. Any other code but 0 fails the deployment.
 */

/* Starts the next script, if there is one left and none runs; *is_done if all are over. Fails where
 * one has failed. */
must_check bool bootstrap_next(struct deployer *deployer, bool *is_done, struct error *err);

/* A deployment is going to be taken back, and the old configuration is in force: notes which
 * scripts of it are to run for that (BootstrapOnRollback), namely those of components whose new
 * version has run its own, whether it succeeded or not. */
must_check bool bootstrap_note_redo(struct deployer *deployer, struct error *err);

/* The same as bootstrap_next for these. */
must_check bool bootstrap_next_redo(struct deployer *deployer, bool *is_done, struct error *err);

/* To be called at SIGCHLD. */
void bootstrap_look(struct deployer *deployer);

/* Ends a script that runs. */
void bootstrap_abandon(struct deployer *deployer);

#endif
