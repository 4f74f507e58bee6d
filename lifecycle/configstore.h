/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CONFIGSTORE_H
#define LIFECYCLE_CONFIGSTORE_H

#include "lifecycle/configtree.h"
#include "lifecycle/statedb.h"

/*
 * The device's configuration: a configtree that is kept in a statedb, and those who want to hear of
 * its changes.
 *
 *     /system/…                                  thing name, certificates, paths
 *     /services/NAME/{version,lifecycle,dependencies,runWith,configuration,…}
 *     /deployments/groups/GROUP/NAME             the version a group's deployment asked for
 *
 * Changes belong to a transaction: begin, then configtree_merge and friends on `tree`, then end.
 * After a successful end they are on the disk; only then the subscribers are told.
 */

struct configstore_subscription {
	const char *const *path; /* kept by reference */
	/* `node` is the leaf that changed, or the nearest parent left of one that went away. */
	void (*on_change)(void *context, const struct confignode *node);
	void *context;
	struct configstore_subscription *next; /* the store's own */
};

struct configstore {
	struct configtree tree;
	struct statedb *db; /* the caller's */
	struct configstore_subscription *subscriptions;
	struct configstore_change *changes; /* of the transaction */
	bool has_failed;                    /* the database said no in the transaction */
	struct error why;
};

must_check bool configstore_open(struct configstore *store, struct statedb *db, struct error *err);
void configstore_close(struct configstore *store);

must_check bool configstore_begin(struct configstore *store, struct error *err);
/* Fails, and takes all changes of the transaction back, also those of the tree (whose nodes are
 * then new ones), if they cannot be made to last. */
must_check bool configstore_end(struct configstore *store, struct error *err);
/* Takes the transaction back. */
void configstore_abandon(struct configstore *store);
/* The configuration becomes what statedb_save_config saved; part of a transaction. */
must_check bool configstore_restore(struct configstore *store, struct error *err);

/* Hears of every change of a value at or below the path (not of a mere time). From within the call
 * it may unsubscribe itself, nobody else. */
void configstore_subscribe(struct configstore *store,
			   struct configstore_subscription *subscription);
void configstore_unsubscribe(struct configstore *store,
			     struct configstore_subscription *subscription);

#endif
