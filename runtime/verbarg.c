/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "runtime/verb.h"

/*
 * The words behind a verb: flags, operands, help; and what it prints.
 */

#define FLAGS_MAX 40

void verb_print_help(const struct verb *verb, const struct flag *flags)
{
	const char *program = log_program();

	printf("NAME:\n   %s %s - %s\n\nUSAGE:\n   %s %s%s%s%s\n", program, verb->name,
	       verb->summary, program, verb->name, flags && flags->name ? " [command options]" : "",
	       verb->operands[0] ? " " : "", verb->operands);
	if (verb->details)
		printf("\nDESCRIPTION:\n   %s\n", verb->details);
	if (flags && flags->name) {
		printf("\nOPTIONS:\n");
		flag_print(flags);
	}
}

static bool check_count(const struct verb *verb, int count, struct error *err)
{
	const char *how = "exactly";
	int wanted = verb->least;

	if (count >= verb->least && (verb->most < 0 || count <= verb->most))
		return true;
	if (verb->least != verb->most) {
		how = count < verb->least ? "a minimum of" : "a maximum of";
		wanted = count < verb->least ? verb->least : verb->most;
	}
	return error_set(err, ERROR_INPUT, "%s: \"%s\" requires %s %d argument(s)", log_program(),
			 verb->name, how, wanted);
}

bool verb_parse(const struct flag *flags, int argc, char **argv, int *next, struct error *err)
{
	const struct verb *verb = verb_find(argv[0]);
	const char *help = NULL;
	struct flag all[FLAGS_MAX + 2] = { { "help", 'h', NULL, NULL, &help } };
	bool is_good;

	for (size_t i = 0; i < FLAGS_MAX && flags[i].name; i++)
		all[i + 1] = flags[i];
	*next = 1;
	is_good = verb->ends_flags ? flag_parse(all, argc, argv, next, err)
				   : flag_parse_all(all, argc, argv, next, err);
	if (is_good && flag_is_set(help)) {
		verb_print_help(verb, flags);
		exit(0);
	}
	if (!is_good)
		printf("Incorrect Usage: %s\n\n", err->text);
	else if (check_count(verb, argc - *next, err))
		return true;
	else
		printf("Incorrect Usage.\n\n");
	verb_print_help(verb, flags);
	return false;
}

bool verb_take_id(const struct flag *flags, int argc, char **argv, const char **id, int *status,
		  struct error *err)
{
	int next;

	*status = VERB_MISUSED;
	if (!verb_parse(flags, argc, argv, &next, err))
		return false;
	*id = argv[next];
	return true;
}

bool verb_print(const struct buf *text, struct error *err)
{
	return buf_check(text, "output", err) &&
	       file_write(STDOUT_FILENO, "output", text->data, text->length, err);
}

#define PRESERVE_MAX 1024

bool verb_take_preserved(const char *text, unsigned int before, unsigned int *count,
			 struct error *err)
{
	if (!flag_number("preserve-fds", text, PRESERVE_MAX, count, err))
		return false;
	for (unsigned int fd = 3; fd < 3 + before + *count; fd++)
		if (fcntl((int)fd, F_GETFD) < 0)
			return error_set(err, ERROR_INPUT,
					 "please check that preserved-fd %u (of %u) is present: "
					 "descriptor %u is not open",
					 fd - 3, before + *count, fd);
	return true;
}
