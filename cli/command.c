/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/dockerhost.h"
#include "cli/elevate.h"
#include "cli/places.h"
#include "engine/cause.h"

#define EXIT_USAGE 125 /* what docker answers to options it does not know */

static const struct opt no_opts[] = { { .name = NULL } };

static const struct opt *opts_of(const struct command *command)
{
	return command->opts ? command->opts : no_opts;
}

static const char *name_of(const struct command *command, const struct cli *cli)
{
	return cli->called ? cli->called : command->name;
}

static void print_usage(const struct command *command, const struct cli *cli, FILE *out)
{
	fprintf(out, "Usage:  %s%s%s\n", name_of(command, cli), *command->usage ? " " : "",
		command->usage);
}

/* "  -q, --quiet           Only show image IDs" */
static void print_option(const struct opt *opt, int width)
{
	autofree char *name =
		mem_printf("--%s%s%s", opt->name, opt->type ? " " : "", opt->type ? opt->type : "");

	if (opt->letter)
		printf("  -%c, ", opt->letter);
	else
		printf("      ");
	printf("%-*s   %s\n", width, name, opt->help);
}

static void print_help(const struct command *command, const struct cli *cli)
{
	int width = 0;

	print_usage(command, cli, stdout);
	printf("\n%s\n", command->summary);
	for (const struct opt *opt = opts_of(command); opt->name; opt++) {
		int length = (int)(strlen(opt->name) + 2 + (opt->type ? strlen(opt->type) + 1 : 0));

		if (opt->help && length > width)
			width = length;
	}
	if (width > 0)
		printf("\nOptions:\n");
	for (const struct opt *opt = opts_of(command); opt->name; opt++)
		if (opt->help)
			print_option(opt, width);
}

static int refuse_options(const struct command *command, const struct cli *cli,
			  const struct error *err)
{
	fprintf(stderr, "%s\n\n", err->text);
	print_usage(command, cli, stderr);
	fprintf(stderr, "\nRun '%s --help' for more information\n", name_of(command, cli));
	return cli->usage_code ? cli->usage_code : EXIT_USAGE;
}

/* `wants`: "requires 1 argument". */
static int refuse_count(const struct command *command, const struct cli *cli, const char *wants)
{
	fprintf(stderr, "docker: '%s' %s\n\n", name_of(command, cli), wants);
	print_usage(command, cli, stderr);
	fprintf(stderr, "\nSee '%s --help' for more information\n", name_of(command, cli));
	return 1;
}

/* Of those that are for anyone only version does. */
static bool asks_daemon(const struct command *command)
{
	return !command->is_for_anyone || strcmp(command->name, "docker version") == 0;
}

static int run_as_allowed(const struct command *command, const struct cli *cli, const void *values,
			  const struct texts *arguments)
{
	bool is_run = strcmp(command->name, "docker run") == 0;
	bool is_dockers = strncmp(command->name, "docker ", strlen("docker ")) == 0;
	int code;

	if (!is_dockers && geteuid() != 0) {
		fprintf(stderr, "%s: only root can do this (sudo)\n", command->name);
		return 1;
	}
	if (is_dockers && asks_daemon(command) && !dockerhost_is_ours(is_run, &code))
		return code;
	return command->is_for_anyone || elevate(cli, is_run, &code)
		       ? command->run(cli, values, arguments)
		       : code;
}

static int check_count_and_run(const struct command *command, const struct cli *cli,
			       const void *values, const struct texts *arguments)
{
	size_t count = arguments->count;

	if (count >= command->least && count <= command->most)
		return run_as_allowed(command, cli, values, arguments);
	if (command->most == 0)
		return refuse_count(command, cli, "accepts no arguments");

	const char *manner = "";
	size_t wanted = command->least;

	if (command->least > 0 && command->most > command->least &&
	    command->most != ARGUMENTS_ANY) {
		autofree char *range = mem_printf("requires at least %zu and at most %zu arguments",
						  command->least, command->most);

		return refuse_count(command, cli, range);
	}
	if (command->least != command->most) {
		manner = count < command->least ? "at least " : "at most ";
		wanted = count < command->least ? command->least : command->most;
	}
	autofree char *wants =
		mem_printf("requires %s%zu argument%s", manner, wanted, wanted == 1 ? "" : "s");

	return refuse_count(command, cli, wants);
}

static void free_lists(const struct command *command, void *values)
{
	for (const struct opt *opt = opts_of(command); opt->name; opt++)
		if (opt->kind == OPT_LIST)
			texts_done((struct texts *)((char *)values + opt->offset));
}

int command_run(const struct command *command, const struct cli *cli, const char *const *argv)
{
	const struct opt_grammar grammar = { .opts = opts_of(command),
					     .stops_at_argument = command->stops_at_argument };
	autofree void *values = mem_alloc(command->values_size + 1);
	autotexts struct texts arguments = { 0 };
	bool wants_help;
	struct error err;
	int code = 0;

	if (!opt_parse(&grammar, argv, values, &arguments, &wants_help, &err))
		code = refuse_options(command, cli, &err);
	else if (wants_help)
		print_help(command, cli);
	else
		code = check_count_and_run(command, cli, values, &arguments);
	free_lists(command, values);
	return code;
}

void command_explain(const struct error *err, struct error *explained)
{
	autoarena struct arena arena = { 0 };
	struct cli cli;

	*explained = *err;
	places_find(&arena, &cli);
	(void)cause_add(cli.root, cli.run, explained);
}

/* What was said before it stands before it where both go to one file, too. */
static int tell(const char *head, const struct error *err)
{
	struct error explained;

	fflush(stdout);
	command_explain(err, &explained);
	fprintf(stderr, "%s%s\n", head, explained.text);
	return 1;
}

int command_failed(const struct error *err)
{
	return tell("Error response from daemon: ", err);
}

int command_failed_plainly(const struct error *err)
{
	return tell("", err);
}
