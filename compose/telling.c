/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/telling.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct telling_words telling_creating = { "Creating", "Created" };
const struct telling_words telling_recreating = { "Recreate", "Recreated" };
const struct telling_words telling_starting = { "Starting", "Started" };
const struct telling_words telling_stopping = { "Stopping", "Stopped" };
const struct telling_words telling_removing = { "Removing", "Removed" };
const struct telling_words telling_killing = { "Killing", "Killed" };
const struct telling_words telling_restarting = { "Restarting", "Started" };
const struct telling_words telling_pausing = { "Pausing", "Paused" };
const struct telling_words telling_unpausing = { "Unpausing", "Unpaused" };
const struct telling_words telling_pulling = { "Pulling", "Pulled" };
const struct telling_words telling_running = { NULL, "Running" };

#define LINE_MAX_BYTES 512 /* more than a terminal shows */
#define OWN_MAX_BYTES  384 /* "Container NAME" */
#define TITLE          ""
#define DRY            "DRY-RUN MODE - " /* as 2 has it, before every line */

void telling_open(struct telling *telling, bool is_classic, const char *ansi, const char *progress,
		  FILE *out)
{
	bool is_plain = strcmp(progress, "plain") == 0 || strcmp(progress, "quiet") == 0;

	telling->is_classic = is_classic;
	telling->is_quiet = strcmp(progress, "quiet") == 0;
	telling->out = out;
	if (out == stdout)
		setvbuf(out, NULL, _IOLBF, 0); /* each line as it comes, as on stderr */
	board_open(&telling->board, out,
		   is_plain                       ? "never"
		   : strcmp(progress, "tty") == 0 ? "always"
						  : ansi);
}

void telling_close(struct telling *telling)
{
	board_close(&telling->board);
}

void telling_pause(struct telling *telling)
{
	board_forget(&telling->board);
}

/* Above all lines stands how many of them are done. */
static void put_state(struct telling *telling, const char *kind, const char *name,
		      const char *state, enum telling_stage stage)
{
	static const char *const marks[] = {
		[TELLING_WORKING] = "\x1b[34m⠿\x1b[0m",
		[TELLING_DONE] = "\x1b[32m✔\x1b[0m",
		[TELLING_FAILED] = "\x1b[31m✘\x1b[0m",
	};
	struct board *board = &telling->board;
	char line[LINE_MAX_BYTES], own[OWN_MAX_BYTES];

	if (!board->count)
		board_put(board, TITLE, "[+] Running", false);
	snprintf(own, sizeof(own), "%s%s%s%s", telling->is_dry ? DRY " " : "", kind,
		 *kind ? " " : "", name);
	snprintf(line, sizeof(line), " %s %s  %s", marks[stage], own, state);
	board_put(board, own, line, stage == TELLING_DONE);
	snprintf(line, sizeof(line), "[+] Running %zu/%zu", board_done(board), board->count - 1);
	board_put(board, TITLE, line, false);
}

void telling_state(struct telling *telling, const char *kind, const char *name, const char *state,
		   enum telling_stage stage)
{
	if (telling->is_classic || telling->is_quiet || !state)
		return;
	if (telling->board.file) {
		put_state(telling, kind, name, state, stage);
		return;
	}
	if (telling->is_dry)
		fputs(" " DRY, telling->out);
	if (*kind)
		fprintf(telling->out, " %s %s  %s\n", kind, name, state);
	else
		fprintf(telling->out, " %s %s \n", name, state);
}

void telling_expect(struct telling *telling, const char *name)
{
	size_t length = strlen(name);

	if (length > telling->width)
		telling->width = length;
}

/* One line of 1. */
static void tell(struct telling *telling, const char *doing, const char *name, const char *colour,
		 const char *end)
{
	char line[LINE_MAX_BYTES], own[OWN_MAX_BYTES];

	if (!telling->is_classic || telling->is_quiet || !doing)
		return;
	snprintf(own, sizeof(own), "%s%s %-*s", telling->is_dry ? DRY : "", doing,
		 (int)telling->width, name);
	if (!telling->board.file) {
		fprintf(telling->out, "%s ... %s\n", own, end);
		return;
	}
	snprintf(line, sizeof(line), "%s ... %s%s%s", own, colour, end, *colour ? "\x1b[0m" : "");
	snprintf(own, sizeof(own), "%s %s", doing, name);
	board_put(&telling->board, own, line, *end != '\0');
}

void telling_begin(struct telling *telling, const char *doing, const char *name)
{
	telling_expect(telling, name);
	tell(telling, doing, name, "", "");
}

void telling_end(struct telling *telling, const char *doing, const char *name, bool is_good)
{
	tell(telling, doing, name, is_good ? "\x1b[32m" : "\x1b[31m", is_good ? "done" : "error");
}

void telling_classic(struct telling *telling, const char *format, ...)
{
	va_list args;

	if (!telling->is_classic || telling->is_quiet)
		return;
	telling_pause(telling);
	if (telling->is_dry)
		fputs(DRY, telling->out);
	va_start(args, format);
	vfprintf(telling->out, format, args);
	va_end(args);
	fputc('\n', telling->out);
}
