/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#define LINE_MAX_LENGTH (SCRIPT_LINE_MAX + 2048)

bool journal_open(struct journal *journal, const char *directory, const char *component,
		  struct error *err)
{
	autofree char *path = mem_printf("%s/%s.log", directory, component);
	struct stat status;

	*journal = (struct journal){ .directory = directory, .component = component, .fd = -1 };
	if (!path_make_own_dirs(directory, 0700, err))
		return false;
	journal->fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (journal->fd < 0 || fstat(journal->fd, &status) < 0)
		return error_sys(err, "open log %s", path);
	journal->size = (size_t)status.st_size;
	return true;
}

void journal_close(struct journal *journal)
{
	mem_cleanup_close(&journal->fd);
	journal->fd = -1;
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

/* The oldest by the time of its last line; returns how many there are. */
static int find_oldest(const struct journal *journal, int dir, char *oldest, size_t size)
{
	int copy = dup(dir);
	autodir DIR *list = copy < 0 ? NULL : fdopendir(copy);
	size_t length = strlen(journal->component);
	struct timespec oldest_time = { 0 };
	int count = 0;

	for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list)) {
		struct stat status;

		if (strncmp(entry->d_name, journal->component, length) != 0 ||
		    !is_old_suffix(entry->d_name + length) ||
		    fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (count++ > 0 && (status.st_mtim.tv_sec > oldest_time.tv_sec ||
				    (status.st_mtim.tv_sec == oldest_time.tv_sec &&
				     status.st_mtim.tv_nsec >= oldest_time.tv_nsec)))
			continue;
		oldest_time = status.st_mtim;
		snprintf(oldest, size, "%s", entry->d_name);
	}
	return count;
}

static void remove_oldest(const struct journal *journal, int dir)
{
	char name[NAME_MAX + 1];

	for (int count = find_oldest(journal, dir, name, sizeof(name)); count > JOURNAL_FILES_MAX;
	     count--) {
		unlinkat(dir, name, 0);
		find_oldest(journal, dir, name, sizeof(name));
	}
}

static void rotate(struct journal *journal)
{
	autoclose int dir = open(journal->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *name = mem_printf("%s.log", journal->component);
	time_t now = time(NULL);
	struct error ignored;
	struct tm utc;

	if (dir < 0 || !gmtime_r(&now, &utc))
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
	journal_close(journal);
	remove_oldest(journal, dir);
	if (!journal_open(journal, journal->directory, journal->component, &ignored))
		journal->fd = -1; /* lines are lost, the component goes on */
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

	buf_add_char(line, '\n');
	if (journal->size + line->length > JOURNAL_FILE_MAX && journal->size > 0)
		rotate(journal);
	if (journal->fd >= 0 && file_write(journal->fd, "log", line->data, line->length, &ignored))
		journal->size += line->length;
}

void journal_output(struct journal *journal, enum script_stream stream, const char *step,
		    const char *state, const char *text)
{
	bool is_error = stream == SCRIPT_STDERR;
	autobuf struct buf line;

	buf_init(&line, LINE_MAX_LENGTH);
	add_time(&line);
	buf_printf(&line, " [%s] (Copier) %s: %s. ", is_error ? "WARN" : "INFO", journal->component,
		   is_error ? "stderr" : "stdout");
	buf_add_text(&line, text);
	buf_printf(&line,
		   ". {scriptName=services.%s.lifecycle.%s, serviceName=%s, currentState=%s}",
		   journal->component, step, journal->component, state);
	write_line(journal, &line);
}

void journal_note(struct journal *journal, bool is_error, const char *state, const char *format,
		  ...)
{
	autobuf struct buf line;
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_init(&line, LINE_MAX_LENGTH);
	add_time(&line);
	buf_printf(&line, " [%s] (mooring) %s: ", is_error ? "ERROR" : "INFO", journal->component);
	buf_add_text(&line, text);
	buf_printf(&line, ". {serviceName=%s, currentState=%s}", journal->component, state);
	write_line(journal, &line);
}
