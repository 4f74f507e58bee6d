/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"

#include <string.h>

#include "base/mem.h"
#include "cli/containerverbs.h"
#include "cli/imageverbs.h"
#include "cli/networkverbs.h"
#include "cli/pluginverbs.h"
#include "cli/volumeverbs.h"

/* One long list, in the order of the help text. */
static const struct verb verbs[] = {
	{ NULL, "run", &cmd_run },
	{ NULL, "exec", &cmd_exec },
	{ NULL, "ps", &cmd_ps },
	{ NULL, "build", NULL },
	{ NULL, "pull", &cmd_pull },
	{ NULL, "push", &cmd_push },
	{ NULL, "images", &cmd_images },
	{ NULL, "login", &cmd_login },
	{ NULL, "logout", &cmd_logout },
	{ NULL, "search", NULL },
	{ NULL, "version", &cmd_version },
	{ NULL, "info", &cmd_info },
	{ NULL, "attach", &cmd_attach },
	{ NULL, "commit", &cmd_commit },
	{ NULL, "cp", &cmd_cp },
	{ NULL, "create", &cmd_create },
	{ NULL, "diff", &cmd_diff },
	{ NULL, "events", &cmd_events },
	{ NULL, "export", &cmd_export },
	{ NULL, "history", &cmd_history },
	{ NULL, "import", &cmd_import },
	{ NULL, "inspect", &cmd_inspect },
	{ NULL, "kill", &cmd_kill },
	{ NULL, "load", &cmd_load },
	{ NULL, "logs", &cmd_logs },
	{ NULL, "pause", &cmd_pause },
	{ NULL, "port", &cmd_port },
	{ NULL, "rename", &cmd_rename },
	{ NULL, "restart", &cmd_restart },
	{ NULL, "rm", &cmd_rm },
	{ NULL, "rmi", &cmd_rmi },
	{ NULL, "save", &cmd_save },
	{ NULL, "start", &cmd_start },
	{ NULL, "stats", &cmd_stats },
	{ NULL, "stop", &cmd_stop },
	{ NULL, "tag", &cmd_tag },
	{ NULL, "top", &cmd_top },
	{ NULL, "unpause", &cmd_unpause },
	{ NULL, "update", &cmd_update },
	{ NULL, "wait", &cmd_wait },
	{ NULL, "buildx", NULL },
	{ NULL, "checkpoint", NULL },
	{ NULL, "completion", &cmd_completion },
	{ NULL, "compose", NULL },
	{ NULL, "config", NULL },
	{ NULL, "manifest", NULL },
	{ NULL, "node", NULL },
	{ NULL, "secret", NULL },
	{ NULL, "service", NULL },
	{ NULL, "stack", NULL },
	{ NULL, "swarm", NULL },
	{ NULL, "trust", NULL },

	{ "container", "attach", &cmd_attach },
	{ "container", "commit", &cmd_commit },
	{ "container", "cp", &cmd_cp },
	{ "container", "create", &cmd_create },
	{ "container", "diff", &cmd_diff },
	{ "container", "exec", &cmd_exec },
	{ "container", "export", &cmd_export },
	{ "container", "inspect", &cmd_container_inspect },
	{ "container", "kill", &cmd_kill },
	{ "container", "logs", &cmd_logs },
	{ "container", "ls", &cmd_ps },
	{ "container", "list", &cmd_ps },
	{ "container", "ps", &cmd_ps },
	{ "container", "pause", &cmd_pause },
	{ "container", "port", &cmd_port },
	{ "container", "prune", &cmd_container_prune },
	{ "container", "rename", &cmd_rename },
	{ "container", "restart", &cmd_restart },
	{ "container", "rm", &cmd_rm },
	{ "container", "remove", &cmd_rm },
	{ "container", "run", &cmd_run },
	{ "container", "start", &cmd_start },
	{ "container", "stats", &cmd_stats },
	{ "container", "stop", &cmd_stop },
	{ "container", "top", &cmd_top },
	{ "container", "unpause", &cmd_unpause },
	{ "container", "update", &cmd_update },
	{ "container", "wait", &cmd_wait },

	{ "image", "build", NULL },
	{ "image", "history", &cmd_history },
	{ "image", "import", &cmd_import },
	{ "image", "inspect", &cmd_image_inspect },
	{ "image", "load", &cmd_load },
	{ "image", "ls", &cmd_images },
	{ "image", "list", &cmd_images },
	{ "image", "prune", &cmd_image_prune },
	{ "image", "pull", &cmd_pull },
	{ "image", "push", &cmd_push },
	{ "image", "rm", &cmd_rmi },
	{ "image", "remove", &cmd_rmi },
	{ "image", "save", &cmd_save },
	{ "image", "tag", &cmd_tag },
	{ "image", "verify", &cmd_image_verify },

	{ "network", "connect", &cmd_network_connect },
	{ "network", "create", &cmd_network_create },
	{ "network", "disconnect", &cmd_network_disconnect },
	{ "network", "inspect", &cmd_network_inspect },
	{ "network", "ls", &cmd_network_ls },
	{ "network", "list", &cmd_network_ls },
	{ "network", "prune", &cmd_network_prune },
	{ "network", "rm", &cmd_network_rm },
	{ "network", "remove", &cmd_network_rm },

	{ "plugin", "inspect", &cmd_plugin_inspect },
	{ "plugin", "ls", &cmd_plugin_ls },
	{ "plugin", "list", &cmd_plugin_ls },
	{ "plugin", "rm", &cmd_plugin_rm },
	{ "plugin", "remove", &cmd_plugin_rm },
	{ "plugin", "create", NULL },
	{ "plugin", "disable", NULL },
	{ "plugin", "enable", NULL },
	{ "plugin", "install", NULL },
	{ "plugin", "push", NULL },
	{ "plugin", "set", NULL },
	{ "plugin", "upgrade", NULL },

	{ "volume", "create", &cmd_volume_create },
	{ "volume", "inspect", &cmd_volume_inspect },
	{ "volume", "ls", &cmd_volume_ls },
	{ "volume", "list", &cmd_volume_ls },
	{ "volume", "prune", &cmd_volume_prune },
	{ "volume", "rm", &cmd_volume_rm },
	{ "volume", "remove", &cmd_volume_rm },

	{ "system", "df", &cmd_system_df },
	{ "system", "events", &cmd_events },
	{ "system", "info", &cmd_info },
	{ "system", "prune", &cmd_system_prune },

	{ "builder", "build", NULL },
	{ "builder", "prune", &cmd_builder_prune },

	{ "context", "inspect", &cmd_context_inspect },
	{ "context", "list", &cmd_context_ls },
	{ "context", "ls", &cmd_context_ls },
	{ "context", "show", &cmd_context_show },
	{ "context", "use", &cmd_context_use },
	{ "context", "create", NULL },
	{ "context", "export", NULL },
	{ "context", "import", NULL },
	{ "context", "rm", NULL },
	{ "context", "update", NULL },
};

