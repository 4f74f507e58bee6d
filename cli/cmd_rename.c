/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>

#include "engine/change.h"
#include "engine/find.h"

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	char id[CONTAINER_ID_LENGTH + 1];
	struct error err;

	(void)values;
	if (!*arguments->items[1]) {
		error_set(&err, ERROR_INPUT, "new name cannot be blank");
		return command_failed_plainly(&err);
	}
	if (!*arguments->items[0]) {
		error_set(&err, ERROR_INPUT, "invalid container name or ID: value is empty");
		return command_failed_plainly(&err);
	}
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !find_one(&engine, arguments->items[0], id, &err) ||
	    !change_name(&engine, id, arguments->items[1], &err)) {
		command_failed(&err);
		fprintf(stderr, "Error: failed to rename container named %s\n",
			arguments->items[0]);
		return 1;
	}
	return 0;
}

const struct command cmd_rename = {
	.name = "docker rename",
	.usage = "CONTAINER NEW_NAME",
	.summary = "Rename a container",
	.least = 2,
	.most = 2,
	.run = run,
};
