/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/word.h"
#include "cli/verbs.h"

#define NAMES_MAX (256 << 10) /* bytes of all containers' or images' names together */

/* What was typed up to the cursor: whole words, and the one that the cursor stands in. */
struct typed {
	struct arena arena;
	struct texts words;
	const char *last;
	size_t kept; /* so many bytes of the last word stay as they are: see kept_by_bash */
};

/* Quotes mean nothing here: no name that could be offered needs any. */
static void split(const char *line, struct typed *typed)
{
	static const char blanks[] = " \t";
	size_t length;

	for (line += strspn(line, blanks); line[length = strcspn(line, blanks)] != '\0';
	     line += length, line += strspn(line, blanks))
		texts_add(&typed->words, arena_printf(&typed->arena, "%.*s", (int)length, line));
	typed->last = line;
}

static void offer(const struct typed *typed, const char *word)
{
	if (word_begins(word, typed->last))
		puts(word + typed->kept);
}

/* -- verbs ----------------------------------------------------------------------------------- */

static void offer_verbs(const struct typed *typed, const char *group)
{
	const struct verb *verb = NULL;

	while ((verb = verbs_next(group, verb)))
		offer(typed, verb->name);
}

static void offer_first_words(const struct typed *typed, const char *const *own)
{
	const char *group;

	offer_verbs(typed, NULL);
	for (size_t i = 0; (group = verbs_group(i)); i++)
		offer(typed, group);
	offer(typed, "compose");
	for (size_t i = 0; own && own[i]; i++)
		offer(typed, own[i]);
}

/* -- options --------------------------------------------------------------------------------- */

static void offer_options(const struct typed *typed, const struct command *command)
{
	for (const struct opt *opt = command->opts; opt && opt->name; opt++) {
		autofree char *word = mem_printf("--%s", opt->name);

		if (opt->help)
			offer(typed, word);
	}
	offer(typed, "--help");
}

/* The option whose value is the word after this one. NULL: none, also as in --name=value. */
static const struct opt *awaits_value(const struct command *command, const char *word)
{
	size_t length = strlen(word);

	if (word[0] != '-' || length < 2)
		return NULL;
	for (const struct opt *opt = command->opts; opt && opt->name; opt++) {
		bool is_it = word[1] == '-' ? strcmp(word + 2, opt->name) == 0
					    : word[length - 1] == opt->letter;

		if (is_it)
			return opt->type ? opt : NULL;
	}
	return NULL;
}

/* -- names ----------------------------------------------------------------------------------- */

static const struct question {
	const char *noun; /* how the word begins that stands for the name in usage texts */
	const char *const *words;
} questions[] = {
	{ "CONTAINER", (const char *const[]){ "ps", "-a", "--format", "{{.Names}}", NULL } },
	{ "NAME|ID", (const char *const[]){ "ps", "-a", "--format", "{{.Names}}", NULL } },
	{ "IMAGE",
	  (const char *const[]){ "images", "--format", "{{.Repository}}:{{.Tag}}", NULL } },
	{ "SOURCE_IMAGE",
	  (const char *const[]){ "images", "--format", "{{.Repository}}:{{.Tag}}", NULL } },
	{ "NAME", (const char *const[]){ "images", "--format", "{{.Repository}}:{{.Tag}}", NULL } },
	{ "NETWORK", (const char *const[]){ "network", "ls", "--format", "{{.Name}}", NULL } },
	{ "VOLUME", (const char *const[]){ "volume", "ls", "--format", "{{.Name}}", NULL } },
};

/* Asked of ourselves as a program: by the gate or without root, as the user would be answered. */
static void offer_names(const struct typed *typed, const char *noun)
{
	autotexts struct texts argv = { 0 };
	autobuf struct buf names;
	const char *const *words = NULL;
	struct error ignored;
	int status;

	buf_init(&names, NAMES_MAX);
	for (size_t i = COUNT_OF(questions); i-- > 0;)
		words = word_begins(noun, questions[i].noun) ? questions[i].words : words;
	if (!words)
		return;
	texts_add(&argv, "/proc/self/exe");
	while (*words)
		texts_add(&argv, *words++);
	if (!proc_output((const char *const *)argv.items, &names, &status, &ignored) ||
	    status != 0 || !names.data)
		return;
	for (char *rest = names.data, *name; (name = strsep(&rest, "\n"));) {
		if (*name && !strchr(name, '<')) /* an image without a name: <none> */
			offer(typed, name);
	}
}

