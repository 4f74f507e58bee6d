/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring-nucleus: what `mooring deploy`, `mooring component`, `mooring nucleus` and
 * `greengrass-cli` execute.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/nucleusverbs.h"
#include "lifecycle/settings.h"
#include "lifecycle/stream/streamcommand.h"

static const char nucleus_help[] =
	"Usage: mooring nucleus [--root DIR] [--config FILE]\n"
	"\n"
	"Runs the components that are deployed on this device, and carries out deployments, until\n"
	"SIGTERM or SIGINT. To be started by systemd or another init.\n"
	"\n"
	"      --root DIR     where components live (/var/lib/mooring/components)\n"
	"      --config FILE  configuration (/etc/mooring/mooring.yaml, if it exists)\n"
	"      --help         this text\n"
	"\n"
	"Exit status: 0 when a signal has stopped all components; 1 if it cannot start; 2 for a "
	"wrong\n"
	"command line.\n";

static const char main_help[] =
	"Usage: greengrass-cli [--ggcRootPath DIR] COMMAND ...    (or mooring COMMAND ...)\n"
	"\n"
	"  deploy       deploy components, and wait for that (mooring only)\n"
	"  deployment   create, status, list, cancel\n"
	"  component    list, details, restart, stop\n"
	"  logs         get, list-log-files, list-keywords\n"
	"  pubsub       pub, sub: messages between components\n"
	"  iotcore      pub, sub: messages of AWS IoT Core\n"
	"  get-debug-password\n"
	"  nucleus      run what is deployed\n"
	"  stream       list, describe, read: the stream manager's streams (mooring only)\n"
	"\n"
	"All but get-debug-password explain themselves with --help (or -h).\n"
	"GGC_ROOT_PATH may name the root directory, too.\n";

/* -- what the verbs share -----------------------------------------------------------------------
 */

int verb_report(const char *verb, const char *what, bool is_good, const struct error *err)
{
	if (!is_good)
		log_error("%s%s%s: %s", verb, *what ? " " : "", what, err->text);
	return is_good ? EXIT_SUCCESS : EXIT_FAILED;
}

void verb_hint(const char *verb)
{
	fprintf(stderr, "Try \"%s %s --help\".\n", log_program(), verb);
}

void verb_add_names(struct texts *names, struct arena *arena, const char *list)
{
	while (*list) {
		size_t length = strcspn(list, ",");

		if (length > 0)
			texts_add(names, arena_strndup(arena, list, length));
		list += length + (list[length] == ',');
	}
}

/* -- nucleus ------------------------------------------------------------------------------------
 */

int verb_nucleus(int argc, char **argv, const char *root)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "config", required_argument, NULL, OPTION_CONFIG },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	struct nucleus_options chosen = { .root = root };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case OPTION_ROOT:
			chosen.root = optarg;
			break;
		case OPTION_CONFIG:
			chosen.config = optarg;
			break;
		case OPTION_HELP:
			fputs(nucleus_help, stdout);
			return EXIT_SUCCESS;
		default:
			verb_hint("nucleus");
			return EXIT_USAGE;
		}
	}
	if (argv[optind]) {
		log_error("nucleus: unexpected argument \"%s\"", argv[optind]);
		return EXIT_USAGE;
	}
	return nucleus_main(&chosen);
}

/* It asks the running stream manager, wherever the components live. */
static int verb_stream(int argc, char **argv, const char *root)
{
	autoarena struct arena arena = { 0 };

	(void)root;
	return stream_command(
		argc, argv,
		arena_printf(&arena, "%s/streams.sock", settings_run_directory(&arena)));
}

/* -- which of them ------------------------------------------------------------------------------
 */

struct verb {
	const char *name;
	int (*run)(int argc, char **argv, const char *root);
};

static const struct verb *find_verb(const char *name)
{
	static const struct verb verbs[] = {
		{ "deploy", verb_deploy },       { "deployment", verb_deployment },
		{ "component", verb_component }, { "logs", verb_logs },
		{ "pubsub", verb_pubsub },       { "iotcore", verb_iotcore },
		{ "status", verb_status },       { "secret", verb_secret },
		{ "nucleus", verb_nucleus },     { "get-debug-password", verb_debug_password },
		{ "stream", verb_stream },
	};

	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* --ggcRootPath before the command, or GGC_ROOT_PATH. Returns how many arguments that were. */
static int read_root(char **argv, const char **root)
{
	static const char option[] = "--ggcRootPath";
	const char *variable = getenv("GGC_ROOT_PATH");

	*root = variable && *variable ? variable : NULL;
	if (argv[1] && strcmp(argv[1], option) == 0 && argv[2]) {
		*root = argv[2];
		return 2;
	}
	if (argv[1] && strncmp(argv[1], option, strlen(option)) == 0 &&
	    argv[1][strlen(option)] == '=') {
		*root = argv[1] + strlen(option) + 1;
		return 1;
	}
	return 0;
}

/* picocli's words for it, which AWS' program is made with: "help VERB" and -h. */
static void spell_help(int argc, char **argv)
{
	static char option[] = "--help", version[] = "--version";

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-h") == 0)
			argv[i] = option;
	if (argc > 1 && strcmp(argv[1], "-V") == 0)
		argv[1] = version;
	if (argc > 1 && strcmp(argv[1], "help") == 0) {
		argv[1] = argc > 2 ? argv[2] : option;
		if (argc > 2)
			argv[2] = option;
	}
}

/* The name that was typed, not the one of the file that mooring has executed. */
static const char *program_of(const char *typed)
{
	static const char cli[] = "greengrass-cli";
	const char *slash = strrchr(typed, '/');

	return strcmp(slash ? slash + 1 : typed, cli) == 0 ? cli : "mooring";
}

int main(int argc, char **argv)
{
	const char *root, *command;
	const struct verb *verb;

	log_set_program(program_of(argc > 0 ? argv[0] : ""));
	signal(SIGPIPE, SIG_IGN); /* who reads us may go away: the components must not notice */

	char *name = argv[0];
	int skipped = read_root(argv, &root);

	argc -= skipped;
	argv += skipped;
	spell_help(argc, argv);
	command = argc > 1 ? argv[1] : "";
	verb = find_verb(command);
	if (verb) {
		argv[1] = name; /* getopt puts it in front of its messages */
		return verb->run(argc - 1, argv + 1, root);
	}
	if (strcmp(command, "--version") == 0) {
		puts("mooring-nucleus " MOORING_VERSION);
		return EXIT_SUCCESS;
	}
	if (strcmp(command, "--help") == 0) {
		fputs(main_help, stdout);
		return EXIT_SUCCESS;
	}
	if (*command)
		log_error("\"%s\" is not a command the nucleus knows", command);
	fputs(main_help, stderr);
	return EXIT_USAGE;
}
