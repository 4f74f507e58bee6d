/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/nucleusverbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "lifecycle/inquiry.h"
#include "lifecycle/submit.h"

static const char component_help[] =
	"Usage: mooring component list [--root DIR]\n"
	"       mooring component details [--root DIR] [--name] NAME\n"
	"       mooring component restart [--root DIR] [--names] NAME[,NAME]...\n"
	"       mooring component stop [--root DIR] [--names] NAME[,NAME]...\n"
	"\n"
	"Prints the components of this device: name, version, state. Restarts or stops those that\n"
	"the nucleus runs.\n"
	"\n"
	"      --root DIR   where components live (/var/lib/mooring/components)\n"
	"  -n, --name NAME  the component; --names for several\n"
	"      --help       this text\n"
	"\n"
	"Exit status: 0; 1 if that fails or there is no such component; 2 for a wrong command "
	"line.\n";

/* -- component ----------------------------------------------------------------------------------
 */

static int act(const char *root, const char *what, const char *list)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts names = { 0 };
	struct error err;

	verb_add_names(&names, &arena, list);
	return verb_report(
		"component", what,
		submit_action(root,
			      strcmp(what, "stop") == 0 ? "StopComponent" : "RestartComponent",
			      &names, &err),
		&err);
}

static int show(const char *root, const char *what, const char *name)
{
	struct error err;

	if (strcmp(what, "list") == 0)
		return verb_report("component", what, inquiry_list(root, &err), &err);
	if (strcmp(what, "details") == 0 && name)
		return verb_report("component", what, inquiry_details(root, name, &err), &err);
	if ((strcmp(what, "restart") == 0 || strcmp(what, "stop") == 0) && name)
		return act(root, what, name);
	log_error("component: expected \"list\", \"details NAME\", \"restart NAME\" or "
		  "\"stop NAME\"");
	return EXIT_USAGE;
}

int verb_component(int argc, char **argv, const char *root)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "names", required_argument, NULL, 'n' },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	const char *name = NULL;
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
			verb_hint("component");
			return EXIT_USAGE;
		}
	}
	if (!argv[optind]) {
		fputs(component_help, stderr);
		return EXIT_USAGE;
	}
	return show(root, argv[optind], name ? name : argv[optind + 1]);
}
