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
#include "base/proc.h"
#include "engine/logging.h"
#include "engine/logpress.h"
#include "engine/status.h"
#include "image/config.h"

/*
 * How this works. The files are read from the oldest to the newest, record by record, through one
 * buffer. --tail first counts all records, then skips what is too many: two readings, no index. To
 * follow, inotify tells of more. Files are renamed under our hands: what comes after the open one
 * is the file whose number is one less than the open one's own by now. Older files may be packed,
 * also while we have one open: a program unpacks them, and their header tells what they were.
 */

#define READ_STEP    65536
#define FILES_MAX    1000
#define NAME_SIZE    (sizeof(CONTAINER_LOG) + sizeof(LOGPRESS_SUFFIX) + 16)

#define GZIP_HEAD    10 /* bytes before what a gzip header need not have */

#define ATTEMPTS_MAX 100 /* to open a file in a moment without a rotation */

#define HEAD         64 /* bytes that tell a file from the one it was: a time is in them */

#define CHECK_MS     2000 /* how often a followed container is looked at when nothing happens */

struct reader {
	const struct logfile_query *query;
	int dir;               /* the container's directory */
	int file;              /* what is read */
	int packed;            /* the packed file that `file` has the bytes of; -1: `file` is it */
	struct proc unpacking; /* pid 0: none */
	char head[HEAD];       /* what the open file began with when it was last looked at */
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

static bool rewind_file(struct reader *reader)
{
	buf_clear(&reader->pending);
	return lseek(reader->file, 0, SEEK_SET) == 0;
}

/* The log's only file begins anew when it is full. */
static bool begin_anew(struct reader *reader)
{
	return note_head(reader) || rewind_file(reader);
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
		if (reader->packed < 0 && reader->head_length > 0 && !note_head(reader)) {
			/* These bytes are from the middle of what it has now. */
			if (!rewind_file(reader))
				return error_sys(err, "read the container's log");
			continue;
		}
		if (reader->packed < 0 && reader->head_length == 0)
			(void)note_head(reader);
		buf_commit(&reader->pending, (size_t)got);
		take_lines(reader);
	}
	return true;
}

static const char *name_file(char name[NAME_SIZE], int number, bool is_packed)
{
	const char *suffix = is_packed ? LOGPRESS_SUFFIX : "";

	if (number == 0)
		snprintf(name, NAME_SIZE, CONTAINER_LOG "%s", suffix);
	else
		snprintf(name, NAME_SIZE, CONTAINER_LOG ".%d%s", number, suffix);
	return name;
}

