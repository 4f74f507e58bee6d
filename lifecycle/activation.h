/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ACTIVATION_H
#define LIFECYCLE_ACTIVATION_H

#include "lifecycle/deployer.h"

/*
 * Where a deployment changes things: the configuration in one transaction, and then the components,
 * until they are what the configuration says.
 */

/* The plan comes into force; the configuration as it was is saved. Part of a transaction. */
must_check bool activation_merge(struct deployer *deployer, struct error *err);

/* Makes units for the services that are needed, and changes those that are there. */
must_check bool activation_apply(struct deployer *deployer, struct error *err);

/* What the configuration in force says of one component; service_free frees it. ERROR_NOT_FOUND: it
 * is not deployed. */
must_check bool activation_read(const struct deployer *deployer, const char *name,
				struct service **service, struct error *err);

enum activation_outcome {
	ACTIVATION_PENDING,
	ACTIVATION_DONE,
	ACTIVATION_FAILED, /* `err` names those that are BROKEN */
};

/* Whether all that are needed are up. One that only runs must have done so for a moment: a script
 * that ends with an error at once was RUNNING, too. *again: when it is worth to ask again, in
 * milliseconds; 0: when something happens. */
enum activation_outcome activation_look(struct deployer *deployer, int64_t *again,
					struct error *err);

/* Asks what nothing needs any more to go. One that does not run gets a unit all the same, because
 * its uninstall script is due. */
void activation_remove(struct deployer *deployer);

/* How many of them are still there. */
size_t activation_count_leaving(const struct deployer *deployer);

/* Takes them out of the configuration. Part of a transaction. */
void activation_forget(struct deployer *deployer);

/* In the foreground only a part is run; all else is. */
bool activation_is_in_scope(const struct deployer *deployer, const char *name);

#endif
