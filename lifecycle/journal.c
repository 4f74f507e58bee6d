/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/visible.h"

#define LINE_MAX_LENGTH (SCRIPT_LINE_MAX * VISIBLE_GROWTH + 2048)

static int64_t hour_of(time_t time)
{
	return (int64_t)time / 3600;
}

void journal_init(struct journal *journal, const struct settings_logging *logging,
		  const char *component)
{
	*journal = (struct journal){ .logging = logging, .component = component, .fd = -1 };
}

void journal_forget(struct journal *journal)
{
	journal->fd = -1;
}

static void close_file(struct journal *journal)
{
	mem_cleanup_close(&journal->fd);
	journal->fd = -1;
}

static bool open_file(struct journal *journal, struct error *err)
{
	autofree char *path = mem_printf("%s/%s.log", journal->directory, journal->component);
	struct stat status;

	if (!path_make_own_dirs(journal->directory, 0700, err))
		return false;
	journal->fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (journal->fd < 0 || fstat(journal->fd, &status) < 0)
		return error_sys(err, "open log %s", path);
	journal->size = (size_t)status.st_size;
	journal->hour = hour_of(status.st_size > 0 ? status.st_mtim.tv_sec : time(NULL));
	return true;
}

bool journal_open(struct journal *journal, struct error *err)
{
	const char *directory = journal->logging->directory;

	if (journal->logging->is_console || !directory)
		return true;
	if (!journal->directory || strcmp(journal->directory, directory) != 0) {
		journal_close(journal);
		journal->directory = mem_strdup(directory);
	}
	return journal->fd >= 0 || open_file(journal, err);
}

void journal_close(struct journal *journal)
{
	close_file(journal);
	free(journal->directory);
	journal->directory = NULL;
}

/* -- rotation -----------------------------------------------------------------------------------
 */

/* "_2020_12_08_01_3.log" */
static bool is_old_suffix(const char *text)
{
	int length = 0;

	return sscanf(text, "_%*4[0-9]_%*2[0-9]_%*2[0-9]_%*2[0-9]_%*[0-9].log%n", &length) == 0 &&
	       length > 0 && text[length] == '\0';
}

/* The oldest by the time of its last line; returns the size of all of them. */
static int64_t find_oldest(const struct journal *journal, int dir, char *oldest, size_t size)
{
	autodir DIR *list = file_list(dir, ".");
	size_t length = strlen(journal->component);
	struct timespec oldest_time = { 0 };
	int64_t total = 0;

	*oldest = '\0';
	for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list)) {
		struct stat status;

		if (strncmp(entry->d_name, journal->component, length) != 0 ||
		    !is_old_suffix(entry->d_name + length) ||
		    fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		total += status.st_size;
		if (*oldest && (status.st_mtim.tv_sec > oldest_time.tv_sec ||
				(status.st_mtim.tv_sec == oldest_time.tv_sec &&
				 status.st_mtim.tv_nsec >= oldest_time.tv_nsec)))
			continue;
		oldest_time = status.st_mtim;
		snprintf(oldest, size, "%s", entry->d_name);
	}
	return total;
}

/* So that with the file that is going to be filled all stay below the limit. */
static void remove_oldest(const struct journal *journal, int dir)
{
	int64_t room = journal->logging->total_size - journal->logging->file_size;
	char name[NAME_MAX + 1];

	while (find_oldest(journal, dir, name, sizeof(name)) > room && *name)
		if (unlinkat(dir, name, 0) < 0)
			return;
}

