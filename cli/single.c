/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/single.h"

#include "engine/find.h"

bool single_open(const struct cli *cli, const char *name, struct single *single, struct error *err)
{
	char id[CONTAINER_ID_LENGTH + 1];

	return engine_open(cli->root, cli->run, &single->engine, err) &&
	       find_one(&single->engine, name, id, err) &&
	       container_read(&single->engine, &single->arena, id, &single->container, err);
}

void single_done(struct single *single)
{
	container_done(&single->container);
	engine_close(&single->engine);
	arena_done(&single->arena);
}
