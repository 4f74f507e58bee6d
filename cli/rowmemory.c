/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rowmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"

#define FILE_NAME    "rows"
#define MEMORY_MAX   (16 << 20) /* bytes of the file */
#define VERSION      "mooring-rows 2"
#define RECORD_END   '\n'
#define FIELD_END    "\t"
#define TEXT_FIELDS  12
#define NUMBER_COUNT 10
#define ROWS_MANY    5 /* fewer are not worth a file */

/* The file is a line for each row, in the order of their IDs: numbers, then texts, between tabs. It
 * is not JSON, because reading it must cost next to nothing. The head has the uptime of its
 * writing: one of before the machine was started counts for nothing. */

static long long uptime(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Where the texts of a row are, in the file's order. */
static void text_places(struct containerrow *row, const char **places[TEXT_FIELDS])
{
	const char **const all[TEXT_FIELDS] = {
		&row->id,
		&row->name,
		&row->image,
		&row->image_id,
		&row->created,
		&row->command,
		&row->labels,
		&row->mounts,
		&row->ports,
		&row->networks,
		&row->status.started_at,
		&row->status.finished_at,
	};

	memcpy(places, all, sizeof(all));
}

/* Reading. ------------------------------------------------------------------------------------ */

static bool read_numbers(char **line, unsigned long long numbers[NUMBER_COUNT])
{
	for (size_t i = 0; i < NUMBER_COUNT; i++) {
		char *end;

		numbers[i] = strtoull(*line, &end, 10);
		if (end == *line || *end != FIELD_END[0])
			return false;
		*line = end + 1;
	}
	return true;
}

/* Takes the line apart, in place. */
static bool read_line(char *line, struct remembered *item)
{
	const char **places[TEXT_FIELDS];
	unsigned long long numbers[NUMBER_COUNT];
	struct containerrow *row = &item->row;

	*item = (struct remembered){ 0 };
	if (!read_numbers(&line, numbers) || numbers[6] > STATUS_EXITED)
		return false;
	item->directory_inode = numbers[0];
	item->directory_seconds = numbers[1];
	item->directory_nanoseconds = numbers[2];
	item->process_inode = numbers[3];
	row->status.pid = (pid_t)numbers[4];
	row->status.start_time = numbers[5];
	row->status.state = (enum status_state)numbers[6];
	row->status.exit_code = (int)numbers[7];
	row->status.restart_count = (int64_t)numbers[8];
	row->volume_count = (int64_t)numbers[9];
	row->status.error = "";
	text_places(row, places);
	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		*places[i] = strsep(&line, FIELD_END);
		if (!*places[i])
			return false;
	}
	return line == NULL;
}

static int by_id(const void *a, const void *b)
{
	const struct remembered *left = a, *right = b;

	return strcmp(left->row.id, right->row.id);
}

void rowmemory_read(const struct engine *engine, struct arena *arena, struct rowmemory *memory)
{
	autofree char *path = mem_printf("%s/" FILE_NAME, engine->run);
	autobuf struct buf text;
	struct error ignored; /* nothing is remembered */
	long long written;
	size_t lines = 0;

	*memory = (struct rowmemory){ 0 };
	buf_init(&text, MEMORY_MAX);
	if (!file_read(AT_FDCWD, path, &text, &ignored))
		return;
	char *rest = arena_strndup(arena, text.data, text.length);
	char *line = strsep(&rest, "\n");
	if (!rest || sscanf(line, VERSION " %lld", &written) != 1 || written > uptime())
		return;
	for (const char *c = rest; (c = strchr(c, RECORD_END)); c++)
		lines++;
	memory->items = arena_array(arena, lines + 1, sizeof(*memory->items));
	while (rest && *rest && memory->count < lines) {
		struct remembered *item = &memory->items[memory->count];

		line = strsep(&rest, "\n");
		if (!read_line(line, item) || (memory->count && by_id(item - 1, item) >= 0)) {
			memory->count = 0;
			return;
		}
		memory->count++;
	}
}

/* Checking. ----------------------------------------------------------------------------------- */

static unsigned long long process_inode(pid_t pid)
{
	struct stat status;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &status) == 0 ? (unsigned long long)status.st_ino : 0;
}

