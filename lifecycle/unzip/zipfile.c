/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/unzip/zipfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

/*
 * How this works: the end of the file says where the central directory is; it lists the entries,
 * and where each one's own header and bytes are. Only the central directory is believed for sizes;
 * bytes outside it are read at the places it names, after a check that these are inside the file.
 */

#define END_SIZE        22
#define END_SEARCH      (END_SIZE + 65535) /* it may be followed by a comment */
#define END_SIGNATURE   0x06054b50U
#define ENTRY_SIZE      46
#define ENTRY_SIGNATURE 0x02014b50U
#define LOCAL_SIZE      30
#define LOCAL_SIGNATURE 0x04034b50U
#define IS_ENCRYPTED    1U
#define CHUNK           65536

struct zip {
	int fd;
	int dir;
	int64_t size;
	int64_t written;
	int64_t packed;  /* of the entries so far */
	int directories; /* made so far */
	struct error *err;
};

struct entry {
	char name[ZIPFILE_NAME_MAX + 1];
	unsigned int flags, method;
	uint32_t checksum;
	int64_t packed, size, offset;
};

static unsigned int get16(const unsigned char *bytes)
{
	return bytes[0] | (unsigned int)bytes[1] << 8;
}

static uint32_t get32(const unsigned char *bytes)
{
	return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static bool broken(const struct zip *zip, const char *why)
{
	return error_set(zip->err, ERROR_CORRUPT, "not a good ZIP archive: %s", why);
}

static bool read_at(const struct zip *zip, int64_t offset, void *bytes, size_t count)
{
	if (offset < 0 || offset > zip->size || (int64_t)count > zip->size - offset)
		return broken(zip, "it ends too early");
	for (size_t done = 0; done < count;) {
		ssize_t got =
			pread(zip->fd, (char *)bytes + done, count - done, offset + (int64_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(zip->err, "read");
		if (got == 0)
			return broken(zip, "it ends too early");
		done += (size_t)got;
	}
	return true;
}

/* -- the table of contents ----------------------------------------------------------------------
 */

struct contents {
	int64_t offset;
	unsigned int count;
};

static bool find_contents(const struct zip *zip, struct contents *contents)
{
	size_t length = zip->size < END_SEARCH ? (size_t)zip->size : END_SEARCH;
	autofree unsigned char *tail = mem_alloc(length + 1);

	if (length < END_SIZE)
		return broken(zip, "it is too short");
	if (!read_at(zip, zip->size - (int64_t)length, tail, length))
		return false;
	for (size_t at = length - END_SIZE + 1; at-- > 0;) {
		const unsigned char *end = tail + at;

		if (get32(end) != END_SIGNATURE || at + END_SIZE + get16(end + 20) != length)
			continue;
		contents->count = get16(end + 10);
		contents->offset = get32(end + 16);
		if (contents->count == ZIPFILE_ENTRIES_MAX || contents->offset == 0xffffffffU)
			return error_set(zip->err, ERROR_UNSUPPORTED,
					 "ZIP archives of 4 GiB or 65535 files are not supported");
		return true;
	}
	return broken(zip, "it has no table of contents");
}

static bool read_entry(const struct zip *zip, int64_t *offset, struct entry *entry)
{
	unsigned char bytes[ENTRY_SIZE];
	size_t length;

	if (!read_at(zip, *offset, bytes, sizeof(bytes)))
		return false;
	if (get32(bytes) != ENTRY_SIGNATURE)
		return broken(zip, "its table of contents is damaged");
	length = get16(bytes + 28);
	if (length == 0 || length > ZIPFILE_NAME_MAX)
		return broken(zip, "a name is empty or too long");
	*entry = (struct entry){ .flags = get16(bytes + 8),
				 .method = get16(bytes + 10),
				 .checksum = get32(bytes + 16),
				 .packed = get32(bytes + 20),
				 .size = get32(bytes + 24),
				 .offset = get32(bytes + 42) };
	if (!read_at(zip, *offset + ENTRY_SIZE, entry->name, length))
		return false;
	if (strlen(entry->name) != length)
		return broken(zip, "a name has a NUL in it");
	*offset += ENTRY_SIZE + (int64_t)length + get16(bytes + 30) + get16(bytes + 32);
	return true;
}

/* -- one file -----------------------------------------------------------------------------------
 */

static bool write_out(struct zip *zip, int file, const struct entry *entry, const void *bytes,
		      size_t count, uint32_t *checksum, int64_t *size)
{
	*checksum = (uint32_t)crc32(*checksum, bytes, (uInt)count);
	*size += (int64_t)count;
	zip->written += (int64_t)count;
	if (*size > entry->size)
		return broken(zip, "a file is larger than it says");
	if (zip->written > ZIPFILE_TOTAL_MAX)
		return error_set(zip->err, ERROR_INPUT, "more than %lld bytes are in it",
				 (long long)ZIPFILE_TOTAL_MAX);
	return file_write(file, entry->name, bytes, count, zip->err);
}

static bool copy_stored(struct zip *zip, int file, const struct entry *entry, int64_t offset,
			uint32_t *checksum, int64_t *size)
{
	autofree unsigned char *chunk = mem_alloc(CHUNK);

	for (int64_t left = entry->packed; left > 0;) {
		size_t count = left < CHUNK ? (size_t)left : CHUNK;

		if (!read_at(zip, offset, chunk, count) ||
		    !write_out(zip, file, entry, chunk, count, checksum, size))
			return false;
		offset += (int64_t)count;
		left -= (int64_t)count;
	}
	return true;
}

/* Feeds the inflater until the stream says that it is over; *is_over without that is a cut one. */
static bool inflate_all(struct zip *zip, z_stream *stream, int file, const struct entry *entry,
			int64_t offset, uint32_t *checksum, int64_t *size)
{
	autofree unsigned char *in = mem_alloc(CHUNK), *out = mem_alloc(CHUNK);
	int64_t left = entry->packed;
	int code = Z_OK;

	while (code != Z_STREAM_END) {
		if (stream->avail_in == 0) {
			size_t count = left < CHUNK ? (size_t)left : CHUNK;

			if (count == 0)
				return broken(zip, "a file ends too early");
			if (!read_at(zip, offset, in, count))
				return false;
			offset += (int64_t)count;
			left -= (int64_t)count;
			stream->next_in = in;
			stream->avail_in = (uInt)count;
		}
		stream->next_out = out;
		stream->avail_out = CHUNK;
		code = inflate(stream, Z_NO_FLUSH);
		if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
			return broken(zip, "a file is damaged");
		if (!write_out(zip, file, entry, out, CHUNK - stream->avail_out, checksum, size))
			return false;
	}
	return true;
}

static bool copy_deflated(struct zip *zip, int file, const struct entry *entry, int64_t offset,
			  uint32_t *checksum, int64_t *size)
{
	z_stream stream = { 0 };
	bool is_good;

	if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
		return error_set(zip->err, ERROR_SYSTEM, "no memory to inflate");
	is_good = inflate_all(zip, &stream, file, entry, offset, checksum, size);
	inflateEnd(&stream);
	return is_good;
}

static bool copy_content(struct zip *zip, int file, const struct entry *entry)
{
	unsigned char local[LOCAL_SIZE];
	uint32_t checksum = 0;
	int64_t offset, size = 0;
	bool is_good;

	if (entry->flags & IS_ENCRYPTED)
		return error_set(zip->err, ERROR_UNSUPPORTED, "it is encrypted");
	if (entry->method != 0 && entry->method != Z_DEFLATED)
		return error_set(zip->err, ERROR_UNSUPPORTED,
				 "compression method %u is not supported (deflate is)",
				 entry->method);
	/* Bytes that count for several entries would have a small archive keep us busy for hours.
	 */
	zip->packed += LOCAL_SIZE + entry->packed;
	if (zip->packed > zip->size)
		return broken(zip, "files share bytes");
	if (!read_at(zip, entry->offset, local, sizeof(local)))
		return false;
	if (get32(local) != LOCAL_SIGNATURE)
		return broken(zip, "a file is not where it should be");
	offset = entry->offset + LOCAL_SIZE + get16(local + 26) + get16(local + 28);
	is_good = entry->method == 0 ? copy_stored(zip, file, entry, offset, &checksum, &size)
				     : copy_deflated(zip, file, entry, offset, &checksum, &size);
	if (is_good && (size != entry->size || checksum != entry->checksum))
		return broken(zip, "a file is not what its checksum promises");
	return is_good;
}

/* -- names --------------------------------------------------------------------------------------
 */

/* Opens (makes) the directory `name` below `dir`, which it closes. */
static int enter(struct zip *zip, int dir, const char *name)
{
	int inner;

	if (mkdirat(dir, name, 0755) == 0) {
		zip->directories++;
	} else if (errno != EEXIST) {
		close(dir);
		return -1;
	}
	inner = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	mem_cleanup_close(&dir);
	return inner;
}

/* Goes down to where the file belongs. *last is its name there; NULL for a directory. */
static bool open_parent(struct zip *zip, char *name, int *parent, const char **last)
{
	int dir = fcntl(zip->dir, F_DUPFD_CLOEXEC, 3), depth = 0;
	char *rest = name;

	*last = NULL;
	for (char *part = strsep(&rest, "/"); part && dir >= 0; part = strsep(&rest, "/")) {
		if (*part == '\0' || strcmp(part, ".") == 0)
			continue;
		if (++depth > ZIPFILE_DEPTH_MAX || strlen(part) > NAME_MAX) {
			close(dir);
			return broken(zip, "a name is too deep or too long");
		}
		if (!rest) {
			*last = part;
			break;
		}
		dir = enter(zip, dir, part);
	}
	*parent = dir;
	if (dir < 0)
		return error_sys(zip->err, "make a directory");
	return zip->directories <= ZIPFILE_DIRECTORIES_MAX ||
	       error_set(zip->err, ERROR_INPUT, "more than %d directories are in it",
			 ZIPFILE_DIRECTORIES_MAX);
}

/* Before anything of it is opened. */
static bool is_inside(const char *name)
{
	if (*name == '/')
		return false;
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
			return false;
	}
	return true;
}

static bool extract_entry(struct zip *zip, const struct entry *entry)
{
	autofree char *name = mem_strdup(entry->name);
	autoclose int parent = -1;
	autoclose int file = -1;
	const char *last;

	if (!is_inside(entry->name))
		return error_set(zip->err, ERROR_INPUT, "it leads out of the directory");
	if (!open_parent(zip, name, &parent, &last))
		return false;
	if (!last)
		return true;
	file = openat(parent, last, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return error_sys(zip->err, "make the file");
	return copy_content(zip, file, entry);
}

bool zipfile_extract(int fd, int dir, struct error *err)
{
	struct zip zip = { .fd = fd, .dir = dir, .err = err };
	struct contents contents = { 0 };
	struct stat status;
	autofree struct entry *entry = mem_alloc(sizeof(*entry));

	if (fstat(fd, &status) < 0)
		return error_sys(err, "stat");
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_INPUT, "not a file");
	zip.size = status.st_size;
	if (!find_contents(&zip, &contents))
		return false;
	for (unsigned int i = 0; i < contents.count; i++) {
		if (!read_entry(&zip, &contents.offset, entry))
			return false;
		if (!extract_entry(&zip, entry))
			return error_in(err, "entry %.200s", entry->name);
	}
	return true;
}
