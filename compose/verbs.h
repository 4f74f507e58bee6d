/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_VERBS_H
#define COMPOSE_VERBS_H

#include "cli/command.h"

/*
 * The verbs of `docker compose`; main.c has their names.
 */
extern const struct command verb_attach, verb_build, verb_commit, verb_config, verb_cp, verb_create,
	verb_down, verb_events, verb_exec, verb_export, verb_images, verb_kill, verb_logs, verb_ls,
	verb_pause, verb_port, verb_ps, verb_pull, verb_push, verb_restart, verb_rm, verb_run,
	verb_scale, verb_start, verb_stats, verb_stop, verb_top, verb_unpause, verb_up, verb_wait;

#endif
