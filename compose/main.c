/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/word.h"
#include "cli/dockerhost.h"
#include "cli/places.h"
#include "compose/composer.h"
#include "compose/verbs.h"

/*
 * mooring-compose [OPTIONS] VERB …: what `docker compose` and `docker-compose` are. `mooring`
 * executes it.
 */

struct globals {
	struct texts files, profiles, env_files;
	const char *name, *directory, *ansi, *progress;
	const char *host, *context;
	struct opt_number parallel;
	bool is_compatible, is_plain, is_dry, wants_version, wants_resources;
};

#define AT(member) offsetof(struct globals, member)

static const struct opt opts[] = {
	{ "all-resources", 0, OPT_BOOL, AT(wants_resources), NULL, NULL, NULL },
	{ "ansi", 0, OPT_TEXT, AT(ansi), "string", NULL, NULL },
	{ "compatibility", 0, OPT_BOOL, AT(is_compatible), NULL, NULL, NULL },
	{ "config", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "context", 'c', OPT_TEXT, AT(context), "string", NULL, NULL },
	{ "debug", 'D', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "dry-run", 0, OPT_BOOL, AT(is_dry), NULL, NULL, NULL },
	{ "env-file", 0, OPT_LIST, AT(env_files), "stringArray", NULL, NULL },
	{ "file", 'f', OPT_LIST, AT(files), "stringArray", NULL, NULL },
	{ "host", 'H', OPT_TEXT, AT(host), "list", NULL, NULL },
	{ "log-level", 'l', OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "no-ansi", 0, OPT_BOOL, AT(is_plain), NULL, NULL, NULL },
	{ "parallel", 0, OPT_NUMBER, AT(parallel), "int", NULL, NULL },
	{ "profile", 0, OPT_LIST, AT(profiles), "stringArray", NULL, NULL },
	{ "progress", 0, OPT_TEXT, AT(progress), "string", NULL, NULL },
	{ "project-directory", 0, OPT_TEXT, AT(directory), "string", NULL, NULL },
	{ "project-name", 'p', OPT_TEXT, AT(name), "string", NULL, NULL },
	{ "skip-hostname-check", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "tls", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "tlscacert", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "tlscert", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "tlskey", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "tlsverify", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "verbose", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "version", 'v', OPT_BOOL, AT(wants_version), NULL, NULL, NULL },
	{ "workdir", 0, OPT_TEXT, AT(directory), "string", NULL, NULL },
	{ .name = NULL },
};

struct version_values {
	bool is_short;
	const char *format;
};

static const struct opt version_opts[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct version_values, format), "string",
	  "Format the output. Values: [pretty | json]", NULL },
	{ "short", 0, OPT_BOOL, offsetof(struct version_values, is_short), NULL,
	  "Shows only Compose's version number", NULL },
	{ .name = NULL },
};

static int print_version(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct version_values *values = of;

	(void)arguments;
	if (values->is_short)
		puts(composer_version(composer_of(cli)));
	else if (composer_of(cli)->is_classic)
		puts("docker-compose version " COMPOSE_VERSION_CLASSIC
		     ", build mooring-" MOORING_VERSION);
	else if (values->format && strcmp(values->format, "json") == 0)
		puts("{\"version\":\"v" COMPOSE_VERSION "\"}");
	else
		puts("Docker Compose version v" COMPOSE_VERSION);
	return 0;
}

static const struct command verb_version = {
	.name = "docker compose version",
	.usage = "[OPTIONS]",
	.summary = "Show the Docker Compose version information",
	.opts = version_opts,
	.values_size = sizeof(struct version_values),
	.is_for_anyone = true,
	.run = print_version,
};

