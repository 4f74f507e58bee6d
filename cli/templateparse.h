/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATEPARSE_H
#define CLI_TEMPLATEPARSE_H

#include <stddef.h>

#include "cli/template.h"
#include "cli/templatefunc.h"

/*
 * The tree that template_parse makes and template_run walks: nodes, in which each action is a pipe
 * of commands of operands.
 */

enum operand_kind {
	OPERAND_DOT,      /* . and .A.B */
	OPERAND_ROOT,     /* $ and $.A.B */
	OPERAND_VARIABLE, /* $x and $x.A.B */
	OPERAND_LITERAL,  /* "text", 1, true, nil */
	OPERAND_FUNCTION,
	OPERAND_PIPE, /* (…) and (…).A */
};

struct field {
	const char *name;
	struct field *next;
};

struct operand {
	enum operand_kind kind;
	const struct json *literal;
	const char *variable; /* without the $ */
	const struct templatefunc *function;
	struct pipe *pipe;
	struct field *fields; /* looked up one in the other */
	const char *at;       /* where it stands, for messages */
	size_t length;
	const char *point; /* which column a message names: of ".A.B" that of ".B" */
	struct operand *next;
};

struct command_part {
	struct operand *operands;
	const char *at;
	size_t length;
	struct command_part *next;
};

struct pipe {
	const char *at; /* where it stands, for messages */
	size_t length;
	struct command_part *commands;
	const char *variables[2]; /* that it sets: "$a, $b :="; the second in a range only */
	size_t variable_count;
	bool is_assignment; /* "=": of one that is there */
};

enum node_kind {
	NODE_TEXT,
	NODE_PRINT,
	NODE_IF,
	NODE_WITH,
	NODE_RANGE,
	NODE_TEMPLATE, /* `text` is its name, `pipe` may be NULL */
	NODE_BREAK,
	NODE_CONTINUE,
};

struct template_node {
	enum node_kind kind;
	const char *text;
	size_t length;
	const char *name_at; /* of NODE_TEMPLATE, where it stands; `length` from there */
	struct pipe *pipe;
	struct template_node *body, *otherwise;
	struct template_node *next;
};

/* {{define "name"}} and {{block "name" .}} */
struct definition {
	const char *name;
	struct template_node *body;
	struct definition *next;
};

#endif
