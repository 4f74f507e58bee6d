/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VOLUMEVERBS_H
#define CLI_VOLUMEVERBS_H

#include "cli/command.h"

/*
 * The verbs about volumes, for the table in verbs.c.
 */
extern const struct command cmd_volume_create;
extern const struct command cmd_volume_inspect;
extern const struct command cmd_volume_ls;
extern const struct command cmd_volume_prune;
extern const struct command cmd_volume_rm;

#endif
