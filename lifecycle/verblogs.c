/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/nucleusverbs.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "lifecycle/logline.h"
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

/* FROM,TO: either may be missing. */
static bool take_window(struct logview_options *view, const char *window, struct error *err)
{
	size_t length = strcspn(window, ",");
	autofree char *from = mem_printf("%.*s", (int)length, window);
	const char *to = window[length] ? window + length + 1 : "";
	int64_t unused;

	return (!*from || logline_parse_moment(from, &view->begin, &unused, err)) &&
	       (!*to || logline_parse_moment(to, &unused, &view->end, err));
}

static bool take_count(size_t *count, const char *text, struct error *err)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || number > LOGVIEW_CONTEXT_MAX)
		return error_set(err, ERROR_INPUT, "\"%.40s\" is no number of lines from 0 to %d",
				 text, LOGVIEW_CONTEXT_MAX);
	*count = (size_t)number;
	return true;
}

static bool take_filter(struct logview_options *view, const char *filter, struct error *err)
{
	texts_add(&view->filters, filter);
	for (const char *term = filter; term;) {
		size_t length = strcspn(term, ",");
		autofree char *one = mem_printf("%.*s", (int)length, term);

		if (!logline_check_term(one, err))
			return false;
		term = term[length] ? term + length + 1 : NULL;
	}
	return true;
}

static bool take_option(struct logview_options *view, int option, bool *needs_help,
			struct error *err)
{
	switch (option) {
	case LOGS_DIRECTORY:
		view->directory = optarg;
		return true;
	case LOGS_FILE:
		texts_add(&view->files, optarg);
		return true;
	case 'f':
		return take_filter(view, optarg, err);
	case 't':
		return take_window(view, optarg, err);
	case 'b':
		return take_count(&view->before, optarg, err);
	case 'a':
		return take_count(&view->after, optarg, err);
	case LOGS_FOLLOW:
		view->follows = true;
		return true;
	case OPTION_ROOT:
		view->root = optarg;
		return true;
	case OPTION_HELP:
		*needs_help = true;
		return true;
	case LOGS_IGNORED:
		return true;
	default: /* getopt has said what is wrong */
		return error_set(err, ERROR_INPUT, "%s", "");
	}
}

static bool read_logs(struct logview_options *view, int argc, char **argv, bool *needs_help,
		      struct error *err)
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
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "f:t:b:a:", options, NULL)) >= 0)
		if (!take_option(view, option, needs_help, err))
			return false;
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
	struct logview_options view = { .root = root };
	struct error err;
	bool needs_help = false;
	int code = EXIT_USAGE;

	if (read_logs(&view, argc, argv, &needs_help, &err))
		code = view_logs(&view, needs_help || !argv[optind] ? "" : argv[optind]);
	else if (*err.text)
		log_error("logs: %s", err.text);
	texts_done(&view.files);
	texts_done(&view.filters);
	return code;
}

/* -- pubsub and iotcore ------------------------------------------------------------------------
 */

static int messages_help(FILE *file, const char *service, int code)
{
	fprintf(file,
		"Usage: greengrass-cli %s pub --topic TOPIC --message TEXT\n"
		"       greengrass-cli %s sub --topic TOPIC\n"
		"\n"
		"Publishes a message, or prints those that come, one a line, until Ctrl-C. A topic "
		"to\n"
		"listen to may have + and # in it.\n",
		service, service);
	return code;
}

static int messages(int argc, char **argv, const char *root, const char *service)
{
	static const struct option options[] = {
		{ "topic", required_argument, NULL, 't' },
		{ "message", required_argument, NULL, 'm' },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "ggcRootPath", required_argument, NULL, OPTION_ROOT },
		{ "help", no_argument, NULL, OPTION_HELP },
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
		else if (option == OPTION_HELP)
			return messages_help(stdout, service, EXIT_SUCCESS);
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
	return messages_help(stderr, service, EXIT_USAGE);
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
