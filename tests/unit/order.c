/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/order.h"

#include "base/buf.h"
#include "tests/unit/tap.h"

/* "a:bc b: c:" → a needs b and c, b and c need nothing. Names are single letters. */
static size_t parse(struct arena *arena, const char *text, struct order_node *nodes)
{
	char names[32] = "";
	size_t count = 0;

	for (const char *c = text; *c; c++)
		if (c[1] == ':')
			names[count++] = *c;
	count = 0;
	for (const char *c = text; *c; c += strspn(c, " ")) {
		struct order_node *node = &nodes[count++];
		size_t *needs = arena_array(arena, 32, sizeof(*needs));

		*node = (struct order_node){ .name = arena_strndup(arena, c, 1), .needs = needs };
		for (c += 2; *c && *c != ' '; c++)
			needs[node->need_count++] = (size_t)(strchr(names, *c) - names);
	}
	return count;
}

static const struct {
	const char *graph;
	const char *order; /* or the cycle, as the message has it */
} cases[] = {
	{ "", "" },
	{ "a:", "a" },
	{ "a: b: c:", "abc" },
	{ "a:b b:", "ba" },
	{ "a:bc b: c:", "bca" },
	{ "a:bc b:c c:", "cba" },
	{ "a:bc b:d c:d d:", "dbca" },
	{ "a:b b: c:d d:", "badc" },
	{ "a:bb b:", "ba" },
	{ "a:a", "a needs a" },
	{ "a:b b:a", "a needs b needs a" },
	{ "a:b b:c c:b", "b needs c needs b" },
	{ "x: a:b b:c c:a", "a needs b needs c needs a" },
};

static void check_case(const char *graph, const char *wanted)
{
	autoarena struct arena arena = { 0 };
	struct order_node nodes[32] = { 0 };
	size_t count = parse(&arena, graph, nodes);
	const size_t *order;
	struct error err;
	char got[64] = "";

	if (!order_sort(&arena, nodes, count, &order, &err)) {
		const char *cycle = strrchr(err.text, ':');

		check_text(cycle + 2, wanted, "%s: %s", graph, err.text);
		return;
	}
	for (size_t i = 0; i < count; i++)
		strcat(got, nodes[order[i]].name);
	check_text(got, wanted, "%s", graph);
}

/* A chain as long as there can be components must not need stack. */
static void test_chain(void)
{
	enum {
		LENGTH = 100000
	};
	autoarena struct arena arena = { 0 };
	struct order_node *nodes = arena_array(&arena, LENGTH, sizeof(*nodes));
	size_t *needs = arena_array(&arena, LENGTH, sizeof(*needs));
	const size_t *order;
	struct error err;

	for (size_t i = 0; i < LENGTH; i++) {
		needs[i] = i + 1;
		nodes[i] = (struct order_node){ .name = "x",
						.needs = &needs[i],
						.need_count = i + 1 < LENGTH };
	}
	if (check_ok(order_sort(&arena, nodes, LENGTH, &order, &err), &err, "a long chain"))
		check_int((long long)order[0], LENGTH - 1, "its end comes first");
	needs[LENGTH - 1] = 0;
	nodes[LENGTH - 1].need_count = 1;
	check_error(order_sort(&arena, nodes, LENGTH, &order, &err), &err, ERROR_INPUT, "circle",
		    "a long circle");
}

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check_case(cases[i].graph, cases[i].order);
	test_chain();
	return tap_done();
}
