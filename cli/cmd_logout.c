/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/credhelper.h"
#include "cli/dockerconfig.h"

/* By all the names that docker may have kept it under: older ones had a scheme. */
static bool erase(const char *helper, const char *key, struct error *err)
{
	static const char *const schemes[] = { "", "http://", "https://" };
	struct error ignored;
	bool is_good = true;

	for (size_t i = 0; i < (strstr(key, "://") ? 1 : COUNT_OF(schemes)); i++) {
		autofree char *name = mem_printf("%s%s", schemes[i], key);

		if (!credhelper_erase(helper, name, is_good ? err : &ignored))
			is_good = false;
	}
	return is_good;
}

static bool forget(const struct cli *cli, const char *key, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	const char *helper;

	if (!dockerconfig_read(&arena, cli->docker_config, &root, err) ||
	    !dockerconfig_helper(root, key, &helper, err))
		return false;
	if (helper && !erase(helper, key, err))
		return false;
	/* A file that says nothing about anybody stays as it is. */
	return !json_get(root, "auths") || dockerconfig_write(cli->docker_config, key, NULL, err);
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autoarena struct arena arena = { 0 };
	const char *key =
		dockerconfig_key(&arena, arguments->count ? arguments->items[0] : "docker.io");
	struct error err;

	(void)values;
	dockerconfig_warn_environment();
	printf("Removing login credentials for %s\n", key);
	fflush(stdout);
	/* Docker tells it, and takes it for done. */
	if (!forget(cli, key, &err))
		fprintf(stderr, "WARNING: could not erase credentials:\n%s: %s\n", key, err.text);
	return 0;
}

const struct command cmd_logout = {
	.name = "docker logout",
	.usage = "[SERVER]",
	.summary = "Log out from a registry",
	.most = 1,
	.is_for_anyone = true,
	.run = run,
};
