/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/normal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "compose/tree.h"

/* `ports`: "[IP:][HOST:]CONTAINER[/PROTOCOL]" with ranges, or mappings; becomes mappings, one a
 * port.
 */

#define PORT_MAX 65535

struct span {
	int first, last; /* 0, 0: none */
};

struct port {
	const char *address, *protocol;
	struct span host, target;
};

static bool parse_number(const char *text, size_t length, int *number)
{
	*number = 0;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]) || *number > PORT_MAX)
			return false;
		*number = *number * 10 + text[i] - '0';
	}
	return length > 0 && *number <= PORT_MAX;
}

static bool parse_span(const char *text, struct span *span)
{
	const char *dash = strchr(text, '-');

	if (!dash) {
		bool is_good = parse_number(text, strlen(text), &span->first);

		span->last = span->first;
		return is_good;
	}
	return parse_number(text, (size_t)(dash - text), &span->first) &&
	       parse_number(dash + 1, strlen(dash + 1), &span->last) && span->first <= span->last;
}

/* Cuts "/udp" off. */
static bool take_protocol(const struct json *value, char *text, struct port *port,
			  struct error *err)
{
	char *slash = strchr(text, '/');

	port->protocol = "tcp";
	if (!slash)
		return true;
	*slash = '\0';
	for (char *next = slash + 1; *next; next++)
		*next = (char)tolower((unsigned char)*next);
	port->protocol = slash + 1;
	return strcmp(port->protocol, "tcp") == 0 || strcmp(port->protocol, "udp") == 0 ||
	       strcmp(port->protocol, "sctp") == 0 ||
	       json_wrong(value, err, "invalid proto: %.100s", port->protocol);
}

/* Cuts "IP:" off; what remains is "HOST:CONTAINER" or "CONTAINER". */
static char *take_address(char *text, struct port *port)
{
	char *last = strrchr(text, ':');

	if (!last)
		return text;
	*last = '\0';

	char *colon = strrchr(text, ':');
	bool has_address = colon && strchr(colon, ']') == NULL;

	*last = ':';
	if (!has_address)
		return text;
	*colon = '\0';
	port->address = text;
	if (*text == '[' && colon > text && colon[-1] == ']') {
		colon[-1] = '\0';
		port->address = text + 1;
	}
	return colon + 1;
}

static bool is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes) == 1;
}

static bool parse_short(const struct json *value, char *text, struct port *port, struct error *err)
{
	if (!take_protocol(value, text, port, err))
		return false;

	char *ports = take_address(text, port);

	if (port->address && !is_address(port->address))
		return json_wrong(value, err, "invalid ip address: %.100s", port->address);

	char *colon = strchr(ports, ':');
	const char *target = colon ? colon + 1 : ports;

	if (colon)
		*colon = '\0';
	if (!parse_span(target, &port->target) || port->target.first == 0)
		return json_wrong(value, err, "invalid containerPort: %.100s", target);
	if (colon && *ports && !parse_span(ports, &port->host))
		return json_wrong(value, err, "invalid hostPort: %.100s", ports);

	int many = port->target.last - port->target.first;

	if (many > 0 && port->host.first && port->host.last - port->host.first != many)
		return json_wrong(
			value, err,
			"invalid ranges specified for container and host Ports: %.50s and "
			"%.50s",
			target, ports);
	return true;
}

static struct json *new_port(const struct normal *normal, struct json *list)
{
	return json_new(normal->arena, list, NULL, JSON_OBJECT, NULL);
}

