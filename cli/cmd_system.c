/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/dockerversion.h"
#include "cli/inspection.h"
#include "cli/jsonmaker.h"
#include "cli/logdefault.h"
#include "cli/registryinfo.h"
#include "engine/bridge.h"
#include "engine/control.h"
#include "engine/daemonjson.h"
#include "engine/engine.h"
#include "engine/find.h"
#include "engine/status.h"
#include "registry/platform.h"

/*
 * version, info; and what only monitors and tests call.
 */

struct values {
	const char *format;
};

static const struct opt opts[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output using a custom template", NULL },
	{ .name = NULL },
};

/* One object, through a template or as JSON. */
static int print_object(const char *format, struct json *objects)
{
	const char *template = strcmp(format, "json") == 0 ? "{{json .}}" : format;

	return inspection_finish(template, objects, 0);
}

/* version. ------------------------------------------------------------------------------------ */

static void add_components(const struct jsonmaker *server)
{
	static const char *const components[][2] = { { "Engine", DOCKER_VERSION },
						     { "mooring-runc", MOORING_VERSION } };
	struct jsonmaker list = jsonmaker_nested(server, "Components", JSON_ARRAY);

	for (size_t i = 0; i < COUNT_OF(components); i++) {
		struct jsonmaker item = jsonmaker_nested(&list, NULL, JSON_OBJECT);

		jsonmaker_text(&item, "Name", components[i][0]);
		jsonmaker_text(&item, "Version", components[i][1]);
	}
}

static void add_version(const struct jsonmaker *maker, const char *key)
{
	struct jsonmaker side = jsonmaker_nested(maker, key, JSON_OBJECT);
	struct platform host;
	struct utsname names;

	platform_host(&host);
	uname(&names);
	jsonmaker_text(&side, "Version", DOCKER_VERSION);
	jsonmaker_text(&side, "ApiVersion", DOCKER_API_VERSION);
	jsonmaker_text(&side, "GitCommit", "mooring-" MOORING_VERSION);
	jsonmaker_text(&side, "Os", host.os);
	jsonmaker_text(&side, "Arch", host.arch);
	jsonmaker_text(&side, "KernelVersion", arena_strdup(maker->arena, names.release));
	jsonmaker_text(&side, "GoVersion", ""); /* it is C */
	jsonmaker_text(&side, "BuildTime", "");
	jsonmaker_bool(&side, "Experimental", false);
	if (strcmp(key, "Client") == 0) {
		jsonmaker_text(&side, "DefaultAPIVersion", DOCKER_API_VERSION);
		jsonmaker_text(&side, "Context", "default");
	} else {
		jsonmaker_text(&side, "MinAPIVersion", "1.12");
		add_components(&side);
	}
}

static int run_version(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoarena struct arena arena = { 0 };
	struct jsonmaker list = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct jsonmaker object = jsonmaker_nested(&list, NULL, JSON_OBJECT);
	struct platform host;

	(void)cli;
	(void)arguments;
	add_version(&object, "Client");
	add_version(&object, "Server");
	if (values->format && *values->format)
		return print_object(values->format, list.parent);
	platform_host(&host);
	printf("Client:\n Version:           %s\n API version:       %s\n Mooring version:   %s\n"
	       " OS/Arch:           %s/%s\n Context:           default\n\n",
	       DOCKER_VERSION, DOCKER_API_VERSION, MOORING_VERSION, host.os, host.arch);
	printf("Server: Mooring (no daemon)\n Engine:\n  Version:          %s\n"
	       "  API version:      %s (minimum version 1.12)\n  Mooring version:  %s\n"
	       "  OS/Arch:          %s/%s\n",
	       DOCKER_VERSION, DOCKER_API_VERSION, MOORING_VERSION, host.os, host.arch);
	return 0;
}

/* info. --------------------------------------------------------------------------------------- */

struct facts {
	size_t containers, running, paused, images;
	struct utsname names;
	struct sysinfo memory;
	const char *log_driver; /* of containers that name none */
	const char *os;         /* "Debian GNU/Linux 12 (bookworm)" */
	int cgroup_version;
	struct registryinfo registries;
};

#define CGROUP2_MAGIC 0x63677270

static const char *os_name(struct arena *arena)
{
	FILE *file = fopen("/etc/os-release", "re");
	char line[256];
	char name[200] = "Linux";

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "PRETTY_NAME=\"%199[^\"\n]", name) == 1)
			break;
	}
	if (file)
		fclose(file);
	return arena_strdup(arena, name);
}

static bool gather(const struct cli *cli, struct engine *engine, struct arena *arena,
		   struct facts *facts, struct error *err)
{
	autotexts struct texts ids = { 0 };
	autotexts struct texts options = { 0 };
	const struct json *daemon;
	struct store_image *images;
	struct statfs cgroup;

