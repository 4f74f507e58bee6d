/* SPDX-License-Identifier: Apache-2.0 */
#include "image/untar.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/entrytime.h"
#include "image/limits.h"

#define BLOCK  (128 << 10)
#define RECORD 512

static_assert(BLOCK >= RING_BLOCK, "a ring's block has room in ours");

/* Some writers (umoci) end an archive with its last byte of content: Go's readers do not miss the
 * padding, so neither may we. */
static ssize_t fill_up(struct untar *tar)
{
	size_t missing = (size_t)(-tar->read & (RECORD - 1));

	if (missing == 0 || tar->is_filled_up)
		return 0;
	tar->is_filled_up = true;
	memset(tar->buffer, 0, missing);
	return (ssize_t)missing;
}

/* What the callbacks tell libarchive of a failure of ours. */
static ssize_t give_up(struct untar *tar, const char *what)
{
	tar->has_failed = true;
	archive_set_error(tar->archive, EIO, "%s", what);
	return -1;
}

static ssize_t read_remote(struct untar *tar)
{
	size_t got;

	if (!remote_read(tar->input.remote, tar->buffer, BLOCK, &got, &tar->failure))
		return give_up(tar, "read");
	tar->read += (int64_t)got;
	return (ssize_t)got;
}

/* Content goes into its file from where it lies. Everything else is copied before libarchive looks
 * at it: see ring.h. */
static ssize_t read_ring(struct untar *tar, const void **block)
{
	struct ring *ring = tar->input.ring;

	if (tar->is_holding && !ring_give(ring))
		return -1;
	tar->is_holding = false;

	ssize_t got = ring_take(ring, block);

	if (got <= 0)
		return got;
	tar->is_holding = tar->read + got - tar->content <= tar->content_size;
	if (tar->is_holding)
		return got;
	memcpy(tar->buffer, *block, (size_t)got);
	*block = tar->buffer;
	return ring_give(ring) ? got : -1;
}

static ssize_t read_some(struct untar *tar, const void **block)
{
	ssize_t got;

	*block = tar->buffer;
	if (tar->input.ring)
		return read_ring(tar, block);
	while ((got = read(tar->input.fd, tar->buffer, BLOCK)) < 0 && errno == EINTR)
		;
	return got;
}

static ssize_t pass_gap(struct untar *tar, const void **block)
{
	size_t step = tar->input.gap < BLOCK ? (size_t)tar->input.gap : BLOCK;

	memset(tar->buffer, 0, step);
	*block = tar->buffer;
	tar->input.gap -= (int64_t)step;
	tar->read += (int64_t)step;
	return (ssize_t)step;
}

/* libarchive keeps what it reads of them, a sparse file's map many times over. It asks for more
 * only when it has used up what it was given. */
static bool are_headers_endless(struct untar *tar)
{
	if (tar->headers_from < 0 || tar->read - tar->headers_from <= LIMIT_ENTRY_HEADERS)
		return false;
	error_set(&tar->failure, ERROR_INPUT, "an entry's headers have more than %d bytes",
		  LIMIT_ENTRY_HEADERS);
	return true;
}

static ssize_t on_read(struct archive *archive, void *context, const void **block)
{
	struct untar *tar = context;
	ssize_t got;

	if (are_headers_endless(tar))
		return give_up(tar, "headers");
	if (tar->input.prefix_length > 0) {
		*block = tar->input.prefix;
		got = (ssize_t)tar->input.prefix_length;
		tar->input.prefix_length = 0;
		tar->read += got;
		return got;
	}
	if (tar->input.gap > 0)
		return pass_gap(tar, block);
	if (tar->input.remote) {
		*block = tar->buffer;
		got = read_remote(tar);
		return got == 0 ? fill_up(tar) : got;
	}
	got = read_some(tar, block);
	if (got < 0) {
		tar->read_error = errno;
		archive_set_error(archive, errno, "read");
		return -1;
	}
	if (tar->input.split && !split_add(tar->input.split, *block, (size_t)got, &tar->failure))
		return give_up(tar, "split");
	if (got == 0) {
		*block = tar->buffer;
		return fill_up(tar);
	}
	tar->read += got;
	return got;
}

/* Only what is there is skipped: a cut archive must be met by a read, which notices. */
static la_int64_t on_skip(struct archive *archive, void *context, la_int64_t request)
{
	struct untar *tar = context;

	(void)archive;
	if (!tar->is_seekable || request > tar->file_size - tar->read)
		return 0;
	if (tar->input.remote)
		remote_skip(tar->input.remote, request);
	else if (lseek(tar->input.fd, request, SEEK_CUR) < 0)
		return 0;
	tar->read += request;
	return request;
}

