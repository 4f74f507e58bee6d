/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PORT_H
#define ENGINE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/texts.h"

/*
 * -p and --expose, docker's grammar and words:
 *
 *	[[ADDRESS:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/tcp|udp|sctp]
 */

struct port_range {
	uint16_t first, last;
};

enum port_protocol {
	PORT_TCP,
	PORT_UDP,
	PORT_SCTP,
};
#define PORT_PROTOCOLS (PORT_SCTP + 1)
#define PORT_MAX       65535

struct port_spec {
	enum port_protocol protocol;
	struct ipaddr address; /* family 0: all of the host's */
	struct port_range inside;
	struct port_range outside;
	bool has_outside; /* else any free port will do */
};

must_check bool port_parse(const char *text, struct port_spec *spec, struct error *err);
/* --expose and an image's EXPOSE: "80", "80-82/udp". */
must_check bool port_parse_exposed(const char *text, struct port_spec *spec, struct error *err);

/* For the command line. */
bool port_check(const char *text, struct error *err);
bool port_check_exposed(const char *text, struct error *err);

const char *port_protocol_name(enum port_protocol protocol);
int port_protocol_number(enum port_protocol protocol); /* IPPROTO_* */
bool port_protocol_parse(const char *name, enum port_protocol *protocol);

#endif
