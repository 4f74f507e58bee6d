/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/flag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool flag_parse(const struct flag *flags, int argc, char *const *argv, int *next, struct error *err)
{
	while (*next < argc) {
		const char *word = argv[*next];
		const char *name = word + 1 + (word[0] == '-' && word[1] == '-');
		size_t length;
		const struct flag *flag;

		if (word[0] != '-' || word[1] == '\0')
			return true;
		++*next;
		if (strcmp(word, "--") == 0)
			return true;
		length = strcspn(name, "=");
		flag = find(flags, name, length);
		if (!flag)
			return error_set(err, ERROR_INPUT,
					 "Incorrect Usage. flag provided but not defined: -%.*s",
					 (int)length, name);
		if (name[length] == '=')
			*flag->value = name + length + 1;
		else if (!flag->argument)
			*flag->value = "true";
		else if (*next < argc)
			*flag->value = argv[(*next)++];
		else
			return error_set(err, ERROR_INPUT,
					 "Incorrect Usage. flag needs an argument: -%s",
					 flag->name);
	}
	return true;
}

void flag_print(const struct flag *flags)
{
	for (; flags->name; flags++) {
		const char *argument = flags->argument ? flags->argument : "";
		const char *blank = flags->argument ? " " : "";
		char names[96];

		if (flags->letter)
			snprintf(names, sizeof(names), "--%s%s%s, -%c%s%s", flags->name, blank,
				 argument, flags->letter, blank, argument);
		else
			snprintf(names, sizeof(names), "--%s%s%s", flags->name, blank, argument);
		printf("   %-32s %s\n", names, flags->help);
	}
}

bool flag_is_set(const char *value)
{
	return value && strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
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
