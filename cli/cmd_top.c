/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caller.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "cli/single.h"
#include "engine/happening.h"
#include "engine/oci.h"
#include "engine/status.h"

/*
 * docker top: the machine's own `ps`, of whose lines those about the container's processes are
 * shown.
 */

#define PS_OUTPUT_MAX (32 << 20)
#define WORDS_MAX     (1 << 20)
#define USUAL_PLACES  "/usr/sbin:/usr/bin:/sbin:/bin"
#define COLUMN_WIDTH  20 /* docker's least */
#define COLUMN_GAP    3
#define COLUMNS_MAX   64

struct cells {
	char *items[COLUMNS_MAX];
	size_t count;
};

static bool list_processes(const struct single *single, struct arena *arena,
			   const struct json **pids, struct error *err)
{
	const char *const words[] = { "ps", "--format", "json", single->container.id };
	autobuf struct buf text;

	buf_init(&text, WORDS_MAX);
	return oci_call(&single->engine, words, COUNT_OF(words), &text, err) &&
	       json_parse(arena, "processes", text.data ? text.data : "", text.length, pids, err);
}

static bool has_pid(const struct json *pids, const char *cell)
{
	for (const struct json *pid = pids->child; pid; pid = pid->next)
		if (pid->text && strcmp(pid->text, cell) == 0)
			return true;
	return false;
}

/* What the program writes to its standard error is taken too. */
static bool run_quietly(const char *const *argv, struct buf *output, int *status, struct buf *said,
			struct error *err)
{
	autoclose int words = memfd_create("words", MFD_CLOEXEC);
	autoclose int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	struct error ignored;

	if (words < 0 || own < 0 || dup2(words, STDERR_FILENO) < 0)
		return error_sys(err, "make a file in memory");
	bool is_run = proc_output(argv, output, status, err);

	dup2(own, STDERR_FILENO);
	if (lseek(words, 0, SEEK_SET) < 0 || !file_read_fd(words, "words", said, &ignored))
		buf_clear(said);
	return is_run;
}

/* It is the machine's program, which runs as root: for a member of the group docker, whose
 * variables these are, not the one that he has first on his PATH. */
static void look_in_usual_places(void)
{
	if (getenv(CALLER_VARIABLE))
		setenv("PATH", USUAL_PLACES, 1);
}

/* What `ps` prints, with the user's own options or docker's. */
static bool run_ps(const struct texts *arguments, struct buf *output, struct error *err)
{
	autotexts struct texts argv = { 0 };
	autobuf struct buf said;
	int status;

	buf_init(&said, WORDS_MAX);
	texts_add(&argv, "ps");
	if (arguments->count > 1)
		texts_add_all(&argv, arguments->items + 1, arguments->count - 1);
	else
		texts_add(&argv, "-ef");
	look_in_usual_places();
	if (!run_quietly(argv.items, output, &status, &said, err))
		return error_in(err, "top needs the program ps (procps or busybox)");
	if (status == 0)
		return true;
	/* Its first line says why. */
	size_t length = said.data ? strcspn(said.data, "\n") : 0;

	return length ? error_set(err, ERROR_INPUT, "ps: %.*s", (int)length, said.data)
		      : error_set(err, ERROR_INPUT, "ps: exit status %d", proc_exit_code(status));
}

/* The last column takes what is left, blanks and all. */
static void split(char *line, size_t columns, struct cells *cells)
{
	cells->count = 0;
	while (*(line += strspn(line, " \t")) && cells->count < COLUMNS_MAX) {
		cells->items[cells->count++] = line;
		if (cells->count == columns)
			return;
		line += strcspn(line, " \t");
		if (*line)
			*line++ = '\0';
	}
}

struct rows {
	struct cells *items;
	size_t count, room;
	int widths[COLUMNS_MAX];
};

/* Its cells point into the text. */
static void add_row(struct rows *rows, const struct cells *cells)
{
	if (rows->count == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 64;
		rows->items = mem_resize(rows->items, rows->room, sizeof(*rows->items));
	}
	rows->items[rows->count++] = *cells;
	for (size_t i = 0; i < cells->count; i++) {
		int width = (int)strlen(cells->items[i]) + COLUMN_GAP;

		if (width > rows->widths[i])
			rows->widths[i] = width;
	}
}

static void print_rows(const struct rows *rows)
{
	for (size_t row = 0; row < rows->count; row++) {
		const struct cells *cells = &rows->items[row];

		for (size_t i = 0; i + 1 < cells->count; i++)
			printf("%-*s", rows->widths[i], cells->items[i]);
		printf("%s\n", cells->count ? cells->items[cells->count - 1] : "");
	}
}

static bool print_processes(char *text, const struct json *pids, struct error *err)
{
	char *rest = text;
	char *line = strsep(&rest, "\n");
	struct rows rows = { .items = NULL };
	struct cells cells;
	size_t pid_column = 0;

	for (size_t i = 0; i < COLUMNS_MAX; i++)
		rows.widths[i] = COLUMN_WIDTH;
	split(line ? line : text, COLUMNS_MAX, &cells);
	size_t columns = cells.count;
	while (pid_column < columns && strcmp(cells.items[pid_column], "PID") != 0)
		pid_column++;
	if (pid_column == columns)
		return error_set(err, ERROR_INPUT, "Couldn't find PID field in ps output");
	add_row(&rows, &cells);
	while ((line = strsep(&rest, "\n")) != NULL) {
		split(line, columns, &cells);
		if (cells.count > pid_column && has_pid(pids, cells.items[pid_column]))
			add_row(&rows, &cells);
	}
	print_rows(&rows);
	mem_cleanup_free(&rows.items);
	return true;
}

static bool show(const struct single *single, const struct texts *arguments, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf output;
	const struct json *pids;
	struct status status;

	buf_init(&output, PS_OUTPUT_MAX);
	status_read(&single->engine, &arena, single->container.id, &status);
	if (status.state == STATUS_RESTARTING)
		return error_set(err, ERROR_EXISTS,
				 "Container %s is restarting, wait until the container is running",
				 single->container.id);
	if (!status_has_process(&status))
		return error_set(err, ERROR_NOT_FOUND, "Container %s is not running",
				 single->container.id);
	return list_processes(single, &arena, &pids, err) && run_ps(arguments, &output, err) &&
	       print_processes(output.data ? output.data : (char[]){ "" }, pids, err);
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosingle struct single single = SINGLE_EMPTY;
	struct error err;

	(void)values;
	if (!single_open(cli, arguments->items[0], &single, &err) ||
	    !show(&single, arguments, &err))
		return command_failed(&err);
	happening_container(&single.engine, &single.container, "top", NULL);
	return 0;
}

const struct command cmd_top = {
	.name = "docker top",
	.usage = "CONTAINER [ps OPTIONS]",
	.summary = "Display the running processes of a container",
	.least = 1,
	.most = ARGUMENTS_ANY,
	.stops_at_argument = true,
	.run = run,
};
