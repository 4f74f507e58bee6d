/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ELEVATE_H
#define CLI_ELEVATE_H

#include <stdbool.h>

#include "cli/command.h"

/*
 * How an ordinary user's command gets at containers: members of the group docker use root's,
 * through mooring-gate (engine/gate.h).
 */

/* True if this process may go on by itself. If not, the command has been run elsewhere or refused,
 * with the text that AWS's nucleus knows, and *code is its exit code. */
bool elevate(const struct cli *cli, bool is_run, int *code);

#endif
