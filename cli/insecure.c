/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/insecure.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "registry/reference.h"

#define HOSTS       "/etc/hosts"
#define HOSTS_MAX   (1 << 20)
#define LOCALHOST   "localhost"
#define PORT_MAX    65535
#define PORT_DIGITS 5

/* "[::1]:5000" → "::1", "registry.lan:5000" → "registry.lan" */
static char *name_of(const char *host)
{
	if (host[0] == '[')
		return mem_printf("%.*s", (int)strcspn(host + 1, "]"), host + 1);
	return mem_printf("%.*s", (int)strcspn(host, ":"), host);
}

static bool has_address(const struct ipnet *range, const struct addrinfo *info)
{
	char text[NI_MAXHOST];
	struct ipaddr address;

	return getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), NULL, 0,
			   NI_NUMERICHOST) == 0 &&
	       ipaddr_parse(&address, text) && ipnet_has(range, &address);
}

bool insecure_range_has(const struct ipnet *range, const char *host)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	autofree char *name = name_of(host);
	struct addrinfo *found = NULL;
	bool is_in = false;

	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return false;
	for (const struct addrinfo *info = found; info && !is_in; info = info->ai_next)
		is_in = has_address(range, info);
	freeaddrinfo(found);
	return is_in;
}

/* -- what an entry names -- */

/* *place: what is behind "http://" or "https://". */
static bool pass_scheme(const char *entry, const char **place, struct error *err)
{
	const char *end = strstr(entry, "://");

	*place = end ? end + strlen("://") : entry;
	if (!end || strncasecmp(entry, "http://", strlen("http://")) == 0 ||
	    strncasecmp(entry, "https://", strlen("https://")) == 0)
		return true;
	return error_set(err, ERROR_INPUT, "insecure registry %s should not contain '://'", entry);
}

static bool is_port(const char *place)
{
	const char *bracket = strrchr(place, ']');
	const char *colon = strchr(bracket ? bracket : place, ':');

	return !colon || (strlen(colon + 1) <= PORT_DIGITS && atoi(colon + 1) <= PORT_MAX);
}

bool insecure_read(const char *entry, const char **place, struct error *err)
{
	struct ipaddr address;
	struct ipnet range;

	if (!pass_scheme(entry, place, err))
		return false;

	size_t length = strlen(*place);

	if (length > 0 && ((*place)[0] == '-' || (*place)[length - 1] == '-'))
		return error_set(err, ERROR_INPUT,
				 "invalid index name (%s). Cannot begin or end with a hyphen",
				 *place);
	if (ipnet_parse(&range, *place) || ipaddr_parse(&address, *place))
		return true;
	if (!reference_is_domain(*place))
		return error_set(err, ERROR_INPUT,
				 "insecure registry %s is not valid: invalid host", *place);
	return is_port(*place) ||
	       error_set(err, ERROR_INPUT, "insecure registry %s is not valid: invalid port",
			 *place);
}

/* -- this machine -- */

/* "127.0.0.1 localhost registry.lan # ours" */
static bool is_line_for(char *line, const char *name)
{
	line[strcspn(line, "#")] = '\0';

	char *rest = NULL;
	const char *word = strtok_r(line, " \t\r", &rest);
	struct ipaddr address;

	if (!word || !ipaddr_parse(&address, word) || !ipaddr_is_loopback(&address))
		return false;
	while ((word = strtok_r(NULL, " \t\r", &rest)) != NULL)
		if (strcasecmp(word, name) == 0)
			return true;
	return false;
}

/* "registry.lan" is below "lan", and so is "lan" itself. */
static bool is_below(const char *name, const char *parent, size_t parent_length)
{
	size_t length = strlen(name);

	return parent_length > 0 && length >= parent_length &&
	       strncasecmp(name + length - parent_length, parent, parent_length) == 0 &&
	       (length == parent_length || name[length - parent_length - 1] == '.');
}

bool insecure_is_local(const char *host)
{
	autofree char *name = name_of(host);
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, HOSTS_MAX);
	if (strcasecmp(name, LOCALHOST) == 0)
		return false; /* everybody knows that */
	if (is_below(name, LOCALHOST, strlen(LOCALHOST)))
		return true;
	if (!file_read(AT_FDCWD, HOSTS, &text, &ignored))
		return false;

	char *rest = text.data;

	for (char *line; rest && (line = strsep(&rest, "\n")) != NULL;)
		if (is_line_for(line, name))
			return true;
	return false;
}

bool insecure_is_exempt(const char *no_proxy, const char *host)
{
	autofree char *name = name_of(host);

	if (is_below(name, LOCALHOST, strlen(LOCALHOST)))
		return true;
	while (no_proxy && *no_proxy) {
		size_t length = strcspn(no_proxy, ", \t");
		bool has_dot = *no_proxy == '.';

		if ((length == 1 && *no_proxy == '*') ||
		    is_below(name, no_proxy + has_dot, length - has_dot))
			return true;
		no_proxy += length + (no_proxy[length] != '\0');
	}
	return false;
}
