/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "engine/logging.h"
#include "engine/status.h"
#include "image/config.h"

/*
 * How this works. The files are read from the oldest to the newest, record by record, through one
 * buffer. --tail first counts all records, then skips what is too many: two readings, no index. To
 * follow, inotify tells of more. Files are renamed under our hands: what comes after the open one
 * is the file whose number is one less than the open one's own by now.
 */

#define READ_STEP    65536
#define FILES_MAX    1000
#define NAME_SIZE    (sizeof(CONTAINER_LOG) + 16)

#define ATTEMPTS_MAX 100 /* to open a file in a moment without a rotation */

#define HEAD         64 /* bytes that tell a file from the one it was: a time is in them */

#define CHECK_MS     2000 /* how often a followed container is looked at when nothing happens */

struct reader {
	const struct logfile_query *query;
	int dir; /* the container's directory */
	int file;
	char head[HEAD]; /* what the open file began with when it was last looked at */
	size_t head_length;
	struct buf pending; /* read, not yet a whole line */
	int64_t skip;       /* records that --tail leaves out */
	int64_t seen;
	bool is_counting; /* records are only counted */
	bool is_over;     /* the reader is gone, or --until has passed */
};

/* Records. ------------------------------------------------------------------------------------ */

/* -1, 0 or 1: before, at or after the moment. */
static int compare_time(const char *time, int64_t seconds, long nanoseconds)
{
	int64_t at;
	long fraction;

	if (!image_time_parse(time, &at, &fraction))
		return 0;
	if (at != seconds)
		return at < seconds ? -1 : 1;
	return fraction == nanoseconds ? 0 : fraction < nanoseconds ? -1 : 1;
}

static bool is_in_range(const struct logfile_query *query, const char *time)
{
	if (query->since_seconds && compare_time(time, query->since_seconds, query->since_ns) < 0)
		return false;
	return !query->until_seconds ||
	       compare_time(time, query->until_seconds, query->until_ns) <= 0;
}

/* A damaged record is skipped: the others are still worth reading. */
static void deliver(struct reader *reader, const char *line)
{
	autobuf struct buf text;
	struct logrecord record;

	buf_init(&text, LOGRECORD_LINE_MAX);
	if (logrecord_parse(line, &text, &record) && is_in_range(reader->query, record.time) &&
	    !reader->query->on_record(reader->query->context, &record))
		reader->is_over = true;
}

static void take_line(struct reader *reader, const char *line)
{
	reader->seen++;
	if (!reader->is_counting && reader->seen > reader->skip)
		deliver(reader, line);
}

static void take_lines(struct reader *reader)
{
	char *line = reader->pending.data;
	size_t left = reader->pending.length;
	char *end;

	while (!reader->is_over && left && (end = memchr(line, '\n', left))) {
		*end = '\0';
		take_line(reader, line);
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	buf_consume(&reader->pending, reader->pending.length - left);
	if (reader->pending.length >= LOGRECORD_LINE_MAX)
		buf_clear(&reader->pending); /* no record is that long: find the next one */
}

/* Files. -------------------------------------------------------------------------------------- */

/* False if the open file does not begin as it did: it was emptied, however long it is by now. */
static bool note_head(struct reader *reader)
{
	char now[HEAD];
	ssize_t got = pread(reader->file, now, sizeof(now), 0);
	size_t length = got > 0 ? (size_t)got : 0;
	bool is_same = length >= reader->head_length &&
		       memcmp(now, reader->head, reader->head_length) == 0;

	memcpy(reader->head, now, length);
	reader->head_length = length;
	return is_same;
}

/* To the end of what is there now. */
static bool read_on(struct reader *reader, struct error *err)
{
	while (!reader->is_over) {
		size_t room = LOGRECORD_LINE_MAX - reader->pending.length;
		size_t step = room < READ_STEP ? room : READ_STEP;
		char *to = buf_reserve(&reader->pending, step);
		ssize_t got = to ? read(reader->file, to, step) : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "read the container's log");
		if (got == 0)
			return true;
		if (reader->head_length == 0)
			(void)note_head(reader);
		buf_commit(&reader->pending, (size_t)got);
		take_lines(reader);
	}
	return true;
}

static const char *name_file(char name[NAME_SIZE], int number)
{
	if (number == 0)
		return CONTAINER_LOG;
	snprintf(name, NAME_SIZE, CONTAINER_LOG ".%d", number);
	return name;
}

