/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

/* Without HOME it is the system's word, never a place like /tmp, where somebody else may have been
 * before. */
static const char *find_home(struct arena *arena)
{
	const char *home = getenv("HOME");
	const struct passwd *account = home && *home ? NULL : getpwuid(geteuid());

	if (home && *home)
		return home;
	return account ? arena_strdup(arena, account->pw_dir) : "";
}

/* The environment's own word, root's place, or a place below an XDG directory. */
static const char *place(struct arena *arena, const char *variable, const char *roots,
			 const char *xdg, const char *below_home)
{
	const char *value = getenv(variable);
	const char *base = getenv(xdg);

	if (value && *value)
		return value;
	if (geteuid() == 0)
		return roots;
	if (base && *base)
		return arena_printf(arena, "%s/mooring", base);
	return arena_printf(arena, "%s/%s/mooring", find_home(arena), below_home);
}

void places_find(struct arena *arena, struct cli *cli)
{
	const char *docker_config = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");

	*cli = (struct cli){
		.root = place(arena, "MOORING_ROOT", "/var/lib/mooring", "XDG_DATA_HOME",
			      ".local/share"),
		.run = place(arena, "MOORING_RUN", "/run/mooring", "XDG_RUNTIME_DIR", ".cache"),
		.config = place(arena, "MOORING_CONFIG", "/etc/mooring", "XDG_CONFIG_HOME",
				".config"),
		.docker_config = docker_config && *docker_config ? docker_config
				 : home ? arena_printf(arena, "%s/.docker", home)
					: NULL,
	};
}