static bool failed(struct untar *tar, struct error *err)
{
	const char *text = archive_error_string(tar->archive);

	if (tar->has_failed) {
		*err = tar->failure;
		return false;
	}
	if (tar->read_error) {
		errno = tar->read_error;
		return error_sys(err, "read the archive");
	}
	if (text && strncmp(text, "Truncated", 9) == 0)
		return error_set(err, ERROR_CORRUPT, "unexpected EOF");
	return error_set(err, ERROR_CORRUPT, "archive/tar: invalid tar header%s%s%s",
			 text ? " (" : "", text ? text : "", text ? ")" : "");
}

static bool find_size(struct untar *tar, struct error *err)
{
	struct stat info;

	if (tar->input.remote) {
		tar->is_seekable = true;
		tar->file_size = tar->input.remote->size;
		return true;
	}
	if (tar->input.ring)
		return true;
	if (fstat(tar->input.fd, &info) < 0)
		return error_sys(err, "stat the archive");
	tar->is_seekable = S_ISREG(info.st_mode) && tar->input.prefix_length == 0 &&
			   !tar->input.split; /* which wants to see every byte */
	tar->file_size = info.st_size;
	if (tar->is_seekable && lseek(tar->input.fd, 0, SEEK_SET) < 0)
		return error_sys(err, "read the archive from its beginning");
	return true;
}

bool untar_open(struct untar *tar, const struct untar_input *input, struct error *err)
{
	*tar = (struct untar){ .input = *input, .headers_from = -1 };
	if (!find_size(tar, err))
		return false;
	tar->archive = archive_read_new();
	if (!tar->archive)
		return error_set(err, ERROR_SYSTEM, "libarchive cannot start");
	tar->buffer = mem_alloc(BLOCK);
	archive_read_support_format_tar(tar->archive);
	archive_read_support_format_empty(tar->archive); /* a layer of no bytes at all */
	archive_read_set_read_callback(tar->archive, on_read);
	archive_read_set_skip_callback(tar->archive, on_skip);
	archive_read_set_callback_data(tar->archive, tar);
	if (archive_read_open1(tar->archive) != ARCHIVE_OK)
		return failed(tar, err);
	return true;
}

void untar_close(struct untar *tar)
{
	if (tar->archive)
		archive_read_free(tar->archive);
	free(tar->buffer);
	*tar = (struct untar){ .input = { .fd = -1 } };
}

static bool read_type(struct untar *tar, struct entry *entry, struct error *err)
{
	entry->link = archive_entry_hardlink(tar->current);
	if (entry->link) {
		entry->type = ENTRY_HARDLINK;
		return true;
	}
	entry->link = archive_entry_symlink(tar->current);
	switch (archive_entry_filetype(tar->current)) {
	case AE_IFREG:
		entry->type = ENTRY_FILE;
		return true;
	case AE_IFDIR:
		entry->type = ENTRY_DIRECTORY;
		return true;
	case AE_IFLNK:
		entry->type = ENTRY_SYMLINK;
		return entry->link ||
		       error_set(err, ERROR_CORRUPT, "%s: symlink without a target", entry->path);
	case AE_IFCHR:
		entry->type = ENTRY_CHAR;
		return true;
	case AE_IFBLK:
		entry->type = ENTRY_BLOCK;
		return true;
	case AE_IFIFO:
		entry->type = ENTRY_FIFO;
		return true;
	default:
		return error_set(err, ERROR_UNSUPPORTED, "%s: unknown type of entry", entry->path);
	}
}

/* The archive's last block is filled up where it is missing; content is not made up. */
static bool check_end(const struct untar *tar, const struct entry *entry, struct error *err)
{
	if (!tar->is_seekable || entry->type != ENTRY_FILE || entry->is_sparse ||
	    entry->size <= tar->file_size - entry->start)
		return true;
	return error_set(err, ERROR_CORRUPT, "unexpected EOF");
}

/* "Ignoring malformed pax extended attribute", "Rejecting pax extended attribute > 1MB" */
static bool is_malformed(const struct untar *tar)
{
	const char *text = archive_error_string(tar->archive);

	return text && (strstr(text, "malformed") || strstr(text, "Rejecting pax"));
}

/* Two blocks of zeros are the end. libarchive takes one for it, whatever comes then: what others
 * refuse, or would find behind it, was left out without a word. */
