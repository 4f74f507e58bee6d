/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_NETWORKVERBS_H
#define CLI_NETWORKVERBS_H

#include "cli/command.h"

/*
 * The verbs about networks, for the table in verbs.c.
 */
extern const struct command cmd_network_connect;
extern const struct command cmd_network_create;
extern const struct command cmd_network_disconnect;
extern const struct command cmd_network_inspect;
extern const struct command cmd_network_ls;
extern const struct command cmd_network_prune;
extern const struct command cmd_network_rm;
extern const struct command cmd_port;

#endif
