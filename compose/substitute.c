/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/substitute.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"

/*
 * How this works: one recursive descent over the text. A word that is not used (the default of a
 * variable that is set) is read all the same, but nothing in it counts: neither an unset variable
 * nor a missing required one.
 */
struct job {
	const struct substitute *substitute;
	const char *next;
	size_t depth;
	struct error *err;
};

enum sign {
	SIGN_NONE,
	SIGN_DEFAULT, /* - */
	SIGN_ERROR,   /* ? */
	SIGN_OTHER,   /* + */
};

static bool is_name_char(char c, bool is_first)
{
	return c == '_' || (is_first ? isalpha((unsigned char)c) : isalnum((unsigned char)c));
}

static size_t name_length(const char *text)
{
	size_t length = 0;

	while (is_name_char(text[length], length == 0))
		length++;
	return length;
}

static bool refuse(const struct job *job)
{
	return error_set(job->err, ERROR_INPUT, "invalid interpolation format");
}

static const char *take_name(struct job *job)
{
	size_t length = name_length(job->next);
	const char *name = arena_strndup(job->substitute->arena, job->next, length);

	job->next += length;
	return name;
}

static void note_unset(const struct job *job, const char *name)
{
	struct texts *unset = job->substitute->unset;

	if (unset && unset->count < VARIABLES_MAX && !texts_has(unset, name))
		texts_add(unset, name);
}

static bool expand(struct job *job, bool is_used, bool is_word, struct buf *out);

static enum sign take_sign(struct job *job, bool *counts_empty)
{
	static const char signs[] = "-?+";
	const char *at = job->next + (*job->next == ':');
	const char *sign = *at ? strchr(signs, *at) : NULL;

	*counts_empty = *job->next == ':';
	if (!sign)
		return SIGN_NONE;
	job->next = at + 1;
	return (enum sign)(sign - signs + 1);
}

static bool missing(const struct job *job, const char *name, const char *text)
{
	return error_set(job->err, ERROR_INPUT, "required variable %s is missing a value%s%s", name,
			 *text ? ": " : "", text);
}

/* After "${". */
static bool expand_braced(struct job *job, bool is_used, struct buf *out)
{
	const char *name = take_name(job);
	const char *value = variables_get(job->substitute->variables, name);
	bool counts_empty;
	autobuf struct buf word;

	buf_init(&word, SUBSTITUTE_TEXT_MAX);
	if (!*name)
		return refuse(job);
	enum sign sign = take_sign(job, &counts_empty);
	bool is_set = value && !(counts_empty && !*value);
	bool wants_word = sign == SIGN_OTHER ? is_set : !is_set;

	if (sign != SIGN_NONE && !expand(job, is_used && wants_word, true, &word))
		return false;
	if (*job->next != '}')
		return refuse(job);
	job->next++;
	if (!is_used)
		return true;
	if (sign == SIGN_ERROR && !is_set)
		return missing(job, name, word.length ? word.data : "");
	if (sign != SIGN_NONE && sign != SIGN_ERROR && wants_word)
		buf_add(out, word.data, word.length);
	else if (sign != SIGN_OTHER && value)
		buf_add_text(out, value);
	else if (sign != SIGN_OTHER)
		note_unset(job, name);
	return true;
}

static void expand_name(struct job *job, bool is_used, struct buf *out)
{
	const char *name = take_name(job);
	const char *value = variables_get(job->substitute->variables, name);

	if (!is_used)
		return;
	if (value)
		buf_add_text(out, value);
	else
		note_unset(job, name);
}

/* After a dollar. */
static bool expand_dollar(struct job *job, bool is_used, struct buf *out)
{
	if (*job->next == '$') {
		job->next++;
		buf_add_char(out, '$');
		return true;
	}
	if (*job->next == '{') {
		job->next++;
		return expand_braced(job, is_used, out);
	}
	if (is_name_char(*job->next, true)) {
		expand_name(job, is_used, out);
		return true;
	}
	if (!job->substitute->is_lenient)
		return refuse(job);
	buf_add_char(out, '$');
	return true;
}

/* To the end of the text, or of the word (at its closing brace; others must be in pairs). */
static bool expand(struct job *job, bool is_used, bool is_word, struct buf *out)
{
	size_t open = 0;

	if (++job->depth > SUBSTITUTE_DEPTH_MAX)
		return error_set(job->err, ERROR_INPUT, "variables are nested too deeply");
	while (*job->next) {
		char c = *job->next;

		if (is_word && c == '}' && open == 0)
			break;
		job->next++;
		if (c == '$') {
			if (!expand_dollar(job, is_used, out))
				return false;
			continue;
		}
		open += c == '{';
		open -= c == '}' && open > 0;
		buf_add_char(out, c);
	}
	job->depth--;
	return buf_check(out, "the text with its variables", job->err);
}

bool substitute_room(const struct arena *arena, struct error *err)
{
	return arena->size <= SUBSTITUTE_ARENA_MAX ||
	       error_set(err, ERROR_INPUT,
			 "the project's files, with their variables and env files, take more than "
			 "%d MiB of memory",
			 SUBSTITUTE_ARENA_MAX >> 20);
}

bool substitute_text(const struct substitute *substitute, const char *text, const char **result,
		     struct error *err)
{
	struct job job = { .substitute = substitute, .next = text, .err = err };
	autobuf struct buf out;

	buf_init(&out, SUBSTITUTE_TEXT_MAX);
	*result = text;
	if (!strchr(text, '$'))
		return true;
	if (!substitute_room(substitute->arena, err) || !expand(&job, true, false, &out))
		return false;
	*result = arena_strndup(substitute->arena, out.length ? out.data : "", out.length);
	return true;
}

bool substitute_tree(const struct substitute *substitute, struct json *tree, struct error *err)
{
	struct error reason;

	if (tree->type == JSON_TEXT &&
	    !substitute_text(substitute, tree->text, &tree->text, &reason))
		return json_wrong(tree, err, "%s: \"%.200s\"%s", reason.text, tree->text,
				  strstr(reason.text, "invalid interpolation")
					  ? ". You may need to escape any $ with another $"
					  : "");
	for (struct json *child = tree->child; child; child = child->next) {
		if (!substitute_tree(substitute, child, err))
			return false;
	}
	return true;
}
