/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/dockerversion.h"
#include "cli/human.h"
#include "cli/inspection.h"
#include "cli/jsonmaker.h"
#include "cli/logdefault.h"
#include "cli/registryinfo.h"
#include "engine/daemonjson.h"
#include "engine/engine.h"
#include "engine/find.h"
#include "engine/status.h"
#include "engine/userns.h"

/*
 * info: one object with docker's members, of which the lines for people show a part.
 */

#define CGROUP2_MAGIC 0x63677270

/* -- facts -------------------------------------------------------------------------------------
 */

struct facts {
	size_t containers, running, paused, images;
	struct utsname names;
	struct sysinfo memory;
	const char *log_driver; /* of containers that name none */
	const char *os;         /* "Debian GNU/Linux 12 (bookworm)" */
	const char *os_version; /* "12"; "": not known */
	bool is_cgroup2;
	struct registryinfo registries;
};

/* A line KEY=VALUE or KEY="VALUE" of os-release(5): sets `value` if it is of this key. */
static void read_os_line(struct arena *arena, const char *line, const char *key, const char **value)
{
	size_t length = strlen(key);

	if (strncmp(line, key, length) != 0 || line[length] != '=')
		return;

	const char *at = line + length + 1 + (line[length + 1] == '"');
	size_t rest = strcspn(at, "\"\n");

	if (rest > 0)
		*value = arena_strndup(arena, at, rest);
}

static void read_os_release(struct arena *arena, struct facts *facts)
{
	FILE *file = fopen("/etc/os-release", "re");
	char line[256];

	facts->os = "Linux";
	facts->os_version = "";
	while (file && fgets(line, sizeof(line), file)) {
		read_os_line(arena, line, "PRETTY_NAME", &facts->os);
		read_os_line(arena, line, "VERSION_ID", &facts->os_version);
	}
	if (file)
		fclose(file);
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
	read_os_release(arena, facts);
	facts->is_cgroup2 =
		statfs("/sys/fs/cgroup", &cgroup) == 0 && cgroup.f_type == CGROUP2_MAGIC;
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

/* docker's names of file systems (storage driver's FsNames). */
static const char *filesystem_name(const char *path)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = {
		{ 0x9123683e, "btrfs" },     { 0xef53, "extfs" },     { 0xf2f52010, "f2fs" },
		{ 0x72b6, "jffs2" },         { 0x3153464a, "jfs" },   { 0x6969, "nfs" },
		{ 0x794c7630, "overlayfs" }, { 0x858458f6, "ramfs" }, { 0x73717368, "squashfs" },
		{ 0x01021994, "tmpfs" },     { 0x58465342, "xfs" },   { 0x2fc12fc1, "zfs" },
	};
	struct statfs fs;

	for (size_t i = 0; statfs(path, &fs) == 0 && i < COUNT_OF(known); i++)
		if ((unsigned long)known[i].magic == ((unsigned long)fs.f_type & 0xffffffffUL))
			return known[i].name;
	return "<unknown>";
}

/* A file of the kernel's that holds one digit: is it another than 0? */
static bool is_switched_on(const char *path)
{
	FILE *file = fopen(path, "re");
	bool is_on = file && fgetc(file) > '0';

	if (file)
		fclose(file);
	return is_on;
}

/* Of version 1: switched on in the kernel? */
static bool has_controller1(const char *wanted)
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

static bool has_controller2(const char *wanted)
{
	FILE *file = fopen("/sys/fs/cgroup/cgroup.controllers", "re");
	char name[64];
	bool is_there = false;

	while (file && fscanf(file, "%63s", name) == 1)
		is_there |= strcmp(name, wanted) == 0;
	if (file)
		fclose(file);
	return is_there;
}

static bool has_controller(const struct facts *facts, const char *wanted)
{
	return facts->is_cgroup2 ? has_controller2(wanted) : has_controller1(wanted);
}

/* -- the object --------------------------------------------------------------------------------
 */

static void add_pair(const struct jsonmaker *list, const char *name, const char *value)
{
	struct jsonmaker pair = jsonmaker_nested(list, NULL, JSON_ARRAY);

	jsonmaker_text(&pair, NULL, name);
	jsonmaker_text(&pair, NULL, value);
}

