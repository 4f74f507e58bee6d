/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_RESTART_H
#define RUNTIME_RESTART_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether and when the monitor starts its container again. The policy is the word in a file:
 * "no", "always", "unless-stopped", "on-failure" or "on-failure:N". It is read anew at every exit,
 * and whenever it changes while a restart is due: so whoever stops the container for good, or gives
 * it another policy, writes a file and need not find the monitor. No file is "no".
 */

#define RESTART_POLICY_MAX  64    /* bytes of the file that are looked at */
#define RESTART_FIRST_MS    100   /* the first pause; each is twice the one before … */
#define RESTART_LONGEST_MS  60000 /* … up to this, and the first again … */
#define RESTART_GOOD_RUN_MS 10000 /* … after a run as long as this */

struct restart {
	const char *file;   /* NULL: never */
	unsigned int count; /* restarts so far */
	int64_t pause;      /* the last one; 0: none yet */
	int watch;          /* inotify, readable when the file has changed; -1: nothing is due */
};

void restart_init(struct restart *restart, const char *file);
/* After an end with this code: whether the policy wants another start. If so the file is watched,
 * with no moment in between; ask again when restart.watch is readable. */
bool restart_is_wanted(struct restart *restart, int code);
/* How many milliseconds to wait before it, after a run of that length. */
int64_t restart_pause(struct restart *restart, int64_t ran_ms);
/* It is done, or given up. */
void restart_unwatch(struct restart *restart);

#endif
