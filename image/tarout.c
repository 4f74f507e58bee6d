/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tarout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/limits.h"

#define RECORD 512
#define BLOCK  (128 << 10)

/* The header as it stands in the archive (POSIX.1-1988, ustar). */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
		magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155],
		rest[12];
};

_Static_assert(sizeof(struct header) == RECORD, "a tar header is one record");

void tarout_open(struct tarout *tar, int fd)
{
	*tar = (struct tarout){ .fd = fd, .block = mem_alloc(BLOCK) };
}

void tarout_close(struct tarout *tar)
{
	free(tar->block);
	*tar = (struct tarout){ .fd = -1 };
}

/* -- bytes --------------------------------------------------------------------------------------
 */

/* Of EPIPE, so that it can be told from a failure of our own: the reader may know why. */
static bool lost_reader(struct error *err)
{
	error_set(err, ERROR_SYSTEM, "write the archive: nobody reads it any more");
	err->sys = EPIPE;
	return false;
}

static bool flush(struct tarout *tar, struct error *err)
{
	for (size_t done = 0; done < tar->length;) {
		ssize_t written = write(tar->fd, tar->block + done, tar->length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EPIPE)
			return lost_reader(err);
		if (written < 0)
			return error_sys(err, "write the archive");
		done += (size_t)written;
	}
	tar->length = 0;
	return true;
}

static bool put(struct tarout *tar, const void *bytes, size_t count, struct error *err)
{
	const char *next = bytes;

	while (count > 0) {
		size_t room = BLOCK - tar->length;
		size_t step = count < room ? count : room;

		memcpy(tar->block + tar->length, next, step);
		tar->length += step;
		next += step;
		count -= step;
		if (tar->length == BLOCK && !flush(tar, err))
			return false;
	}
	return true;
}

static bool put_zeros(struct tarout *tar, int64_t count, struct error *err)
{
	static const char zeros[RECORD];

	for (; count > 0; count -= RECORD)
		if (!put(tar, zeros, count < RECORD ? (size_t)count : RECORD, err))
			return false;
	return true;
}

static int64_t padding_of(int64_t size)
{
	return (RECORD - size % RECORD) % RECORD;
}

/* -- PAX records --------------------------------------------------------------------------------
 */

static size_t digits_of(size_t number)
{
	size_t digits = 1;

	for (; number > 9; number /= 10)
		digits++;
	return digits;
}

/* "LENGTH key=value\n", where LENGTH counts its own digits too. */
void tarout_add_record(struct buf *extra, const char *key, const void *value, size_t size)
{
	size_t rest = strlen(key) + size + 3;
	size_t length = rest + digits_of(rest);

	length = rest + digits_of(length);
	buf_printf(extra, "%zu %s=", length, key);
	buf_add(extra, value, size);
	buf_add_char(extra, '\n');
}

static void add_number(struct buf *extra, const char *key, int64_t number)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%lld", (long long)number);

	tarout_add_record(extra, key, text, (size_t)length);
}

/* -- headers ------------------------------------------------------------------------------------
 */

/* Octal digits and a NUL; a number that has too many becomes a record and 0 here. */
static void set_number(char *field, size_t width, int64_t number, const char *key,
		       struct buf *extra)
{
	int64_t limit = 1LL << (3 * (width - 1));

	if (number < 0 || number >= limit) {
		add_number(extra, key, number);
		number = 0;
	}
	for (size_t i = width - 1; i-- > 0; number >>= 3)
		field[i] = (char)('0' + (number & 7));
}

static void set_text(char *field, size_t width, const char *text, const char *key,
		     struct buf *extra)
{
	size_t length = strlen(text);

	if (length > width)
		tarout_add_record(extra, key, text, length);
	memcpy(field, text, length < width ? length : width);
}

/* The sum of all bytes, its own field taken as blanks. */
static void set_checksum(struct header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned int sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	snprintf(header->checksum, sizeof(header->checksum), "%06o", sum);
	header->checksum[7] = ' ';
}

static void fill(struct header *header, const struct tarout_entry *entry, struct buf *extra)
{
	bool is_directory = entry->type == TAROUT_DIRECTORY;
	bool is_device = entry->type == TAROUT_CHAR || entry->type == TAROUT_BLOCK;
	autofree char *path = mem_printf("%s%s", entry->path, is_directory ? "/" : "");

	*header = (struct header){ .type = (char)entry->type, .version = { '0', '0' } };
	memcpy(header->magic, "ustar", 6);
	set_text(header->name, sizeof(header->name), path, "path", extra);
	set_text(header->link, sizeof(header->link), entry->link ? entry->link : "", "linkpath",
		 extra);
	set_number(header->mode, sizeof(header->mode), entry->mode & 07777, "mode", extra);
	set_number(header->uid, sizeof(header->uid), entry->uid, "uid", extra);
	set_number(header->gid, sizeof(header->gid), entry->gid, "gid", extra);
	set_number(header->size, sizeof(header->size), entry->type == TAROUT_FILE ? entry->size : 0,
		   "size", extra);
	set_number(header->mtime, sizeof(header->mtime), entry->mtime, "mtime", extra);
	set_number(header->major, sizeof(header->major), is_device ? major(entry->device) : 0,
		   "SCHILY.devmajor", extra);
	set_number(header->minor, sizeof(header->minor), is_device ? minor(entry->device) : 0,
		   "SCHILY.devminor", extra);
}

static bool put_header(struct tarout *tar, struct header *header, struct error *err)
{
	set_checksum(header);
	return put(tar, header, sizeof(*header), err);
}

/* The records as the content of an entry of their own, which belongs to the next one. */
static bool put_extra(struct tarout *tar, const struct buf *extra, struct error *err)
{
	const struct tarout_entry entry = { .type = TAROUT_FILE,
					    .path = "PaxHeaders/entry",
					    .mode = 0644,
					    .size = (int64_t)extra->length };
	autobuf struct buf none;
	struct header header;

	buf_init(&none, RECORD);
	fill(&header, &entry, &none);
	header.type = 'x';
	return put_header(tar, &header, err) && put(tar, extra->data, extra->length, err) &&
	       put_zeros(tar, padding_of((int64_t)extra->length), err);
}

bool tarout_put(struct tarout *tar, const struct tarout_entry *entry, struct error *err)
{
	autobuf struct buf extra;
	struct header header;

	buf_init(&extra, LIMIT_PAX_HEADER);
	if (!tarout_fill(tar, err))
		return false;
	fill(&header, entry, &extra);
	if (entry->extra)
		buf_add(&extra, entry->extra->data, entry->extra->length);
	if (!buf_check(&extra, "what tar must be told of it", err))
		return false;
	if (extra.length > 0 && !put_extra(tar, &extra, err))
		return false;
	tar->left = entry->type == TAROUT_FILE ? entry->size : 0;
	tar->padding = padding_of(tar->left);
	return put_header(tar, &header, err);
}

/* -- content ------------------------------------------------------------------------------------
 */

bool tarout_data(struct tarout *tar, const void *bytes, size_t count, struct error *err)
{
	if ((int64_t)count > tar->left)
		return error_set(err, ERROR_CORRUPT, "longer than it was");
	tar->left -= (int64_t)count;
	return put(tar, bytes, count, err);
}

bool tarout_fill(struct tarout *tar, struct error *err)
{
	int64_t count = tar->left + tar->padding;

	tar->left = tar->padding = 0;
	return put_zeros(tar, count, err);
}

bool tarout_end(struct tarout *tar, struct error *err)
{
	return tarout_fill(tar, err) && put_zeros(tar, (int64_t)2 * RECORD, err) && flush(tar, err);
}
