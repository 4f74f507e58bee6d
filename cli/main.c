/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/completion.h"
#include "cli/containerverbs.h"
#include "cli/dockerhost.h"
#include "cli/dockerversion.h"
#include "cli/human.h"
#include "cli/places.h"
#include "cli/swarm.h"
#include "cli/verbs.h"

/*
 * One program, several names. By argv[0] it is docker, greengrass-cli or mooring; mooring is
 * docker with a few verbs more, of which those about components are another program's.
 */

#define EXIT_USAGE 125

struct globals {
	bool wants_version;
	const char *config, *context, *log_level;
	struct texts hosts;
};

static const struct opt global_opts[] = {
	{ "config", 0, OPT_TEXT, offsetof(struct globals, config), "string", NULL, NULL },
	{ "context", 'c', OPT_TEXT, offsetof(struct globals, context), "string", NULL, NULL },
	{ "debug", 'D', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "host", 'H', OPT_LIST, offsetof(struct globals, hosts), "list", NULL, NULL },
	{ "log-level", 'l', OPT_TEXT, offsetof(struct globals, log_level), "string", NULL, NULL },
	{ "tls", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "tlscacert", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "tlscert", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "tlskey", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "tlsverify", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "version", 'v', OPT_BOOL, offsetof(struct globals, wants_version), NULL, NULL, NULL },
	{ .name = NULL },
};

/* compose. ------------------------------------------------------------------------------------ */

/* Compose files are another program's, so that `docker run` loads no YAML. It finds its places as
 * we do: set by us, they would look like the user's own, whom the gate does not serve then. */