static void add_storage(const struct jsonmaker *info, const struct engine *engine)
{
	jsonmaker_text(info, "Driver", "overlay2");
	struct jsonmaker status = jsonmaker_nested(info, "DriverStatus", JSON_ARRAY);

	add_pair(&status, "Backing Filesystem", filesystem_name(engine->root));
	add_pair(&status, "Supports d_type", "true"); /* overlay is not to be had without */
	add_pair(&status, "Native Overlay Diff", "true");
	add_pair(&status, "userxattr", userns_is_inside() ? "true" : "false");
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

/* What scripts ask before they use it. */
static void add_abilities(const struct jsonmaker *info, const struct facts *facts)
{
	static const struct {
		const char *name, *controller;
	} limits[] = { { "MemoryLimit", "memory" }, { "SwapLimit", "memory" },
		       { "CpuCfsPeriod", "cpu" },   { "CpuCfsQuota", "cpu" },
		       { "CPUShares", "cpu" },      { "CPUSet", "cpuset" },
		       { "PidsLimit", "pids" } };

	for (size_t i = 0; i < COUNT_OF(limits); i++)
		jsonmaker_bool(info, limits[i].name, has_controller(facts, limits[i].controller));
	jsonmaker_bool(info, "OomKillDisable",
		       !facts->is_cgroup2 && has_controller(facts, "memory"));
	jsonmaker_bool(info, "IPv4Forwarding", is_switched_on("/proc/sys/net/ipv4/ip_forward"));
	jsonmaker_bool(info, "BridgeNfIptables",
		       is_switched_on("/proc/sys/net/bridge/bridge-nf-call-iptables"));
	jsonmaker_bool(info, "BridgeNfIp6tables",
		       is_switched_on("/proc/sys/net/bridge/bridge-nf-call-ip6tables"));
	jsonmaker_bool(info, "Debug", false);
	jsonmaker_bool(info, "ExperimentalBuild", false);
	jsonmaker_bool(info, "LiveRestoreEnabled", true); /* nothing restarts under containers */
}

static void add_time(const struct jsonmaker *info)
{
	char text[sizeof("2006-01-02T15:04:05Z")];
	const time_t now = time(NULL);
	struct tm parts;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
	jsonmaker_text(info, "SystemTime", arena_strdup(info->arena, text));
}

static void add_commit(const struct jsonmaker *info, const char *key, const char *id)
{
	struct jsonmaker commit = jsonmaker_nested(info, key, JSON_OBJECT);

	jsonmaker_text(&commit, "ID", id);
	jsonmaker_text(&commit, "Expected", id);
}

static void add_runtimes(const struct jsonmaker *info)
{
	static const char *const names[] = { "io.containerd.runc.v2", "runc" };
	struct jsonmaker runtimes = jsonmaker_nested(info, "Runtimes", JSON_OBJECT);

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct jsonmaker runtime = jsonmaker_nested(&runtimes, names[i], JSON_OBJECT);

		jsonmaker_text(&runtime, "path", "mooring-runc");
	}
	jsonmaker_text(info, "DefaultRuntime", "runc");
	jsonmaker_text(info, "InitBinary", "docker-init");
	add_commit(info, "ContainerdCommit", "N/A"); /* docker's word for what is not there */
	add_commit(info, "RuncCommit", "mooring-" MOORING_VERSION);
	add_commit(info, "InitCommit", "mooring-" MOORING_VERSION);
}

static void add_swarm(const struct jsonmaker *info)
{
	struct jsonmaker swarm = jsonmaker_nested(info, "Swarm", JSON_OBJECT);

	jsonmaker_text(&swarm, "NodeID", "");
	jsonmaker_text(&swarm, "NodeAddr", "");
	jsonmaker_text(&swarm, "LocalNodeState", "inactive");
	jsonmaker_bool(&swarm, "ControlAvailable", false);
	jsonmaker_text(&swarm, "Error", "");
	jsonmaker_text(&swarm, "RemoteManagers", NULL);
}

