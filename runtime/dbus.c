/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define AUTH_LINE_MAX 512
#define BUS_NAME      "org.freedesktop.DBus"

/* -- time and bytes -------------------------------------------------------------------------- */

int64_t dbus_deadline(void)
{
	return clock_ms() + DBUS_WAIT_MS;
}

static bool wait_for(struct dbus *bus, short events, int64_t deadline, struct error *err)
{
	for (;;) {
		struct pollfd fd = { .fd = bus->fd, .events = events };
		int64_t left = deadline - clock_ms();
		int ready = left <= 0 ? 0 : poll(&fd, 1, (int)left);

		if (ready > 0)
			return true;
		if (ready == 0)
			return error_set(err, ERROR_NETWORK, "D-Bus: no answer within %d seconds",
					 DBUS_WAIT_MS / 1000);
		if (errno != EINTR)
			return error_sys(err, "wait for D-Bus");
	}
}

static bool send_all(struct dbus *bus, const void *bytes, size_t count, struct error *err)
{
	const char *at = bytes;
	int64_t deadline = dbus_deadline();

	while (count > 0) {
		ssize_t sent = send(bus->fd, at, count, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN) {
			if (!wait_for(bus, POLLOUT, deadline, err))
				return false;
		} else if (sent < 0 && errno != EINTR) {
			return error_sys(err, "write to D-Bus");
		} else if (sent > 0) {
			at += sent;
			count -= (size_t)sent;
		}
	}
	return true;
}

/* Adds what is there to bus->in, at most `most` bytes; waits for at least one. Descriptors that a
 * peer attaches are never received: recv, not recvmsg. */
static bool receive(struct dbus *bus, size_t most, int64_t deadline, struct error *err)
{
	char *room = buf_reserve(&bus->in, most);

	if (!room)
		return error_set(err, ERROR_CORRUPT, "D-Bus: a message is too large");
	for (;;) {
		ssize_t got = recv(bus->fd, room, most, MSG_DONTWAIT);

		if (got > 0) {
			buf_commit(&bus->in, (size_t)got);
			return true;
		}
		if (got == 0)
			return error_set(err, ERROR_NETWORK, "D-Bus closed the connection");
		if (errno != EAGAIN && errno != EINTR)
			return error_sys(err, "read from D-Bus");
		if (!wait_for(bus, POLLIN, deadline, err))
			return false;
	}
}

/* -- connecting ------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The value of `key` in "unix:key=value,…", with %XX decoded; NULL if it is not there or wrong. */
static char *address_value(const char *address, const char *key)
{
	size_t length = strlen(key);
	const char *at = strchr(address, ':');

	while (at && (strncmp(at + 1, key, length) != 0 || at[1 + length] != '='))
		at = strchr(at + 1, ',');
	if (!at)
		return NULL;
	at += length + 2;

	autofree char *value = mem_strdup(at);
	size_t used = 0;

	for (; *at && *at != ','; at++) {
		int high = *at == '%' ? hex_digit(at[1]) : 0;
		int low = *at == '%' && high >= 0 ? hex_digit(at[2]) : 0;

		if (high < 0 || low < 0)
			return NULL;
		value[used++] = *at == '%' ? (char)(high * 16 + low) : *at;
		at += *at == '%' ? 2 : 0;
	}
	value[used] = '\0';
	return take_text(&value);
}

static bool connect_to(struct dbus *bus, const char *address, struct error *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	autofree char *path = address_value(address, "path");
	autofree char *abstract = path ? NULL : address_value(address, "abstract");
	const char *wanted = path ? path : abstract;
	size_t skipped = path ? 0 : 1; /* an abstract name begins with a NUL */

	if (strncmp(address, "unix:", 5) != 0 || !wanted || !wanted[0])
		return error_set(err, ERROR_UNSUPPORTED,
				 "D-Bus address \"%s\": only unix:path= and unix:abstract= are "
				 "supported",
				 address);
	if (strlen(wanted) + skipped >= sizeof(name.sun_path))
		return error_set(err, ERROR_INPUT, "D-Bus address \"%s\" is too long", address);
	memcpy(name.sun_path + skipped, wanted, strlen(wanted));
	bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bus->fd < 0)
		return error_sys(err, "make a socket");
	if (connect(bus->fd, (struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + skipped + strlen(wanted) +
				(path ? 1 : 0))) < 0)
		return error_sys(err, "connect to D-Bus at %s", wanted);
	return true;
}