	if (!daemonjson_read(cli->config, arena, &daemon, err) ||
	    !daemonjson_check(cli->config, daemon, err) ||
	    !logdefault_read(daemon, arena, &facts->log_driver, &options, err) ||
	    !registryinfo_read(daemon, arena, &facts->registries, err) ||
	    !find_all(engine, arena, &ids, err) ||
	    !store_list(&engine->store, arena, &images, &facts->images, err))
		return false;
	facts->containers = ids.count;
	for (size_t i = 0; i < ids.count; i++) {
		struct status status;

		status_read(engine, arena, ids.items[i], &status);
		if (status.state == STATUS_PAUSED)
			facts->paused++;
		else
			facts->running +=
				status_has_process(&status) || status.state == STATUS_RESTARTING;
	}
	uname(&facts->names);
	sysinfo(&facts->memory);
	facts->os = os_name(arena);
	facts->cgroup_version =
		statfs("/sys/fs/cgroup", &cgroup) == 0 && cgroup.f_type == CGROUP2_MAGIC ? 2 : 1;
	return true;
}

static int64_t total_memory(const struct facts *facts)
{
	return (int64_t)facts->memory.totalram * facts->memory.mem_unit;
}

/* So that the same machine is known again: docker's form of a key's fingerprint. */
static const char *machine_id(struct arena *arena)
{
	char text[33] = "";
	char id[64];
	size_t length = 0;
	FILE *file = fopen("/etc/machine-id", "re");

	if (file && !fgets(text, sizeof(text), file))
		text[0] = '\0';
	if (file)
		fclose(file);
	for (size_t i = 0; i < 32 && text[i]; i++) {
		const char c = text[i];

		if (i && i % 4 == 0)
			id[length++] = ':';
		id[length++] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	return arena_strndup(arena, id, length);
}

static void add_runtimes(const struct jsonmaker *info)
{
	static const char *const names[] = { "runc", "io.containerd.runc.v2" };
	struct jsonmaker runtimes = jsonmaker_nested(info, "Runtimes", JSON_OBJECT);

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct jsonmaker runtime = jsonmaker_nested(&runtimes, names[i], JSON_OBJECT);

		jsonmaker_text(&runtime, "path", "mooring-runc");
	}
}

static void add_plugins(const struct jsonmaker *info)
{
	static const char *const volumes[] = { "local" };
	static const char *const networks[] = { "bridge", "host", "ipvlan", "macvlan", "null" };
	static const char *const logs[] = { "journald", "json-file", "local", "none", "syslog" };
	struct jsonmaker plugins = jsonmaker_nested(info, "Plugins", JSON_OBJECT);

	jsonmaker_texts(&plugins, "Volume", volumes, COUNT_OF(volumes), false);
	jsonmaker_texts(&plugins, "Network", networks, COUNT_OF(networks), false);
	jsonmaker_text(&plugins, "Authorization", NULL);
	jsonmaker_texts(&plugins, "Log", logs, COUNT_OF(logs), false);
}

/* Does the kernel have the controller, switched on? */
static bool has_controller(const char *wanted)
{
	FILE *file = fopen("/proc/cgroups", "re");
	char line[256], name[64];
	bool is_there = false;
	int is_on;

	while (file && fgets(line, sizeof(line), file))
		is_there |= sscanf(line, "%63s %*d %*d %d", name, &is_on) == 2 && is_on &&
			    strcmp(name, wanted) == 0;
	if (file)
		fclose(file);
	return is_there;
}

/* What scripts ask before they use it. */
static void add_abilities(const struct jsonmaker *info)
{
	static const struct {
		const char *name, *controller;
	} limits[] = { { "MemoryLimit", "memory" }, { "SwapLimit", "memory" },
		       { "CpuCfsPeriod", "cpu" },   { "CpuCfsQuota", "cpu" },
		       { "CPUShares", "cpu" },      { "CPUSet", "cpuset" },
		       { "PidsLimit", "pids" } };

	for (size_t i = 0; i < COUNT_OF(limits); i++)
		jsonmaker_bool(info, limits[i].name, has_controller(limits[i].controller));
	jsonmaker_bool(info, "Debug", false);
	jsonmaker_bool(info, "ExperimentalBuild", false);
	jsonmaker_bool(info, "LiveRestoreEnabled", true); /* nothing restarts under containers */
	jsonmaker_text(info, "ID", machine_id(info->arena));
	jsonmaker_text(info, "InitBinary", "docker-init");
	jsonmaker_text(info, "IndexServerAddress", "https://index.docker.io/v1/");
	jsonmaker_texts(info, "Labels", NULL, 0, false);
	jsonmaker_texts(info, "Warnings", NULL, 0, true);
	add_runtimes(info);
	add_plugins(info);
}

