/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include <stdlib.h>
#include <unistd.h>

/* The environment's own word, root's place, or a place below an XDG directory. */
static const char *place(struct arena *arena, const char *variable, const char *roots,
			 const char *xdg, const char *below_home)
{
	const char *value = getenv(variable);
	const char *base = getenv(xdg);
	const char *home = getenv("HOME");

	if (value && *value)
		return value;
	if (geteuid() == 0)
		return roots;
	if (base && *base)
		return arena_printf(arena, "%s/mooring", base);
	return arena_printf(arena, "%s/%s/mooring", home ? home : "/tmp", below_home);
}

void places_find(struct arena *arena, struct cli *cli)
{
	const char *docker_config = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");

	cli->root =
		place(arena, "MOORING_ROOT", "/var/lib/mooring", "XDG_DATA_HOME", ".local/share");
	cli->run = place(arena, "MOORING_RUN", "/run/mooring", "XDG_RUNTIME_DIR", ".cache");
	cli->config = place(arena, "MOORING_CONFIG", "/etc/mooring", "XDG_CONFIG_HOME", ".config");
	cli->docker_config = docker_config && *docker_config ? docker_config
			     : home ? arena_printf(arena, "%s/.docker", home)
				    : NULL;
}
