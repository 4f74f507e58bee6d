/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SWARM_H
#define CLI_SWARM_H

#include <stdbool.h>

/*
 * Verbs about a swarm. This machine is never part of one, and scripts ask whether it is: docker's
 * words say so.
 */

/* "swarm", "node", "service", "stack", "secret", "config". */
bool swarm_is_group(const char *name);

/* The group, the verb and what follows it. Tells why not; the exit code. */
int swarm_refuse(const char *const *words);

#endif