static const struct {
	const char *name, *summary;
} groups[] = {
	{ "builder", "Manage builds" },   { "container", "Manage containers" },
	{ "context", "Manage contexts" }, { "image", "Manage images" },
	{ "network", "Manage networks" }, { "plugin", "Manage plugins" },
	{ "system", "Manage Docker" },    { "volume", "Manage volumes" },
};

static bool is_in(const struct verb *verb, const char *group)
{
	return group ? verb->group && strcmp(verb->group, group) == 0 : !verb->group;
}

const struct verb *verbs_find(const char *group, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (is_in(&verbs[i], group) && strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* Second names, which help leaves out. */
static const char *first_name(const struct verb *verb)
{
	static const char *const names[][2] = { { "list", "ls" },
						{ "ps", "ls" },
						{ "remove", "rm" } };

	for (size_t i = 0; verb->group && i < COUNT_OF(names); i++) {
		if (strcmp(names[i][0], verb->name) == 0)
			return names[i][1];
	}
	return verb->name;
}

char *verbs_called(const struct verb *verb)
{
	return mem_printf("docker %s %s", verb->group, first_name(verb));
}

bool verbs_is_group(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		if (strcmp(groups[i].name, name) == 0)
			return true;
	}
	return false;
}

const struct verb *verbs_next(const char *group, const struct verb *before)
{
	for (const struct verb *verb = before ? before + 1 : verbs; verb < verbs + COUNT_OF(verbs);
	     verb++) {
		if (is_in(verb, group) && verb->command && first_name(verb) == verb->name)
			return verb;
	}
	return NULL;
}

const char *verbs_group(size_t number)
{
	return number < COUNT_OF(groups) ? groups[number].name : NULL;
}

static void print_commands(const char *group, FILE *out)
{
	const struct verb *verb = NULL;

	while ((verb = verbs_next(group, verb)))
		fprintf(out, "  %-11s %s\n", verb->name, verb->command->summary);
}

void verbs_print_help(FILE *out)
{
	fprintf(out, "Usage:  docker [OPTIONS] COMMAND\n\n"
		     "A self-sufficient runtime for containers: Mooring, without a "
		     "daemon\n\nCommands:\n");
	print_commands(NULL, out);
	fprintf(out, "\nManagement Commands:\n  %-11s %s\n", "compose", "Docker Compose");
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		fprintf(out, "  %-11s %s\n", groups[i].name, groups[i].summary);
	fprintf(out,
		"\nGlobal Options:\n"
		"      --config string      Location of client config files\n"
		"  -c, --context string     The context: \"default\", which is this machine\n"
		"  -D, --debug              Taken, without effect\n"
		"  -H, --host list          The daemon's address: this machine's have no effect, "
		"others are refused\n"
		"  -l, --log-level string   Taken, without effect\n"
		"  -v, --version            Print version information and quit\n\n"
		"Run 'docker COMMAND --help' for more information on a command.\n");
}

void verbs_print_group_help(const char *group, FILE *out)
{
	fprintf(out, "Usage:  docker %s COMMAND\n\nCommands:\n", group);
	print_commands(group, out);
	fprintf(out, "\nRun 'docker %s COMMAND --help' for more information on a command.\n",
		group);
}
