/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/templatepipe.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 64 /* characters */

static int line_of(const struct parser *parser)
{
	int line = 1;

	for (const char *at = parser->text; at < parser->at; at++)
		line += *at == '\n';
	return line;
}

bool templatepipe_wrong(const struct parser *parser, struct error *err, const char *what)
{
	return error_set(err, ERROR_INPUT, "template: %s:%d: %s", parser->name, line_of(parser),
			 what);
}

bool templatepipe_wrong_with(const struct parser *parser, struct error *err, const char *format,
			     ...)
{
	char what[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return templatepipe_wrong(parser, err, what);
}

void templatepipe_skip_blanks(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t\r\n");
}

static bool unexpected(const struct parser *parser, const char *where, struct error *err)
{
	char letter[2] = { *parser->at };

	return templatepipe_wrong_with(parser, err, "unexpected \"%s\" in %s", letter, where);
}

bool templatepipe_is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t word_length(const char *at)
{
	size_t length = 0;

	while (templatepipe_is_word_char(at[length]))
		length++;
	return length;
}

static char *read_word(struct parser *parser)
{
	const char *start = parser->at;

	parser->at += word_length(start);
	return arena_strndup(parser->arena, start, (size_t)(parser->at - start));
}

/* ".A.B" behind anything */
static bool read_fields(struct parser *parser, struct field **last, struct error *err)
{
	while (parser->at[0] == '.') {
		parser->at++;
		if (!templatepipe_is_word_char(*parser->at))
			return templatepipe_wrong(parser, err, "unexpected <.> in operand");
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
	return templatepipe_wrong_with(parser, err, "undefined variable \"$%s\"", name);
}

bool templatepipe_read_quoted(struct parser *parser, const struct json **literal, struct error *err)
{
	char quote = *parser->at++;
	autobuf struct buf text;

	buf_init(&text, strlen(parser->at));
	while (*parser->at && *parser->at != quote) {
		char c = *parser->at++;
		if (c == '\\' && quote != '`' && *parser->at) {
			c = *parser->at++;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
		}
		buf_add_char(&text, c);
	}
	if (!*parser->at)
		return templatepipe_wrong(parser, err, "unterminated quoted string");
	parser->at++;
	*literal = json_new(parser->arena, NULL, NULL, JSON_TEXT, text.data ? text.data : "");
	return true;
}

static bool read_parenthesis(struct parser *parser, struct operand *operand, struct error *err)
{
	parser->at++;
	if (++parser->depth > TEMPLATEPIPE_DEPTH_MAX)
		return templatepipe_wrong(parser, err, "nested too deeply");
	if (!templatepipe_read(parser, &operand->pipe, "parenthesized pipeline", err))
		return false;
	parser->depth--;
	if (*parser->at != ')')
		return templatepipe_wrong(parser, err, "unclosed left paren");
	parser->at++;
	operand->kind = OPERAND_PIPE;
	operand->point = *parser->at == '.' ? parser->at : operand->point;
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
	       templatepipe_wrong_with(parser, err, "function \"%s\" not defined", word);
}

/* As Go writes them: 42, -1.5, 1e3, 0x10, 1_000. */
static bool read_number(struct parser *parser, struct operand *operand, struct error *err)
{
	const char *start = parser->at;
	autobuf struct buf digits;
	char *end;

	buf_init(&digits, NUMBER_MAX);
	do {
		if (*parser->at != '_')
			buf_add_char(&digits, *parser->at);
		parser->at++;
	} while (templatepipe_is_word_char(*parser->at) || *parser->at == '.' ||
		 (strchr("+-", *parser->at) && strchr("eE", parser->at[-1]) && *parser->at));
	bool is_float = strpbrk(digits.data, ".") ||
			(strpbrk(digits.data, "eE") && !strpbrk(digits.data, "xX"));
	const char *text = arena_strdup(parser->arena, digits.data);

	if (is_float) {
		(void)strtod(text, &end);
	} else {
		const char *value = arena_printf(parser->arena, "%lld", strtoll(text, &end, 0));

		text = *end ? text : value;
	}
	operand->kind = OPERAND_LITERAL;
	operand->literal = json_new(parser->arena, NULL, NULL, JSON_NUMBER, text);
	return (buf_check(&digits, "a number", err) && !*end) ||
	       templatepipe_wrong_with(parser, err, "bad number syntax: \"%.*s\"",
				       (int)(parser->at - start), start);
}

/* 'a' is the number of the character. */
static bool read_character(struct parser *parser, struct operand *operand, struct error *err)
{
	const struct json *text;

	operand->kind = OPERAND_LITERAL;
	if (!templatepipe_read_quoted(parser, &text, err))
		return false;
	if (strlen(text->text) != 1)
		return templatepipe_wrong_with(parser, err, "malformed character constant: '%s'",
					       text->text);
	operand->literal = json_new(parser->arena, NULL, NULL, JSON_NUMBER,
				    arena_printf(parser->arena, "%d", text->text[0]));
	return true;
}

/* `where`: what no operand is unexpected in. */
static bool read_operand(struct parser *parser, struct operand *operand, const char *where,
			 struct error *err)
{
	char c = *parser->at;

	operand->point = parser->at;
	if (c == '.' && !templatepipe_is_word_char(parser->at[1])) {
		parser->at++;
		return true; /* OPERAND_DOT without fields */
	}
	if (c == '.') {
		size_t first = 1 + word_length(parser->at + 1);

		operand->point += parser->at[first] == '.' ? first : 0;
		return read_fields(parser, &operand->fields, err);
	}
	if (c == '$' && templatepipe_is_word_char(parser->at[1])) {
		parser->at++;
		operand->kind = OPERAND_VARIABLE;
		operand->variable = read_word(parser);
		operand->point = *parser->at == '.' ? parser->at : operand->point;
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
		return templatepipe_read_quoted(parser, &operand->literal, err);
	}
	if (c == '(')
		return read_parenthesis(parser, operand, err);
	if (c == '\'')
		return read_character(parser, operand, err);
	if (isdigit((unsigned char)c) ||
	    (strchr("+-", c) && c && isdigit((unsigned char)parser->at[1])))
		return read_number(parser, operand, err);
	if (isalpha((unsigned char)c))
		return read_name(parser, operand, err);
	return unexpected(parser, where, err);
}

bool templatepipe_is_end(const struct parser *parser)
{
	const char *at = parser->at;

	return !*at || *at == ')' || strncmp(at, "}}", 2) == 0 || strncmp(at, "-}}", 3) == 0;
}

/* The operands of one command, up to '|' or the end of the pipe. */
static bool read_command(struct parser *parser, struct command_part *command, const char *of,
			 struct error *err)
{
	struct operand **last = &command->operands;

	templatepipe_skip_blanks(parser);
	command->at = parser->at;
	while (!templatepipe_is_end(parser) && *parser->at != '|') {
		struct operand *operand = arena_alloc(parser->arena, sizeof(*operand));

		operand->at = parser->at;
		if (!read_operand(parser, operand, command->operands ? "operand" : of, err))
			return false;
		operand->length = (size_t)(parser->at - operand->at);
		command->length = (size_t)(parser->at - command->at);
		if (!templatepipe_is_end(parser) && !strchr("| \t\r\n", *parser->at))
			return unexpected(parser, "operand", err);
		*last = operand;
		last = &operand->next;
		templatepipe_skip_blanks(parser);
	}
	if (!command->operands && !*parser->at)
		return templatepipe_wrong(parser, err, "unclosed action");
	return command->operands ||
	       templatepipe_wrong_with(parser, err, "missing value for %s", of);
}

/* "$x :=", "$i, $x :=" or "$x ="; without any of them the text is the pipe's. */
static bool read_declaration(struct parser *parser, struct pipe *pipe, struct error *err)
{
	const char *start = parser->at;

	while (*parser->at == '$' && templatepipe_is_word_char(parser->at[1]) &&
	       pipe->variable_count < 2) {
		parser->at++;
		pipe->variables[pipe->variable_count++] = read_word(parser);
		templatepipe_skip_blanks(parser);
		if (*parser->at == ',') {
			parser->at++;
			templatepipe_skip_blanks(parser);
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
	templatepipe_skip_blanks(parser);
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

bool templatepipe_read(struct parser *parser, struct pipe **pipe, const char *of, struct error *err)
{
	struct command_part **last;

	templatepipe_skip_blanks(parser);
	*pipe = arena_alloc(parser->arena, sizeof(**pipe));
	if (!read_declaration(parser, *pipe, err))
		return false;
	(*pipe)->at = parser->at;
	last = &(*pipe)->commands;
	for (;;) {
		struct command_part *command = arena_alloc(parser->arena, sizeof(*command));

		if (!read_command(parser, command, of, err))
			return false;
		*last = command;
		last = &command->next;
		if (*parser->at != '|')
			break;
		parser->at++;
		of = "command";
	}
	(*pipe)->length = (size_t)(parser->at - (*pipe)->at);
	while ((*pipe)->length && isspace((unsigned char)(*pipe)->at[(*pipe)->length - 1]))
		(*pipe)->length--;
	declare(parser, *pipe);
	return true;
}
