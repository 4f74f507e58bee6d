/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/port.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const struct {
	const char *name;
	int number;
} protocols[] = {
	[PORT_TCP] = { "tcp", IPPROTO_TCP },
	[PORT_UDP] = { "udp", IPPROTO_UDP },
	[PORT_SCTP] = { "sctp", IPPROTO_SCTP },
};

const char *port_protocol_name(enum port_protocol protocol)
{
	return protocols[protocol].name;
}

int port_protocol_number(enum port_protocol protocol)
{
	return protocols[protocol].number;
}

bool port_protocol_parse(const char *name, enum port_protocol *protocol)
{
	for (size_t i = 0; i < COUNT_OF(protocols); i++) {
		if (strcasecmp(protocols[i].name, name) == 0) {
			*protocol = (enum port_protocol)i;
			return true;
		}
	}
	return false;
}

static bool parse_number(const char *text, char **end, long *number)
{
	if (text[0] < '0' || text[0] > '9')
		return false;
	*number = strtol(text, end, 10);
	return *number <= PORT_MAX;
}

static bool parse_range(const char *text, struct port_range *range)
{
	long first, last;
	char *end;

	if (!parse_number(text, &end, &first))
		return false;
	last = first;
	if (*end == '-' && !parse_number(end + 1, &end, &last))
		return false;
	range->first = (uint16_t)first;
	range->last = (uint16_t)last;
	return *end == '\0' && first <= last;
}

/* Cuts "/udp" off. */
static bool take_protocol(char *text, struct port_spec *spec, struct error *err)
{
	char *slash = strchr(text, '/');

	if (!slash)
		return true;
	*slash = '\0';
	return !slash[1] || port_protocol_parse(slash + 1, &spec->protocol) ||
	       error_set(err, ERROR_INPUT, "invalid proto: %s", slash + 1);
}

static bool set_address(char *text, struct port_spec *spec, struct error *err)
{
	size_t length = strlen(text);

	if (length > 1 && text[0] == '[' && text[length - 1] == ']') {
		text[length - 1] = '\0';
		text++;
	}
	return !*text || ipaddr_parse(&spec->address, text) ||
	       error_set(err, ERROR_INPUT, "invalid IP address: %s", text);
}

static unsigned int size_of(const struct port_range *range)
{
	return (unsigned int)(range->last - range->first);
}

static bool set_host(char *host, const char *container, struct port_spec *spec, struct error *err)
{
	if (!*host)
		return true;
	if (!parse_range(host, &spec->outside))
		return error_set(err, ERROR_INPUT, "invalid hostPort: %s", host);
	spec->has_outside = spec->outside.first > 0; /* 0: any */
	return size_of(&spec->outside) == size_of(&spec->inside) ||
	       spec->inside.first == spec->inside.last ||
	       error_set(err, ERROR_INPUT,
			 "invalid ranges specified for container and host Ports: %s and %s",
			 container, host);
}

bool port_parse(const char *text, struct port_spec *spec, struct error *err)
{
	autofree char *copy = mem_strdup(text);
	char *container = copy;
	char *host = NULL;

	*spec = (struct port_spec){ .protocol = PORT_TCP };
	if (!take_protocol(copy, spec, err))
		return false;
	char *colon = strrchr(copy, ':');
	if (colon) {
		*colon = '\0';
		container = colon + 1;
		colon = strrchr(copy, ':');
		host = colon ? colon + 1 : copy;
		if (colon)
			*colon = '\0';
		if (colon && !set_address(copy, spec, err))
			return false;
	}
	if (!*container)
		return error_set(err, ERROR_INPUT, "no port specified: %s<empty>", text);
	if (!parse_range(container, &spec->inside) || spec->inside.first == 0)
		return error_set(err, ERROR_INPUT, "invalid containerPort: %s", container);
	return !host || set_host(host, container, spec, err);
}

/* One end of an exposed range, up to `end`; `why` in the words of Go's strconv. */
static bool parse_end(const char *text, const char *end, uint16_t *port, const char **why)
{
	char *stop;
	long number = 0;

	*why = "invalid syntax";
	if (text == end || strspn(text, "0123456789") != (size_t)(end - text))
		return false;
	*why = "value out of range";
	if (!parse_number(text, &stop, &number) || number == 0)
		return false;
	*port = (uint16_t)number;
	return true;
}

static bool parse_exposed_range(const char *text, struct port_range *range, struct error *err)
{
	const char *dash = strchr(text, '-');
	const char *end = text + strlen(text);
	const char *stop = dash ? dash : end;
	const char *why;

	if (!*text)
		return error_set(err, ERROR_INPUT, "empty string specified for ports");
	if (!parse_end(text, stop, &range->first, &why))
		return error_set(err, ERROR_INPUT, "strconv.ParseUint: parsing \"%.*s\": %s",
				 (int)(stop - text), text, why);
	range->last = range->first;
	if (dash && !parse_end(dash + 1, end, &range->last, &why))
		return error_set(err, ERROR_INPUT, "strconv.ParseUint: parsing \"%s\": %s",
				 dash + 1, why);
	return range->first <= range->last ||
	       error_set(err, ERROR_INPUT, "invalid range specified for port: %s", text);
}

bool port_parse_exposed(const char *text, struct port_spec *spec, struct error *err)
{
	autofree char *copy = mem_strdup(text);

	*spec = (struct port_spec){ .protocol = PORT_TCP };
	if (strchr(text, ':'))
		return error_set(err, ERROR_INPUT, "invalid port format for --expose: %s", text);
	return take_protocol(copy, spec, err) &&
	       (parse_exposed_range(copy, &spec->inside, err) ||
		error_in(err, "invalid range format for --expose: %s, error", text));
}

bool port_check(const char *text, struct error *err)
{
	struct port_spec spec;

	return port_parse(text, &spec, err);
}

bool port_check_exposed(const char *text, struct error *err)
{
	struct port_spec spec;

	return port_parse_exposed(text, &spec, err);
}
