/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ORDER_H
#define LIFECYCLE_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * Start order: what a node needs comes before it; nodes that do not need each other keep the order
 * they were given in.
 */

struct order_node {
	const char *name;
	const size_t *needs; /* indexes of other nodes */
	size_t need_count;
};

/* *order holds the indexes 0 to count - 1, in `arena`. A cycle fails with ERROR_INPUT and is named:
 * "a needs b needs a". */
must_check bool order_sort(struct arena *arena, const struct order_node *nodes, size_t count,
			   const size_t **order, struct error *err);

#endif
