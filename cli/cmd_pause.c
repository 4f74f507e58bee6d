/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include "cli/each.h"
#include "engine/control.h"

static bool pause_one(const struct each *each, const struct container *container, struct error *err)
{
	return control_pause(each->engine, container, err);
}

static bool unpause_one(const struct each *each, const struct container *container,
			struct error *err)
{
	return control_unpause(each->engine, container, err);
}

static int run_pause(const struct cli *cli, const void *values, const struct texts *arguments)
{
	return each_container(cli, values, arguments, true, pause_one);
}

static int run_unpause(const struct cli *cli, const void *values, const struct texts *arguments)
{
	return each_container(cli, values, arguments, true, unpause_one);
}

const struct command cmd_pause = {
	.name = "docker pause",
	.usage = "CONTAINER [CONTAINER...]",
	.summary = "Pause all processes within one or more containers",
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_pause,
};

const struct command cmd_unpause = {
	.name = "docker unpause",
	.usage = "CONTAINER [CONTAINER...]",
	.summary = "Unpause all processes within one or more containers",
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_unpause,
};