static bool ends_too_early(const struct untar *tar)
{
	int64_t end = archive_filter_bytes(tar->archive, 0);

	return end - tar->headers_from == RECORD && end < tar->read;
}

/* Past the current entry's content, which is none of the next one's headers. */
static int read_headers(struct untar *tar)
{
	if (tar->current && archive_read_data_skip(tar->archive) == ARCHIVE_FATAL)
		return ARCHIVE_FATAL;
	tar->headers_from = archive_filter_bytes(tar->archive, 0);

	int status = archive_read_next_header(tar->archive, &tar->current);

	tar->is_cut_short = status == ARCHIVE_EOF && ends_too_early(tar);
	tar->headers_from = -1;
	return status;
}

/* Without those that libarchive leaves out of a map: behind the file's end, or not in order. */
static int64_t mapped_bytes(struct archive_entry *entry)
{
	la_int64_t offset, length, sum = 0;

	archive_entry_sparse_reset(entry);
	while (archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK)
		sum += length;
	return sum;
}

bool untar_next(struct untar *tar, struct entry *entry, bool *is_end, struct error *err)
{
	int status = read_headers(tar);

	*is_end = status == ARCHIVE_EOF;
	if (*is_end)
		return !tar->is_cut_short ||
		       error_set(
			       err, ERROR_CORRUPT,
			       "archive/tar: invalid tar header (behind a single block of zeros)");
	/* A warning is about character sets: the name's bytes are there all the same. Or about what
	 * was left out, as it was no attribute. */
	if (status != ARCHIVE_OK && (status != ARCHIVE_WARN || is_malformed(tar)))
		return failed(tar, err);
	if (++tar->entries > LIMIT_LAYER_ENTRIES)
		return error_set(err, ERROR_INPUT, "more than %d entries", LIMIT_LAYER_ENTRIES);

	*entry = (struct entry){
		.path = archive_entry_pathname(tar->current),
		.mode = archive_entry_perm(tar->current) & 07777,
		.uid = archive_entry_uid(tar->current),
		.gid = archive_entry_gid(tar->current),
		.mtime = { .tv_sec = (time_t)entry_mtime(tar->current),
			   .tv_nsec = archive_entry_mtime_nsec(tar->current) },
		.device = archive_entry_rdev(tar->current),
		.size = archive_entry_size(tar->current),
		.start = archive_filter_bytes(tar->archive, 0),
		.is_sparse = archive_entry_sparse_count(tar->current) > 0,
	};
	if (!entry->path)
		return error_set(err, ERROR_CORRUPT, "an entry's name cannot be read");
	if (!read_type(tar, entry, err))
		return false;
	tar->content = entry->start;
	tar->content_size = 0;
	tar->reached = tar->given = 0;
	tar->mapped = entry->is_sparse ? mapped_bytes(tar->current) : 0;
	tar->stored_size = entry->type == ENTRY_FILE && !entry->is_sparse ? entry->size : 0;
	return check_end(tar, entry, err);
}

static bool check_map(struct untar *tar, size_t count, int64_t where, struct error *err)
{
	if (count == 0)
		return tar->given >= tar->mapped || error_set(err, ERROR_CORRUPT, "unexpected EOF");
	if (where < tar->reached)
		return error_set(err, ERROR_CORRUPT, "a sparse file's parts are not in order");
	tar->reached = where + (int64_t)count;
	tar->given += (int64_t)count;
	return true;
}

bool untar_data(struct untar *tar, const void **bytes, size_t *count, int64_t *offset,
		struct error *err)
{
	la_int64_t where = 0;

	tar->content_size = tar->stored_size;

	int status = archive_read_data_block(tar->archive, bytes, count, &where);

	*offset = where;
	if (status == ARCHIVE_EOF)
		*count = 0;
	else if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
		return failed(tar, err);
	return check_map(tar, *count, where, err);
}

size_t untar_xattr_count(struct untar *tar)
{
	return (size_t)archive_entry_xattr_reset(tar->current);
}

bool untar_next_xattr(struct untar *tar, const char **name, const void **value, size_t *size)
{
	return archive_entry_xattr_next(tar->current, name, value, size) == ARCHIVE_OK;
}

bool untar_drain(struct untar *tar, struct error *err)
{
	const void *block;
	ssize_t got;

	while ((got = on_read(tar->archive, tar, &block)) > 0)
		;
	return got == 0 || failed(tar, err);
}
