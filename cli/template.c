/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template.h"

#include <stdlib.h>
#include <string.h>

#include "cli/gotype.h"
#include "cli/templateparse.h"
#include "cli/templatevalue.h"

#define ARGUMENTS_MAX 16
#define CALLS_MAX     100 /* of a template that calls itself */

/* Where a failure is, for its message. */
struct spot {
	const char *at; /* NULL: not known yet */
	size_t length;
	const char *point;
	const char *name; /* of the template */
};

enum jump {
	JUMP_NOT,
	JUMP_BREAK,
	JUMP_CONTINUE,
};

struct runner {
	const struct template *template;
	const char *name; /* of what is run: the template's, or what {{define}} says */
	const struct json *root;
	struct buf *out;
	struct variable **variables; /* the newest first */
	struct spot *spot;
	enum jump *jump; /* out of the innermost range */
	int depth;       /* of {{template}} */
};

struct variable {
	struct variable *next;
	const char *name;
	const struct json *value;
};

static struct variable *find_variable(const struct runner *runner, const char *name)
{
	struct variable *variable = *runner->variables;

	while (variable && strcmp(variable->name, name) != 0)
		variable = variable->next;
	return variable;
}

static void set_variable(const struct runner *runner, const struct pipe *pipe, size_t index,
			 const struct json *value)
{
	struct variable *variable;

	if (pipe->is_assignment) {
		variable = find_variable(runner, pipe->variables[index]);
		if (variable) /* the parser has seen to that */
			variable->value = value;
		return;
	}
	variable = arena_alloc(runner->template->arena, sizeof(*variable));
	*variable = (struct variable){ *runner->variables, pipe->variables[index], value };
	*runner->variables = variable;
}

static const struct json *member_of(const struct json *object, const char *key)
{
	const struct json *found = NULL;

	for (const struct json *member = object->child; member; member = member->next)
		if (member->key && strcmp(member->key, key) == 0)
			found = member;
	return found;
}

static bool look_up(const struct runner *runner, const struct json *value,
		    const struct field *fields, const struct json **result, struct error *err)
{
	for (const struct field *field = fields; field; field = field->next) {
		if (gotype_is_no_value(value))
			break;
		if (value->type == JSON_NULL)
			return error_set(err, ERROR_INPUT, "nil pointer evaluating interface {}.%s",
					 field->name);
		if (value->type != JSON_OBJECT)
			return error_set(err, ERROR_INPUT, "can't evaluate field %s in type %s",
					 field->name,
					 runner->template->is_untyped ? "interface {}" : "string");
		const struct json *object = value;

		value = member_of(object, field->name);
		if (!value && gotype_json_name(field->name) && !gotype_is_map(object))
			value = member_of(object, gotype_json_name(field->name));
		/* Below an empty pointer docker looks again, at the JSON, and complains of that. */
		if (!value &&
		    (value = gotype_empty(runner->template->arena, object, field->name)) &&
		    value->type == JSON_NULL && field->next)
			value = NULL;
		if (!value && (runner->template->forgives_missing || gotype_is_map(object))) {
			*result = gotype_no_value(runner->template->arena);
			return true;
		}
		const char *type =
			object == runner->root ? runner->template->type : gotype_name(object);

		if (!value && runner->template->type && type)
			return error_set(err, ERROR_INPUT, "can't evaluate field %s in type %s",
					 field->name, type);
		if (!value)
			return error_set(err, ERROR_INPUT, "map has no entry for key \"%s\"",
					 field->name);
	}
	*result = value;
	return true;
}

static bool run_pipe(const struct runner *runner, const struct pipe *pipe, const struct json *dot,
		     const struct json **result, struct error *err);

/* The innermost place is what the message names. */
static bool fail_at(const struct runner *runner, const char *at, size_t length, const char *point)
{
	if (!runner->spot->at)
		*runner->spot = (struct spot){ at, length, point, runner->name };
	return false;
}

