/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/logger.h"

/*
 * systemd's native protocol: a datagram is one entry, a field is NAME=VALUE and a newline; one
 * whose value has newlines is its name, a newline, the length in eight bytes, little end first, the
 * value, and a newline. https://systemd.io/JOURNAL_NATIVE_PROTOCOL
 */

#define SOCKET_PATH     "/run/systemd/journal/socket"
#define MESSAGE_MAX     (128 << 10) /* less than a datagram may have */
#define PATIENCE        10          /* seconds */
#define PRIORITY_STDERR "3"
#define PRIORITY_STDOUT "6"

static bool connect_to(int *connection)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX,
						    .sun_path = SOCKET_PATH };
	const struct timeval patience = { .tv_sec = PATIENCE };
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return false;
	*connection = take_fd(&fd);
	return true;
}

static void add(struct buf *message, const char *name, size_t name_length, const char *value,
		size_t length)
{
	buf_add(message, name, name_length);
	if (memchr(value, '\n', length)) {
		buf_add_char(message, '\n');
		for (int i = 0; i < 8; i++)
			buf_add_char(message, (char)((uint64_t)length >> (8 * i)));
	} else {
		buf_add_char(message, '=');
	}
	buf_add(message, value, length);
	buf_add_char(message, '\n');
}

static void add_text(struct buf *message, const char *name, const char *value)
{
	add(message, name, strlen(name), value, strlen(value));
}

/* A record without a newline goes on in the next one, or is the last. */
static void compose(struct logger_outlet *outlet, const struct logrecord *record)
{
	const bool is_whole = record->length && record->bytes[record->length - 1] == '\n';

	buf_clear(&outlet->message);
	add(&outlet->message, "MESSAGE", strlen("MESSAGE"), record->bytes,
	    record->length - is_whole);
	add_text(&outlet->message, "PRIORITY",
		 record->is_stderr ? PRIORITY_STDERR : PRIORITY_STDOUT);
	add_text(&outlet->message, "SYSLOG_TIMESTAMP", record->time);
	if (!is_whole)
		add_text(&outlet->message, "CONTAINER_PARTIAL_MESSAGE", "true");
	for (char *const *field = outlet->arguments; *field; field++) {
		const char *equals = strchr(*field, '=');

		if (equals)
			add(&outlet->message, *field, (size_t)(equals - *field), equals + 1,
			    strlen(equals + 1));
	}
}

static enum logger_outcome send_record(struct logger_outlet *outlet, const struct logrecord *record)
{
	ssize_t sent;

	if (outlet->connection < 0 && !connect_to(&outlet->connection))
		return LOGGER_LATER;
	compose(outlet, record);
	if (outlet->message.is_cut)
		return LOGGER_SENT; /* its labels are to blame */
	do {
		sent = send(outlet->connection, outlet->message.data, outlet->message.length,
			    MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0 || errno == EMSGSIZE)
		return LOGGER_SENT;
	close(outlet->connection);
	outlet->connection = -1;
	return LOGGER_LATER;
}

bool loggerjournal_init(struct logger_outlet *outlet, char *const *arguments, struct error *err)
{
	(void)err;
	*outlet = (struct logger_outlet){ .send = send_record,
					  .arguments = arguments,
					  .connection = -1 };
	buf_init(&outlet->message, MESSAGE_MAX);
	return true;
}
