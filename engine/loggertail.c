/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/container.h"
#include "engine/logger.h"

/*
 * How this works. The monitor renames a full file and begins a new one. We keep the one that we
 * read open: at its end we look which name it has by now, and go on with the next newer one.
 */

#define READ_STEP 65536
#define FILES_MAX 1000
#define NAME_SIZE (sizeof(CONTAINER_LOG) + 16)

void loggertail_init(struct loggertail *tail, int dir, int file)
{
	*tail = (struct loggertail){ .dir = dir, .file = file };
	buf_init(&tail->pending, LOGRECORD_LINE_MAX);
}

static void name_file(int number, char name[NAME_SIZE])
{
	if (number)
		snprintf(name, NAME_SIZE, CONTAINER_LOG ".%d", number);
	else
		snprintf(name, NAME_SIZE, CONTAINER_LOG);
}

/* The number of the file that we have open; -1: the newest. Files that are gone by now were the
 * oldest: then the oldest that is there is the next, which is as if ours were the one before it. */
static int find_ours(const struct loggertail *tail)
{
	struct stat own, named;
	char name[NAME_SIZE];
	int number = 0;

	if (fstat(tail->file, &own) != 0)
		return 0;
	for (; number < FILES_MAX; number++) {
		name_file(number, name);
		if (fstatat(tail->dir, name, &named, AT_SYMLINK_NOFOLLOW) != 0)
			break;
		if (named.st_ino == own.st_ino && named.st_dev == own.st_dev)
			return number;
	}
	return number;
}

/* Goes on with the next newer file, if there is one. */
static bool go_on(struct loggertail *tail)
{
	int number = find_ours(tail);
	char name[NAME_SIZE];

	if (number == 0)
		return false;
	name_file(number - 1, name);
	int next = openat(tail->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (next < 0)
		return false;
	close(tail->file);
	tail->file = next;
	buf_clear(&tail->pending);
	return true;
}

/* A log of one file is emptied instead of renamed. */
static bool was_emptied(struct loggertail *tail)
{
	struct stat status;
	off_t at = lseek(tail->file, 0, SEEK_CUR);

	if (fstat(tail->file, &status) != 0 || at <= status.st_size)
		return false;
	buf_clear(&tail->pending);
	return lseek(tail->file, 0, SEEK_SET) == 0;
}

/* False: there is no more. */
static bool read_more(struct loggertail *tail)
{
	buf_consume(&tail->pending, tail->begin);
	tail->begin = 0;
	if (tail->pending.length + READ_STEP > LOGRECORD_LINE_MAX)
		buf_clear(&tail->pending); /* no record is that long: find the next one */
	for (;;) {
		char *to = buf_reserve(&tail->pending, READ_STEP);
		ssize_t got = read(tail->file, to, READ_STEP);

		if (got < 0 && errno == EINTR)
			continue;
		if (got > 0) {
			buf_commit(&tail->pending, (size_t)got);
			return true;
		}
		/* It may have been written to and renamed after we read: then look once more. */
		if (got < 0 || (!was_emptied(tail) && !go_on(tail)))
			return false;
	}
}

char *loggertail_next(struct loggertail *tail)
{
	do {
		char *line = tail->pending.data + tail->begin;
		size_t left = tail->pending.length - tail->begin;
		char *end = left ? memchr(line, '\n', left) : NULL;

		if (end) {
			*end = '\0';
			tail->begin += (size_t)(end + 1 - line);
			return line;
		}
	} while (read_more(tail));
	if (!tail->pending.length) { /* a quiet container costs nothing */
		buf_done(&tail->pending);
		buf_init(&tail->pending, LOGRECORD_LINE_MAX);
	}
	return NULL;
}