static bool read_auth_line(struct dbus *bus, char line[AUTH_LINE_MAX], int64_t deadline,
			   struct error *err)
{
	char *end;

	while ((end = memchr(bus->in.data, '\n', bus->in.length)) == NULL) {
		if (bus->in.length >= AUTH_LINE_MAX)
			return error_set(err, ERROR_CORRUPT, "D-Bus: not its greeting");
		if (!receive(bus, AUTH_LINE_MAX, deadline, err))
			return false;
	}

	size_t length = (size_t)(end - bus->in.data) + 1;

	if (length >= AUTH_LINE_MAX || length < 2 || end[-1] != '\r')
		return error_set(err, ERROR_CORRUPT, "D-Bus: not its greeting");
	memcpy(line, bus->in.data, length - 2);
	line[length - 2] = '\0';
	buf_consume(&bus->in, length);
	return true;
}

/* EXTERNAL without a name: the peer asks the kernel who we are. So it also works where our user id
 * has another number for the peer (a user namespace). All in one write: systemd would leave a call
 * lying that it received together with BEGIN. AUTH and DATA are answered with a line each. */
static bool authenticate(struct dbus *bus, struct error *err)
{
	static const char request[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	int64_t deadline = dbus_deadline();
	char line[AUTH_LINE_MAX];

	if (!send_all(bus, request, sizeof(request) - 1, err) ||
	    !read_auth_line(bus, line, deadline, err))
		return false;
	if (strcmp(line, "DATA") == 0 && !read_auth_line(bus, line, deadline, err))
		return false;
	if (strncmp(line, "OK ", 3) == 0 || strcmp(line, "OK") == 0)
		return true;
	return error_set(err, ERROR_DENIED, "D-Bus does not accept this user: %.100s", line);
}

static bool say_hello(struct dbus *bus, struct error *err)
{
	const struct dbus_call hello = { .destination = BUS_NAME,
					 .path = "/org/freedesktop/DBus",
					 .interface = BUS_NAME,
					 .member = "Hello",
					 .signature = "" };
	struct dbus_message answer;

	return bus->is_direct || dbus_call(bus, &hello, &answer, err);
}

void dbus_init(struct dbus *bus)
{
	*bus = (struct dbus){ .fd = -1 };
	buf_init(&bus->in, DBUS_MESSAGE_MAX);
}

static void start_over(struct dbus *bus)
{
	bool is_direct = bus->is_direct;

	dbus_close(bus);
	bus->is_direct = is_direct;
}

bool dbus_open(struct dbus *bus, const char *addresses, struct error *err)
{
	autofree char *list = mem_strdup(addresses);
	char *rest = list;

	error_set(err, ERROR_INPUT, "the D-Bus address is empty");
	for (char *address; (address = strsep(&rest, ";")) != NULL;) {
		if (address[0] == '\0')
			continue;
		start_over(bus);
		if (connect_to(bus, address, err) && authenticate(bus, err) && say_hello(bus, err))
			return true;
	}
	return false;
}

void dbus_close(struct dbus *bus)
{
	mem_cleanup_close(&bus->fd);
	buf_done(&bus->in);
	dbus_init(bus);
}

char *dbus_address(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_/.\\";
	autofree char *value = mem_alloc(3 * strlen(path) + 1);
	char *to = value;

	for (; *path; path++)
		if (strchr(plain, *path))
			*to++ = *path;
		else
			to += snprintf(to, 4, "%%%02x", (unsigned char)*path);
	return mem_printf("unix:path=%s", value);
}

/* -- messages -------------------------------------------------------------------------------- */

/* A message of somebody else's may be larger than any that we want: it is let through. */
static bool discard(struct dbus *bus, size_t length, int64_t deadline, struct error *err)
{
	while (length > 0) {
		size_t there = bus->in.length < length ? bus->in.length : length;

		buf_consume(&bus->in, there);
		length -= there;
		if (length > 0 && !receive(bus, length < 4096 ? length : 4096, deadline, err))
			return false;
	}
	return true;
}

static bool fill(struct dbus *bus, size_t length, int64_t deadline, struct error *err)
{
	while (bus->in.length < length)
		if (!receive(bus, length - bus->in.length, deadline, err))
			return false;
	return true;
}

bool dbus_next(struct dbus *bus, int64_t deadline, struct dbus_message *message, struct error *err)
{
	size_t length;

	buf_consume(&bus->in, bus->used);
	bus->used = 0;
	for (;;) {
		if (!fill(bus, DBUS_HEADER_SIZE, deadline, err) ||
		    !dbus_measure((const uint8_t *)bus->in.data, &length, err))
			return false;
		if (length <= DBUS_MESSAGE_MAX)
			break;
		if (!discard(bus, length, deadline, err))
			return false;
	}
	if (!fill(bus, length, deadline, err) ||
	    !dbus_parse((const uint8_t *)bus->in.data, length, message, err))
		return false;
	bus->used = length;
	return true;
}

static bool send_call(struct dbus *bus, const struct dbus_call *call, struct error *err)
{
	autobuf struct buf message = { 0 };
	struct dbus_call direct = *call;

	if (bus->is_direct)
		direct.destination = NULL;
	buf_init(&message, DBUS_MESSAGE_MAX);
	dbus_put_call(&message, ++bus->serial, &direct);
	return buf_check(&message, "D-Bus message", err) &&
	       send_all(bus, message.data, message.length, err);
}

bool dbus_tell(struct dbus *bus, const struct dbus_call *call, struct error *err)
{
	struct dbus_call quiet = *call;

	quiet.is_without_reply = true;
	return send_call(bus, &quiet, err);
}

/* Other kinds of errors than these are of no use to a caller. */
static enum error_kind kind_of(const char *name)
{
	static const struct {
		const char *end;
		enum error_kind kind;
	} kinds[] = {
		{ ".UnitExists", ERROR_EXISTS },
		{ ".NoSuchUnit", ERROR_NOT_FOUND },
		{ ".AccessDenied", ERROR_DENIED },
		{ ".InteractiveAuthorizationRequired", ERROR_DENIED },
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		size_t length = strlen(name), part = strlen(kinds[i].end);

		if (length >= part && strcmp(name + length - part, kinds[i].end) == 0)
			return kinds[i].kind;
	}
	return ERROR_SYSTEM;
}

/* One line, whatever the peer says. */
static bool fail_with(const struct dbus_message *answer, struct error *err)
{
	struct dbus_reader body = answer->body;
	const char *text = "";

	if (answer->signature[0] == 's' && !dbus_get_text(&body, &text, err))
		return false;
	error_set(err, kind_of(answer->error_name), "%.200s: %.500s", answer->error_name, text);
	for (char *c = err->text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return false;
}

/* Answers that are not for this call are old or forged. */
bool dbus_call(struct dbus *bus, const struct dbus_call *call, struct dbus_message *answer,
	       struct error *err)
{
	int64_t deadline = dbus_deadline();

	if (!send_call(bus, call, err))
		return false;
	do {
		if (!dbus_next(bus, deadline, answer, err))
			return error_in(err, "%s", call->member);
	} while ((answer->type != DBUS_RETURN && answer->type != DBUS_ERROR) ||
		 answer->reply_serial != bus->serial);
	return answer->type == DBUS_RETURN || fail_with(answer, err);
}
