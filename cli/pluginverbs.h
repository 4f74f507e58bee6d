/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PLUGINVERBS_H
#define CLI_PLUGINVERBS_H

#include "cli/command.h"

/*
 * The verbs about plugins, for the table in verbs.c.
 */
extern const struct command cmd_plugin_inspect;
extern const struct command cmd_plugin_ls;
extern const struct command cmd_plugin_rm;

#endif
