/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_MONITOR_H
#define RUNTIME_MONITOR_H

/*
 * `mooring-runc monitor`: one process per container, its init's parent. It copies output to the
 * attached client and to the log, passes signals on, reaps, and writes the exit record. The command
 * line and the messages are the contract in docs/architecture.md.
 *
 * It is a verb of mooring-runc: `root` is the global --root, argv[0] is "monitor". Returns the
 * process' exit status; what goes wrong before it has left its caller is printed to stderr.
 */
#define MONITOR_NAME "mooring-monitor" /* the process' own, see proc(5), comm */

int monitor_verb(const char *root, int argc, char **argv);

#endif
