/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/jsonlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

/*
 * How this works. Output is cut into lines; a complete line is encoded straight from where it was
 * read, an unfinished one is kept in the stream's line buffer. Records collect in one buffer and
 * are written at the end of each jsonlog_add, so a burst of short lines costs one write.
 */

/* Every byte may become "\u00XX". */
#define RECORD_MAX   (6 * JSONLOG_LINE + 128 + JSONLOG_ATTRS_MAX)
#define RECORDS_SIZE (128 << 10)
#define MEMORY_SIZE  (RECORDS_SIZE + JSONLOG_STREAMS * JSONLOG_LINE)
#define NAME_SIZE    300 /* NAME_MAX and ".2147483647.gz" */

_Static_assert(RECORD_MAX <= RECORDS_SIZE, "a record must fit");

static const char *const stream_names[] = { "stdout", "stderr" };

void jsonlog_init(struct jsonlog *log)
{
	*log = (struct jsonlog){ .dir = -1, .fd = -1, .pressing.pidfd = -1 };
}

static bool open_files(struct jsonlog *log, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir =
		mem_printf("%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	struct stat status;

	log->name = slash ? slash + 1 : path;
	log->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (log->dir < 0)
		return error_sys(err, "log file %s", path);
	log->fd = openat(log->dir, log->name,
			 O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
	if (log->fd < 0 || fstat(log->fd, &status) != 0)
		return error_sys(err, "log file %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_INPUT, "log file %s: not a regular file", path);
	log->size = status.st_size;
	return true;
}

bool jsonlog_open(struct jsonlog *log, const char *path, int64_t max_size, int max_files,
		  struct error *err)
{
	jsonlog_init(log);
	log->max_size = max_size;
	log->max_files = max_files;
	if (!open_files(log, path, err)) {
		jsonlog_close(log);
		return false;
	}
	log->memory =
		mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (log->memory == MAP_FAILED) {
		log->memory = NULL;
		jsonlog_close(log);
		return error_sys(err, "log file %s: memory", path);
	}
	log->records = log->memory;
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		log->lines[i].data = log->memory + RECORDS_SIZE + i * JSONLOG_LINE;
	return true;
}

void jsonlog_close(struct jsonlog *log)
{
	jsonlog_settle(log);
	mem_cleanup_close(&log->fd);
	mem_cleanup_close(&log->dir);
	if (log->memory)
		munmap(log->memory, MEMORY_SIZE);
	jsonlog_init(log);
}

void jsonlog_rest(struct jsonlog *log)
{
	if (log->memory && log->pending == 0)
		madvise(log->records, RECORDS_SIZE, MADV_DONTNEED);
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		if (log->memory && log->lines[i].length == 0)
			madvise(log->lines[i].data, JSONLOG_LINE, MADV_DONTNEED);
}

/* Writing. -------------------------------------------------------------------------------- */

static size_t count_lines(const char *bytes, size_t count)
{
	size_t lines = 0;

	for (size_t i = 0; i < count; i++)
		lines += bytes[i] == '\n';
	return lines;
}

/* Writes what is pending. What does not fit on the disk is dropped, up to the end of a record. */
static void flush(struct jsonlog *log)
{
	size_t done = 0;

	while (done < log->pending) {
		ssize_t count = write(log->fd, log->records + done, log->pending - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		done += (size_t)count;
	}
	if (done < log->pending) {
		size_t whole = done;

		while (whole > 0 && log->records[whole - 1] != '\n')
			whole--;
		log->dropped += count_lines(log->records + whole, log->pending - whole);
		/* Making a file shorter needs no room; should it fail, one line is broken, no more.
		 */
		if (done > whole && ftruncate(log->fd, log->size + (off_t)whole) != 0)
			whole = done;
		done = whole;
	}
	log->size += (int64_t)done;
	log->pending = 0;
}

static void name_file(const struct jsonlog *log, int number, char name[NAME_SIZE])
{
	if (number == 0)
		snprintf(name, NAME_SIZE, "%s", log->name);
	else
		snprintf(name, NAME_SIZE, "%s.%d", log->name, number);
}

/* The program has made nothing that is not whole, but for one file that it had just begun. */
void jsonlog_settle(struct jsonlog *log)
{
	struct error ignored;
	int status = -1;
	char fresh[NAME_SIZE];

	if (log->pressing.pid == 0)
		return;
	kill(log->pressing.pid, SIGKILL); /* ours to reap, so the number is nobody else's */
	if (!proc_wait(&log->pressing, &status, &ignored))
		mem_cleanup_close(&log->pressing.pidfd);
	log->pressing = (struct proc){ .pidfd = -1 };
	snprintf(fresh, sizeof(fresh), "%s.gz.new", log->name);
	if (status != 0)
		unlinkat(log->dir, fresh, 0);
}

/* What cannot be packed stays as it is. */
static void press(struct jsonlog *log)
{
	char files[16];
	const char *const argv[] = { log->press, log->name, files, NULL };
	const struct proc_fd fd = { log->dir, 3 };
	const struct proc_options options = { .argv = argv,
					      .directory = "/",
					      .fds = &fd,
					      .fd_count = 1,
					      .is_session_leader = true,
					      .parent_death_signal = SIGKILL };
	struct error ignored;

	snprintf(files, sizeof(files), "%d", log->max_files);
	if (!proc_spawn(&options, &log->pressing, &ignored))
		log->pressing = (struct proc){ .pidfd = -1 };
}

/* NAME.2.gz becomes NAME.3.gz. A log may have both forms of a file, if a power cut came between. */
static void move_packed(struct jsonlog *log, int number)
{
	char from[NAME_SIZE], to[NAME_SIZE];

	name_file(log, number - 1, from);
	name_file(log, number, to);
	strcat(from, ".gz");
	strcat(to, ".gz");
	if (number == log->max_files - 1)
		unlinkat(log->dir, to, 0);
	if (number > 1)
		renameat(log->dir, from, log->dir, to);
}

/* NAME.1 becomes NAME.2 and so on, the oldest goes, NAME becomes NAME.1 and begins anew. */
static void rotate(struct jsonlog *log)
{
	char from[NAME_SIZE], to[NAME_SIZE];
	int newest = -1;

	jsonlog_settle(log);
	for (int i = log->max_files - 1; i > 0; i--) {
		name_file(log, i, to);
		name_file(log, i - 1, from);
		if (log->press) {
			if (i == log->max_files - 1)
				unlinkat(log->dir, to, 0);
			move_packed(log, i);
		}
		if (renameat(log->dir, from, log->dir, to) != 0 && errno != ENOENT)
			break;
	}
	if (log->max_files > 1)
		newest = openat(log->dir, log->name,
				O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
	if (newest >= 0) {
		close(log->fd);
		log->fd = newest;
		if (log->press)
			press(log);
	} else if (ftruncate(log->fd, 0) != 0) {
		return; /* a single file, or one that cannot be moved, is emptied; never too big */
	}
	log->size = 0;
}

/* Encoding, byte for byte what Docker's json-file driver writes. ---------------------------- */

static char *add(char *to, const char *bytes, size_t count)
{
	memcpy(to, bytes, count);
	return to + count;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static char *add_control(char *to, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	*to++ = '\\';
	if (c == '"' || c == '\\')
		*to++ = (char)c;
	else if (c == '\n' || c == '\r')
		*to++ = c == '\n' ? 'n' : 'r';
	else {
		to = add(to, "u00", 3);
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	return to;
}

/* One sequence of more than a byte: as it is, or what JavaScript would choke on escaped. */
static char *add_sequence(char *to, const char *bytes, size_t left, size_t *used)
{
	size_t length = utf8_length(bytes, left);

	*used = length ? length : 1;
	if (length == 0)
		return add(to, "\\ufffd", 6);
	if (length == 3 && memcmp(bytes, "\xe2\x80\xa8", 3) == 0)
		return add(to, "\\u2028", 6);
	if (length == 3 && memcmp(bytes, "\xe2\x80\xa9", 3) == 0)
		return add(to, "\\u2029", 6);
	return add(to, bytes, length);
}

static char *add_escaped(char *to, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count;) {
		size_t plain = i;

		while (plain < count && is_plain((unsigned char)bytes[plain]))
			plain++;
		to = add(to, bytes + i, plain - i);
		i = plain;
		if (i == count)
			break;
		if ((unsigned char)bytes[i] < 0x80) {
			to = add_control(to, (unsigned char)bytes[i++]);
		} else {
			size_t used;

			to = add_sequence(to, bytes + i, count - i, &used);
			i += used;
		}
	}
	return to;
}

size_t jsonlog_time(char text[JSONLOG_TIME_SIZE], struct timespec time)
{
	size_t length = clock_print(text, &time) - 1; /* without the Z */

	while (text[length - 1] == '0')
		length--;
	if (text[length - 1] == '.')
		length--;
	text[length++] = 'Z';
	text[length] = '\0';
	return length;
}

/* Lines that were read together have one time, whose text takes longer than all else in a record.
 */
static void set_stamp(struct jsonlog *log, struct timespec time)
{
	if (log->stamp_length && log->stamp.tv_sec == time.tv_sec &&
	    log->stamp.tv_nsec == time.tv_nsec)
		return;
	log->stamp = time;
	log->stamp_length = jsonlog_time(log->stamp_text, time);
}

static void add_record(struct jsonlog *log, enum jsonlog_stream stream, const char *bytes,
		       size_t count, struct timespec time)
{
	set_stamp(log, time);
	if (log->pending + RECORD_MAX > RECORDS_SIZE)
		flush(log);

	char *record = log->records + log->pending;
	char *end = add(record, "{\"log\":\"", 8);

	end = add_escaped(end, bytes, count);
	end = add(end, "\",\"stream\":\"", 12);
	end = add(end, stream_names[stream], 6);
	if (log->attrs) {
		end = add(end, "\",\"attrs\":", 10);
		end = add(end, log->attrs, strlen(log->attrs));
		end = add(end, ",\"time\":\"", 9);
	} else {
		end = add(end, "\",\"time\":\"", 10);
	}
	end = add(end, log->stamp_text, log->stamp_length);
	end = add(end, "\"}\n", 3);

	size_t length = (size_t)(end - record);
	int64_t before = log->size + (int64_t)log->pending;

	if (log->max_size > 0 && before > 0 && before + (int64_t)length > log->max_size) {
		flush(log);
		rotate(log);
		memmove(log->records, record, length);
	}
	log->pending += length;
}

/* Lines. ---------------------------------------------------------------------------------- */

/* How much of a full line buffer goes into one record: not the beginning of a UTF-8 sequence. */
static size_t split_at(const char *bytes, size_t count)
{
	for (size_t back = 1; back <= 3 && back < count; back++) {
		unsigned char c = (unsigned char)bytes[count - back];

		if (c < 0x80)
			break;
		if (c >= 0xc0) /* begins a sequence of 2, 3 or 4 bytes */
			return back < (c >= 0xf0 ? 4U : c >= 0xe0 ? 3U : 2U) ? count - back : count;
	}
	return count;
}

static void write_part(struct jsonlog *log, enum jsonlog_stream stream, size_t count,
		       struct timespec now)
{
	struct jsonlog_line *line = &log->lines[stream];

	if (!line->is_continued)
		line->since = now;
	add_record(log, stream, line->data, count, line->since);
	line->length -= count;
	memmove(line->data, line->data + count, line->length);
}

void jsonlog_add(struct jsonlog *log, enum jsonlog_stream stream, const char *bytes, size_t count,
		 struct timespec now)
{
	struct jsonlog_line *line = &log->lines[stream];

	while (log->memory && count > 0) {
		const char *newline = memchr(bytes, '\n', count);
		size_t length = newline ? (size_t)(newline - bytes) + 1 : count;

		if (newline && line->length == 0 && !line->is_continued &&
		    length - 1 < JSONLOG_LINE) {
			add_record(log, stream, bytes, length, now);
		} else if (newline && line->length + length - 1 < JSONLOG_LINE) {
			memcpy(line->data + line->length, bytes, length);
			line->length += length;
			write_part(log, stream, line->length, now);
			line->is_continued = false;
		} else {
			size_t room = JSONLOG_LINE - line->length;

			length = length < room ? length : room;
			memcpy(line->data + line->length, bytes, length);
			line->length += length;
			if (line->length == JSONLOG_LINE) {
				write_part(log, stream, split_at(line->data, line->length), now);
				line->is_continued = true;
			}
		}
		bytes += length;
		count -= length;
	}
	if (log->pending > 0)
		flush(log);
}

void jsonlog_end(struct jsonlog *log, enum jsonlog_stream stream, struct timespec now)
{
	if (!log->memory)
		return;
	if (log->lines[stream].length > 0)
		write_part(log, stream, log->lines[stream].length, now);
	log->lines[stream].is_continued = false;
	flush(log);
	jsonlog_settle(log);
}