static void add_port(const struct normal *normal, struct json *list, const struct port *port,
		     int offset)
{
	struct json *item = new_port(normal, list);
	bool is_one = port->target.first == port->target.last;

	(void)tree_put_text(normal->arena, item, "mode", "ingress");
	if (port->address)
		(void)tree_put_text(normal->arena, item, "host_ip", port->address);
	(void)tree_put(normal->arena, item, "target", JSON_NUMBER,
		       arena_printf(normal->arena, "%d", port->target.first + offset));
	if (port->host.first && is_one && port->host.last > port->host.first)
		(void)tree_put_text(
			normal->arena, item, "published",
			arena_printf(normal->arena, "%d-%d", port->host.first, port->host.last));
	else if (port->host.first)
		(void)tree_put_text(normal->arena, item, "published",
				    arena_printf(normal->arena, "%d", port->host.first + offset));
	(void)tree_put_text(normal->arena, item, "protocol", port->protocol);
}

static bool add_short(const struct normal *normal, struct json *list, const struct json *value,
		      struct error *err)
{
	char *text = arena_strdup(normal->arena, tree_scalar(value));
	struct port port = { 0 };

	if (!parse_short(value, text, &port, err))
		return false;

	int many = port.target.last - port.target.first + 1;

	if ((int)list->count + many > NORMAL_PORTS_MAX)
		return json_wrong(value, err, "too many ports");
	for (int i = 0; i < many; i++)
		add_port(normal, list, &port, i);
	return true;
}

static bool protocol(const struct normal *normal, struct json *value, struct error *err)
{
	return normal_text(normal, value, err) &&
	       (strcmp(value->text, "tcp") == 0 || strcmp(value->text, "udp") == 0 ||
		strcmp(value->text, "sctp") == 0 ||
		json_wrong(value, err, "invalid proto: %.100s", value->text));
}

static bool target(const struct normal *normal, struct json *value, struct error *err)
{
	struct span span;

	if (!normal_text(normal, value, err))
		return false;
	if (!parse_span(value->text, &span) || span.first != span.last || span.first == 0)
		return json_wrong(value, err, "invalid containerPort: %.100s", value->text);
	value->type = JSON_NUMBER;
	return true;
}

static bool published(const struct normal *normal, struct json *value, struct error *err)
{
	struct span span;

	return normal_text(normal, value, err) &&
	       (!*value->text || parse_span(value->text, &span) ||
		json_wrong(value, err, "invalid hostPort: %.100s", value->text));
}

static bool add_long(const struct normal *normal, struct json *list, struct json *value,
		     struct error *err)
{
	static const struct normal_key keys[] = {
		{ "mode", normal_text },
		{ "host_ip", normal_text },
		{ "target", target },
		{ "published", published },
		{ "protocol", protocol },
		{ "name", normal_text },
		{ "app_protocol", normal_text },
		{ NULL, NULL },
	};

	if (!normal_members(normal, value, keys, err))
		return false;
	if (!tree_find(value, "target"))
		return json_wrong(value, err, "missing property 'target'");

	struct json *item = new_port(normal, list);

	tree_become(item, value);
	if (!tree_find(item, "mode"))
		(void)tree_put_text(normal->arena, item, "mode", "ingress");
	if (!tree_find(item, "protocol"))
		(void)tree_put_text(normal->arena, item, "protocol", "tcp");
	return true;
}

bool normal_ports(const struct normal *normal, struct json *value, struct error *err)
{
	struct json *list = json_new(normal->arena, NULL, NULL, JSON_ARRAY, NULL);

	if (value->type != JSON_ARRAY)
		return json_wrong(value, err, "must be a list");
	for (struct json *item = value->child, *next; item; item = next) {
		next = item->next;
		if (item->type != JSON_OBJECT && item->type != JSON_TEXT &&
		    item->type != JSON_NUMBER)
			return json_wrong(item, err, "must be a string, a number or a mapping");
		if (normal_is_open(normal, item)) {
			(void)tree_add_text(normal->arena, list, item->text);
			continue;
		}

		bool is_good = item->type == JSON_OBJECT ? add_long(normal, list, item, err)
							 : add_short(normal, list, item, err);

		if (!is_good)
			return false;
	}
	tree_become(value, list);
	return true;
}
