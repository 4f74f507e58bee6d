/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "base/path.h"
#include "runtime/flag.h"
#include "runtime/monitor.h"
#include "runtime/rootless.h"
#include "runtime/self.h"
#include "runtime/state.h"
#include "runtime/verb.h"

#define DEFAULT_ROOT   "/run/mooring/runc"
#define LOG_RECORD_MAX 8192

static int verb_monitor(const struct globals *globals, int argc, char **argv, struct error *err)
{
	(void)err;
	return monitor_verb(globals->root, argc, argv);
}

static const struct verb {
	const char *name;
	verb_function *function;
	const char *help;
	bool makes_container; /* our own program gets into its reach */
	bool has_prefix;      /* "runc create failed: …", as its callers expect */
} verbs[] = {
	{ "create", verb_create, "make a container; its program waits for start", true, true },
	{ "delete", verb_delete, "remove a stopped container", false, false },
	{ "kill", verb_kill, "send a signal to a container's init", false, false },
	{ "list", verb_list, "list the containers of this root", false, false },
	{ "monitor", verb_monitor, "run and supervise a container (for mooring itself)", true,
	  false },
	{ "pause", verb_pause, "suspend all processes of a container", false, false },
	{ "ps", verb_ps, "list the processes of a container", false, false },
	{ "resume", verb_resume, "let the processes of a paused container go on", false, false },
	{ "run", verb_run, "make and start a container, and wait for it", true, true },
	{ "spec", verb_spec, "write a config.json to start from", false, false },
	{ "start", verb_start, "start the program of a created container", false, false },
	{ "state", verb_state, "print the state of a container as JSON", false, false },
	{ "update", verb_update, "change the limits of a container", false, false },
};

/* -- messages -------------------------------------------------------------------------------- */

/* One record: callers read the whole log and want exactly one line on failure, none on success. */
static void add_record(struct buf *record, bool is_json, const char *text)
{
	char now[STATE_TIME_SIZE];
	struct jsonout out;

	state_now(now);
	if (is_json) {
		jsonout_init(&out, record, false);
		jsonout_object(&out, NULL);
		jsonout_text(&out, "level", "error");
		jsonout_text(&out, "msg", text);
		jsonout_text(&out, "time", now);
		jsonout_object_end(&out);
		jsonout_done(&out);
	} else {
		buf_printf(record, "time=\"%s\" level=error msg=\"%s\"", now, text);
	}
	buf_add_char(record, '\n');
}

static int fail(const struct globals *globals, const struct error *err)
{
	autobuf struct buf record = { 0 };
	autoclose int log = -1;
	struct error ignored;

	log_error("%s", err->text);
	if (!globals->log)
		return 1;
	buf_init(&record, LOG_RECORD_MAX);
	add_record(&record, globals->is_log_json, err->text);
	log = open(globals->log, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC, 0644);
	if (log < 0 || !file_write(log, globals->log, record.data, record.length, &ignored))
		log_error("cannot write log %s", globals->log);
	return 1;
}

static void print_help(const struct globals *globals, const struct flag *flags)
{
	printf("NAME:\n   %s - OCI runtime of Mooring: runs containers from bundles\n\n"
	       "USAGE:\n   %s [global options] command [command options] [arguments...]\n\n"
	       "COMMANDS:\n",
	       globals->program, globals->program);
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		printf("   %-10s %s\n", verbs[i].name, verbs[i].help);
	printf("\nGLOBAL OPTIONS:\n");
	flag_print(flags);
}

/* The first line starts as go-runc and dockerd want it when we are called runc, and no other line
 * has the word. */
static void print_version(const struct globals *globals)
{
	bool is_runc = strcmp(globals->program, "runc") == 0;

	printf("%s version " MOORING_VERSION "\nspec: 1.2.0\n", is_runc ? "runc" : "mooring-runc");
}

/* -- the command line ------------------------------------------------------------------------ */

struct choices {
	const char *debug, *log, *log_format, *root, *systemd, *rootless, *criu, *help, *version;
};

/* The caller frees it. */
static char *default_root(void)
{
	const char *run = getenv("MOORING_RUN");
	char *own;

	if (run && run[0])
		return mem_printf("%s/runc", run);
	own = rootless_root();
	return own ? own : mem_strdup(DEFAULT_ROOT);
}

