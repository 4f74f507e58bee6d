/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_RECONFIGURE_H
#define LIFECYCLE_RECONFIGURE_H

#include "lifecycle/configtree.h"
#include "lifecycle/document.h"

/*
 * What a deployment does to the configuration of one component: RESET, then the recipe's defaults
 * for what is missing, then MERGE.
 *
 * A pointer to reset removes the value, so that the recipe's default returns; one that leads
 * nowhere, or into a list, does nothing. What the component itself set later than the deployment
 * was asked for is kept.
 */

/* `node` is the one above `configuration` (/services/NAME). `defaults` and `change` may be NULL. */
must_check bool reconfigure(struct configtree *tree, struct confignode *node,
			    const struct json *defaults, const struct document_change *change,
			    int64_t created, struct error *err);

#endif
