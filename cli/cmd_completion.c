/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/completion.h"

/*
 * completion: what a shell has to be told, so that it asks us how a line could go on.
 */

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	const char *name = log_program();

	(void)cli;
	(void)values;
	if (strcmp(arguments->items[0], "bash") != 0) {
		fprintf(stderr,
			"docker: 'completion %s' is not supported by this runtime: there is "
			"one for bash\n",
			arguments->items[0]);
		return 1;
	}
	printf("# For ~/.bashrc: source <(%s completion bash)\n"
	       "complete -o default -C '%s " COMPLETION_WORD "' %s\n",
	       name, name, name);
	return 0;
}

const struct command cmd_completion = {
	.name = "docker completion",
	.usage = "bash",
	.summary = "Print what has bash complete command lines",
	.least = 1,
	.most = 1,
	.is_for_anyone = true,
	.run = run,
};
