/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/feed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

#define HASH_CHUNK (64 << 10)

void feed_init_memory(struct feed *feed, const char *bytes, size_t size)
{
	*feed = (struct feed){ .bytes = bytes, .fd = -1, .size = (int64_t)size };
}

void feed_init_fd(struct feed *feed, int fd, int64_t size)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	*feed = (struct feed){ .fd = fd, .size = size, .start = lseek(fd, 0, SEEK_CUR) };
}

void feed_done(struct feed *feed)
{
	if (feed->fd >= 0)
		close(take_fd(&feed->fd));
}

static bool is_short(const struct feed *feed, int64_t at, struct error *err)
{
	return error_set(err, ERROR_INPUT,
			 "the request's body ends after %" PRId64 " of %" PRId64 " bytes", at,
			 feed->size);
}

static enum feed_state read_fd(struct feed *feed, char *bytes, size_t room, size_t *count,
			       struct error *err)
{
	ssize_t got;

	do
		got = read(feed->fd, bytes, room);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		*count = (size_t)got;
		return FEED_BYTES;
	}
	if (got < 0 && errno == EAGAIN) {
		feed->is_waiting = true;
		return FEED_EMPTY;
	}
	if (got < 0)
		error_sys(err, "read the request's body");
	else
		is_short(feed, feed->given, err);
	return FEED_BROKEN;
}

enum feed_state feed_read(struct feed *feed, char *bytes, size_t room, size_t *count,
			  struct error *err)
{
	int64_t left = feed->size - feed->given;
	enum feed_state state = FEED_BYTES;

	*count = 0;
	feed->is_waiting = false;
	if (left == 0)
		return FEED_END;
	if ((int64_t)room > left)
		room = (size_t)left;
	if (feed->bytes) {
		memcpy(bytes, feed->bytes + feed->given, room);
		*count = room;
	} else
		state = read_fd(feed, bytes, room, count, err);
	feed->given += (int64_t)*count;
	return state;
}

void feed_skip(struct feed *feed, int64_t count)
{
	int64_t more = count - feed->skipped;

	assert(!feed->bytes && feed->start >= 0 && more <= feed->size);
	feed->start += more;
	feed->size -= more;
	feed->skipped = count;
	feed->given = 0;
	off_t at = lseek(feed->fd, feed->start, SEEK_SET);

	assert(at == feed->start); /* what has a place to begin at is a file */
}

bool feed_can_rewind(const struct feed *feed)
{
	return feed->bytes || feed->start >= 0 || feed->given == 0;
}

bool feed_seek(struct feed *feed, int64_t offset)
{
	if (feed->given == offset)
		return true;
	if (!feed_can_rewind(feed) ||
	    (!feed->bytes && lseek(feed->fd, feed->start + offset, SEEK_SET) < 0))
		return false;
	feed->given = offset;
	return true;
}

bool feed_is_ready(const struct feed *feed)
{
	struct pollfd polled = { feed->fd, POLLIN, 0 };

	return poll(&polled, 1, 0) != 0;
}

bool feed_hash(const struct feed *feed, struct digest *digest, struct error *err)
{
	struct hash hash;
	char chunk[HASH_CHUNK];
	int64_t at = 0;

	hash_init(&hash);
	if (feed->bytes)
		hash_add(&hash, feed->bytes, (size_t)feed->size);
	while (!feed->bytes && at < feed->size) {
		int64_t left = feed->size - at;
		ssize_t got = pread(feed->fd, chunk, left < HASH_CHUNK ? (size_t)left : HASH_CHUNK,
				    feed->start + at);

		if (got <= 0) {
			hash_done(&hash);
			return got < 0 ? error_sys(err, "read the request's body")
				       : is_short(feed, at, err);
		}
		hash_add(&hash, chunk, (size_t)got);
		at += got;
	}
	hash_finish(&hash, digest);
	hash_done(&hash);
	return true;
}