static void rotate(struct journal *journal)
{
	autoclose int dir = open(journal->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *name = mem_printf("%s.log", journal->component);
	time_t hour = (time_t)journal->hour * 3600; /* when the file began */
	struct error ignored;
	struct tm utc;

	if (dir < 0 || !gmtime_r(&hour, &utc))
		return;
	for (int n = 0; n < 10000; n++) {
		autofree char *old =
			mem_printf("%s_%04d_%02d_%02d_%02d_%d.log", journal->component,
				   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, n);

		if (faccessat(dir, old, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (renameat(dir, name, dir, old) < 0)
			return;
		break;
	}
	close_file(journal);
	remove_oldest(journal, dir);
	if (!open_file(journal, &ignored))
		close_file(journal); /* lines are lost, the component goes on */
}

/* -- lines --------------------------------------------------------------------------------------
 */

static void add_time(struct buf *line)
{
	struct timespec now;
	struct tm utc;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	buf_printf(line, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void write_line(struct journal *journal, struct buf *line)
{
	struct error ignored;
	bool is_full;

	buf_add_char(line, '\n');
	if (journal->logging->is_console) {
		close_file(journal);
		(void)!file_write(STDOUT_FILENO, "output", line->data, line->length, &ignored);
		return;
	}
	if (!journal_open(journal, &ignored))
		return;
	is_full = (int64_t)(journal->size + line->length) > journal->logging->file_size;
	if (journal->size > 0 && (is_full || hour_of(time(NULL)) > journal->hour))
		rotate(journal);
	if (journal->fd >= 0 && file_write(journal->fd, "log", line->data, line->length, &ignored))
		journal->size += line->length;
}

/* What a line says, whichever format it has. */
struct record {
	enum logline_level level;
	const char *thread;
	const char *event; /* "stdout", or NULL */
	const char *message;
	const char *script; /* "Run.Script", or NULL */
	const char *state;
};

static void write_text(struct journal *journal, const struct record *record)
{
	autobuf struct buf line = { 0 };

	buf_init(&line, LINE_MAX_LENGTH);
	add_time(&line);
	buf_printf(&line, " [%s] (%s) %s: ", logline_level_name(record->level), record->thread,
		   journal->component);
	if (record->event)
		buf_printf(&line, "%s. ", record->event);
	visible_add(&line, record->message);
	buf_add_text(&line, ". {");
	if (record->script)
		buf_printf(&line, "scriptName=services.%s.lifecycle.%s, ", journal->component,
			   record->script);
	buf_printf(&line, "serviceName=%s, currentState=%s}", journal->component, record->state);
	write_line(journal, &line);
}

static void write_json(struct journal *journal, const struct record *record)
{
	struct timespec now;
	struct jsonout out;
	autobuf struct buf line = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	buf_init(&line, 2 * LINE_MAX_LENGTH);
	jsonout_init(&out, &line, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "thread", record->thread);
	jsonout_text(&out, "level", logline_level_name(record->level));
	jsonout_text(&out, "eventType", record->event);
	jsonout_text(&out, "message", record->message);
	jsonout_object(&out, "contexts");
	if (record->script) {
		autofree char *name =
			mem_printf("services.%s.lifecycle.%s", journal->component, record->script);

		jsonout_text(&out, "scriptName", name);
	}
	jsonout_text(&out, "serviceName", journal->component);
	jsonout_text(&out, "currentState", record->state);
	jsonout_object_end(&out);
	jsonout_text(&out, "loggerName", journal->component);
	jsonout_int(&out, "timestamp", (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	jsonout_object_end(&out);
	jsonout_done(&out);
	write_line(journal, &line);
}

static void write_record(struct journal *journal, const struct record *record)
{
	if (record->level < journal->logging->level)
		return;
	if (journal->logging->is_json)
		write_json(journal, record);
	else
		write_text(journal, record);
}

void journal_output(struct journal *journal, enum script_stream stream, const char *step,
		    const char *state, const char *text)
{
	bool is_error = stream == SCRIPT_STDERR;

	write_record(journal, &(struct record){ .level = is_error ? LOGLINE_WARN : LOGLINE_INFO,
						.thread = "Copier",
						.event = is_error ? "stderr" : "stdout",
						.message = text,
						.script = step,
						.state = state });
}

void journal_note(struct journal *journal, enum logline_level level, const char *state,
		  const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_record(journal, &(struct record){ .level = level,
						.thread = "mooring",
						.message = text,
						.state = state });
}
