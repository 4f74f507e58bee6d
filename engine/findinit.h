/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FINDINIT_H
#define ENGINE_FINDINIT_H

#include <stdbool.h>
#include <sys/types.h>

/* The init of a container whose state cannot be read any more: of the processes in its control
 * group, which is named after it, the one that was there first. False: there is none. */
bool findinit(const char *id, pid_t *pid, unsigned long long *start_time);

#endif
