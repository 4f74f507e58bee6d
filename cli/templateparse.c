/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/templateparse.h"

#include <ctype.h>
#include <string.h>

#include "cli/templatepipe.h"

/* What ended a list of nodes. */
enum ending {
	ENDING_TEXT,
	ENDING_ELSE, /* parser->at is behind the word */
	ENDING_END,
};

static bool read_close(struct parser *parser, struct error *err)
{
	templatepipe_skip_blanks(parser);
	parser->trims_next = strncmp(parser->at, "-}}", 3) == 0;
	if (!parser->trims_next && strncmp(parser->at, "}}", 2) != 0)
		return templatepipe_wrong(parser, err, "unclosed action");
	parser->at += parser->trims_next ? 3 : 2;
	return true;
}

static bool take_word(struct parser *parser, const char *word)
{
	size_t length = strlen(word);

	templatepipe_skip_blanks(parser);
	if (strncmp(parser->at, word, length) != 0 || templatepipe_is_word_char(parser->at[length]))
		return false;
	parser->at += length;
	return true;
}

static bool read_nodes(struct parser *parser, struct template_node **last, enum ending *ending,
		       struct error *err);

struct keyword {
	const char *word;
	enum node_kind kind;
};
static const struct keyword words[] = {
	{ "if", NODE_IF },
	{ "with", NODE_WITH },
	{ "range", NODE_RANGE },
	{ "template", NODE_TEMPLATE },
	{ "block", NODE_TEMPLATE },
	{ "break", NODE_BREAK },
	{ "continue", NODE_CONTINUE },
};
static const struct keyword chained[] = { { "if", NODE_IF }, { "with", NODE_WITH } };

/* Behind "if", "with" or "range": the pipe, the body, and what else or end say. */
static bool read_block(struct parser *parser, struct template_node *node, const char *word,
		       struct error *err)
{
	struct declared *outside = parser->declared;
	int is_range = node->kind == NODE_RANGE;
	enum ending ending;

	if (++parser->depth > TEMPLATEPIPE_DEPTH_MAX)
		return templatepipe_wrong(parser, err, "nested too deeply");
	if (!templatepipe_read(parser, &node->pipe, word, err) || !read_close(parser, err))
		return false;
	parser->range_depth += is_range;
	if (!read_nodes(parser, &node->body, &ending, err))
		return false;
	parser->range_depth -= is_range;
	/* "else if", "else with" share our end */
	for (size_t i = 0; ending == ENDING_ELSE && !is_range && i < COUNT_OF(chained); i++) {
		if (!take_word(parser, chained[i].word))
			continue;
		node->otherwise = arena_alloc(parser->arena, sizeof(*node));
		node->otherwise->kind = chained[i].kind;
		parser->depth--;
		return read_block(parser, node->otherwise, chained[i].word, err);
	}
	if (ending == ENDING_ELSE &&
	    (!read_close(parser, err) || !read_nodes(parser, &node->otherwise, &ending, err)))
		return false;
	parser->depth--;
	parser->declared = outside;
	return ending == ENDING_END ? read_close(parser, err)
				    : templatepipe_wrong(parser, err, "unexpected EOF");
}

static bool read_template_name(struct parser *parser, const char *word, const char **name,
			       struct error *err)
{
	const struct json *literal;

	templatepipe_skip_blanks(parser);
	if (*parser->at != '"' && *parser->at != '`')
		return templatepipe_wrong_with(parser, err, "unexpected \"%.1s\" in %s clause",
					       parser->at, word);
	if (!templatepipe_read_quoted(parser, &literal, err))
		return false;
	*name = literal->text;
	return true;
}

/* The body of "define" and "block": its own world, in which only $ and . are known. */
static bool define(struct parser *parser, const char *name, struct error *err)
{
	struct definition *definition = arena_alloc(parser->arena, sizeof(*definition));
	struct declared *outside = parser->declared;
	int ranges = parser->range_depth;
	enum ending ending;

	for (const struct definition *at = parser->definitions; at; at = at->next) {
		if (strcmp(at->name, name) == 0)
			return templatepipe_wrong_with(
				parser, err, "multiple definition of template \"%s\"", name);
	}
	if (++parser->depth > TEMPLATEPIPE_DEPTH_MAX)
		return templatepipe_wrong(parser, err, "nested too deeply");
	*definition = (struct definition){ .name = name, .next = parser->definitions };
	parser->definitions = definition;
	parser->declared = NULL;
	parser->range_depth = 0;
	if (!read_close(parser, err) || !read_nodes(parser, &definition->body, &ending, err))
		return false;
	parser->declared = outside;
	parser->range_depth = ranges;
	parser->depth--;
	return ending == ENDING_END ? read_close(parser, err)
				    : templatepipe_wrong(parser, err, "unexpected EOF");
}

