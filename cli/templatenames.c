/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/templateparse.h"

/* What is looked for, and whether the dot is the data just now, or what `range` and `with` made
 * it. */
struct search {
	const char *field;
	bool is_dot_other;
};

static bool is_in_pipe(const struct pipe *pipe, struct search search);

static bool is_in_operand(const struct operand *operand, struct search search)
{
	if (operand->kind == OPERAND_PIPE && is_in_pipe(operand->pipe, search))
		return true;
	if (operand->kind != OPERAND_ROOT && (operand->kind != OPERAND_DOT || search.is_dot_other))
		return false;
	return !operand->fields || strcmp(operand->fields->name, search.field) == 0;
}

static bool is_in_pipe(const struct pipe *pipe, struct search search)
{
	if (!pipe)
		return false;
	for (const struct command_part *part = pipe->commands; part; part = part->next) {
		for (const struct operand *operand = part->operands; operand;
		     operand = operand->next) {
			if (is_in_operand(operand, search))
				return true;
		}
	}
	return false;
}

static bool is_in_nodes(const struct template_node *node, struct search search)
{
	for (; node; node = node->next) {
		struct search inner = search;

		inner.is_dot_other |= node->kind == NODE_RANGE || node->kind == NODE_WITH;
		if (is_in_pipe(node->pipe, search) || is_in_nodes(node->body, inner) ||
		    is_in_nodes(node->otherwise, search))
			return true;
	}
	return false;
}

bool template_names(const struct template *template, const char *field)
{
	const struct search search = { .field = field };

	for (const struct definition *definition = template->definitions; definition;
	     definition = definition->next) {
		if (is_in_nodes(definition->body, search))
			return true;
	}
	return is_in_nodes(template->first, search);
}