static const struct {
	const char *name;
	const struct command *command; /* NULL: not supported */
	const char *remedy;            /* then */
	bool has_no_dry_run;
} verbs[] = {
	{ "attach", &verb_attach, .has_no_dry_run = true },
	{ "build", &verb_build },
	{ "commit", &verb_commit, .has_no_dry_run = true },
	{ "config", &verb_config },
	{ "convert", &verb_config },
	{ "cp", &verb_cp, .has_no_dry_run = true },
	{ "create", &verb_create },
	{ "down", &verb_down },
	{ "events", &verb_events },
	{ "exec", &verb_exec, .has_no_dry_run = true },
	{ "export", &verb_export, .has_no_dry_run = true },
	{ "images", &verb_images },
	{ "kill", &verb_kill },
	{ "logs", &verb_logs },
	{ "ls", &verb_ls },
	{ "pause", &verb_pause },
	{ "port", &verb_port },
	{ "ps", &verb_ps },
	{ "publish", NULL, "copy the compose files" },
	{ "pull", &verb_pull },
	{ "push", &verb_push },
	{ "restart", &verb_restart },
	{ "rm", &verb_rm },
	{ "run", &verb_run, .has_no_dry_run = true },
	{ "scale", &verb_scale },
	{ "start", &verb_start },
	{ "stats", &verb_stats },
	{ "stop", &verb_stop },
	{ "top", &verb_top },
	{ "unpause", &verb_unpause },
	{ "up", &verb_up },
	{ "version", &verb_version },
	{ "wait", &verb_wait, .has_no_dry_run = true },
	{ "watch", NULL, "run 'docker compose up -d' after each change" },
};

static void print_help(FILE *out)
{
	fputs("Usage:  docker compose [OPTIONS] COMMAND\n"
	      "\n"
	      "Define and run multi-container applications\n"
	      "\n"
	      "Options:\n"
	      "      --all-resources              Include all resources, even those not used by "
	      "services\n"
	      "      --ansi string                Control when to print ANSI control characters\n"
	      "                                   (\"never\"|\"always\"|\"auto\")\n"
	      "      --compatibility              Container names with '_', as docker-compose 1 "
	      "has\n"
	      "      --dry-run                    Tell what would be done, and change nothing\n"
	      "      --env-file stringArray       Specify an alternate environment file\n"
	      "  -f, --file stringArray           Compose configuration files\n"
	      "      --parallel int               Control max parallelism\n"
	      "      --profile stringArray        Specify a profile to enable\n"
	      "      --progress string            Set type of progress output (\"auto\", \"tty\", "
	      "\"plain\", \"quiet\")\n"
	      "      --project-directory string   Specify an alternate working directory\n"
	      "  -p, --project-name string        Project name\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (verbs[i].command)
			fprintf(out, "  %-10s  %s\n", verbs[i].name, verbs[i].command->summary);
	}
	fputs("\nRun 'docker compose COMMAND --help' for more information on a command.\n", out);
}

/* --dry-run may stand behind the verb too, but not in a command that is to be executed. */
static void take_dry_run(struct composer *composer, const struct command *command,
			 const char *const *argv, struct texts *others)
{
	bool is_ours = true;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--") == 0 || (command->stops_at_argument && **argv != '-'))
			is_ours = false;
		if (is_ours && strcmp(*argv, "--dry-run") == 0)
			composer->is_dry = true;
		else
			texts_add(others, *argv);
	}
}

static int run_supported(struct composer composer, size_t verb, const char *const *argv)
{
	static const char *const none[] = { NULL };
	autotexts struct texts words = { 0 };

	take_dry_run(&composer, verbs[verb].command, argv, &words);
	if (composer.is_dry && verbs[verb].has_no_dry_run) {
		fprintf(stderr, "docker compose: --dry-run is not supported with '%s'\n",
			verbs[verb].name);
		return 1;
	}
	return command_run(verbs[verb].command, &composer.cli, words.count ? words.items : none);
}

static int run_verb(const struct composer *composer, const char *const *argv)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (strcmp(verbs[i].name, argv[0]) != 0)
			continue;
		if (!verbs[i].command) {
			fprintf(stderr,
				"docker compose: '%s' is not supported by this runtime: %s\n",
				argv[0], verbs[i].remedy);
			return 1;
		}
		return run_supported(*composer, i, argv + 1);
	}
	if (composer->is_classic) {
		fprintf(stderr, "No such command: %s\n\n", argv[0]);
		print_help(stderr);
		return 1;
	}
	fprintf(stderr,
		"unknown docker command: \"compose %s\"\n\nRun 'docker compose --help' for more "
		"information\n",
		argv[0]);
	return COMPOSE_EXIT_USAGE;
}

static int run_words(const struct composer *composer, const struct globals *globals,
		     const char *const *words)
{
	static const char *const version[] = { "version", NULL };

	if (globals->wants_version)
		return run_verb(composer, version);
	if (!words || !words[0]) {
		print_help(stderr);
		return 1;
	}
	if (strcmp(words[0], "help") != 0)
		return run_verb(composer, words);
	if (!words[1]) {
		print_help(stdout);
		return 0;
	}

	const char *const help[] = { words[1], "--help", NULL };

	return run_verb(composer, help);
}