/* What the usage text calls the argument of that number: "IMAGE" for the first of "[OPTIONS] IMAGE
 * [COMMAND]". The last one with dots stands for all that follow. NULL: there is none. */
static char *noun_of(const char *usage, size_t number)
{
	static const char options[] = "[OPTIONS] ";
	const char *word = word_begins(usage, options) ? usage + strlen(options) : usage;

	while (*word) {
		size_t length = strcspn(word, " \n");
		const char *next = word + length + strspn(word + length, " ");
		bool is_last = *next == '\0' || *next == '\n';
		bool repeats = length > 4 && strncmp(word + length - 4, "...]", 4) == 0;

		if (number == 0 || (is_last && repeats))
			return mem_printf("%.*s", (int)length - (*word == '['),
					  word + (*word == '['));
		if (is_last)
			break;
		number--;
		word = next;
	}
	return NULL;
}

static void offer_value(const struct typed *typed, const struct opt *opt)
{
	if (strcmp(opt->name, "network") == 0 || strcmp(opt->name, "net") == 0)
		offer_names(typed, "NETWORK");
	else if (strcmp(opt->name, "volumes-from") == 0)
		offer_names(typed, "CONTAINER");
}

/* `next`: the first word behind the verb. */
static void offer_arguments(const struct typed *typed, const struct command *command, size_t next)
{
	const struct opt *opt = NULL; /* that waits for its value */
	size_t arguments = 0;

	for (; next < typed->words.count; next++) {
		const char *word = typed->words.items[next];

		if (opt)
			opt = NULL;
		else if (word[0] == '-')
			opt = awaits_value(command, word);
		else
			arguments++;
	}
	if (opt) {
		offer_value(typed, opt);
		return;
	}
	if (arguments > 0 && command->stops_at_argument)
		return; /* all of this is the container's */
	if (typed->last[0] == '-') {
		offer_options(typed, command);
		return;
	}
	autofree char *noun = noun_of(command->usage, arguments);

	if (noun)
		offer_names(typed, noun);
}

/* Nothing stands before the cursor but the program and options of docker's own. */
static bool is_at_verb(const struct typed *typed)
{
	size_t count = typed->words.count;

	return count == 1 || (count > 1 && typed->words.items[1][0] == '-');
}

static void find(const struct typed *typed, const char *const *own)
{
	const struct verb *verb = NULL;
	const char *group = NULL;
	size_t next;

	for (next = 1; next < typed->words.count && !verb; next++) {
		const char *word = typed->words.items[next];

		verb = verbs_find(group, word);
		if (!verb && !group && verbs_is_group(word))
			group = word;
	}
	if (verb && verb->command)
		offer_arguments(typed, verb->command, next);
	else if (group && !verb)
		offer_verbs(typed, group);
	else if (!verb && is_at_verb(typed))
		offer_first_words(typed, own);
}

/* -- bash ------------------------------------------------------------------------------------ */

/* bash ends words at ':' and '=', too, and wants only what follows: `theirs` is the end of the last
 * word that it asks about. */
static size_t kept_by_bash(const char *last, const char *theirs)
{
	size_t length = strlen(last), asked = strlen(theirs);

	return asked <= length && strcmp(last + length - asked, theirs) == 0 ? length - asked : 0;
}

int completion_answer(const char *const *words, const char *const *own)
{
	const char *line = getenv("COMP_LINE"), *point = getenv("COMP_POINT");
	struct typed typed = { 0 };

	if (!line || !freopen("/dev/null", "w", stderr)) /* nothing between what is being typed */
		return 1;
	size_t length = strlen(line), before = point ? strtoul(point, NULL, 10) : length;

	split(arena_strndup(&typed.arena, line, before < length ? before : length), &typed);
	typed.kept = kept_by_bash(typed.last, words[0] && words[1] ? words[1] : "");
	find(&typed, own);
	texts_done(&typed.words);
	arena_done(&typed.arena);
	return 0;
}
