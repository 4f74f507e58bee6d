/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerfilter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/word.h"
#include "cli/filter.h"
#include "engine/connect.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/find.h"
#include "engine/health.h"
#include "engine/network.h"
#include "engine/port.h"
#include "engine/status.h"

/* Values. ------------------------------------------------------------------------------------- */

static bool check_status(const char *value, struct error *err)
{
	static const char *const known[] = { "created", "restarting", "running", "removing",
					     "paused",  "exited",     "dead",    NULL };

	return word_is_in(value, known) ||
	       error_set(err, ERROR_INPUT, "invalid filter 'status=%s'", value);
}

static bool check_task(const char *value, struct error *err)
{
	static const char *const known[] = { "1", "true", "0", "false", NULL };

	return word_is_in(value, known) ||
	       error_set(err, ERROR_INPUT, "invalid filter 'is-task=[%s]'", value);
}

static bool check_health(const char *value, struct error *err)
{
	bool is_known = false;

	for (int state = HEALTH_NONE; state <= HEALTH_UNHEALTHY; state++)
		is_known |= strcmp(health_name((enum health_state)state), value) == 0;
	return is_known ||
	       error_set(err, ERROR_INPUT, "Unrecognised filter value for health: %s", value);
}

static bool check_exited(const char *value, struct error *err)
{
	const char *digits = *value == '-' || *value == '+' ? value + 1 : value;

	return (word_is_digits(digits) && strlen(digits) < 10) ||
	       error_set(err, ERROR_INPUT, "strconv.Atoi: parsing \"%s\": invalid syntax", value);
}

static bool check_publish(const char *value, struct error *err)
{
	struct port_spec spec;

	return port_parse_exposed(value, &spec, err) ||
	       error_in(err, "error while looking up for publish %s", value);
}

static bool check_expose(const char *value, struct error *err)
{
	struct port_spec spec;

	return port_parse_exposed(value, &spec, err) ||
	       error_in(err, "error while looking up for expose %s", value);
}

/* Of those filters whose values are not just texts. */
bool containerfilter_check(const struct texts *filters, struct error *err)
{
	static const struct {
		const char *name;
		bool (*check)(const char *value, struct error *err);
	} checks[] = { { "status", check_status },   { "is-task", check_task },
		       { "health", check_health },   { "exited", check_exited },
		       { "publish", check_publish }, { "expose", check_expose } };

	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		size_t at = 0;
		const char *value;

		while ((value = filter_next(filters, checks[i].name, &at)))
			if (!checks[i].check(value, err))
				return false;
	}
	return true;
}

/* Matches. ------------------------------------------------------------------------------------ */

/* Docker matches names with and without their slash, by a regular expression. */
static bool is_name_match(const char *pattern, const char *name)
{
	char slashed[256];

	snprintf(slashed, sizeof(slashed), "/%s", name);
	return filter_is_found(pattern, name) || filter_is_found(pattern, slashed);
}

static bool uses_volume(const struct container *container, const char *value)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		if (strcmp(mount->target, value) == 0 ||
		    (mount->source && strcmp(mount->source, value) == 0))
			return true;
	}
	return false;
}

/* By what it was called; true of an image that is gone, too. */
static bool is_called(const struct container *container, const char *value)
{
	const char *hex = strchr(container->image_id, ':');
	const char *wanted = strncmp(value, "sha256:", 7) == 0 ? value + 7 : value;

	return strcmp(container->image, value) == 0 ||
	       (hex && strlen(wanted) >= CONTAINER_SHORT_ID &&
		strncmp(hex + 1, wanted, strlen(wanted)) == 0) ||
	       (strncmp(container->image, value, strlen(value)) == 0 &&
		strcmp(container->image + strlen(value), ":latest") == 0);
}

/* That image, or one that was made from it: whose layers begin with all of its own. */
static bool is_image(const struct engine *engine, const struct container *container,
		     const char *value)
{
	autoarena struct arena arena = { 0 };
	struct store_image image;
	struct error ignored;

	if (!store_find(&engine->store, &arena, value, &image, &ignored))
		return is_called(container, value);
	if (strcmp(container->image_id, image.id.text) == 0)
		return true;
	size_t count = image.layer_count;
	return count && count < container->layer_count &&
	       strcmp(container->chains[count - 1].text, image.chains[count - 1].text) == 0;
}

/* By name, ID or the beginning of one. */
static bool is_in_network(const struct engine *engine, const struct container *container,
			  const char *value)
{
	autoarena struct arena arena = { 0 };
	struct network network;
	struct error ignored; /* there is none: somebody may have been in it */

	if (network_find(engine, &arena, value, &network, &ignored))
		value = network.name;
	for (size_t i = 0; i < container->network_count; i++) {
		if (strcmp(container->networks[i].name, value) == 0)
			return true;
	}
	if (strcmp(value, NETWORK_NONE) == 0)
		return connect_is_on_none(container);
	return network_is_mode(container->network) && strcmp(container->network, value) == 0;
}

/* `80`, `80/udp`, `80-90/tcp`: is one of these among the ports that `ps` shows? */
static bool is_exposed(const struct containerrow *row, const char *value)
{
	const struct texts *ports = &row->container->exposed_ports;
	struct port_spec wanted, spec;
	struct error ignored;

	if (!*row->ports || !port_parse_exposed(value, &wanted, &ignored))
		return false;
	for (size_t i = 0; i < ports->count; i++) {
		if (port_parse_exposed(ports->items[i], &spec, &ignored) &&
		    spec.protocol == wanted.protocol && spec.inside.first <= wanted.inside.last &&
		    wanted.inside.first <= spec.inside.last)
			return true;
	}
	return false;
}

/* The same of the host's ports that lead to it. */
static bool is_published(const struct engine *engine, const struct containerrow *row,
			 const char *value)
{
	autoarena struct arena arena = { 0 };
	struct endpoints endpoints = { 0 };
	struct port_spec wanted;
	struct error ignored;

	if (!*row->ports || !port_parse_exposed(value, &wanted, &ignored) ||
	    !endpoints_read_open(engine, &arena, row->container->id, &endpoints))
		return false;
	for (size_t i = 0; i < endpoints.port_count; i++) {
		const struct published *port = &endpoints.ports[i];

		if (port->protocol == wanted.protocol && port->outside >= wanted.inside.first &&
		    port->outside <= wanted.inside.last)
			return true;
	}
	return false;
}

bool containerfilter_is_match(const struct engine *engine, const struct containerrow *row,
			      const char *name, const char *value)
{
	const struct container *container = row->container;

	if (strcmp(name, "id") == 0)
		return strncmp(container->id, value, strlen(value)) == 0;
	if (strcmp(name, "name") == 0)
		return is_name_match(value, container->name);
	if (strcmp(name, "status") == 0)
		return strcmp(status_name(row->status.state), value) == 0;
	if (strcmp(name, "exited") == 0)
		return row->status.state == STATUS_EXITED && row->status.exit_code == atoi(value);
	if (strcmp(name, "ancestor") == 0)
		return is_image(engine, container, value);
	if (strcmp(name, "volume") == 0)
		return uses_volume(container, value);
	if (strcmp(name, "network") == 0)
		return is_in_network(engine, container, value);
	if (strcmp(name, "is-task") == 0)
		return *value == '0' || *value == 'f'; /* of a swarm, which there is none of */
	if (strcmp(name, "health") == 0)
		return strcmp(health_name(row->health), value) == 0;
	if (strcmp(name, "expose") == 0)
		return is_exposed(row, value);
	return is_published(engine, row, value);
}
