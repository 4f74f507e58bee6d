/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include "engine/find.h"
#include "engine/health.h"

/* Not docker's: a monitor wants to know how its container is. */
static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	struct error err;

	(void)values;
	if (!find_is_id(arguments->items[0]) || !engine_open(cli->root, cli->run, &engine, &err))
		return 1;
	return health_probe(&engine, arguments->items[0]) ? 0 : 1;
}

const struct command cmd_container_probe = {
	.name = "mooring container-probe",
	.usage = "ID",
	.summary = "Check the health of a container",
	.least = 1,
	.most = 1,
	.run = run,
};