static char *absolute(const char *path)
{
	char here[4096];
	autofree char *joined = NULL;

	if (path[0] == '/' || !getcwd(here, sizeof(here)))
		return path_clean(path);
	joined = mem_printf("%s/%s", here, path);
	return path_clean(joined);
}

static bool read_choices(const struct choices *choices, struct globals *globals, struct error *err)
{
	globals->log = choices->log;
	globals->is_log_json = choices->log_format && strcmp(choices->log_format, "json") == 0;
	if (choices->log_format && !globals->is_log_json &&
	    strcmp(choices->log_format, "text") != 0)
		return error_set(err, ERROR_INPUT, "invalid log-format: \"%s\"",
				 choices->log_format);
	if (flag_is_set(choices->systemd))
		return error_set(err, ERROR_UNSUPPORTED,
				 "--systemd-cgroup is not supported: leave it out and use a "
				 "cgroupfs path (for containerd: SystemdCgroup = false)");
	if (flag_is_set(choices->debug))
		log_set_level(LOG_LEVEL_DEBUG);
	if (!rootless_parse(choices->rootless, &globals->rootless, err))
		return false;
	globals->is_root_chosen = choices->root != NULL;
	globals->root = choices->root ? absolute(choices->root) : default_root();
	if ((choices->root && choices->root[0] == '\0') || strcmp(globals->root, "/") == 0)
		return error_set(err, ERROR_INPUT, "--root: \"%s\" cannot be the state directory",
				 choices->root ? choices->root : "/");
	return true;
}

static int refuse_verb(const struct globals *globals, const char *name)
{
	static const char *const missing[] = { "exec",     "ps",         "pause",
					       "resume",   "update",     "events",
					       "features", "checkpoint", "restore" };
	struct error err;

	for (size_t i = 0; i < COUNT_OF(missing); i++) {
		if (strcmp(name, missing[i]) != 0)
			continue;
		error_set(&err, ERROR_UNSUPPORTED, "%s is not supported yet", name);
		return fail(globals, &err);
	}
	fprintf(stderr, "No help topic for '%s'\n", name);
	return 3;
}

static int run_verb(const struct globals *globals, int argc, char **argv, int next)
{
	struct error err;
	int status;

	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (strcmp(argv[next], verbs[i].name) != 0)
			continue;
		if (verbs[i].makes_container && !self_protect(argv, &err))
			return fail(globals, &err);
		status = verbs[i].function(globals, argc - next, argv + next, &err);
		if (status < 0 && verbs[i].has_prefix)
			error_in(&err, "runc %s failed", verbs[i].name);
		return status < 0 ? fail(globals, &err) : status;
	}
	return refuse_verb(globals, argv[next]);
}

int main(int argc, char **argv)
{
	struct globals globals = { .program = argc > 0 ? argv[0] : "mooring-runc" };
	struct choices choices = { 0 };
	const struct flag flags[] = {
		{ "debug", 0, NULL, "more messages", &choices.debug },
		{ "log", 0, "PATH", "append errors to this file", &choices.log },
		{ "log-format", 0, "text|json", "how", &choices.log_format },
		{ "root", 0, "DIR", "directory of the containers' state", &choices.root },
		{ "systemd-cgroup", 0, NULL, "not supported", &choices.systemd },
		{ "rootless", 0, "true|false|auto", "do without cgroups if need be",
		  &choices.rootless },
		{ "criu", 0, "PATH", "accepted, without effect", &choices.criu },
		{ "help", 'h', NULL, "this text", &choices.help },
		{ "version", 'v', NULL, "the version", &choices.version },
		{ 0 },
	};
	struct error err;
	int next = 1;

	if (strrchr(globals.program, '/'))
		globals.program = strrchr(globals.program, '/') + 1;
	log_set_program(globals.program);
	if (!flag_parse(flags, argc, argv, &next, &err))
		return fail(&globals, &err);
	if (choices.version) {
		print_version(&globals);
		return 0;
	}
	if (choices.help || next >= argc || strcmp(argv[next], "help") == 0) {
		print_help(&globals, flags);
		return 0;
	}

	int status = read_choices(&choices, &globals, &err) ? run_verb(&globals, argc, argv, next)
							    : fail(&globals, &err);

	mem_cleanup_free(&globals.root);
	return status;
}
