/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ports.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PORT_MAX 65535

struct range {
	long first, last;
};

static bool parse_range(const char *text, struct range *range)
{
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9')
		return false;
	range->first = strtol(text, &end, 10);
	range->last = range->first;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		range->last = strtol(end + 1, &end, 10);
	return *end == '\0' && range->last <= PORT_MAX && range->first <= range->last;
}

static bool check_protocol(char *text, struct error *err)
{
	char *slash = strchr(text, '/');

	if (!slash)
		return true;
	*slash = '\0';
	return strcmp(slash + 1, "tcp") == 0 || strcmp(slash + 1, "udp") == 0 ||
	       strcmp(slash + 1, "sctp") == 0 ||
	       error_set(err, ERROR_INPUT, "invalid proto: %s", slash + 1);
}

static bool check_address(char *text, struct error *err)
{
	unsigned char bytes[16];
	size_t length = strlen(text);

	if (text[0] == '[' && text[length - 1] == ']') {
		text[length - 1] = '\0';
		text++;
	}
	return !*text || inet_pton(AF_INET, text, bytes) == 1 ||
	       inet_pton(AF_INET6, text, bytes) == 1 ||
	       error_set(err, ERROR_INPUT, "invalid IP address: %s", text);
}

bool ports_check(const char *text, struct error *err)
{
	autofree char *spec = mem_strdup(text);
	char *container = spec;
	char *host = NULL;
	struct range inside;
	struct range outside;

	if (!check_protocol(spec, err))
		return false;
	char *colon = strrchr(spec, ':');
	if (colon) {
		*colon = '\0';
		container = colon + 1;
		colon = strrchr(spec, ':');
		host = colon ? colon + 1 : spec;
		if (colon)
			*colon = '\0';
		if (colon && !check_address(spec, err))
			return false;
	}
	if (!parse_range(container, &inside))
		return error_set(err, ERROR_INPUT, "invalid containerPort: %s", container);
	if (!host || !*host)
		return true;
	if (!parse_range(host, &outside))
		return error_set(err, ERROR_INPUT, "invalid hostPort: %s", host);
	return outside.last - outside.first == inside.last - inside.first ||
	       inside.first == inside.last ||
	       error_set(err, ERROR_INPUT,
			 "invalid ranges specified for container and host Ports: %s and %s",
			 container, host);
}