static int open_file(const struct reader *reader, int number)
{
	char name[NAME_SIZE];

	return openat(reader->dir, name_file(name, number), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static bool stat_file(const struct reader *reader, int number, struct stat *status)
{
	char name[NAME_SIZE];

	return fstatat(reader->dir, name_file(name, number), status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The number of the open file, -1 if it has none any more; and the oldest's, -1 if there is none.
 * While the monitor renames them, from the oldest on, one number is missing. */
static int find_own(const struct reader *reader, int *oldest)
{
	struct stat own = { 0 };
	struct stat named;
	int found = -1;

	if (reader->file >= 0 && fstat(reader->file, &own) < 0)
		return -1;
	*oldest = -1;
	for (int number = 0; number - *oldest <= 2 && number < FILES_MAX; number++) {
		if (!stat_file(reader, number, &named))
			continue;
		*oldest = number;
		if (reader->file >= 0 && named.st_ino == own.st_ino)
			found = number;
	}
	return found;
}

static bool has_number(const struct reader *reader, int number)
{
	struct stat own;
	struct stat named;

	return fstat(reader->file, &own) == 0 && stat_file(reader, number, &named) &&
	       named.st_ino == own.st_ino;
}

/* The file that was begun after the open one, or the oldest if none is open, or the open one is
 * gone; -1: there is none (yet). */
static int open_successor(const struct reader *reader)
{
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		int oldest;
		int own = find_own(reader, &oldest);
		int number = own < 0 ? oldest : own - 1;
		int next = number < 0 ? -1 : open_file(reader, number);

		/* Nothing was renamed between the two looks: a file's successor moves after it. */
		if (next < 0 || own < 0 || has_number(reader, own))
			return next;
		mem_cleanup_close(&next);
	}
	return -1;
}

/* Goes on to the next file, after the last words of the open one: nobody writes to it any more. */
static bool go_on(struct reader *reader, bool *has_next, struct error *err)
{
	int next = open_successor(reader);

	*has_next = next >= 0;
	if (!*has_next)
		return true;
	if (reader->file >= 0 && !read_on(reader, err)) {
		mem_cleanup_close(&next);
		return false;
	}
	mem_cleanup_close(&reader->file);
	buf_clear(&reader->pending);
	reader->file = next;
	reader->head_length = 0;
	return true;
}

/* From the open file, or else the oldest, to the end of the newest, which stays open. */
static bool read_files(struct reader *reader, struct error *err)
{
	bool has_next = true;

	while (has_next && !reader->is_over) {
		if (reader->file >= 0 && !read_on(reader, err))
			return false;
		if (!go_on(reader, &has_next, err))
			return false;
	}
	return true;
}

static bool count_records(struct reader *reader, struct error *err)
{
	reader->is_counting = true;
	if (!read_files(reader, err))
		return false;
	drop_fd(&reader->file);
	buf_clear(&reader->pending);
	reader->is_counting = false;
	if (reader->seen > reader->query->tail)
		reader->skip = reader->seen - reader->query->tail;
	reader->seen = 0;
	return true;
}

/* Following. ---------------------------------------------------------------------------------- */

/* The log's only file begins anew when it is full. */
static bool begin_anew(struct reader *reader)
{
	if (note_head(reader))
		return true;
	buf_clear(&reader->pending);
	return lseek(reader->file, 0, SEEK_SET) == 0;
}

static bool catch_up(struct reader *reader, struct error *err)
{
	if (reader->file >= 0 && !begin_anew(reader))
		return error_sys(err, "read the container's log");
	return read_files(reader, err);
}

static int open_watch(const char *path)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (watch >= 0 && inotify_add_watch(watch, path, LOGFILE_EVENTS) < 0) {
		mem_cleanup_close(&watch);
		return -1; /* then the regular look has to do */
	}
	return watch;
}

static void drain(int watch)
{
	char events[4096];

	while (read(watch, events, sizeof(events)) > 0)
		continue;
}

static bool follow(struct reader *reader, struct engine *engine, const char *id, struct error *err)
{
	autofree char *path = mem_printf("%s/containers/%s", engine->root, id);
	autoclose int watch = open_watch(path);

	while (!reader->is_over) {
		/* Asked before reading: what is written before the end is then read for sure. */
		bool is_running = status_is_running(engine, id);
		struct pollfd waits[2] = { { .fd = watch, .events = POLLIN },
					   { .fd = reader->query->interrupt, .events = POLLIN } };

		if (!catch_up(reader, err))
			return false;
		if (!is_running)
			return true;
		poll(waits, COUNT_OF(waits), CHECK_MS);
		if (waits[1].revents)
			return true;
		drain(watch);
	}
	return true;
}

bool logfile_read(struct engine *engine, const struct container *container,
		  const struct logfile_query *query, struct error *err)
{
	struct reader reader = { .query = query, .file = -1 };

	if (!logging_is_readable(container))
		return error_set(err, ERROR_UNSUPPORTED,
				 "configured logging driver does not support reading");
	autoclose int dir =
		openat(engine->containers, container->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", container->id);
	reader.dir = dir;
	buf_init(&reader.pending, LOGRECORD_LINE_MAX);
	bool is_done = (query->tail < 0 || count_records(&reader, err)) &&
		       read_files(&reader, err) &&
		       (!query->is_followed || follow(&reader, engine, container->id, err));
	mem_cleanup_close(&reader.file);
	buf_done(&reader.pending);
	return is_done;
}

/* A piece at a time. -------------------------------------------------------------------------- */

struct logfile {
	struct reader reader;
	struct logfile_query query;
	bool is_read; /* what was there when it was opened */
};

bool logfile_open(const struct engine *engine, const char *id, const struct logfile_query *query,
		  struct logfile **log, struct error *err)
{
	int dir = openat(engine->containers, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", id);
	*log = mem_alloc(sizeof(**log));
	(*log)->query = *query;
	(*log)->reader = (struct reader){ .query = &(*log)->query, .dir = dir, .file = -1 };
	buf_init(&(*log)->reader.pending, LOGRECORD_LINE_MAX);
	return true;
}

bool logfile_pump(struct logfile *log, struct error *err)
{
	struct reader *reader = &log->reader;
	bool is_done;

	if (log->is_read)
		is_done = catch_up(reader, err);
	else
		is_done = (log->query.tail < 0 || count_records(reader, err)) &&
			  read_files(reader, err);
	log->is_read = true;
	if (!reader->pending.length) { /* a quiet container costs nothing */
		buf_done(&reader->pending);
		buf_init(&reader->pending, LOGRECORD_LINE_MAX);
	}
	return is_done;
}

bool logfile_skip(struct logfile *log, struct error *err)
{
	log->reader.is_counting = true;
	bool is_done = logfile_pump(log, err);
	log->reader.is_counting = false;
	log->reader.skip = 0;
	return is_done;
}

void logfile_close(struct logfile *log)
{
	if (!log)
		return;
	mem_cleanup_close(&log->reader.file);
	mem_cleanup_close(&log->reader.dir);
	buf_done(&log->reader.pending);
	mem_cleanup_free(&log);
}
