/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/order.h"

#include "base/buf.h"

/*
 * How this works: depth first, with the path on a stack of our own (a chain of dependencies may be
 * as long as there are components). A node is placed when all it needs is placed. Meeting a node
 * that is still on the path closes a cycle, and the path from it on is the cycle.
 */

enum mark {
	UNSEEN,
	ON_PATH,
	PLACED,
};

struct step {
	size_t node;
	size_t next_need; /* to be looked at */
};

struct walk {
	const struct order_node *nodes;
	enum mark *marks;
	struct step *path;
	size_t depth;
	size_t *order;
	size_t placed;
	struct error *err;
};

static bool name_cycle(const struct walk *walk, size_t node)
{
	autobuf struct buf text;
	size_t i = walk->depth;

	buf_init(&text, 512);
	while (i > 0 && walk->path[i - 1].node != node)
		i--;
	for (i = i > 0 ? i - 1 : 0; i < walk->depth; i++)
		buf_printf(&text, "%s needs ", walk->nodes[walk->path[i].node].name);
	buf_add_text(&text, walk->nodes[node].name);
	return error_set(walk->err, ERROR_INPUT, "components depend on each other in a circle: %s",
			 text.data);
}

static void enter(struct walk *walk, size_t node)
{
	walk->marks[node] = ON_PATH;
	walk->path[walk->depth++] = (struct step){ .node = node };
}

static bool advance(struct walk *walk)
{
	struct step *step = &walk->path[walk->depth - 1];
	const struct order_node *node = &walk->nodes[step->node];

	if (step->next_need == node->need_count) {
		walk->marks[step->node] = PLACED;
		walk->order[walk->placed++] = step->node;
		walk->depth--;
		return true;
	}

	size_t need = node->needs[step->next_need++];

	if (walk->marks[need] == ON_PATH)
		return name_cycle(walk, need);
	if (walk->marks[need] == UNSEEN)
		enter(walk, need);
	return true;
}

bool order_sort(struct arena *arena, const struct order_node *nodes, size_t count,
		const size_t **order, struct error *err)
{
	struct walk walk = { .nodes = nodes,
			     .marks = arena_array(arena, count, sizeof(*walk.marks)),
			     .path = arena_array(arena, count, sizeof(*walk.path)),
			     .order = arena_array(arena, count, sizeof(*walk.order)),
			     .err = err };

	for (size_t i = 0; i < count; i++) {
		if (walk.marks[i] == UNSEEN)
			enter(&walk, i);
		while (walk.depth > 0)
			if (!advance(&walk))
				return false;
	}
	*order = walk.order;
	return true;
}
