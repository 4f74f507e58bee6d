/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/logger.h"

/*
 * Syslog as docker sends it: RFC 3164 without the machine's name unless a format is asked for, a
 * newline at the end of each message, whatever carries it.
 */

#define MESSAGE_MAX     (64 << 10)
#define DATAGRAM_MAX    65000 /* what fits into one of UDP */
#define PATIENCE        10    /* seconds */
#define SEVERITY_STDERR 3
#define SEVERITY_STDOUT 6

enum {
	TAG,
	ADDRESS,
	FACILITY,
	FORMAT,
	ARGUMENTS
};

/* Connecting. --------------------------------------------------------------------------------- */

static int connect_one(int family, int type, const void *address, socklen_t length)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	autoclose int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, address, length) < 0)
		return -1;
	return take_fd(&fd);
}

static int connect_path(int type, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect_one(AF_UNIX, type, &address, sizeof(address));
}

static int connect_usual(void)
{
	static const char *const paths[] = { "/dev/log", "/var/run/syslog", "/var/run/log" };
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	int fd = -1;

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		for (size_t j = 0; j < COUNT_OF(paths) && fd < 0; j++)
			fd = connect_path(types[i], paths[j]);
	}
	return fd;
}

static int connect_host(const struct logaddress *address)
{
	const struct addrinfo hints = { .ai_socktype = address->type };
	struct addrinfo *found = NULL;
	int fd = -1;

	if (getaddrinfo(address->host, address->port, &hints, &found) != 0)
		return -1;
	for (const struct addrinfo *one = found; one && fd < 0; one = one->ai_next)
		fd = connect_one(one->ai_family, address->type, one->ai_addr, one->ai_addrlen);
	freeaddrinfo(found);
	return fd;
}

static bool connect_outlet(struct logger_outlet *outlet)
{
	const struct logaddress *address = &outlet->address;

	if (address->is_usual)
		outlet->connection = connect_usual();
	else if (address->is_unix)
		outlet->connection = connect_path(address->type, address->path);
	else
		outlet->connection = connect_host(address);
	return outlet->connection >= 0;
}

/* Messages. ----------------------------------------------------------------------------------- */

/* As Go's time.Stamp: "Nov 23 18:59:17". */
static void stamp(const struct tm *parts, char text[64])
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	snprintf(text, 64, "%s %2d %02d:%02d:%02d", months[parts->tm_mon % 12], parts->tm_mday,
		 parts->tm_hour, parts->tm_min, parts->tm_sec);
}

/* RFC 3339 with `digits` of the fraction. */
static void stamp_long(const struct tm *parts, long microseconds, bool has_fraction, char text[64])
{
	const long minutes = parts->tm_gmtoff / 60;
	const long size = minutes < 0 ? -minutes : minutes;
	char fraction[24] = "";
	char zone[24] = "Z";

	if (has_fraction)
		snprintf(fraction, sizeof(fraction), ".%06ld", microseconds);
	if (minutes)
		snprintf(zone, sizeof(zone), "%c%02ld:%02ld", minutes < 0 ? '-' : '+',
			 size / 60 % 24, size % 60);
	snprintf(text, 64, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", parts->tm_year + 1900,
		 parts->tm_mon + 1, parts->tm_mday, parts->tm_hour, parts->tm_min, parts->tm_sec,
		 fraction, zone);
}

static void add_head(struct logger_outlet *outlet, int priority)
{
	const char *tag = outlet->arguments[TAG];
	const char *format = outlet->arguments[FORMAT];
	const int pid = (int)getpid();
	struct timespec now;
	struct tm parts;
	char time[64];

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &parts);
	if (strncmp(format, "rfc5424", 7) == 0) {
		stamp_long(&parts, now.tv_nsec / 1000, strcmp(format, "rfc5424micro") == 0, time);
		buf_printf(&outlet->message, "<%d>1 %s %s %s %d %s - ", priority, time,
			   outlet->machine, tag, pid, tag);
		return;
	}
	stamp(&parts, time);
	buf_printf(&outlet->message, "<%d>%s %s%s%s[%d]: ", priority, time,
		   *format ? outlet->machine : "", *format ? " " : "", tag, pid);
}

static void compose(struct logger_outlet *outlet, const struct logrecord *record)
{
	const bool is_whole = record->length && record->bytes[record->length - 1] == '\n';

	buf_clear(&outlet->message);
	add_head(outlet,
		 outlet->facility << 3 | (record->is_stderr ? SEVERITY_STDERR : SEVERITY_STDOUT));
	buf_add(&outlet->message, record->bytes, record->length - is_whole);
	buf_add_char(&outlet->message, '\n');
}

/* A connection that the other side has closed takes one more message, which nobody reads. */
static bool is_closed(int connection)
{
	char byte;
	ssize_t got = recv(connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static bool send_all(int connection, const char *text, size_t length)
{
	while (length) {
		ssize_t sent = send(connection, text, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EMSGSIZE; /* it would never be taken */
		text += sent;
		length -= (size_t)sent;
	}
	return true;
}

static int type_of(int connection)
{
	int type = 0;
	socklen_t length = sizeof(type);

	getsockopt(connection, SOL_SOCKET, SO_TYPE, &type, &length);
	return type;
}

static enum logger_outcome send_record(struct logger_outlet *outlet, const struct logrecord *record)
{
	/* A datagram's socket reports here that the one before was refused, once. */
	if (outlet->connection >= 0 && is_closed(outlet->connection) &&
	    type_of(outlet->connection) == SOCK_STREAM) {
		close(outlet->connection);
		outlet->connection = -1;
	}
	if (outlet->connection < 0 && !connect_outlet(outlet))
		return LOGGER_LATER;
	compose(outlet, record);
	if (send_all(outlet->connection, outlet->message.data,
		     outlet->message.length < DATAGRAM_MAX ? outlet->message.length : DATAGRAM_MAX))
		return LOGGER_SENT;
	close(outlet->connection);
	outlet->connection = -1;
	return LOGGER_LATER;
}

bool loggersyslog_init(struct logger_outlet *outlet, char *const *arguments, struct error *err)
{
	*outlet = (struct logger_outlet){ .send = send_record,
					  .arguments = arguments,
					  .connection = -1 };
	for (int i = 0; i < ARGUMENTS; i++) {
		if (!arguments[i])
			return error_set(err, ERROR_INPUT, "syslog: TAG ADDRESS FACILITY FORMAT");
	}
	buf_init(&outlet->message, MESSAGE_MAX);
	if (gethostname(outlet->machine, sizeof(outlet->machine) - 1) != 0)
		return error_sys(err, "ask for the host's name");
	if (!logaddress_facility(arguments[FACILITY], &outlet->facility))
		return error_set(err, ERROR_INPUT, "invalid syslog facility");
	return logaddress_parse(arguments[ADDRESS], &outlet->address, err);
}