static bool find_operand(const struct runner *runner, const struct operand *operand,
			 const struct json *dot, const struct json **result, struct error *err)
{
	const struct variable *variable;
	const struct json *inner;

	switch (operand->kind) {
	case OPERAND_DOT:
		return look_up(runner, dot, operand->fields, result, err);
	case OPERAND_ROOT:
		return look_up(runner, runner->root, operand->fields, result, err);
	case OPERAND_VARIABLE:
		variable = find_variable(runner, operand->variable);
		return variable ? look_up(runner, variable->value, operand->fields, result, err)
				: error_set(err, ERROR_INPUT, "undefined variable \"$%s\"",
					    operand->variable);
	case OPERAND_LITERAL:
		*result = operand->literal;
		return true;
	case OPERAND_PIPE:
		return run_pipe(runner, operand->pipe, dot, &inner, err) &&
		       look_up(runner, inner, operand->fields, result, err);
	case OPERAND_FUNCTION:
		break; /* a function as an argument: called without any */
	}
	if (operand->function->least > 0)
		return error_set(err, ERROR_INPUT, "wrong number of args for %s: want %zu got 0",
				 operand->function->name, operand->function->least);
	return operand->function->call(runner->template->arena, NULL, 0, result, err);
}

static bool run_operand(const struct runner *runner, const struct operand *operand,
			const struct json *dot, const struct json **result, struct error *err)
{
	return find_operand(runner, operand, dot, result, err) ||
	       fail_at(runner, operand->at, operand->length, operand->point);
}

/* "and" ends with the first argument that is false, "or" with the first that is true: what is
 * behind is not looked at. */
static bool decides(const struct templatefunc *function, const struct json *argument)
{
	return (function->ends == TEMPLATEFUNC_ENDS_FALSE && !templatevalue_is_true(argument)) ||
	       (function->ends == TEMPLATEFUNC_ENDS_TRUE && templatevalue_is_true(argument));
}

/* What Go's encoder does with a value that makes its own JSON, as a whole row does. */
static const struct json *escape_html(struct arena *arena, const struct json *text)
{
	autobuf struct buf out;

	buf_init(&out, TEMPLATEVALUE_MAX);
	for (const char *at = text->text; *at; at++) {
		if (strchr("<>&", *at))
			buf_printf(&out, "\\u%04x", (unsigned int)*at);
		else
			buf_add_char(&out, *at);
	}
	return json_new(arena, NULL, NULL, JSON_TEXT, arena_strdup(arena, out.data));
}

static bool run_function(const struct runner *runner, const struct operand *first,
			 const struct json *dot, const struct json *piped,
			 const struct json **result, struct error *err)
{
	const struct json *args[ARGUMENTS_MAX];
	size_t count = 0;

	for (const struct operand *operand = first->next; operand; operand = operand->next) {
		if (count + 1 >= ARGUMENTS_MAX)
			return error_set(err, ERROR_INPUT, "too many args for %s",
					 first->function->name);
		if (!run_operand(runner, operand, dot, &args[count], err))
			return false;
		if (decides(first->function, args[count++])) {
			*result = args[count - 1];
			return true;
		}
	}
	if (piped)
		args[count++] = piped;
	if (count < first->function->least || count > first->function->most)
		return error_set(err, ERROR_INPUT, "wrong number of args for %s: want %zu got %zu",
				 first->function->name, first->function->least, count);
	if (runner->template->is_header && first->function->keeps_headings) {
		*result = args[0];
		return true;
	}
	if (!first->function->call(runner->template->arena, args, count, result, err))
		return false;
	if (runner->template->is_row && args[0] == runner->root &&
	    strcmp(first->function->name, "json") == 0)
		*result = escape_html(runner->template->arena, *result);
	return true;
}

/* The last part of the label's name, in words. */
static const struct json *label_heading(struct arena *arena, const char *key)
{
	const char *dot = strrchr(key, '.');
	char *text = arena_strdup(arena, dot ? dot + 1 : key);

	for (char *at = text; *at; at++)
		if (*at == '-' || *at == '_')
			*at = ' ';
	return json_new(arena, NULL, NULL, JSON_TEXT, text);
}

/* {{.Label "k"}}: the one method that docker's lists have. Labels are "a=1,b=2". */
static bool run_label(const struct runner *runner, const struct json *dot, const char *key,
		      const struct json **result, struct error *err)
{
	static const struct field labels = { .name = "Labels" };
	struct arena *arena = runner->template->arena;
	size_t length = strlen(key);
	const struct json *all;

	if (runner->template->is_header) {
		*result = label_heading(arena, key);
		return true;
	}
	if (!look_up(runner, dot, &labels, &all, err))
		return false;
	*result = json_new(arena, NULL, NULL, JSON_TEXT, "");
	for (const char *at = all->type == JSON_TEXT ? all->text : ""; *at;) {
		size_t whole = strcspn(at, ",");

		if (strncmp(at, key, length) == 0 && at[length] == '=')
			*result =
				json_new(arena, NULL, NULL, JSON_TEXT,
					 arena_strndup(arena, at + length + 1, whole - length - 1));
		at += whole + (at[whole] == ',');
	}
	return true;
}

