/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONTAINERVERBS_H
#define CLI_CONTAINERVERBS_H

#include "cli/command.h"

/*
 * The verbs about containers and the system, for the table in main.c.
 */
extern const struct command cmd_run;
extern const struct command cmd_create;
extern const struct command cmd_start;
extern const struct command cmd_attach;
extern const struct command cmd_exec;
extern const struct command cmd_system_df;
extern const struct command cmd_system_prune;
extern const struct command cmd_builder_prune;
extern const struct command cmd_completion;
extern const struct command cmd_context_inspect;
extern const struct command cmd_context_ls;
extern const struct command cmd_context_show;
extern const struct command cmd_context_use;
extern const struct command cmd_cp;
extern const struct command cmd_diff;
extern const struct command cmd_export;
extern const struct command cmd_commit;
extern const struct command cmd_import;
extern const struct command cmd_stats;
extern const struct command cmd_update;
extern const struct command cmd_events;
extern const struct command cmd_top;
extern const struct command cmd_pause;
extern const struct command cmd_unpause;
extern const struct command cmd_stop;
extern const struct command cmd_restart;
extern const struct command cmd_kill;
extern const struct command cmd_rename;
extern const struct command cmd_rm;
extern const struct command cmd_ps; /* and container ls, container list */
extern const struct command cmd_logs;
extern const struct command cmd_wait;
extern const struct command cmd_inspect;
extern const struct command cmd_container_inspect;
extern const struct command cmd_container_prune;
extern const struct command cmd_version;
extern const struct command cmd_info;

/* Not docker's: what monitors and tests call. */
extern const struct command cmd_container_cleanup;
extern const struct command cmd_container_probe;
extern const struct command cmd_network_reset;

/* Not docker's either: what services of the machine call. */
extern const struct command cmd_boot;
extern const struct command cmd_shutdown;

#endif
