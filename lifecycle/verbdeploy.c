/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/nucleusverbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "lifecycle/deploy.h"
#include "lifecycle/submit.h"

static const char deploy_help[] =
	"Usage: mooring deploy [OPTION]... --merge NAME=VERSION...\n"
	"       greengrass-cli deployment create [OPTION]... --merge NAME=VERSION...\n"
	"\n"
	"Deploys Greengrass components from local recipes: by the nucleus that runs on this\n"
	"machine (mooring deploy waits for the end, greengrass-cli does not), or without one.\n"
	"\n"
	"  -m, --merge NAME=VERSION   deploy this component; VERSION may be a requirement such as\n"
	"                             ^1.0.0 (may be repeated)\n"
	"      --remove NAME[,NAME]   take these components away (may be repeated)\n"
	"  -g, --groupId ID           for this thing group, not for the local one\n"
	"  -c, --update-config JSON   {\"NAME\": {\"MERGE\": {...}, \"RESET\": [\"/pointer\"]}}, "
	"or a file\n"
	"      --runWith NAME:posixUser=USER[:GROUP]   who runs the component's scripts\n"
	"      --systemLimits JSON    {\"NAME\": {\"cpus\": 0.5, \"memory\": KILOBYTES}}, or a "
	"file\n"
	"  -fp, --failure-handling-policy ROLLBACK|DO_NOTHING   (DO_NOTHING)\n"
	"  -r, --recipe-dir DIR       where recipes are: all .json, .yaml and .yml files below "
	"DIR\n"
	"  -a, --artifact-dir DIR     files of components, as DIR/NAME/VERSION/FILE\n"
	"      --root DIR             where components live (/var/lib/mooring/components)\n"
	"      --config FILE          configuration (/etc/mooring/mooring.yaml, if it exists)\n"
	"      --foreground           no nucleus: stay, and supervise the components of this\n"
	"                             deployment until they end\n"
	"      --help                 this text\n"
	"\n"
	"A component goes NEW, INSTALLED, STARTING, RUNNING, STOPPING, FINISHED. A script that\n"
	"fails makes it ERRORED, and it is tried again at once; the third failure in the same\n"
	"state makes it BROKEN. In the foreground the command ends when every component is\n"
	"FINISHED or BROKEN.\n"
	"In the foreground SIGINT (Ctrl-C) and SIGTERM stop the components first.\n"
	"\n"
	"Files: DIR/logs/NAME.log is a component's log, DIR/work/NAME its working directory.\n"
	"Environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN sign\n"
	"requests for s3:// artifacts; they are not passed on to components.\n"
	"\n"
	"Exit status:\n"
	"  0      the deployment succeeded; in the foreground: all components are FINISHED,\n"
	"         or were up when they were asked to stop\n"
	"  1      the deployment failed before it changed what runs, or was cancelled\n"
	"  2      the command line is wrong\n"
	"  3      a component is BROKEN, or the deployment failed after it changed what runs\n"
	"  128+N  signal N stopped it before all components were up\n";

static const char deployment_help[] =
	"Usage: greengrass-cli deployment create ...        see mooring deploy --help\n"
	"       greengrass-cli deployment status -i ID\n"
	"       greengrass-cli deployment list\n"
	"       greengrass-cli deployment cancel -i ID\n"
	"\n"
	"Each of them takes --root DIR (--ggcRootPath), where components live.\n";

/* -- deploy -------------------------------------------------------------------------------------
 */

struct deploy_arguments {
	struct deploy_options options;
	struct document document; /* what they ask for */
	struct arena arena;
	const char *verb; /* as it was typed */
	bool is_foreground;
	bool wants_help;
};

static bool read_policy(struct deploy_arguments *arguments, const char *text)
{
	struct deploy_options *options = &arguments->options;

	options->does_rollback = strcasecmp(text, "ROLLBACK") == 0;
	if (options->does_rollback || strcasecmp(text, "DO_NOTHING") == 0)
		return true;
	log_error("%s: --failure-handling-policy %s: expected ROLLBACK or DO_NOTHING",
		  arguments->verb, text);
	return false;
}

/* The options that have a value; false if `option` is none of them or the value is wrong. */
static bool take_value(struct deploy_arguments *arguments, int option, const char *value)
{
	struct deploy_options *options = &arguments->options;

	switch (option) {
	case 'm':
		texts_add(&options->merges, value);
		return true;
	case OPTION_REMOVE:
		verb_add_names(&options->removes, &arguments->arena, value);
		return true;
	case OPTION_RUN_WITH:
		texts_add(&options->users, value);
		return true;
	case OPTION_POLICY:
		return read_policy(arguments, value);
	case 'r':
		options->recipe_dir = value;
		return true;
	case 'a':
		options->artifact_dir = value;
		return true;
	case 'g':
		options->group = value;
		return true;
	case 'c':
		options->updates = value;
		return true;
	case OPTION_LIMITS:
		options->limits = value;
		return true;
	case OPTION_ROOT:
		options->root = value;
		return true;
	case OPTION_CONFIG:
		options->config = value;
		return true;
	default:
		return false; /* getopt has said why */
	}
}

/* greengrass-cli has a short option of two letters, which getopt has not. */
static void spell_out(char **argv)
{
	static char policy[] = "--failure-handling-policy";

	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "-fp") == 0)
			*argv = policy;
}

