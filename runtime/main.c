/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/failure.h"
#include "runtime/flag.h"
#include "runtime/record.h"
#include "runtime/rootless.h"
#include "runtime/self.h"
#include "runtime/spec.h"
#include "runtime/verb.h"

static void print_help(const struct globals *globals, const struct flag *flags)
{
	printf("NAME:\n   %s - Open Container Initiative runtime of Mooring\n\n"
	       "USAGE:\n   %s [global options] command [command options] [arguments...]\n\n"
	       "VERSION:\n   " MOORING_VERSION "\n\nCOMMANDS:\n",
	       globals->program, globals->program);
	verb_print_all();
	printf("\nGLOBAL OPTIONS:\n");
	flag_print(flags);
}

/* The first line starts as go-runc and dockerd want it when we are called runc, and no other line
 * has the word. */
static void print_version(const struct globals *globals)
{
	printf("%s version " MOORING_VERSION "\ncommit: v" MOORING_VERSION "\nspec: " SPEC_VERSION
	       "\n",
	       globals->is_runc ? "runc" : "mooring-runc");
}

/* -- the command line ------------------------------------------------------------------------ */

struct choices {
	const char *debug, *log, *log_format, *root, *systemd, *manager, *rootless, *criu, *help,
		*version;
};

/* The caller frees it. */
static char *default_root(const struct globals *globals)
{
	const char *name = globals->is_runc ? "runc" : "mooring/runc";
	const char *run = getenv("MOORING_RUN");
	char *own;

	if (run && run[0])
		return mem_printf("%s/runc", run);
	own = rootless_root(name);
	return own ? own : mem_printf("/run/%s", name);
}

static char *absolute(const char *path)
{
	char here[4096];
	autofree char *joined = NULL;

	if (path[0] == '/' || !getcwd(here, sizeof(here)))
		return path_clean(path);
	joined = mem_printf("%s/%s", here, path);
	return path_clean(joined);
}

static bool read_choices(const struct choices *choices, struct globals *globals, struct error *err)
{
	const char *manager = choices->manager ? choices->manager : "cgroupfs";

	globals->is_log_json = choices->log_format && strcmp(choices->log_format, "json") == 0;
	if (choices->log_format && !globals->is_log_json &&
	    strcmp(choices->log_format, "text") != 0)
		return error_set(err, ERROR_INPUT, "invalid log-format: \"%s\"",
				 choices->log_format);
	globals->log = choices->log && choices->log[0] ? choices->log : NULL;
	globals->is_systemd = flag_is_set(choices->systemd) || strcmp(manager, "systemd") == 0;
	globals->is_without_cgroups = strcmp(manager, "disabled") == 0;
	if (strcmp(manager, "systemd") != 0 && strcmp(manager, "cgroupfs") != 0 &&
	    !globals->is_without_cgroups)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--cgroup-manager: expected cgroupfs, systemd or disabled, found "
				 "%s",
				 manager);
	record_begin(&(struct record_way){ .log = globals->log,
					   .is_json = globals->is_log_json,
					   .has_steps = flag_is_set(choices->debug) });
	if (!rootless_parse(choices->rootless, &globals->rootless, err))
		return false;
	globals->is_root_chosen = choices->root != NULL;
	globals->root = choices->root ? absolute(choices->root) : default_root(globals);
	if ((choices->root && choices->root[0] == '\0') || strcmp(globals->root, "/") == 0)
		return error_set(err, ERROR_INPUT, "--root: \"%s\" cannot be the state directory",
				 choices->root ? choices->root : "/");
	return true;
}

/* -- verbs ----------------------------------------------------------------------------------- */

/* "help create": what create says to --help. */
static int show_help(const struct globals *globals, const struct verb *verb, struct error *err)
{
	char name[] = "help", option[] = "--help";
	char *argv[] = { name, option, NULL };

	argv[0] = (char *)(uintptr_t)verb->name;
	return verb->function(globals, 2, argv, err);
}

static int unknown_verb(const struct globals *globals, const char *name)
{
	struct error err;

	error_set(&err, ERROR_INPUT, "No help topic for '%.80s'", name);
	return failure_report(globals, &err, 3);
}

static int run_verb(const struct globals *globals, int argc, char **argv)
{
	const struct verb *verb = verb_find(argv[0]);
	struct error err;
	int status;

	if (!verb)
		return unknown_verb(globals, argv[0]);
	if (verb->makes_container && !self_protect(globals->argv, &err))
		return failure_report(globals, &err, 1);
	status = verb->function(globals, argc, argv, &err);
	if (status >= 0)
		return status;
	if (status == VERB_MISUSED)
		return failure_report(globals, &err, 1);
	if (verb->prefix)
		error_in(&err, "%s", verb->prefix);
	return failure_report(globals, &err, verb->failure ? verb->failure : 1);
}

static int run_command(struct globals *globals, const struct flag *flags, int argc, char **argv)
{
	bool is_help = argc == 0 || strcmp(argv[0], "help") == 0 || strcmp(argv[0], "h") == 0;
	const struct verb *verb;
	struct error err;

	if (!is_help)
		return run_verb(globals, argc, argv);
	if (argc < 2) {
		print_help(globals, flags);
		return 0;
	}
	verb = verb_find(argv[1]);
	return verb ? show_help(globals, verb, &err) : unknown_verb(globals, argv[1]);
}

static void name_program(struct globals *globals, const char *name)
{
	const char *slash = strrchr(name, '/');

	globals->program = slash ? slash + 1 : name;
	globals->is_runc = strcmp(globals->program, "runc") == 0;
	log_set_program(globals->program);
}

int main(int argc, char **argv)
{
	struct globals globals;
	struct choices choices = { 0 };
	const struct flag flags[] = {
		{ "debug", 0, NULL, "write some steps to the log", &choices.debug },
		{ "log", 0, "PATH", "append errors to this file (default: standard error)",
		  &choices.log },
		{ "log-format", 0, "text|json", "form of the log (default: text)",
		  &choices.log_format },
		{ "root", 0, "DIR", "directory of the containers' state", &choices.root },
		{ "systemd-cgroup", 0, NULL, "make control groups through systemd",
		  &choices.systemd },
		{ "cgroup-manager", 0, "NAME", NULL, &choices.manager },
		{ "rootless", 0, "true|false|auto",
		  "run without rights to control groups (default: auto)", &choices.rootless },
		{ "criu", 0, "PATH", NULL, &choices.criu },
		{ "help", 'h', NULL, "show this text", &choices.help },
		{ "version", 'v', NULL, "print the version", &choices.version },
		{ 0 },
	};
	struct error err;
	int next = 1, status;

	proc_settle();
	argv = self_take_arguments(argc, argv);
	globals = (struct globals){ .argv = argv };
	name_program(&globals, argc > 0 ? argv[0] : "mooring-runc");
	if (!flag_parse(flags, argc, argv, &next, &err)) {
		printf("Incorrect Usage. %s\n\n", err.text);
		print_help(&globals, flags);
		return failure_report(&globals, &err, 1);
	}
	if (choices.help || choices.version) {
		if (choices.help)
			print_help(&globals, flags);
		else
			print_version(&globals);
		return 0;
	}
	status = read_choices(&choices, &globals, &err) && failure_open_log(&globals, &err)
			 ? run_command(&globals, flags, argc - next, argv + next)
			 : failure_report(&globals, &err, 1);
	mem_cleanup_free(&globals.root);
	return status;
}