static int run_compose(const struct cli *cli, const char *const *argv)
{
	autofree char *path = NULL;
	struct error err;

	if (!proc_helper("mooring-compose", &path, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	if (cli->docker_config)
		setenv("DOCKER_CONFIG", cli->docker_config, 1);
	execv(path, (char *const *)(uintptr_t)argv);
	log_error("compose: cannot execute %s: %s", path, error_words(errno));
	return 1;
}

/* docker. ------------------------------------------------------------------------------------- */

static int refuse_unsupported(const char *group, const char *name)
{
	bool is_build = strcmp(name, "build") == 0 || strcmp(name, "buildx") == 0;

	fprintf(stderr, "docker: '%s%s%s' is not supported by this runtime\n", group ? group : "",
		group ? " " : "", name);
	if (is_build)
		fprintf(stderr, "Build the image on another machine and bring it here with 'docker "
				"save' and 'docker load', or through a registry.\n");
	return 1;
}

/* Where docker is no command of its own: `mooring --help` leads to both. */
static const char *own_name(void)
{
	return strcmp(log_program(), "mooring") == 0 ? "mooring" : "docker";
}

static int refuse_unknown(const char *group, const char *name)
{
	fprintf(stderr,
		"%s: unknown command: %s %s%s%s\n\nRun '%s %s%s--help' for more information\n",
		own_name(), own_name(), group ? group : "", group ? " " : "", name, own_name(),
		group ? group : "", group ? " " : "");
	return 1;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_verb(const struct cli *cli, const char *group, const char *const *argv)
{
	const struct verb *verb = verbs_find(group, argv[0]);

	if (!verb && argv[1] && is_help(argv[1])) {
		group ? verbs_print_group_help(group, stdout) : verbs_print_help(stdout);
		return 0;
	}
	if (!verb)
		return refuse_unknown(group, argv[0]);
	if (!verb->command)
		return refuse_unsupported(group, argv[0]);
	autofree char *called = group ? verbs_called(verb) : NULL;
	struct cli own = *cli;

	own.called = called;
	return command_run(verb->command, &own, argv + 1);
}

static int run_group(const struct cli *cli, const char *const *argv)
{
	if (!argv[1] || is_help(argv[1])) {
		verbs_print_group_help(argv[0], argv[1] ? stdout : stderr);
		return 0;
	}
	return run_verb(cli, argv[0], argv + 1);
}

/* `docker help run` is `docker run --help`. */
static int run_help(const struct cli *cli, const char *const *argv)
{
	autotexts struct texts words = { 0 };

	if (!argv[1]) {
		verbs_print_help(stdout);
		return 0;
	}
	if (!verbs_is_group(argv[1]) && !verbs_find(NULL, argv[1])) {
		fprintf(stderr, "unknown help topic: %s\n", argv[1]);
		return 1;
	}
	while (*++argv)
		texts_add(&words, *argv);
	texts_add(&words, "--help");
	if (strcmp(words.items[0], "compose") == 0)
		return run_compose(cli, words.items);
	return verbs_is_group(words.items[0]) ? run_group(cli, words.items)
					      : run_verb(cli, NULL, words.items);
}

static int run_words(const struct cli *cli, const char *const *argv)
{
	if (!argv || !argv[0]) {
		verbs_print_help(stderr);
		return 0;
	}
	if (strcmp(argv[0], "help") == 0)
		return run_help(cli, argv);
	if (strcmp(argv[0], "compose") == 0)
		return run_compose(cli, argv);
	if (verbs_is_group(argv[0]))
		return run_group(cli, argv);
	if (swarm_is_group(argv[0]))
		return swarm_refuse(argv);
	return run_verb(cli, NULL, argv);
}

/* Nothing is logged by level here; a word that docker knows is taken all the same. */
static bool check_log_level(const char *level)
{
	static const char *const known[] = { "",        "panic", "fatal", "error", "warn",
					     "warning", "info",  "debug", "trace" };

	for (size_t i = 0; level && i < COUNT_OF(known); i++) {
		if (strcasecmp(level, known[i]) == 0)
			return true;
	}
	return !level;
}

/* What docker takes for a mistake. The exit code, or 0. */
static int check_daemon(const struct globals *globals)
{
	if (globals->hosts.count > 1) {
		fprintf(stderr,
			"invalid argument \"%s\" for \"-H, --host\" flag: specify only one -H\n\n"
			"Run 'docker --help' for more information\n",
			globals->hosts.items[1]);
		return EXIT_USAGE;
	}
	if (globals->hosts.count && globals->context && *globals->context) {
		fputs("conflicting options: cannot specify both --host and --context\n", stderr);
		return 1;
	}
	return 0;
}

static int docker(struct cli *cli, const char *const *argv)
{
	static const struct opt_grammar grammar = { .opts = global_opts,
						    .stops_at_argument = true };
	autotexts struct texts words = { 0 };
	struct globals globals = { 0 };
	struct error err;
	bool wants_help;
	int code;

	if (!opt_parse(&grammar, argv, &globals, &words, &wants_help, &err)) {
		fprintf(stderr,
			"%s\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' "
			"for "
			"more information\n",
			err.text);
		texts_done(&globals.hosts);
		return EXIT_USAGE;
	}
	code = check_daemon(&globals);
	dockerhost_choose(globals.hosts.count ? globals.hosts.items[0] : NULL, globals.context);
	texts_done(&globals.hosts);
	if (code)
		return code;
	if (globals.config)
		cli->docker_config = globals.config;
	if (wants_help) {
		verbs_print_help(stdout);
		return 0;
	}
	if (globals.wants_version) {
		printf("Docker version %s, build mooring-%s\n", DOCKER_VERSION, MOORING_VERSION);
		return 0;
	}
	if (!check_log_level(globals.log_level)) {
		fprintf(stderr, "Unable to parse logging level: %s\n", globals.log_level);
		return 1;
	}
	return run_words(cli, words.items);
}

/* mooring. ------------------------------------------------------------------------------------ */

static void print_front_page(FILE *out)
{
	fputs("Usage:  mooring COMMAND [ARG...]\n"
	      "\n"
	      "Containers and AWS IoT Greengrass components without a daemon.\n"
	      "\n"
	      "Containers, as docker has them (also under the name docker):\n"
	      "  mooring load -i FILE            take an image from a tarball\n"
	      "  mooring pull NAME               take an image from a registry\n"
	      "  mooring run --rm NAME           run it\n"
	      "  mooring ps -a, logs, stop, rm   see and end what runs\n"
	      "  mooring COMMAND --help          every option of a command\n"
	      "  mooring docker --help           every command\n"
	      "\n"
	      "Greengrass components (also under the name greengrass-cli):\n"
	      "  mooring deploy --foreground --recipe-dir DIR --artifact-dir DIR --merge "
	      "NAME=VERSION\n"
	      "  mooring nucleus                 run what is deployed, and take deployments\n"
	      "  mooring component list\n"
	      "  mooring stream list             the streams of components, and how far they are\n"
	      "  mooring status, secret          how the nucleus is connected; secrets it keeps\n"
	      "  mooring deploy --help\n"
	      "\n"
	      "The machine:\n"
	      "  mooring boot, shutdown          start what has a restart policy; stop all\n"
	      "  mooring network-reset           remove the bridge and firewall rules\n"
	      "\n"
	      "Where things are: MOORING_ROOT (/var/lib/mooring), MOORING_RUN (/run/mooring),\n"
	      "MOORING_CONFIG (/etc/mooring).\n",
	      out);
}

/* Everything about components is another program's: it links what this one must not. */
static int run_nucleus(const char *name, char **argv)
{
	autofree char *path = NULL;
	struct error err;

	if (!proc_helper("mooring-nucleus", &path, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	execv(path, argv);
	log_error("%s: cannot execute %s: %s", name, path, error_words(errno));
	return 1;
}

static bool is_for_nucleus(const char *word)
{
	static const char *const words[] = { "deploy", "deployment", "component", "nucleus",
					     "stream", "status",     "secret" };

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

/* What docker does not have. */
static const struct command *find_own(const char *word)
{
	static const struct {
		const char *word;
		const struct command *command;
	} own[] = { { "boot", &cmd_boot },
		    { "container-cleanup", &cmd_container_cleanup },
		    { "container-probe", &cmd_container_probe },
		    { "network-reset", &cmd_network_reset },
		    { "shutdown", &cmd_shutdown } };

	for (size_t i = 0; i < COUNT_OF(own); i++) {
		if (word && strcmp(own[i].word, word) == 0)
			return own[i].command;
	}
	return NULL;
}

static int mooring(struct cli *cli, char **argv)
{
	const char *const *words = (const char *const *)(uintptr_t)(argv + 1);
	const struct command *own = find_own(words[0]);

	if (!words[0] || is_help(words[0]) || (strcmp(words[0], "help") == 0 && !words[1])) {
		print_front_page(words[0] ? stdout : stderr);
		return words[0] ? 0 : 1;
	}
	if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "-v") == 0) {
		printf("mooring %s\n", MOORING_VERSION);
		return 0;
	}
	if (is_for_nucleus(words[0]))
		return run_nucleus("mooring", argv);
	if (strcmp(words[0], "docker") == 0)
		return docker(cli, words + 1);
	return own ? command_run(own, cli, words + 1) : docker(cli, words);
}

/* The command line under docker's own name, whichever of ours it was given to. */
static const char *const *own_words(struct arena *arena, int argc, char **argv)
{
	const char **words = arena_array(arena, (size_t)argc + 2, sizeof(char *));

	words[0] = "docker";
	for (int i = 1; i < argc; i++)
		words[i] = argv[i];
	return words;
}

/* What a C library takes by itself is a few lines' worth. A terminal gets each line at once. */
static void buffer_output(void)
{
	static char room[16384]; /* static: it is written out after the end of main */

	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, room, _IOFBF, sizeof(room));
}

/* What could not be written was not done, whatever else was; a reader that had enough is no fault.
 */
static int settle_output(int code)
{
	char why[HUMAN_MAX];

	if (fflush(stdout) == 0 || errno == EPIPE || code != 0)
		return code;
	fprintf(stderr, "write /dev/stdout: %s\n", human_errno(errno, why));
	return 1;
}

/* A shell asks how a line goes on. */
static int complete(const char *name, char **argv)
{
	static const char *const own[] = { "boot",    "component", "deploy",   "network-reset",
					   "nucleus", "secret",    "shutdown", "status",
					   "stream",  NULL };
	bool is_docker = strcmp(name, "docker") == 0;

	return completion_answer((const char *const *)(uintptr_t)(argv + 2),
				 is_docker ? NULL : own);
}

static int run_as(const char *name, struct cli *cli, char **argv)
{
	if (argv[0] && argv[1] && strcmp(argv[1], COMPLETION_WORD) == 0)
		return complete(name, argv);
	if (strcmp(name, "docker") == 0)
		return docker(cli, (const char *const *)(uintptr_t)(argv + 1));
	if (strcmp(name, "greengrass-cli") == 0)
		return run_nucleus(name, argv);
	if (strcmp(name, "docker-compose") == 0)
		return run_compose(cli, (const char *const *)(uintptr_t)argv);
	return mooring(cli, argv);
}

int main(int argc, char **argv)
{
	autoarena struct arena arena = { 0 };
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "mooring";
	struct cli cli;

	proc_settle();
	buffer_output();
	log_set_program(name);
	places_find(&arena, &cli);
	cli.argv = own_words(&arena, argc, argv);
	return settle_output(run_as(name, &cli, argv));
}
