/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring-nucleus: what `mooring deploy`, `mooring component` and `greengrass-cli` execute.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "lifecycle/deploy.h"
#include "lifecycle/inquiry.h"
#include "lifecycle/nucleus.h"

enum exit_code {
	EXIT_FAILED = 1, /* nothing was changed */
	EXIT_USAGE = 2,
	EXIT_BROKEN = 3, /* a component ended BROKEN */
};

static const char deploy_help[] =
	"Usage: mooring deploy --foreground [OPTION]... --merge NAME=VERSION...\n"
	"\n"
	"Deploys Greengrass components from local recipes and runs them until they end.\n"
	"\n"
	"  -m, --merge NAME=VERSION   deploy this component; VERSION may be a requirement such as\n"
	"                             ^1.0.0 (may be repeated)\n"
	"      --remove NAME          take this component away (may be repeated)\n"
	"  -r, --recipe-dir DIR       where recipes are: all .json, .yaml and .yml files below "
	"DIR\n"
	"  -a, --artifact-dir DIR     files of components, as DIR/NAME/VERSION/FILE\n"
	"      --root DIR             where components live (/var/lib/mooring/components)\n"
	"      --config FILE          configuration (/etc/mooring/mooring.yaml, if it exists)\n"
	"      --foreground           stay and supervise; the only way there is so far\n"
	"      --help                 this text\n"
	"\n"
	"A component goes NEW, INSTALLED, STARTING, RUNNING, STOPPING, FINISHED. A script that\n"
	"fails makes it ERRORED, and it is tried again at once; the third failure in the same\n"
	"state makes it BROKEN. The command ends when every component is FINISHED or BROKEN.\n"
	"SIGINT (Ctrl-C) and SIGTERM stop the components first.\n"
	"\n"
	"Files: DIR/logs/NAME.log is a component's log, DIR/work/NAME its working directory.\n"
	"Environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN sign\n"
	"requests for s3:// artifacts; they are not passed on to components.\n"
	"\n"
	"Exit status:\n"
	"  0      all components are FINISHED, or were up when they were asked to stop\n"
	"  1      the deployment failed before it changed what runs\n"
	"  2      the command line is wrong\n"
	"  3      a component is BROKEN\n"
	"  128+N  signal N stopped it before all components were up\n";

static const char component_help[] =
	"Usage: mooring component list [--root DIR]\n"
	"       mooring component details [--root DIR] [--name] NAME\n"
	"\n"
	"Prints the components of this device: name, version, state.\n"
	"\n"
	"      --root DIR   where components live (/var/lib/mooring/components)\n"
	"  -n, --name NAME  the component\n"
	"      --help       this text\n"
	"\n"
	"Exit status: 0; 1 if that fails or there is no such component; 2 for a wrong command "
	"line.\n";

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

static const char main_help[] = "Usage: mooring deploy ...      deploy components and run them\n"
				"       mooring component ...   show what is deployed\n"
				"\n"
				"Each of them explains itself with --help.\n";

/* -- deploy -------------------------------------------------------------------------------------
 */

enum option_number {
	OPTION_HELP = 256,
	OPTION_REMOVE,
	OPTION_ROOT,
	OPTION_CONFIG,
	OPTION_FOREGROUND,
};

struct deploy_arguments {
	struct deploy_options options;
	bool is_foreground;
	bool wants_help;
};

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
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ "config", required_argument, NULL, OPTION_CONFIG },
		{ "foreground", no_argument, NULL, OPTION_FOREGROUND },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "m:r:a:", options, NULL)) >= 0) {
		switch (option) {
		case 'm':
			texts_add(&arguments->options.merges, optarg);
			break;
		case OPTION_REMOVE:
			texts_add(&arguments->options.removes, optarg);
			break;
		case 'r':
			arguments->options.recipe_dir = optarg;
			break;
		case 'a':
			arguments->options.artifact_dir = optarg;
			break;
		case OPTION_ROOT:
			arguments->options.root = optarg;
			break;
		case OPTION_CONFIG:
			arguments->options.config = optarg;
			break;
		case OPTION_FOREGROUND:
			arguments->is_foreground = true;
			break;
		case OPTION_HELP:
			arguments->wants_help = true;
			break;
		default:
			return false; /* getopt has said why */
		}
	}
	return true;
}

