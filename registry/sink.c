/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"

/* Fewer wake-ups on both sides; refused (and then not needed) where the user's pipe quota is used
 * up. */
#define PIPE_SIZE (1 << 20)

void sink_init(struct sink *sink, int fd, size_t limit)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
	sink->fd = fd;
	buf_init(&sink->kept, limit);
}

void sink_done(struct sink *sink)
{
	if (sink->fd >= 0)
		close(take_fd(&sink->fd));
	buf_done(&sink->kept);
}

bool sink_is_full(const struct sink *sink)
{
	return sink->kept.length > 0;
}

/* Writes what fits; *taken says how much. */
static bool write_some(struct sink *sink, const char *bytes, size_t count, size_t *taken,
		       struct error *err)
{
	*taken = 0;
	while (*taken < count) {
		ssize_t written = write(sink->fd, bytes + *taken, count - *taken);

		if (written >= 0)
			*taken += (size_t)written;
		else if (errno == EAGAIN)
			return true;
		else if (errno == EPIPE)
			return error_set(err, ERROR_SYSTEM, "the reader of the body went away");
		else if (errno != EINTR)
			return error_sys(err, "write the body");
	}
	return true;
}

bool sink_flush(struct sink *sink, struct error *err)
{
	size_t taken;

	if (!write_some(sink, sink->kept.data, sink->kept.length, &taken, err))
		return false;
	buf_consume(&sink->kept, taken);
	return true;
}

bool sink_put(struct sink *sink, const void *bytes, size_t count, struct error *err)
{
	size_t taken = 0;

	if (!sink_is_full(sink) && !write_some(sink, bytes, count, &taken, err))
		return false;
	buf_add(&sink->kept, (const char *)bytes + taken, count - taken);
	return buf_check(&sink->kept, "body waiting for its reader", err);
}
