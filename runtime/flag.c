/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/flag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/word.h"

static const struct flag *find(const struct flag *flags, const char *name, size_t length)
{
	for (; flags->name; flags++) {
		if (strlen(flags->name) == length && strncmp(name, flags->name, length) == 0)
			return flags;
		if (length == 1 && flags->letter == name[0])
			return flags;
	}
	return NULL;
}

/* "name" in "-name", "--name" and "--name=value". */
static const char *name_of(const char *word, size_t *length)
{
	const char *name = word + 1 + (word[0] == '-' && word[1] == '-');

	*length = strcspn(name, "=");
	return name;
}

static void take(const struct flag *flag, const char *value)
{
	struct flag_list *list = flag->list;

	if (!list) {
		*flag->value = value;
		return;
	}
	list->values = mem_resize(list->values, list->count + 1, sizeof(*list->values));
	list->values[list->count++] = value;
}

/* One flag: argv[*next], with its value perhaps in the word behind it. */
static bool parse_one(const struct flag *flags, int argc, char *const *argv, int *next,
		      struct error *err)
{
	size_t length;
	const char *name = name_of(argv[(*next)++], &length);
	const struct flag *flag = find(flags, name, length);
	bool ignored;

	if (!flag)
		return error_set(err, ERROR_INPUT, "flag provided but not defined: -%.*s",
				 (int)length, name);
	if (name[length] == '=')
		take(flag, name + length + 1);
	else if (!flag->argument)
		take(flag, "true");
	else if (*next < argc)
		take(flag, argv[(*next)++]);
	else
		return error_set(err, ERROR_INPUT, "flag needs an argument: -%.*s", (int)length,
				 name);
	if (!flag->argument && !word_is_bool(*flag->value, &ignored))
		return error_set(err, ERROR_INPUT, "invalid boolean value \"%s\" for -%.*s",
				 *flag->value, (int)length, name);
	return true;
}

bool flag_parse(const struct flag *flags, int argc, char *const *argv, int *next, struct error *err)
{
	while (*next < argc) {
		const char *word = argv[*next];

		if (word[0] != '-' || word[1] == '\0')
			return true;
		if (strcmp(word, "--") == 0) {
			++*next;
			return true;
		}
		if (!parse_one(flags, argc, argv, next, err))
			return false;
	}
	return true;
}

static bool is_known(const struct flag *flags, const char *word)
{
	size_t length;

	if (word[0] != '-') /* perhaps empty */
		return false;

	const char *name = name_of(word, &length);

	return length > 0 && find(flags, name, length);
}

/* Moves the `count` words at `from` in front of those from `to` on. */
static void move_words(char **argv, int to, int from, int count)
{
	for (int i = 0; i < count; i++) {
		char *word = argv[from + i];

		memmove(argv + to + i + 1, argv + to + i, (size_t)(from - to) * sizeof(*argv));
		argv[to + i] = word;
	}
}

bool flag_parse_all(const struct flag *flags, int argc, char **argv, int *next, struct error *err)
{
	bool is_ended;
	int at;

	if (!flag_parse(flags, argc, argv, next, err))
		return false;
	is_ended = *next > 1 && strcmp(argv[*next - 1], "--") == 0;
	for (at = *next; at < argc && !is_ended;) {
		int begin = at;

		is_ended = strcmp(argv[at], "--") == 0;
		if (is_ended || is_known(flags, argv[at])) {
			at += is_ended;
			if (!is_ended && !parse_one(flags, argc, argv, &at, err))
				return false;
			move_words(argv, *next, begin, at - begin);
			*next += at - begin;
		} else {
			at++;
		}
	}
	return true;
}

#define NAMES_WIDTH 32

void flag_print(const struct flag *flags)
{
	for (; flags->name; flags++) {
		const char *argument = flags->argument ? flags->argument : "";
		const char *blank = flags->argument ? " " : "";
		char names[96];

		if (!flags->help)
			continue;
		if (flags->letter)
			snprintf(names, sizeof(names), "--%s%s%s, -%c%s%s", flags->name, blank,
				 argument, flags->letter, blank, argument);
		else
			snprintf(names, sizeof(names), "--%s%s%s", flags->name, blank, argument);
		if (strlen(names) > NAMES_WIDTH)
			printf("   %s\n   %-*s %s\n", names, NAMES_WIDTH, "", flags->help);
		else
			printf("   %-*s %s\n", NAMES_WIDTH, names, flags->help);
	}
}

bool flag_is_set(const char *value)
{
	return value && value[0] != 'f' && value[0] != 'F' && value[0] != '0';
}

bool flag_number(const char *name, const char *value, unsigned int most, unsigned int *number,
		 struct error *err)
{
	unsigned long parsed;
	char *end;

	*number = 0;
	if (!value)
		return true;
	errno = 0;
	parsed = strtoul(value, &end, 10);
	if (errno || *end || value[0] < '0' || value[0] > '9' || parsed > most)
		return error_set(err, ERROR_INPUT, "--%s: expected a number from 0 to %u, found %s",
				 name, most, value);
	*number = (unsigned int)parsed;
	return true;
}
