/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_VERBS_H
#define COMPOSE_VERBS_H

#include "cli/command.h"

/*
 * The verbs of `docker compose`; main.c has their names.
 */
extern const struct command verb_config, verb_down, verb_logs, verb_ps, verb_up;

#endif