static const char *setting(const char *variable, const char *fallback)
{
	const char *value = getenv(variable);

	return value && *value ? value : fallback;
}

static bool is_true(const char *text)
{
	bool value;

	return word_is_bool(text, &value) && value;
}

/* `docker compose` hands on its arguments from "compose" on. */
static bool is_called_classic(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strcmp(slash ? slash + 1 : name, "docker-compose") == 0;
}

static struct composer composer_from(const struct globals *globals, bool is_classic)
{
	const char *parallel = getenv("COMPOSE_PARALLEL_LIMIT");
	int64_t limit = globals->parallel.is_set ? globals->parallel.value
			: parallel               ? strtoll(parallel, NULL, 10)
						 : 0;

	return (struct composer){
		.request = { .files = globals->files,
			     .profiles = globals->profiles,
			     .env_files = globals->env_files,
			     .name = globals->name,
			     .directory = globals->directory,
			     .is_compatible = globals->is_compatible || is_classic,
			     .is_classic = is_classic,
			     .wants_resources = globals->wants_resources },
		.ansi = globals->is_plain ? "never"
			: globals->ansi   ? globals->ansi
					  : setting("COMPOSE_ANSI", "auto"),
		.progress =
			globals->progress ? globals->progress : setting("COMPOSE_PROGRESS", "auto"),
		.tells_on_stdout = !is_classic && is_true(setting("COMPOSE_STATUS_STDOUT", "")),
		.parallel = limit,
		.is_classic = is_classic,
		.is_dry = globals->is_dry,
	};
}

static bool check(const struct composer *composer, const struct globals *globals, struct error *err)
{
	static const char *const kinds[] = { "auto",  "tty",     "plain", "json",
					     "quiet", "rawjson", NULL };
	const char *parallel = getenv("COMPOSE_PARALLEL_LIMIT");
	char *end = NULL;

	if (!globals->parallel.is_set && parallel && (strtoll(parallel, &end, 10), *end))
		return error_set(err, ERROR_INPUT,
				 "COMPOSE_PARALLEL_LIMIT must be an integer (found: \"%s\")",
				 parallel);
	return word_is_in(composer->progress, kinds) ||
	       error_set(err, ERROR_INPUT, "unsupported --progress value \"%s\"",
			 composer->progress);
}

/* The whole command line, for who may run it: "docker-compose up" or "docker compose up". */
static const char *const *own_words(struct arena *arena, int argc, char **argv)
{
	const char **words = arena_array(arena, (size_t)argc + 2, sizeof(char *));
	const char *slash = strrchr(argv[0], '/');
	bool is_alone = strcmp(slash ? slash + 1 : argv[0], "docker-compose") == 0;
	size_t count = 0;

	words[count++] = is_alone ? "docker-compose" : "docker";
	if (!is_alone)
		words[count++] = "compose";
	for (int i = 1; i < argc; i++)
		words[count++] = argv[i];
	return words;
}

int main(int argc, char **argv)
{
	static const struct opt_grammar grammar = { .opts = opts, .stops_at_argument = true };
	autoarena struct arena arena = { 0 };
	autotexts struct texts words = { 0 };
	struct globals globals = { 0 };
	struct error err;
	bool wants_help;
	int failure = 1;
	int code = 1;

	proc_settle();
	log_set_program("docker compose");
	if (argc < 1)
		return 1;
	if (!opt_parse(&grammar, (const char *const *)(uintptr_t)(argv + 1), &globals, &words,
		       &wants_help, &err)) {
		fprintf(stderr, "%s\n\nRun 'docker compose --help' for more information\n",
			err.text);
		code = is_called_classic(argv[0]) ? 1 : COMPOSE_EXIT_USAGE;
	} else if (wants_help) {
		print_help(stdout);
		code = 0;
	} else {
		struct composer composer = composer_from(&globals, is_called_classic(argv[0]));

		dockerhost_choose(globals.host, globals.context);
		places_find(&arena, &composer.cli);
		composer.cli.argv = own_words(&arena, argc, argv);
		composer.cli.usage_code = composer.is_classic ? 1 : COMPOSE_EXIT_USAGE;
		composer.failure = &failure;
		code = check(&composer, &globals, &err)
			       ? run_words(&composer, &globals, words.items)
			       : composer_failed(&composer, &err);
	}
	texts_done(&globals.files);
	texts_done(&globals.profiles);
	texts_done(&globals.env_files);
	return code;
}