static void add_machine(const struct jsonmaker *info, const struct facts *facts)
{
	jsonmaker_text(info, "LoggingDriver", facts->log_driver);
	jsonmaker_text(info, "CgroupDriver", "cgroupfs");
	jsonmaker_text(info, "CgroupVersion", facts->is_cgroup2 ? "2" : "1");
	jsonmaker_number(info, "NEventsListener", 0);
	jsonmaker_number(info, "NFd", 0); /* a daemon's, of which there is none */
	jsonmaker_number(info, "NGoroutines", 0);
	jsonmaker_text(info, "KernelVersion", facts->names.release);
	jsonmaker_text(info, "OperatingSystem", facts->os);
	jsonmaker_text(info, "OSVersion", facts->os_version);
	jsonmaker_text(info, "OSType", "linux");
	jsonmaker_text(info, "Architecture", facts->names.machine);
	jsonmaker_text(info, "IndexServerAddress", "https://index.docker.io/v1/");
	registryinfo_add(&facts->registries, info);
	jsonmaker_number(info, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
	jsonmaker_number(info, "MemTotal", total_memory(facts));
	jsonmaker_text(info, "GenericResources", NULL);
}

static void add_client(const struct jsonmaker *info)
{
	struct jsonmaker client = jsonmaker_nested(info, "ClientInfo", JSON_OBJECT);

	jsonmaker_bool(&client, "Debug", false);
	jsonmaker_text(&client, "Version", DOCKER_VERSION);
	jsonmaker_text(&client, "Context", "default");
	jsonmaker_texts(&client, "Plugins", NULL, 0, false);
	jsonmaker_text(&client, "Warnings", NULL);
}

static void add_info(const struct jsonmaker *info, const struct facts *facts,
		     const struct engine *engine)
{
	static const char *const security[] = { "name=seccomp,profile=default", "name=rootless" };

	jsonmaker_text(info, "ID", machine_id(info->arena));
	jsonmaker_number(info, "Containers", (int64_t)facts->containers);
	jsonmaker_number(info, "ContainersRunning", (int64_t)facts->running);
	jsonmaker_number(info, "ContainersPaused", (int64_t)facts->paused);
	jsonmaker_number(info, "ContainersStopped",
			 (int64_t)(facts->containers - facts->running - facts->paused));
	jsonmaker_number(info, "Images", (int64_t)facts->images);
	add_storage(info, engine);
	add_plugins(info);
	add_abilities(info, facts);
	add_time(info);
	add_machine(info, facts);
	jsonmaker_text(info, "DockerRootDir", engine->root);
	jsonmaker_text(info, "Name", facts->names.nodename);
	jsonmaker_texts(info, "Labels", NULL, 0, false);
	jsonmaker_text(info, "ServerVersion", DOCKER_VERSION);
	add_runtimes(info);
	add_swarm(info);
	jsonmaker_text(info, "Isolation", "");
	jsonmaker_texts(info, "SecurityOptions", security, userns_is_inside() ? 2 : 1, false);
	jsonmaker_texts(info, "Warnings", NULL, 0, true);
	add_client(info);
}

/* -- the lines ---------------------------------------------------------------------------------
 */

struct line {
	const char *label, *member;
};

static void print_lines(const struct json *info, const struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct json *value = json_get(info, lines[i].member);
		const char *text = value ? value->text : "";

		if (value && value->type == JSON_BOOL)
			text = value->boolean ? "true" : "false";
		printf("%s: %s\n", lines[i].label, text);
	}
}

/* "  Log: journald json-file" */
static void print_words(const char *label, const struct json *list)
{
	printf("%s:", label);
	for (const struct json *word = list->child; word; word = word->next)
		printf(" %s", word->key ? word->key : word->text);
	printf("\n");
}

static void print_storage(const struct json *info)
{
	static const struct line storage[] = { { " Server Version", "ServerVersion" },
					       { " Storage Driver", "Driver" } };

	print_lines(info, storage, COUNT_OF(storage));
	for (const struct json *pair = json_get(info, "DriverStatus")->child; pair;
	     pair = pair->next)
		printf("  %s: %s\n", pair->child->text, pair->last->text);
}

static void print_plugins(const struct json *info)
{
	static const char *const kinds[] = { "Volume", "Network", "Log" };
	const struct json *plugins = json_get(info, "Plugins");

	printf(" Plugins:\n");
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		printf("  ");
		print_words(kinds[i], json_get(plugins, kinds[i]));
	}
}