static bool try_command(const struct runner *runner, const struct command_part *command,
			const struct json *dot, const struct json *piped,
			const struct json **result, struct error *err)
{
	const struct operand *first = command->operands;
	const struct operand *argument = first->next;

	if (first->kind == OPERAND_LITERAL && first->literal->type == JSON_NULL)
		return error_set(err, ERROR_INPUT, "nil is not a command");

	if (first->kind == OPERAND_FUNCTION)
		return run_function(runner, first, dot, piped, result, err);
	if (!argument && !piped)
		return run_operand(runner, first, dot, result, err);
	if (first->kind == OPERAND_DOT && first->fields && !first->fields->next && argument &&
	    argument->kind == OPERAND_LITERAL && argument->literal->type == JSON_TEXT &&
	    strcmp(first->fields->name, "Label") == 0)
		return run_label(runner, dot, argument->literal->text, result, err);
	return error_set(err, ERROR_INPUT, "can't give argument to non-function");
}

static bool run_command(const struct runner *runner, const struct command_part *command,
			const struct json *dot, const struct json *piped,
			const struct json **result, struct error *err)
{
	return try_command(runner, command, dot, piped, result, err) ||
	       fail_at(runner, command->at, command->length, command->at);
}

static bool run_pipe(const struct runner *runner, const struct pipe *pipe, const struct json *dot,
		     const struct json **result, struct error *err)
{
	const struct json *value = NULL;

	for (const struct command_part *command = pipe->commands; command; command = command->next)
		if (!run_command(runner, command, dot, value, &value, err))
			return false;
	*result = value;
	return true;
}

/* What Go puts before a message: line, column in bytes, and what was being done. */
static bool name_spot(const struct runner *runner, struct error *err)
{
	const struct spot *spot = runner->spot;
	const char *line = runner->template->text;
	int number = 1;

	for (const char *at = line; at < spot->point; at++) {
		if (*at == '\n') {
			number++;
			line = at + 1;
		}
	}
	return error_in(err, "template: %s:%d:%zu: executing \"%s\" at <%.*s>",
			runner->template->name, number, (size_t)(spot->point - line), spot->name,
			(int)spot->length, spot->at);
}

static bool run_nodes(const struct runner *runner, const struct template_node *first,
		      const struct json *dot, struct error *err);