static int open_form(const struct reader *reader, int number, bool is_packed)
{
	char name[NAME_SIZE];

	return openat(reader->dir, name_file(name, number, is_packed),
		      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* It becomes packed after a first look, but never the other way round. */
static int open_file(const struct reader *reader, int number, bool *is_packed)
{
	int file = open_form(reader, number, false);

	*is_packed = file < 0 && number > 0;
	return *is_packed ? open_form(reader, number, true) : file;
}

/* The inode of a number's plain or packed form; 0: there is none. */
static ino_t inode_of(const struct reader *reader, int number, bool is_packed)
{
	char name[NAME_SIZE];
	struct stat status;

	if (fstatat(reader->dir, name_file(name, number, is_packed), &status,
		    AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return status.st_ino;
}

/* What a packed file was before: see logpress.h. 0: nobody knows. */
static unsigned long long inode_before(int packed)
{
	static const unsigned char head[] = { 0x1f, 0x8b, 8, 0x10 /* only a comment */ };
	char bytes[GZIP_HEAD + LOGPRESS_COMMENT_MAX + 1] = { 0 };

	if (pread(packed, bytes, sizeof(bytes) - 1, 0) < GZIP_HEAD ||
	    memcmp(bytes, head, sizeof(head)) != 0)
		return 0;
	return strtoull(bytes + GZIP_HEAD, NULL, 10);
}

static bool was_before(const struct reader *reader, int number, ino_t inode)
{
	autoclose int packed = open_form(reader, number, true);

	return packed >= 0 && inode_before(packed) == inode;
}

/* The inode of what is open. */
static ino_t own_inode(const struct reader *reader)
{
	struct stat own;

	return fstat(reader->packed >= 0 ? reader->packed : reader->file, &own) == 0 ? own.st_ino
										     : 0;
}

/* The number of the open file, -1 if it has none any more; and the oldest's, -1 if there is none.
 * While the monitor renames them, from the oldest on, one number is missing. */
static int find_own(const struct reader *reader, int *oldest)
{
	const ino_t own = reader->file >= 0 ? own_inode(reader) : 0;
	int found = -1;

	*oldest = -1;
	for (int number = 0; number - *oldest <= 2 && number < FILES_MAX; number++) {
		ino_t plain = inode_of(reader, number, false);
		ino_t packed = inode_of(reader, number, true);

		if (plain || packed)
			*oldest = number;
		if (own && (plain == own || packed == own))
			found = number;
	}
	/* Numbers of inodes are used again: the newest that had it is ours. */
	for (int number = 1; own && found < 0 && reader->packed < 0 && number <= *oldest; number++)
		if (was_before(reader, number, own))
			found = number;
	return found;
}

static bool has_number(const struct reader *reader, int number)
{
	const ino_t own = own_inode(reader);

	return own && (inode_of(reader, number, false) == own ||
		       inode_of(reader, number, true) == own || was_before(reader, number, own));
}

/* The file that was begun after the open one, or the oldest if none is open, or the open one is
 * gone; -1: there is none (yet). */
static int open_successor(const struct reader *reader, bool *is_packed)
{
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		int oldest;
		int own = find_own(reader, &oldest);
		int number = own < 0 ? oldest : own - 1;
		int next = number < 0 ? -1 : open_file(reader, number, is_packed);

		/* Nothing was renamed between the two looks: a file's successor moves after it. */
		if (next < 0 || own < 0 || has_number(reader, own))
			return next;
		mem_cleanup_close(&next);
	}
	return -1;
}

/* What is not unpacked to its end is damaged: the other files are still worth reading. */
static void close_file(struct reader *reader)
{
	struct error ignored;
	int status;

	drop_fd(&reader->file);
	drop_fd(&reader->packed);
	if (reader->unpacking.pid && !proc_wait(&reader->unpacking, &status, &ignored))
		mem_cleanup_close(&reader->unpacking.pidfd);
	reader->unpacking.pid = 0;
}

/* Reads the packed file through the program that unpacks it. */
static bool unpack(struct reader *reader, int packed, struct error *err)
{
	autofree char *program = NULL;
	int ends[2];

	if (!proc_helper("mooring-logpress", &program, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	autoclose int from = ends[0];
	autoclose int to = ends[1];
	const char *const argv[] = { program, "--expand", NULL };
	const struct proc_fd fds[] = { { packed, STDIN_FILENO }, { to, STDOUT_FILENO } };
	const struct proc_options options = { .argv = argv, .fds = fds, .fd_count = COUNT_OF(fds) };

	if (!proc_spawn(&options, &reader->unpacking, err)) {
		reader->unpacking.pid = 0;
		return false;
	}
	reader->file = take_fd(&from);
	return true;
}

static bool take_file(struct reader *reader, int *next, bool is_packed, struct error *err)
{
	close_file(reader);
	buf_clear(&reader->pending);
	reader->head_length = 0;
	if (is_packed && !unpack(reader, *next, err))
		return false;
	*(is_packed ? &reader->packed : &reader->file) = take_fd(next);
	return true;
}

/* Goes on to the next file, after the last words of the open one: nobody writes to it any more. */
static bool go_on(struct reader *reader, bool *has_next, struct error *err)
{
	bool is_packed = false;
	autoclose int next = open_successor(reader, &is_packed);

	*has_next = next >= 0;
	if (!*has_next)
		return true;
	return (reader->file < 0 || read_on(reader, err)) &&
	       take_file(reader, &next, is_packed, err);
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
	close_file(reader);
	buf_clear(&reader->pending);
	reader->is_counting = false;
	if (reader->seen > reader->query->tail)
		reader->skip = reader->seen - reader->query->tail;
	reader->seen = 0;
	return true;
}

/* Following. ---------------------------------------------------------------------------------- */

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
	struct reader reader = { .query = query, .file = -1, .packed = -1 };

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
	close_file(&reader);
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
	(*log)->reader =
		(struct reader){ .query = &(*log)->query, .dir = dir, .file = -1, .packed = -1 };
	buf_init(&(*log)->reader.pending, LOGRECORD_LINE_MAX);
	return true;
}

/* All there is by now. */
static bool take_all(struct logfile *log, struct error *err)
{
	struct reader *reader = &log->reader;
	bool is_done = log->is_read ? catch_up(reader, err) : read_files(reader, err);

	log->is_read = true;
	if (!reader->pending.length) { /* a quiet container costs nothing */
		buf_done(&reader->pending);
		buf_init(&reader->pending, LOGRECORD_LINE_MAX);
	}
	return is_done;
}

bool logfile_pump(struct logfile *log, struct error *err)
{
	return (log->is_read || log->query.tail < 0 || count_records(&log->reader, err)) &&
	       take_all(log, err);
}

bool logfile_skip(struct logfile *log, struct error *err)
{
	log->reader.is_counting = true;

	bool is_done = take_all(log, err);

	log->reader.is_counting = false;
	return is_done;
}

void logfile_close(struct logfile *log)
{
	if (!log)
		return;
	close_file(&log->reader);
	mem_cleanup_close(&log->reader.dir);
	buf_done(&log->reader.pending);
	mem_cleanup_free(&log);
}
