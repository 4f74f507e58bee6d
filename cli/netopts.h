/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_NETOPTS_H
#define CLI_NETOPTS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"

/*
 * --network and what belongs to it: which networks a container is to be in.
 */
struct netopts {
	struct texts networks; /* "NAME", or "name=NAME,alias=…,ip=…" */
	struct texts aliases;
	struct texts publish, links;
	const char *ip, *ip6, *mac;
	struct texts link_local;
	bool publishes_all;
	bool links_all; /* the links are all networks', and not the first one's: compose's */
};

/* Fills in container->network and networks; docker's words for what its client does not let go
 * together. */
must_check bool netopts_read(const struct netopts *values, struct arena *arena,
			     struct container *container, struct error *err);

/* And publish, links and exposed_ports; the words for what its daemon does not. */
must_check bool netopts_complete(const struct netopts *values, struct arena *arena,
				 struct container *container, struct error *err);

/* For the command line. */
bool netopts_check_network(const char *text, struct error *err);
bool netopts_check_ip(const char *text, struct error *err);
bool netopts_check_ip6(const char *text, struct error *err);
bool netopts_check_link_local(const char *text, struct error *err);
bool netopts_check_priority(const char *text, struct error *err);
bool netopts_check_mac(const char *text, struct error *err);

#endif