static int by_key(const void *a, const void *b)
{
	const struct json *const *left = a;
	const struct json *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

/* In order; of an object in the order of its keys, as Go has it. */
static const struct json **items_of(const struct runner *runner, const struct json *value)
{
	const struct json **items =
		arena_array(runner->template->arena, value->count + 1, sizeof(*items));
	size_t count = 0;

	for (const struct json *item = value->child; item; item = item->next)
		items[count++] = item;
	if (value->type == JSON_OBJECT)
		qsort(items, count, sizeof(*items), by_key);
	return items;
}

static const struct json *key_of(const struct runner *runner, const struct json *item, size_t index)
{
	struct arena *arena = runner->template->arena;

	bool has_key = item->parent && item->parent->type == JSON_OBJECT;

	return has_key ? json_new(arena, NULL, NULL, JSON_TEXT, item->key)
		       : json_new(arena, NULL, NULL, JSON_NUMBER,
				  arena_printf(arena, "%zu", index));
}

static bool run_range(const struct runner *runner, const struct template_node *node,
		      const struct json *value, const struct json *dot, struct error *err)
{
	const struct pipe *pipe = node->pipe;
	struct variable *outside = *runner->variables;

	if (value->type != JSON_ARRAY && value->type != JSON_OBJECT && value->type != JSON_NULL)
		return error_set(err, ERROR_INPUT, "range can't iterate over %s",
				 templatevalue_text(runner->template->arena, value)) ||
		       fail_at(runner, pipe->at, pipe->length, pipe->at);
	if (!value->child)
		return run_nodes(runner, node->otherwise, dot, err);
	const struct json **items = items_of(runner, value);
	for (size_t i = 0; items[i]; i++) {
		if (pipe->variable_count == 2)
			set_variable(runner, pipe, 0, key_of(runner, items[i], i));
		if (pipe->variable_count > 0)
			set_variable(runner, pipe, pipe->variable_count - 1, items[i]);
		if (!run_nodes(runner, node->body, items[i], err))
			return false;
		*runner->variables = outside;
		bool is_left = *runner->jump == JUMP_BREAK;
		*runner->jump = JUMP_NOT;
		if (is_left)
			break;
	}
	return true;
}

static bool run_choice(const struct runner *runner, const struct template_node *node,
		       const struct json *value, const struct json *dot, struct error *err)
{
	struct variable *outside = *runner->variables;
	bool is_true = templatevalue_is_true(value);

	if (node->pipe->variable_count)
		set_variable(runner, node->pipe, 0, value);
	bool is_done = run_nodes(runner, is_true ? node->body : node->otherwise,
				 is_true && node->kind == NODE_WITH ? value : dot, err);
	*runner->variables = outside;
	return is_done;
}

/* {{template "name" pipe}}: with variables and a $ of its own. */
static bool run_call(const struct runner *runner, const struct template_node *node,
		     const struct json *dot, struct error *err)
{
	const struct definition *called = runner->template->definitions;
	struct runner inner = *runner;
	struct variable *variables = NULL;
	const char *at = runner->template->text, *open = node->name_at;

	while (called && strcmp(called->name, node->text) != 0)
		called = called->next;
	while (open > at && strncmp(open, "{{", 2) != 0)
		open--;
	inner.variables = &variables;
	inner.name = node->text;
	inner.root = json_new(runner->template->arena, NULL, NULL, JSON_NULL, NULL);
	bool is_found =
		called ? ++inner.depth <= CALLS_MAX ||
				 error_set(err, ERROR_INPUT, "exceeded maximum template depth (%d)",
					   CALLS_MAX)
		       : error_set(err, ERROR_INPUT, "template \"%s\" not defined", node->text);

	if (!is_found)
		return fail_at(runner, open, strcspn(open, "}") + 2, node->name_at);
	if (node->pipe && !run_pipe(runner, node->pipe, dot, &inner.root, err))
		return false;
	return run_nodes(&inner, called->body, inner.root, err);
}

static bool run_action(const struct runner *runner, const struct template_node *node,
		       const struct json *dot, struct error *err)
{
	const struct json *value = NULL;

	if (!run_pipe(runner, node->pipe, dot, &value, err))
		return false;
	if (node->kind == NODE_RANGE)
		return run_range(runner, node, value, dot, err);
	if (node->kind != NODE_PRINT)
		return run_choice(runner, node, value, dot, err);
	if (node->pipe->variable_count)
		set_variable(runner, node->pipe, 0, value);
	else
		buf_add_text(runner->out, templatevalue_text(runner->template->arena, value));
	return true;
}

static bool run_node(const struct runner *runner, const struct template_node *node,
		     const struct json *dot, struct error *err)
{
	switch (node->kind) {
	case NODE_TEXT:
		buf_add(runner->out, node->text, node->length);
		return true;
	case NODE_TEMPLATE:
		return run_call(runner, node, dot, err);
	case NODE_BREAK:
		*runner->jump = JUMP_BREAK;
		return true;
	case NODE_CONTINUE:
		*runner->jump = JUMP_CONTINUE;
		return true;
	default:
		return run_action(runner, node, dot, err);
	}
}

static bool run_nodes(const struct runner *runner, const struct template_node *first,
		      const struct json *dot, struct error *err)
{
	struct variable *outside = *runner->variables;

	for (const struct template_node *node = first; node && *runner->jump == JUMP_NOT;
	     node = node->next) {
		if (!run_node(runner, node, dot, err))
			return false;
	}
	*runner->variables = outside;
	return true;
}

bool template_run(const struct template *template, const struct json *data, struct buf *out,
		  struct error *err)
{
	struct variable *variables = NULL;
	struct spot spot = { 0 };
	enum jump jump = JUMP_NOT;
	struct runner runner = { .template = template,
				 .name = template->name,
				 .root = data,
				 .out = out,
				 .variables = &variables,
				 .spot = &spot,
				 .jump = &jump };

	return run_nodes(&runner, template->first, data, err) || name_spot(&runner, err);
}

const char *template_unescape(struct arena *arena, const char *text)
{
	char *plain = arena_strdup(arena, text);
	char *to = plain;

	for (const char *from = plain; *from; from++) {
		bool is_escape = from[0] == '\\' && (from[1] == 't' || from[1] == 'n');

		*to++ = is_escape ? (from[1] == 't' ? '\t' : '\n') : *from;
		from += is_escape;
	}
	*to = '\0';
	return plain;
}
