/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DEPLOYRECORD_H
#define LIFECYCLE_DEPLOYRECORD_H

#include "lifecycle/deployer.h"

/*
 * What is on the disk of the deployment in hand: its phase, what of that is done, and how it ended.
 */

/* Writes the phase and its progress; part of a transaction, if there is one. */
must_check bool deployrecord_save(struct deployer *deployer, struct error *err);
/* Takes up the progress that an earlier nucleus wrote. */
must_check bool deployrecord_read_progress(struct deployer *deployer, const char *text,
					   struct error *err);
/* Writes the end: status as in statedb.h, detail in Greengrass' words, and the failure. */
must_check bool deployrecord_save_end(struct deployer *deployer, const char *status,
				      const char *detail, struct error *err);

/* The phase of that name; PREPARE for any other text. */
enum deployer_phase deployrecord_phase(const char *name);

#endif