/* Behind "template" or "block". */
static bool read_call(struct parser *parser, struct template_node *node, bool is_block,
		      struct error *err)
{
	const char *word = is_block ? "block" : "template";

	node->kind = NODE_TEMPLATE;
	templatepipe_skip_blanks(parser);
	const char *at = parser->at;

	if (!read_template_name(parser, word, &node->text, err))
		return false;
	node->name_at = at;
	templatepipe_skip_blanks(parser);
	if ((is_block || !templatepipe_is_end(parser)) &&
	    !templatepipe_read(parser, &node->pipe, word, err))
		return false;
	node->length = (size_t)(parser->at - at);
	return is_block ? define(parser, node->text, err) : read_close(parser, err);
}

static bool read_comment(struct parser *parser, struct error *err)
{
	const char *end = strstr(parser->at, "*/");

	if (!end)
		return templatepipe_wrong(parser, err, "unclosed comment");
	parser->at = end + 2;
	return read_close(parser, err);
}

/* "break" and "continue", where no pipe follows: they are no functions. */
static bool read_jump(struct parser *parser, const char *word, struct error *err)
{
	if (!parser->range_depth)
		return templatepipe_wrong_with(parser, err, "{{%s}} outside {{range}}", word);
	return read_close(parser, err);
}

static bool read_definition(struct parser *parser, struct error *err)
{
	const char *name;

	if (parser->depth)
		return templatepipe_wrong(parser, err, "unexpected {{define}}");
	return read_template_name(parser, "define", &name, err) && define(parser, name, err);
}

/* Behind "{{": a node, an ending, or (a comment, a definition) neither. */
static bool read_action(struct parser *parser, struct template_node **node, enum ending *ending,
			struct error *err)
{
	templatepipe_skip_blanks(parser);
	if (strncmp(parser->at, "/*", 2) == 0)
		return read_comment(parser, err);
	if (take_word(parser, "else") || take_word(parser, "end")) {
		*ending = parser->at[-1] == 'e' ? ENDING_ELSE : ENDING_END;
		return true;
	}
	if (take_word(parser, "define"))
		return read_definition(parser, err);
	*node = arena_alloc(parser->arena, sizeof(**node));
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		const char *word = words[i].word;

		if (!take_word(parser, word))
			continue;
		(*node)->kind = words[i].kind;
		if (words[i].kind == NODE_TEMPLATE)
			return read_call(parser, *node, *word == 'b', err);
		if (words[i].kind == NODE_BREAK || words[i].kind == NODE_CONTINUE)
			return read_jump(parser, word, err);
		return read_block(parser, *node, word, err);
	}
	(*node)->kind = NODE_PRINT;
	return templatepipe_read(parser, &(*node)->pipe, "command", err) && read_close(parser, err);
}

/* Plain text up to the next action; trimmed where "-}}" is before or "{{- " behind it. */
static struct template_node *read_text(struct parser *parser)
{
	struct template_node *node = arena_alloc(parser->arena, sizeof(*node));
	const char *open = strstr(parser->at, "{{");
	const char *end = open ? open : parser->at + strlen(parser->at);

	if (parser->trims_next)
		templatepipe_skip_blanks(parser);
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

bool template_parse_named(struct arena *arena, const char *name, const char *text,
			  struct template *template, struct error *err)
{
	const char *own = arena_strdup(arena, text);
	struct parser parser = { .arena = arena, .at = own, .text = own, .name = name };
	enum ending ending;

	*template = (struct template){ .arena = arena, .text = own, .name = name };
	if (!read_nodes(&parser, &template->first, &ending, err))
		return false;
	template->definitions = parser.definitions;
	if (ending != ENDING_TEXT)
		return templatepipe_wrong(&parser, err,
					  ending == ENDING_END ? "unexpected {{end}}"
							       : "unexpected {{else}}");
	return true;
}

bool template_parse(struct arena *arena, const char *text, struct template *template,
		    struct error *err)
{
	return template_parse_named(arena, "", text, template, err);
}