/* What getopt cannot see. Prints the reason. */
static bool check_deploy(const struct deploy_arguments *arguments, char *extra)
{
	const struct deploy_options *options = &arguments->options;

	if (extra)
		log_error("deploy: unexpected argument \"%s\"", extra);
	else if (options->merges.count + options->removes.count == 0)
		log_error("deploy: nothing to do: give --merge NAME=VERSION or --remove NAME");
	else if (!arguments->is_foreground)
		log_error("deploy: only --foreground exists so far (there is no resident nucleus "
			  "yet)");
	else
		return true;
	fputs("Try \"mooring deploy --help\".\n", stderr);
	return false;
}

static int run_deploy(const struct deploy_options *options)
{
	enum deploy_outcome outcome = DEPLOY_DONE;
	struct error err;
	int stopped_by = 0;

	if (!deploy_run(options, &outcome, &stopped_by, &err)) {
		log_error("deploy: %s", err.text);
		return EXIT_FAILED;
	}
	switch (outcome) {
	case DEPLOY_BROKEN:
		return EXIT_BROKEN;
	case DEPLOY_INTERRUPTED:
		log_error("deploy: interrupted");
		return 128 + stopped_by;
	default:
		return EXIT_SUCCESS;
	}
}

static int deploy(int argc, char **argv)
{
	struct deploy_arguments arguments = { 0 };
	int code = EXIT_USAGE;

	if (!read_deploy(&arguments, argc, argv)) {
		fputs("Try \"mooring deploy --help\".\n", stderr);
	} else if (arguments.wants_help) {
		fputs(deploy_help, stdout);
		code = EXIT_SUCCESS;
	} else if (check_deploy(&arguments, argv[optind])) {
		code = run_deploy(&arguments.options);
	}
	texts_done(&arguments.options.merges);
	texts_done(&arguments.options.removes);
	return code;
}

/* -- component ----------------------------------------------------------------------------------
 */

static int show(const char *root, const char *what, const char *name)
{
	struct error err;
	bool is_good;

	if (strcmp(what, "list") == 0) {
		is_good = inquiry_list(root, &err);
	} else if (strcmp(what, "details") == 0 && name) {
		is_good = inquiry_details(root, name, &err);
	} else {
		log_error("component: expected \"list\" or \"details NAME\"");
		return EXIT_USAGE;
	}
	if (!is_good)
		log_error("component %s: %s", what, err.text);
	return is_good ? EXIT_SUCCESS : EXIT_FAILED;
}

static int component(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	const char *name = NULL, *root = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "n:", options, NULL)) >= 0) {
		switch (option) {
		case 'n':
			name = optarg;
			break;
		case OPTION_ROOT:
			root = optarg;
			break;
		case OPTION_HELP:
			fputs(component_help, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("Try \"mooring component --help\".\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (!argv[optind]) {
		fputs(component_help, stderr);
		return EXIT_USAGE;
	}
	return show(root, argv[optind], name ? name : argv[optind + 1]);
}

/* -- nucleus ------------------------------------------------------------------------------------
 */

static int nucleus(int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "config", required_argument, NULL, OPTION_CONFIG },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	struct nucleus_options chosen = { 0 };
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
			fputs("Try \"mooring nucleus --help\".\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (argv[optind]) {
		log_error("nucleus: unexpected argument \"%s\"", argv[optind]);
		return EXIT_USAGE;
	}
	return nucleus_main(&chosen);
}

/* -- which of them ------------------------------------------------------------------------------
 */

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	log_set_program("mooring");
	signal(SIGPIPE, SIG_IGN); /* who reads us may go away: the components must not notice */
	if (argc > 1)
		argv[1] = argv[0]; /* getopt puts it in front of its messages */
	if (strcmp(command, "deploy") == 0)
		return deploy(argc - 1, argv + 1);
	if (strcmp(command, "nucleus") == 0)
		return nucleus(argc - 1, argv + 1);
	if (strcmp(command, "component") == 0)
		return component(argc - 1, argv + 1);
	if (strcmp(command, "--version") == 0) {
		puts("mooring-nucleus " MOORING_VERSION);
		return EXIT_SUCCESS;
	}
	if (strcmp(command, "--help") == 0) {
		fputs(main_help, stdout);
		return EXIT_SUCCESS;
	}
	if (*command)
		log_error("\"%s\" is not a command the nucleus knows yet", command);
	fputs(main_help, stderr);
	return EXIT_USAGE;
}
