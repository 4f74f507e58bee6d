/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/proc.h"
#include "base/texts.h"
#include "runtime/found.h"
#include "runtime/verb.h"

/*
 * ps: the processes of a container, as the host's numbers in JSON, or as those lines of the host's
 * ps(1) that are about them.
 */

/* -- as JSON --------------------------------------------------------------------------------- */

static void add_json(const struct cgroup_pids *pids, struct buf *text)
{
	struct jsonout out;

	jsonout_init(&out, text, false);
	if (pids->count == 0)
		jsonout_null(&out, NULL);
	else
		jsonout_array(&out, NULL);
	for (size_t i = 0; i < pids->count; i++)
		jsonout_int(&out, NULL, pids->pids[i]);
	if (pids->count > 0)
		jsonout_array_end(&out);
	jsonout_done(&out);
	buf_add_char(text, '\n');
}

/* -- as a table ------------------------------------------------------------------------------ */

/* All that ps says, its complaints too. */
static bool run_ps(char *const *options, struct buf *output, struct error *err)
{
	static const char *const usual[] = { "ps", "-ef", NULL };
	autotexts struct texts argv = { 0 };
	struct proc_options spawn = { .argv = usual };
	struct proc proc;
	int pipe[2], status;

	if (*options) {
		texts_add(&argv, "ps");
		for (; *options; options++)
			texts_add(&argv, *options);
		spawn.argv = argv.items;
	}
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	autoclose int in = pipe[0];
	autoclose int out = pipe[1];
	const struct proc_fd fds[] = { { out, STDOUT_FILENO }, { out, STDERR_FILENO } };

	spawn.fds = fds;
	spawn.fd_count = COUNT_OF(fds);
	if (!proc_spawn(&spawn, &proc, err))
		return error_in(err, "run ps (of the package procps)");
	mem_cleanup_close(&out);
	out = -1;

	bool is_read = file_read_fd(in, "output of ps", output, err);

	mem_cleanup_close(&in); /* ps may be stuck writing */
	in = -1;
	if (!proc_wait(&proc, &status, err) || !is_read)
		return false;
	if (status != 0)
		return error_set(err, ERROR_SYSTEM, "ps: exit status %d: %.*s",
				 proc_exit_code(status), (int)strcspn(output->data, "\n"),
				 output->data);
	return true;
}

/* The place of the word PID in the heading, or -1. */
static int find_column(const char *heading)
{
	for (int column = 0;; column++) {
		heading += strspn(heading, " ");

		size_t length = strcspn(heading, " ");

		if (length == 0)
			return -1;
		if (length == 3 && strncmp(heading, "PID", 3) == 0)
			return column;
		heading += length;
	}
}

static bool is_listed(const struct cgroup_pids *pids, const char *line, int column)
{
	line += strspn(line, " ");
	for (; column > 0; column--) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}

	long pid = strtol(line, NULL, 10);

	for (size_t i = 0; i < pids->count; i++)
		if (pids->pids[i] == pid)
			return true;
	return false;
}

static bool add_table(const struct cgroup_pids *pids, char *const *options, struct buf *text,
		      struct error *err)
{
	autobuf struct buf output = { 0 };

	buf_init(&output, VERB_OUTPUT_MAX);
	if (!run_ps(options, &output, err))
		return false;

	char *rest = output.data;
	const char *heading = strsep(&rest, "\n");
	int column = heading ? find_column(heading) : -1;

	if (column < 0)
		return error_set(err, ERROR_INPUT, "couldn't find PID field in ps output");
	buf_printf(text, "%s\n", heading);
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (is_listed(pids, line, column))
			buf_printf(text, "%s\n", line);
	return true;
}

/* -------------------------------------------------------------------------------------------- */

static bool add_processes(const struct globals *globals, const char *id, bool is_json,
			  char *const *options, struct buf *text, struct error *err)
{
	autofound struct found found;
	struct cgroup_pids pids = { 0 };
	bool is_good;

	found_init(&found);
	if (!found_load(&found, globals->root, id, err))
		return false;
	if (found.state.cgroup.count == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "ps needs control groups, and the container has none");
	is_good = cgroup_list(&found.state.cgroup, &pids, err);
	if (is_good && is_json)
		add_json(&pids, text);
	else if (is_good)
		is_good = add_table(&pids, options, text, err);
	cgroup_pids_done(&pids);
	return is_good;
}

int verb_ps(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *format = "table";
	const struct flag flags[] = {
		{ "format", 'f', "table|json", "output format", &format },
		{ 0 },
	};
	autobuf struct buf text = { 0 };
	int next;

	if (!verb_parse(flags, argc, argv, &next, err))
		return VERB_MISUSED;

	bool is_json = strcmp(format, "json") == 0;

	if (!is_json && strcmp(format, "table") != 0)
		return error_set(err, ERROR_INPUT, "invalid format option: %s", format) - 1;
	buf_init(&text, VERB_OUTPUT_MAX);
	return add_processes(globals, argv[next], is_json, argv + next + 1, &text, err) &&
			       verb_print(&text, err)
		       ? 0
		       : -1;
}