static bool read_deploy(struct deploy_arguments *arguments, int argc, char **argv)
{
	/* The second spellings are greengrass-cli's. */
	static const struct option options[] = {
		{ "merge", required_argument, NULL, 'm' },
		{ "remove", required_argument, NULL, OPTION_REMOVE },
		{ "recipe-dir", required_argument, NULL, 'r' },
		{ "recipeDir", required_argument, NULL, 'r' },
		{ "artifact-dir", required_argument, NULL, 'a' },
		{ "artifactDir", required_argument, NULL, 'a' },
		{ "groupId", required_argument, NULL, 'g' },
		{ "update-config", required_argument, NULL, 'c' },
		{ "runWith", required_argument, NULL, OPTION_RUN_WITH },
		{ "systemLimits", required_argument, NULL, OPTION_LIMITS },
		{ "failure-handling-policy", required_argument, NULL, OPTION_POLICY },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ "config", required_argument, NULL, OPTION_CONFIG },
		{ "foreground", no_argument, NULL, OPTION_FOREGROUND },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	int option;

	spell_out(argv);
	while ((option = getopt_long(argc, argv, "m:r:a:g:c:", options, NULL)) >= 0) {
		if (option == OPTION_FOREGROUND)
			arguments->is_foreground = true;
		else if (option == OPTION_HELP)
			arguments->wants_help = true;
		else if (!take_value(arguments, option, optarg))
			return false;
	}
	return true;
}

/* What getopt cannot see. Prints the reason. */
static bool check_deploy(struct deploy_arguments *arguments, char *extra)
{
	const struct deploy_options *options = &arguments->options;
	const char *verb = arguments->verb;
	struct error err;

	if (extra)
		log_error("%s: unexpected argument \"%s\"", verb, extra);
	else if (options->merges.count + options->removes.count == 0 && !options->updates &&
		 !options->limits && options->users.count == 0)
		log_error("%s: nothing to do: give --merge NAME=VERSION or --remove NAME", verb);
	else if (options->group && strchr(options->group, ':'))
		log_error("%s: --groupId %s: a group's name has no ':'", verb, options->group);
	else if (deploy_document(options, &arguments->arena, &arguments->document, &err))
		return true;
	else
		log_error("%s: %s", verb, err.text);
	verb_hint(verb);
	return false;
}

/* The same code whoever has carried it out. */
static int exit_code(const char *verb, enum deploy_outcome outcome, int stopped_by)
{
	switch (outcome) {
	case DEPLOY_REFUSED:
		return EXIT_FAILED;
	case DEPLOY_BROKEN:
		return EXIT_BROKEN;
	case DEPLOY_INTERRUPTED:
		log_error("%s: interrupted", verb);
		return 128 + stopped_by;
	default:
		return EXIT_SUCCESS;
	}
}

static int carry_out(const struct deploy_arguments *arguments, bool waits)
{
	enum deploy_outcome outcome = DEPLOY_DONE;
	struct error err;
	int stopped_by = 0;
	bool is_good = arguments->is_foreground
			       ? deploy_run(&arguments->options, &arguments->document, &outcome,
					    &stopped_by, &err)
			       : submit_deployment(&arguments->options, &arguments->document, waits,
						   &outcome, &err);

	if (is_good)
		return exit_code(arguments->verb, outcome, stopped_by);
	log_error("%s: %s", arguments->verb, err.text);
	return EXIT_FAILED;
}

static int deploy(int argc, char **argv, const char *root, const char *verb, bool waits)
{
	struct deploy_arguments arguments = { .options.root = root, .verb = verb };
	int code = EXIT_USAGE;

	if (!read_deploy(&arguments, argc, argv)) {
		verb_hint(verb);
	} else if (arguments.wants_help) {
		fputs(deploy_help, stdout);
		code = EXIT_SUCCESS;
	} else if (check_deploy(&arguments, argv[optind])) {
		code = carry_out(&arguments, waits);
	}
	texts_done(&arguments.options.merges);
	texts_done(&arguments.options.removes);
	texts_done(&arguments.options.users);
	arena_done(&arguments.arena);
	return code;
}

int verb_deploy(int argc, char **argv, const char *root)
{
	return deploy(argc, argv, root, "deploy", true);
}

/* -- deployment ---------------------------------------------------------------------------------
 */

static int about_deployment(const char *root, const char *what, const char *id)
{
	struct error err;

	if (strcmp(what, "list") == 0)
		return verb_report("deployment", what, submit_list(root, &err), &err);
	if (strcmp(what, "status") == 0 && id)
		return verb_report("deployment", what, submit_status(root, id, &err), &err);
	if (strcmp(what, "cancel") == 0 && id)
		return verb_report("deployment", what, submit_cancel(root, id, &err), &err);
	log_error(
		"deployment: expected \"create\", \"list\", \"status -i ID\" or \"cancel -i ID\"");
	return EXIT_USAGE;
}

int verb_deployment(int argc, char **argv, const char *root)
{
	static const struct option options[] = {
		{ "deploymentId", required_argument, NULL, 'i' },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	const char *id = NULL;
	int option;

	if (argc > 1 && strcmp(argv[1], "create") == 0) {
		argv[1] = argv[0];
		return deploy(argc - 1, argv + 1, root, "deployment create", false);
	}
	while ((option = getopt_long(argc, argv, "i:", options, NULL)) >= 0) {
		if (option == 'i') {
			id = optarg;
		} else if (option == OPTION_ROOT) {
			root = optarg;
		} else if (option == OPTION_HELP) {
			fputs(deployment_help, stdout);
			return EXIT_SUCCESS;
		} else {
			return EXIT_USAGE;
		}
	}
	if (!argv[optind]) {
		fputs(deployment_help, stderr);
		return EXIT_USAGE;
	}
	return about_deployment(root, argv[optind], id);
}
