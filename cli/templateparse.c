/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/templateparse.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 32 /* of parentheses and blocks together */

/* A variable that may be used where we are. */
struct declared {
	struct declared *next;
	const char *name;
};

struct parser {
	struct declared *declared;
	struct arena *arena;
	const char *at;
	int depth;
	bool trims_next; /* the last action ended with "-}}" */
};

/* What ended a list of nodes. */
enum ending {
	ENDING_TEXT,
	ENDING_ELSE, /* parser->at is behind the word */
	ENDING_END,
};

static bool wrong(struct error *err, const char *what)
{
	return error_set(err, ERROR_INPUT, "template: :1: %s", what);
}

static void skip_blanks(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t\r\n");
}

static bool unexpected(const struct parser *parser, struct error *err)
{
	return error_set(err, ERROR_INPUT, "template: :1: unexpected \"%.1s\" in operand",
			 parser->at);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static char *read_word(struct parser *parser)
{
	const char *start = parser->at;

	while (is_word_char(*parser->at))
		parser->at++;
	return arena_strndup(parser->arena, start, (size_t)(parser->at - start));
}

/* ".A.B" behind anything */
static bool read_fields(struct parser *parser, struct field **last, struct error *err)
{
	while (parser->at[0] == '.') {
		parser->at++;
		if (!is_word_char(*parser->at))
			return wrong(err, "unexpected <.> in operand");
		struct field *field = arena_alloc(parser->arena, sizeof(*field));
		field->name = read_word(parser);
		*last = field;
		last = &field->next;
	}
	return true;
}

static bool is_declared(const struct parser *parser, const char *name, struct error *err)
{
	for (const struct declared *at = parser->declared; at; at = at->next)
		if (strcmp(at->name, name) == 0)
			return true;
	return error_set(err, ERROR_INPUT, "template: :1: undefined variable \"$%s\"", name);
}

static bool read_quoted(struct parser *parser, const struct json **literal, struct error *err)
{
	char quote = *parser->at++;
	autobuf struct buf text;

	buf_init(&text, strlen(parser->at));
	while (*parser->at && *parser->at != quote) {
		char c = *parser->at++;
		if (c == '\\' && quote == '"' && *parser->at) {
			c = *parser->at++;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
		}
		buf_add_char(&text, c);
	}
	if (!*parser->at)
		return wrong(err, "unterminated quoted string");
	parser->at++;
	*literal = json_new(parser->arena, NULL, NULL, JSON_TEXT, text.data ? text.data : "");
	return true;
}

static bool read_pipe(struct parser *parser, struct pipe **pipe, struct error *err);

static bool read_parenthesis(struct parser *parser, struct operand *operand, struct error *err)
{
	parser->at++;
	if (++parser->depth > DEPTH_MAX)
		return wrong(err, "nested too deeply");
	if (!read_pipe(parser, &operand->pipe, err))
		return false;
	parser->depth--;
	if (*parser->at != ')')
		return wrong(err, "unclosed left paren");
	parser->at++;
	operand->kind = OPERAND_PIPE;
	return read_fields(parser, &operand->fields, err);
}

static const struct json *constant(struct parser *parser, const char *word)
{
	bool is_true = strcmp(word, "true") == 0;

	if (strcmp(word, "nil") == 0)
		return json_new(parser->arena, NULL, NULL, JSON_NULL, NULL);
	if (!is_true && strcmp(word, "false") != 0)
		return NULL;
	struct json *value = json_new(parser->arena, NULL, NULL, JSON_BOOL, NULL);
	value->boolean = is_true;
	return value;
}

static bool read_name(struct parser *parser, struct operand *operand, struct error *err)
{
	const char *word = read_word(parser);

	operand->literal = constant(parser, word);
	operand->kind = OPERAND_LITERAL;
	if (operand->literal)
		return true;
	operand->kind = OPERAND_FUNCTION;
	operand->function = templatefunc_find(word);
	return operand->function ||
	       error_set(err, ERROR_INPUT, "template: :1: function \"%s\" not defined", word);
}

static bool read_number(struct parser *parser, struct operand *operand)
{
	size_t length = 1 + strspn(parser->at + 1, "0123456789.");

	operand->kind = OPERAND_LITERAL;
	operand->literal = json_new(parser->arena, NULL, NULL, JSON_NUMBER,
				    arena_strndup(parser->arena, parser->at, length));
	parser->at += length;
	return true;
}

static bool read_operand(struct parser *parser, struct operand *operand, struct error *err)
{
	char c = *parser->at;

	if (c == '.' && !is_word_char(parser->at[1])) {
		parser->at++;
		return true; /* OPERAND_DOT without fields */
	}
	if (c == '.')
		return read_fields(parser, &operand->fields, err);
	if (c == '$' && is_word_char(parser->at[1])) {
		parser->at++;
		operand->kind = OPERAND_VARIABLE;
		operand->variable = read_word(parser);
		return is_declared(parser, operand->variable, err) &&
		       read_fields(parser, &operand->fields, err);
	}
	if (c == '$') {
		parser->at++;
		operand->kind = OPERAND_ROOT;
		return read_fields(parser, &operand->fields, err);
	}
	if (c == '"' || c == '`') {
		operand->kind = OPERAND_LITERAL;
		return read_quoted(parser, &operand->literal, err);
	}
	if (c == '(')
		return read_parenthesis(parser, operand, err);
	if (isdigit((unsigned char)c) || (c == '-' && isdigit((unsigned char)parser->at[1])))
		return read_number(parser, operand);
	if (isalpha((unsigned char)c))
		return read_name(parser, operand, err);
	return unexpected(parser, err);
}

static bool is_end_of_pipe(const struct parser *parser)
{
	const char *at = parser->at;

	return !*at || *at == ')' || strncmp(at, "}}", 2) == 0 || strncmp(at, "-}}", 3) == 0;
}

/* The operands of one command, up to '|' or the end of the pipe. */
static bool read_command(struct parser *parser, struct command_part *command, struct error *err)
{
	struct operand **last = &command->operands;

	skip_blanks(parser);
	while (!is_end_of_pipe(parser) && *parser->at != '|') {
		struct operand *operand = arena_alloc(parser->arena, sizeof(*operand));

		if (!read_operand(parser, operand, err))
			return false;
		if (!is_end_of_pipe(parser) && !strchr("| \t\r\n", *parser->at))
			return unexpected(parser, err);
		*last = operand;
		last = &operand->next;
		skip_blanks(parser);
	}
	return command->operands || wrong(err, "missing value for command");
}

/* "$x :=", "$i, $x :=" or "$x ="; without any of them the text is the pipe's. */
static bool read_declaration(struct parser *parser, struct pipe *pipe, struct error *err)
{
	const char *start = parser->at;

	while (*parser->at == '$' && is_word_char(parser->at[1]) && pipe->variable_count < 2) {
		parser->at++;
		pipe->variables[pipe->variable_count++] = read_word(parser);
		skip_blanks(parser);
		if (*parser->at == ',') {
			parser->at++;
			skip_blanks(parser);
		}
	}
	pipe->is_assignment = parser->at[0] == '=' && parser->at[1] != '=';
	if (pipe->variable_count == 0 ||
	    (!pipe->is_assignment && strncmp(parser->at, ":=", 2) != 0)) {
		pipe->variable_count = 0;
		pipe->is_assignment = false;
		parser->at = start;
		return true;
	}
	parser->at += pipe->is_assignment ? 1 : 2;
	skip_blanks(parser);
	for (size_t i = 0; i < pipe->variable_count && pipe->is_assignment; i++)
		if (!is_declared(parser, pipe->variables[i], err))
			return false;
	return true;
}

/* Known from here to the end of the block; the pipe itself does not see them yet. */
static void declare(struct parser *parser, const struct pipe *pipe)
{
	for (size_t i = 0; i < pipe->variable_count && !pipe->is_assignment; i++) {
		struct declared *declared = arena_alloc(parser->arena, sizeof(*declared));

		*declared = (struct declared){ parser->declared, pipe->variables[i] };
		parser->declared = declared;
	}
}

static bool read_pipe(struct parser *parser, struct pipe **pipe, struct error *err)
{
	struct command_part **last;

	skip_blanks(parser);
	*pipe = arena_alloc(parser->arena, sizeof(**pipe));
	if (!read_declaration(parser, *pipe, err))
		return false;
	(*pipe)->at = parser->at;
	last = &(*pipe)->commands;
	for (;;) {
		struct command_part *command = arena_alloc(parser->arena, sizeof(*command));

		if (!read_command(parser, command, err))
			return false;
		*last = command;
		last = &command->next;
		if (*parser->at != '|')
			break;
		parser->at++;
	}
	(*pipe)->length = (size_t)(parser->at - (*pipe)->at);
	while ((*pipe)->length && isspace((unsigned char)(*pipe)->at[(*pipe)->length - 1]))
		(*pipe)->length--;
	declare(parser, *pipe);
	return true;
}

static bool read_close(struct parser *parser, struct error *err)
{
	skip_blanks(parser);
	parser->trims_next = strncmp(parser->at, "-}}", 3) == 0;
	if (!parser->trims_next && strncmp(parser->at, "}}", 2) != 0)
		return wrong(err, "unclosed action");
	parser->at += parser->trims_next ? 3 : 2;
	return true;
}

static bool take_word(struct parser *parser, const char *word)
{
	size_t length = strlen(word);

	skip_blanks(parser);
	if (strncmp(parser->at, word, length) != 0 || is_word_char(parser->at[length]))
		return false;
	parser->at += length;
	return true;
}

static bool read_nodes(struct parser *parser, struct template_node **last, enum ending *ending,
		       struct error *err);

/* Behind "if", "with" or "range": the pipe, the body, and what else or end say. */
static bool read_block(struct parser *parser, struct template_node *node, struct error *err)
{
	struct declared *outside = parser->declared;
	enum ending ending;

	if (++parser->depth > DEPTH_MAX)
		return wrong(err, "nested too deeply");
	if (!read_pipe(parser, &node->pipe, err) || !read_close(parser, err) ||
	    !read_nodes(parser, &node->body, &ending, err))
		return false;
	if (ending == ENDING_ELSE && take_word(parser, "if")) {
		/* "else if" shares our end */
		node->otherwise = arena_alloc(parser->arena, sizeof(*node));
		node->otherwise->kind = NODE_IF;
		parser->depth--;
		return read_block(parser, node->otherwise, err);
	}
	if (ending == ENDING_ELSE &&
	    (!read_close(parser, err) || !read_nodes(parser, &node->otherwise, &ending, err)))
		return false;
	parser->depth--;
	parser->declared = outside;
	return ending == ENDING_END ? read_close(parser, err) : wrong(err, "unexpected EOF");
}

static bool read_comment(struct parser *parser, struct error *err)
{
	const char *end = strstr(parser->at, "*/");

	if (!end)
		return wrong(err, "unclosed comment");
	parser->at = end + 2;
	return read_close(parser, err);
}

/* Behind "{{": a node, an ending, or (a comment) neither. */
static bool read_action(struct parser *parser, struct template_node **node, enum ending *ending,
			struct error *err)
{
	static const struct {
		const char *word;
		enum node_kind kind;
	} blocks[] = { { "if", NODE_IF }, { "with", NODE_WITH }, { "range", NODE_RANGE } };

	skip_blanks(parser);
	if (strncmp(parser->at, "/*", 2) == 0)
		return read_comment(parser, err);
	if (take_word(parser, "else") || take_word(parser, "end")) {
		*ending = parser->at[-1] == 'e' ? ENDING_ELSE : ENDING_END;
		return true;
	}
	*node = arena_alloc(parser->arena, sizeof(**node));
	for (size_t i = 0; i < COUNT_OF(blocks); i++) {
		if (take_word(parser, blocks[i].word)) {
			(*node)->kind = blocks[i].kind;
			return read_block(parser, *node, err);
		}
	}
	(*node)->kind = NODE_PRINT;
	return read_pipe(parser, &(*node)->pipe, err) && read_close(parser, err);
}

/* Plain text up to the next action; trimmed where "-}}" is before or "{{- " behind it. */
static struct template_node *read_text(struct parser *parser)
{
	struct template_node *node = arena_alloc(parser->arena, sizeof(*node));
	const char *open = strstr(parser->at, "{{");
	const char *end = open ? open : parser->at + strlen(parser->at);

	if (parser->trims_next)
		skip_blanks(parser);
	parser->trims_next = false;
	if (parser->at > end)
		parser->at = end;
	node->text = parser->at;
	node->length = (size_t)(end - parser->at);
	parser->at = end;
	if (open) {
		bool is_trimmed = open[2] == '-' && isspace((unsigned char)open[3]);

		while (is_trimmed && node->length &&
		       isspace((unsigned char)node->text[node->length - 1]))
			node->length--;
		parser->at += is_trimmed ? 3 : 2;
	}
	return node;
}

static bool read_nodes(struct parser *parser, struct template_node **last, enum ending *ending,
		       struct error *err)
{
	*ending = ENDING_TEXT;
	for (;;) {
		bool has_action = strstr(parser->at, "{{") != NULL;
		struct template_node *node = NULL;

		*last = read_text(parser);
		last = &(*last)->next;
		if (!has_action)
			return true;
		if (!read_action(parser, &node, ending, err))
			return false;
		if (*ending != ENDING_TEXT)
			return true;
		if (node) {
			*last = node;
			last = &node->next;
		}
	}
}

bool template_parse(struct arena *arena, const char *text, struct template *template,
		    struct error *err)
{
	struct parser parser = { .arena = arena, .at = arena_strdup(arena, text) };
	enum ending ending;

	*template = (struct template){ .arena = arena, .text = parser.at };
	if (!read_nodes(&parser, &template->first, &ending, err))
		return false;
	if (ending != ENDING_TEXT)
		return wrong(err,
			     ending == ENDING_END ? "unexpected {{end}}" : "unexpected {{else}}");
	return true;
}
