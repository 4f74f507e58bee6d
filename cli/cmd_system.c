/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "cli/dockerversion.h"
#include "cli/inspection.h"
#include "cli/jsonmaker.h"
#include "engine/bridge.h"
#include "engine/control.h"
#include "engine/engine.h"
#include "registry/platform.h"

/*
 * version; and what only monitors and tests call.
 */

/* version. ------------------------------------------------------------------------------------ */

#define COMMIT  "mooring-" MOORING_VERSION
#define SERVER  "Mooring (no daemon)"
#define MIN_API "1.12"

/* What both sides have. There is no Go, and a time of building would make each build another. */
static void add_build(const struct jsonmaker *maker)
{
	struct platform host;

	platform_host(&host);
	jsonmaker_text(maker, "GitCommit", COMMIT);
	jsonmaker_text(maker, "GoVersion", "");
	jsonmaker_text(maker, "Os", host.os);
	jsonmaker_text(maker, "Arch", host.arch);
	jsonmaker_text(maker, "BuildTime", "");
}

static void add_platform(const struct jsonmaker *maker, const char *name)
{
	struct jsonmaker platform = jsonmaker_nested(maker, "Platform", JSON_OBJECT);

	jsonmaker_text(&platform, "Name", name);
}

static void add_client(const struct jsonmaker *maker)
{
	struct jsonmaker client = jsonmaker_nested(maker, "Client", JSON_OBJECT);

	add_platform(&client, "");
	jsonmaker_text(&client, "Version", DOCKER_VERSION);
	jsonmaker_text(&client, "ApiVersion", DOCKER_API_VERSION);
	jsonmaker_text(&client, "DefaultAPIVersion", DOCKER_API_VERSION);
	add_build(&client);
	jsonmaker_text(&client, "Context", "default");
	jsonmaker_bool(&client, "Experimental", false);
}

static struct jsonmaker add_component(const struct jsonmaker *list, const char *name,
				      const char *version)
{
	struct jsonmaker item = jsonmaker_nested(list, NULL, JSON_OBJECT);

	jsonmaker_text(&item, "Name", name);
	jsonmaker_text(&item, "Version", version);
	return jsonmaker_nested(&item, "Details", JSON_OBJECT);
}

static void add_components(const struct jsonmaker *server, const char *kernel)
{
	struct jsonmaker list = jsonmaker_nested(server, "Components", JSON_ARRAY);
	struct jsonmaker engine = add_component(&list, "Engine", DOCKER_VERSION);

	jsonmaker_text(&engine, "ApiVersion", DOCKER_API_VERSION);
	add_build(&engine);
	jsonmaker_text(&engine, "Experimental", "false"); /* details are texts */
	jsonmaker_text(&engine, "KernelVersion", kernel);
	jsonmaker_text(&engine, "MinAPIVersion", MIN_API);

	struct jsonmaker runc = add_component(&list, "mooring-runc", MOORING_VERSION);

	jsonmaker_text(&runc, "GitCommit", COMMIT);
}

static void add_server(const struct jsonmaker *maker)
{
	struct jsonmaker server = jsonmaker_nested(maker, "Server", JSON_OBJECT);
	struct utsname names;

	uname(&names);
	const char *kernel = arena_strdup(maker->arena, names.release);

	add_platform(&server, SERVER);
	add_components(&server, kernel);
	jsonmaker_text(&server, "Version", DOCKER_VERSION);
	jsonmaker_text(&server, "ApiVersion", DOCKER_API_VERSION);
	jsonmaker_text(&server, "MinAPIVersion", MIN_API);
	add_build(&server);
	jsonmaker_text(&server, "KernelVersion", kernel);
	jsonmaker_bool(&server, "Experimental", false);
}

static void print_version(void)
{
	struct platform host;

	platform_host(&host);
	printf("Client:\n Version:           %s\n API version:       %s\n"
	       " Go version:        none\n Git commit:        %s\n Built:             unknown\n"
	       " OS/Arch:           %s/%s\n Context:           default\n\n",
	       DOCKER_VERSION, DOCKER_API_VERSION, COMMIT, host.os, host.arch);
	printf("Server: %s\n Engine:\n  Version:          %s\n"
	       "  API version:      %s (minimum version %s)\n  Go version:       none\n"
	       "  Git commit:       %s\n  Built:            unknown\n"
	       "  OS/Arch:          %s/%s\n  Experimental:     false\n",
	       SERVER, DOCKER_VERSION, DOCKER_API_VERSION, MIN_API, COMMIT, host.os, host.arch);
	printf(" mooring-runc:\n  Version:          %s\n  GitCommit:        %s\n", MOORING_VERSION,
	       COMMIT);
}

static int run_version(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct inspection_values *values = of;
	autoarena struct arena arena = { 0 };
	struct jsonmaker list = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct jsonmaker object = jsonmaker_nested(&list, NULL, JSON_OBJECT);

	(void)cli;
	(void)arguments;
	add_client(&object);
	add_server(&object);
	if (values->format && *values->format)
		return inspection_finish_one(values->format, "version", "system.versionInfo",
					     list.parent);
	print_version();
	return 0;
}

/* Hidden. ------------------------------------------------------------------------------------- */

static int run_cleanup(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	struct error err;

	(void)values;
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !control_clean_up(&engine, arguments->items[0], &err))
		return command_failed(&err);
	return 0;
}

static int run_network_reset(const struct cli *cli, const void *values,
			     const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	struct error err;

	(void)values;
	(void)arguments;
	return engine_open(cli->root, cli->run, &engine, &err) && bridge_reset(&engine, &err)
		       ? 0
		       : command_failed(&err);
}

const struct command cmd_version = {
	.name = "docker version",
	.usage = "[OPTIONS]",
	.summary = "Show the Docker version information",
	.opts = inspection_opts,
	.values_size = sizeof(struct inspection_values),
	.is_for_anyone = true,
	.run = run_version,
};

const struct command cmd_container_cleanup = {
	.name = "mooring container-cleanup",
	.usage = "ID",
	.summary = "What a container's monitor runs when the container has ended",
	.least = 1,
	.most = 1,
	.run = run_cleanup,
};

const struct command cmd_network_reset = {
	.name = "mooring network-reset",
	.usage = "",
	.summary = "Remove the default bridge and its rules",
	.run = run_network_reset,
};