/* "name=seccomp,profile=default" */
static void print_security(const struct json *info)
{
	printf(" Security Options:\n");
	for (const struct json *option = json_get(info, "SecurityOptions")->child; option;
	     option = option->next) {
		const char *name = option->text + strlen("name=");
		const char *profile = strstr(name, ",profile=");

		printf("  %.*s\n", (int)strcspn(name, ","), name);
		if (profile)
			printf("   Profile: %s\n", profile + strlen(",profile="));
	}
}

static void print_commits(const struct json *info)
{
	static const struct line commits[] = { { " containerd version", "ContainerdCommit" },
					       { " runc version", "RuncCommit" },
					       { " init version", "InitCommit" } };

	for (size_t i = 0; i < COUNT_OF(commits); i++)
		print_lines(json_get(info, commits[i].member),
			    &(struct line){ commits[i].label, "ID" }, 1);
}

static void print_engine(const struct json *info)
{
	static const struct line counts[] = {
		{ " Containers", "Containers" },
		{ "  Running", "ContainersRunning" },
		{ "  Paused", "ContainersPaused" },
		{ "  Stopped", "ContainersStopped" },
		{ " Images", "Images" },
	};
	static const struct line drivers[] = { { " Logging Driver", "LoggingDriver" },
					       { " Cgroup Driver", "CgroupDriver" },
					       { " Cgroup Version", "CgroupVersion" } };
	static const struct line runtimes[] = { { " Default Runtime", "DefaultRuntime" },
						{ " Init Binary", "InitBinary" } };

	print_lines(info, counts, COUNT_OF(counts));
	print_storage(info);
	print_lines(info, drivers, COUNT_OF(drivers));
	print_plugins(info);
	printf(" Swarm: inactive\n");
	print_words(" Runtimes", json_get(info, "Runtimes"));
	print_lines(info, runtimes, COUNT_OF(runtimes));
	print_commits(info);
	print_security(info);
}

static void print_machine(const struct json *info, const struct facts *facts)
{
	static const struct line kernel[] = {
		{ " Kernel Version", "KernelVersion" },
		{ " Operating System", "OperatingSystem" },
		{ " OSType", "OSType" },
		{ " Architecture", "Architecture" },
		{ " CPUs", "NCPU" },
	};
	static const struct line names[] = { { " Name", "Name" },
					     { " ID", "ID" },
					     { " Docker Root Dir", "DockerRootDir" },
					     { " Debug Mode", "Debug" } };
	static const struct line registry[] = { { " Registry", "IndexServerAddress" } };
	static const struct line experimental[] = { { " Experimental", "ExperimentalBuild" } };
	static const struct line restore[] = { { " Live Restore Enabled", "LiveRestoreEnabled" } };
	char total[HUMAN_MAX];

	print_lines(info, kernel, COUNT_OF(kernel));
	printf(" Total Memory: %s\n", human_binary_size(total_memory(facts), total));
	print_lines(info, names, COUNT_OF(names));
	registryinfo_print_proxies(&facts->registries);
	print_lines(info, registry, 1);
	print_lines(info, experimental, 1);
	registryinfo_print_places(&facts->registries);
	print_lines(info, restore, 1);
	printf("\n");
}

static int run_info(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct inspection_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct jsonmaker list = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct facts facts = { 0 };
	struct error err;

	(void)arguments;
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !gather(cli, &engine, &arena, &facts, &err))
		return command_failed(&err);
	struct jsonmaker info = jsonmaker_nested(&list, NULL, JSON_OBJECT);

	add_info(&info, &facts, &engine);
	if (values->format && *values->format)
		return inspection_finish_one(values->format, "", "system.dockerInfo", list.parent);
	printf("Client:\n Version:    %s\n Context:    default\n Debug Mode: false\n\nServer:\n",
	       DOCKER_VERSION);
	print_engine(info.parent);
	print_machine(info.parent, &facts);
	return 0;
}

const struct command cmd_info = {
	.name = "docker info",
	.usage = "[OPTIONS]",
	.summary = "Display system-wide information",
	.opts = inspection_opts,
	.values_size = sizeof(struct inspection_values),
	.run = run_info,
};
