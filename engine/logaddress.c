/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logaddress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define SYSLOG_PORT     "514"
#define FACILITY_DAEMON 3
#define FACILITY_LAST   23

static bool is_port(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && !*end && number > 0 && number < 65536;
}

/* "host", "host:514", "[::1]", "[::1]:514" */
static bool parse_host(const char *text, struct logaddress *address)
{
	const bool is_bracketed = text[0] == '[';
	const char *host = text + is_bracketed;
	size_t length = strcspn(host, is_bracketed ? "]" : ":/");
	const char *rest = host + length + is_bracketed;

	if (!length || length >= LOGADDRESS_HOST_MAX || (is_bracketed && host[length] != ']'))
		return false;
	memcpy(address->host, host, length);
	address->host[length] = '\0';
	length = strcspn(rest, "/"); /* what follows a slash means nothing, as with docker */
	if (!length) {
		memcpy(address->port, SYSLOG_PORT, sizeof(SYSLOG_PORT));
		return true;
	}
	if (rest[0] != ':' || length > sizeof(address->port) - 1)
		return false;
	memcpy(address->port, rest + 1, length - 1);
	address->port[length - 1] = '\0';
	return is_port(address->port);
}

static bool parse_path(const char *text, struct logaddress *address)
{
	const size_t length = strlen(text);

	address->is_unix = true;
	if (text[0] != '/' || length >= sizeof(address->path))
		return false;
	memcpy(address->path, text, length + 1);
	return true;
}

bool logaddress_parse(const char *text, struct logaddress *address, struct error *err)
{
	static const struct {
		const char *scheme;
		int type;
		bool (*parse)(const char *text, struct logaddress *address);
	} schemes[] = { { "udp", SOCK_DGRAM, parse_host },
			{ "tcp", SOCK_STREAM, parse_host },
			{ "unix", SOCK_STREAM, parse_path },
			{ "unixgram", SOCK_DGRAM, parse_path } };
	const char *colon = strstr(text, "://");

	*address = (struct logaddress){ .is_usual = !*text };
	if (!*text)
		return true;
	if (!colon)
		return error_set(err, ERROR_INPUT,
				 "syslog-address should be in form proto://address, got %s", text);
	for (size_t i = 0; i < COUNT_OF(schemes); i++) {
		const size_t length = strlen(schemes[i].scheme);

		if ((size_t)(colon - text) != length ||
		    strncmp(text, schemes[i].scheme, length) != 0)
			continue;
		address->type = schemes[i].type;
		return schemes[i].parse(colon + 3, address) ||
		       error_set(err, ERROR_INPUT, "syslog-address: \"%s\" is no address", text);
	}
	if (strncmp(text, "tcp+tls:", 8) == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "syslog-address: tcp+tls is not supported: send it to a syslog "
				 "server of this machine and have that encrypt it");
	return error_set(err, ERROR_INPUT, "unsupported scheme: '%.*s'", (int)(colon - text), text);
}

bool logaddress_facility(const char *text, int *facility)
{
	static const char *const names[] = { "kern",     "user",   "mail",   "daemon", "auth",
					     "syslog",   "lpr",    "news",   "uucp",   "cron",
					     "authpriv", "ftp",    NULL,     NULL,     NULL,
					     NULL,       "local0", "local1", "local2", "local3",
					     "local4",   "local5", "local6", "local7" };
	char *end;

	*facility = FACILITY_DAEMON;
	if (!*text)
		return true;
	for (int i = 0; i < (int)COUNT_OF(names); i++) {
		if (names[i] && strcmp(names[i], text) == 0) {
			*facility = i;
			return true;
		}
	}
	long number = strtol(text, &end, 10);

	*facility = (int)number;
	return text[0] >= '0' && text[0] <= '9' && !*end && number <= FACILITY_LAST;
}
