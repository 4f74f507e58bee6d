/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"
#include "lifecycle/ipc/secretstore.h"
#include "lifecycle/ipcclient.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/nucleusverbs.h"

static const char status_help[] =
	"Usage: mooring status [--root DIR]\n"
	"\n"
	"Prints how the running nucleus is connected: AWS IoT Core and its spool, the token\n"
	"exchange, clients of IPC, metrics of components. One JSON object.\n"
	"\n"
	"Exit status: 0; 1 if no nucleus runs, or it is not yours to ask; 2 for a wrong command "
	"line.\n";

static const char secret_help[] =
	"Usage: mooring secret put [--arn ARN] [--root DIR] NAME   the value is read from stdin\n"
	"       mooring secret list [--root DIR]\n"
	"       mooring secret rm [--root DIR] NAME|ARN\n"
	"\n"
	"Keeps secrets on this device for components that ask for them with GetSecretValue and\n"
	"have a policy for their ARN. A newline at the end of the value is not part of it.\n"
	"\n"
	"Exit status: 0; 1 if that fails; 2 for a wrong command line.\n";

/* -- status -------------------------------------------------------------------------------------
 */

static void print_tree(const struct json *tree)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, 1 << 20);
	jsonout_init(&out, &text, true);
	jsonout_json(&out, NULL, tree);
	jsonout_done(&out);
	fputs(text.data, stdout);
	if (text.length && text.data[text.length - 1] != '\n')
		putchar('\n');
}

static bool show_status(const char *root, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *answer;
	struct ipcclient caller;
	bool is_good;

	if (!ipcclient_open(&caller, nucleus_root(&arena, root), err))
		return false;
	is_good = ipcclient_call(&caller, "MooringStatus", "{}", &arena, &answer, err);
	if (is_good)
		print_tree(answer);
	ipcclient_close(&caller);
	return is_good;
}

static int read_options(int argc, char **argv, const char **root, const char **arn)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "arn", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == OPTION_ROOT)
			*root = optarg;
		else if (option == 'a' && arn)
			*arn = optarg;
		else
			return option;
	}
	return 0;
}

int verb_status(int argc, char **argv, const char *root)
{
	struct error err;
	int option = read_options(argc, argv, &root, NULL);

	if (option == OPTION_HELP)
		fputs(status_help, stdout);
	if (option == OPTION_HELP)
		return EXIT_SUCCESS;
	if (option || argv[optind]) {
		fputs(status_help, stderr);
		return EXIT_USAGE;
	}
	return verb_report("status", "", show_status(root, &err), &err);
}

/* -- secret -------------------------------------------------------------------------------------
 */

static bool put(const char *root, const char *name, const char *arn, struct error *err)
{
	struct secret_value value = { .name = name, .arn = arn };
	autofree char *encoded = NULL;
	autobuf struct buf text;
	bool is_good;

	buf_init(&text, SECRETSTORE_VALUE_MAX);
	if (!file_read_fd(STDIN_FILENO, "the secret", &text, err))
		return false;
	if (text.length && text.data[text.length - 1] == '\n')
		text.data[--text.length] = '\0';
	if (utf8_valid_length(text.data, text.length) == text.length &&
	    strlen(text.data) == text.length)
		value.text = text.data;
	else
		value.binary = encoded = base64_encode(text.data, text.length);
	is_good = secretstore_put(root, &value, err);
	explicit_bzero(text.data, text.length);
	return is_good;
}

static bool list(const char *root, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;
	bool is_good;

	buf_init(&text, 1 << 20);
	jsonout_init(&out, &text, true);
	is_good = secretstore_list(root, &out, NULL, err);
	jsonout_done(&out);
	if (is_good)
		puts(text.data);
	return is_good;
}

int verb_secret(int argc, char **argv, const char *root)
{
	autoarena struct arena arena = { 0 };
	const char *arn = NULL, *what, *name;
	struct error err;
	int option = read_options(argc, argv, &root, &arn);

	if (option == OPTION_HELP) {
		fputs(secret_help, stdout);
		return EXIT_SUCCESS;
	}
	what = argv[optind];
	name = what ? argv[optind + 1] : NULL;
	root = nucleus_root(&arena, root);
	if (!option && what && name && strcmp(what, "put") == 0)
		return verb_report("secret", what, put(root, name, arn, &err), &err);
	if (!option && what && name && strcmp(what, "rm") == 0)
		return verb_report("secret", what, secretstore_remove(root, name, &err), &err);
	if (!option && what && !name && strcmp(what, "list") == 0)
		return verb_report("secret", what, list(root, &err), &err);
	fputs(secret_help, stderr);
	return EXIT_USAGE;
}