static void add_info(const struct jsonmaker *info, const struct facts *facts,
		     const struct engine *engine)
{
	jsonmaker_number(info, "Containers", (int64_t)facts->containers);
	jsonmaker_number(info, "ContainersRunning", (int64_t)facts->running);
	jsonmaker_number(info, "ContainersPaused", (int64_t)facts->paused);
	jsonmaker_number(info, "ContainersStopped",
			 (int64_t)(facts->containers - facts->running - facts->paused));
	jsonmaker_number(info, "Images", (int64_t)facts->images);
	jsonmaker_text(info, "Driver", "overlay2");
	jsonmaker_text(info, "LoggingDriver", facts->log_driver);
	jsonmaker_text(info, "CgroupDriver", "cgroupfs");
	jsonmaker_text(info, "CgroupVersion", facts->cgroup_version == 2 ? "2" : "1");
	jsonmaker_text(info, "KernelVersion", facts->names.release);
	jsonmaker_text(info, "OperatingSystem", facts->os);
	jsonmaker_text(info, "OSType", "linux");
	jsonmaker_text(info, "Architecture", facts->names.machine);
	jsonmaker_number(info, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
	jsonmaker_number(info, "MemTotal", total_memory(facts));
	jsonmaker_text(info, "DockerRootDir", engine->root);
	jsonmaker_text(info, "Name", facts->names.nodename);
	jsonmaker_text(info, "ServerVersion", DOCKER_VERSION);
	jsonmaker_text(info, "DefaultRuntime", "runc");
	static const char *const security[] = { "name=seccomp,profile=default" };
	jsonmaker_texts(info, "SecurityOptions", security, COUNT_OF(security), false);
	struct jsonmaker swarm = jsonmaker_nested(info, "Swarm", JSON_OBJECT);
	jsonmaker_text(&swarm, "NodeID", "");
	jsonmaker_text(&swarm, "NodeAddr", "");
	jsonmaker_text(&swarm, "LocalNodeState", "inactive");
	jsonmaker_bool(&swarm, "ControlAvailable", false);
	jsonmaker_text(&swarm, "Error", "");
	jsonmaker_text(&swarm, "RemoteManagers", NULL);
	add_abilities(info);
	registryinfo_add(&facts->registries, info);
}

static void print_info(const struct facts *facts, const struct engine *engine)
{
	printf("Client:\n Version:    %s\n Context:    default\n Debug Mode: false\n\n",
	       DOCKER_VERSION);
	printf("Server:\n Containers: %zu\n  Running: %zu\n  Paused: %zu\n  Stopped: %zu\n"
	       " Images: %zu\n",
	       facts->containers, facts->running, facts->paused,
	       facts->containers - facts->running - facts->paused, facts->images);
	printf(" Server Version: %s\n Storage Driver: overlay2\n Logging Driver: %s\n"
	       " Cgroup Driver: cgroupfs\n Cgroup Version: %d\n Swarm: inactive\n",
	       DOCKER_VERSION, facts->log_driver, facts->cgroup_version);
	printf(" Runtimes: runc\n Default Runtime: runc\n Security Options:\n  seccomp\n"
	       "   Profile: default\n");
	printf(" Kernel Version: %s\n Operating System: %s\n OSType: linux\n Architecture: %s\n"
	       " CPUs: %ld\n Total Memory: %.2fGiB\n Name: %s\n Docker Root Dir: %s\n",
	       facts->names.release, facts->os, facts->names.machine, sysconf(_SC_NPROCESSORS_ONLN),
	       (double)total_memory(facts) / (1 << 30), facts->names.nodename, engine->root);
	registryinfo_print(&facts->registries);
}

static int run_info(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct jsonmaker list = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct facts facts = { 0 };
	struct error err;

	(void)arguments;
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !gather(cli, &engine, &arena, &facts, &err))
		return command_failed(&err);
	if (!values->format || !*values->format) {
		print_info(&facts, &engine);
		return 0;
	}
	struct jsonmaker info = jsonmaker_nested(&list, NULL, JSON_OBJECT);
	add_info(&info, &facts, &engine);
	return print_object(values->format, list.parent);
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
	.opts = opts,
	.values_size = sizeof(struct values),
	.is_for_anyone = true,
	.run = run_version,
};

const struct command cmd_info = {
	.name = "docker info",
	.usage = "[OPTIONS]",
	.summary = "Display system-wide information",
	.opts = opts,
	.values_size = sizeof(struct values),
	.run = run_info,
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
