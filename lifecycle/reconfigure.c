/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/reconfigure.h"

#include <string.h>

static const char *const place[] = { "configuration", NULL };

static void reset(struct configtree *tree, struct confignode *node, const char *pointer)
{
	struct confignode *configuration = configtree_find(node, place);
	struct confignode *found =
		configuration ? configtree_find_pointer(configuration, pointer) : NULL;

	if (found)
		configtree_remove(tree, found);
}

bool reconfigure(struct configtree *tree, struct confignode *node, const struct json *defaults,
		 const struct document_change *change, int64_t created, struct error *err)
{
	struct configtree_merge as_default = { .time = CONFIGTREE_DEFAULT_TIME,
					       .is_default = true };
	struct configtree_merge merge = { .time = created };

	for (size_t i = 0; change && change->resets[i]; i++)
		reset(tree, node, change->resets[i]);
	if (defaults && !configtree_merge(tree, node, place, defaults, &as_default, err))
		return false;
	return !change || !change->merge ||
	       configtree_merge(tree, node, place, change->merge, &merge, err);
}
