/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/nucleusverbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lifecycle/logview.h"
#include "lifecycle/submit.h"

static const char logs_help[] =
	"Usage: greengrass-cli logs get [OPTION]...\n"
	"       greengrass-cli logs list-log-files [--log-dir DIR]\n"
	"       greengrass-cli logs list-keywords\n"
	"\n"
	"Prints lines of the nucleus' and the components' logs, in the order of their times.\n"
	"\n"
	"  -f, --filter TERM[,TERM]   lines in which one of the terms holds: level=WARN (and "
	"above),\n"
	"                             KEY=VALUE, or any text; all filters must hold\n"
	"  -t, --time-window FROM,TO  as 2020-12-08T01:11:17; one of the two may be missing\n"
	"  -b, --before N             lines before each\n"
	"  -a, --after N              lines after each\n"
	"      --follow               go on until Ctrl-C\n"
	"      --log-dir DIR          the logs' directory\n"
	"      --log-file FILE        this file alone (may be repeated)\n";

/* -- logs ---------------------------------------------------------------------------------------
 */

enum logs_option {
	LOGS_DIRECTORY = 512,
	LOGS_FILE,
	LOGS_FOLLOW,
	LOGS_IGNORED,
};

static void take_window(struct logview_options *view, struct arena *arena, const char *window)
{
	size_t length = strcspn(window, ",");

	view->begin = length > 0 ? arena_strndup(arena, window, length) : NULL;
	view->end = window[length] && window[length + 1] ? window + length + 1 : NULL;
}

static bool read_logs(struct logview_options *view, struct arena *arena, int argc, char **argv)
{
	static const struct option options[] = {
		{ "log-dir", required_argument, NULL, LOGS_DIRECTORY },
		{ "log-file", required_argument, NULL, LOGS_FILE },
		{ "filter", required_argument, NULL, 'f' },
		{ "time-window", required_argument, NULL, 't' },
		{ "before", required_argument, NULL, 'b' },
		{ "after", required_argument, NULL, 'a' },
		{ "follow", no_argument, NULL, LOGS_FOLLOW },
		{ "no-color", no_argument, NULL, LOGS_IGNORED },
		{ "verbose", no_argument, NULL, LOGS_IGNORED },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "f:t:b:a:", options, NULL)) >= 0) {
		switch (option) {
		case LOGS_DIRECTORY:
			view->directory = optarg;
			break;
		case LOGS_FILE:
			texts_add(&view->files, optarg);
			break;
		case 'f':
			texts_add(&view->filters, optarg);
			break;
		case 't':
			take_window(view, arena, optarg);
			break;
		case 'b':
			view->before = atoi(optarg);
			break;
		case 'a':
			view->after = atoi(optarg);
			break;
		case LOGS_FOLLOW:
			view->follows = true;
			break;
		case LOGS_IGNORED:
			break;
		case OPTION_ROOT:
			view->root = optarg;
			break;
		default:
			return false;
		}
	}
	return true;
}

static int view_logs(const struct logview_options *view, const char *what)
{
	struct error err;

	if (strcmp(what, "get") == 0)
		return verb_report("logs", what, logview_get(view, &err), &err);
	if (strcmp(what, "list-log-files") == 0)
		return verb_report("logs", what, logview_list_files(view, &err), &err);
	if (strcmp(what, "list-keywords") == 0) {
		logview_list_keywords();
		return EXIT_SUCCESS;
	}
	fputs(logs_help, *what ? stderr : stdout);
	return *what ? EXIT_USAGE : EXIT_SUCCESS;
}

int verb_logs(int argc, char **argv, const char *root)
{
	autoarena struct arena arena = { 0 };
	struct logview_options view = { .root = root };
	int code = EXIT_USAGE;

	if (read_logs(&view, &arena, argc, argv))
		code = view_logs(&view, argv[optind] ? argv[optind] : "");
	texts_done(&view.files);
	texts_done(&view.filters);
	return code;
}

/* -- pubsub and iotcore ------------------------------------------------------------------------
 */

static int messages(int argc, char **argv, const char *root, const char *service)
{
	static const struct option options[] = {
		{ "topic", required_argument, NULL, 't' },
		{ "message", required_argument, NULL, 'm' },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ 0 },
	};
	const char *topic = NULL, *message = NULL;
	struct error err;
	int option;

	while ((option = getopt_long(argc, argv, "t:m:", options, NULL)) >= 0) {
		if (option == 't')
			topic = optarg;
		else if (option == 'm')
			message = optarg;
		else if (option == OPTION_ROOT)
			root = optarg;
		else
			return EXIT_USAGE;
	}
	const char *what = argv[optind] ? argv[optind] : "";

	if (strcmp(what, "pub") == 0 && topic && message)
		return verb_report(service, what,
				   submit_publish(root, service, topic, message, &err), &err);
	if (strcmp(what, "sub") == 0 && topic)
		return verb_report(service, what, submit_subscribe(root, service, topic, &err),
				   &err);
	fprintf(stderr,
		"Usage: greengrass-cli %s pub --topic TOPIC --message TEXT\n"
		"       greengrass-cli %s sub --topic TOPIC\n",
		service, service);
	return EXIT_USAGE;
}

int verb_debug_password(int argc, char **argv, const char *root)
{
	struct error err;

	(void)argc;
	(void)argv;

	return verb_report("get-debug-password", "", submit_debug_password(root, &err), &err);
}

int verb_pubsub(int argc, char **argv, const char *root)
{
	return messages(argc, argv, root, "pubsub");
}

int verb_iotcore(int argc, char **argv, const char *root)
{
	return messages(argc, argv, root, "iotcore");
}