const struct containerrow *rowmemory_find(const struct engine *engine,
					  const struct rowmemory *memory, const char *id)
{
	const struct remembered wanted = { .row.id = id };
	struct stat status;

	if (!memory->count)
		return NULL;
	const struct remembered *item =
		bsearch(&wanted, memory->items, memory->count, sizeof(*memory->items), by_id);
	if (!item || fstatat(engine->containers, id, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    status.st_ino != item->directory_inode ||
	    (unsigned long long)status.st_mtim.tv_sec != item->directory_seconds ||
	    (unsigned long long)status.st_mtim.tv_nsec != item->directory_nanoseconds)
		return NULL;
	if (item->process_inode && process_inode(item->row.status.pid) != item->process_inode)
		return NULL;
	return &item->row;
}

/* Writing. ------------------------------------------------------------------------------------ */

/* A tab, of all things, would end a field. */
static bool is_writable(struct containerrow *row)
{
	const char **places[TEXT_FIELDS];

	text_places(row, places);
	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		if (strpbrk(*places[i], "\t\n"))
			return false;
	}
	return true;
}

/* Whether the row will be true as long as what is checked is the same; then *item is filled. */
static bool is_lasting(const struct engine *engine, const struct containerrow *row,
		       struct remembered *item)
{
	const enum status_state state = row->status.state;
	struct stat status;

	*item = (struct remembered){ .row = *row };
	item->row.container = NULL;
	if (row->health != HEALTH_NONE || !is_writable(&item->row) ||
	    (!status_has_process(&row->status) && state != STATUS_EXITED) ||
	    fstatat(engine->containers, row->id, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    status.st_mtim.tv_sec + ROW_SETTLED > time(NULL))
		return false;
	item->directory_inode = status.st_ino;
	item->directory_seconds = (unsigned long long)status.st_mtim.tv_sec;
	item->directory_nanoseconds = (unsigned long long)status.st_mtim.tv_nsec;
	if (state == STATUS_EXITED)
		return strcmp(row->status.finished_at, STATUS_NEVER) != 0;
	item->process_inode = row->status.pid ? process_inode(row->status.pid) : 0;
	return item->process_inode != 0;
}

static void write_line(struct buf *text, struct remembered *item)
{
	const char **places[TEXT_FIELDS];
	const struct status *status = &item->row.status;

	text_places(&item->row, places);
	buf_printf(text, "%llu\t%llu\t%llu\t%llu\t%d\t%llu\t%d\t%d\t%" PRId64 "\t%" PRId64,
		   item->directory_inode, item->directory_seconds, item->directory_nanoseconds,
		   item->process_inode, (int)status->pid, status->start_time, (int)status->state,
		   status->exit_code, status->restart_count, item->row.volume_count);
	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		buf_add_text(text, FIELD_END);
		buf_add_text(text, *places[i]);
	}
	buf_add_char(text, RECORD_END);
}

/* Some row was worked out that need not be worked out again. */
static bool is_worth_it(const struct engine *engine, const struct containerrows_read *rows)
{
	struct remembered ignored;

	for (size_t i = 0; rows->count >= ROWS_MANY && i < rows->count; i++) {
		if (rows->items[i].container && is_lasting(engine, &rows->items[i], &ignored))
			return true;
	}
	return false;
}

void rowmemory_write(const struct engine *engine, const struct containerrows_read *rows)
{
	autofree char *path = mem_printf("%s/" FILE_NAME, engine->run);
	autofree struct remembered *lasting = NULL;
	autobuf struct buf text;
	struct error ignored; /* then the next one works them out again */
	size_t count = 0;

	buf_init(&text, MEMORY_MAX);
	if (!is_worth_it(engine, rows))
		return;
	lasting = mem_array(rows->count, sizeof(*lasting));
	for (size_t i = 0; i < rows->count; i++)
		count += is_lasting(engine, &rows->items[i], &lasting[count]);
	qsort(lasting, count, sizeof(*lasting), by_id);
	buf_printf(&text, VERSION " %lld\n", uptime());
	for (size_t i = 0; i < count; i++)
		write_line(&text, &lasting[i]);
	if (buf_check(&text, FILE_NAME, &ignored) &&
	    !file_replace_outside(AT_FDCWD, path, text.data, text.length, 0600, FILE_VOLATILE,
				  &ignored))
		return;
}
