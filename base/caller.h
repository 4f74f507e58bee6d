/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CALLER_H
#define BASE_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/proc.h"

/*
 * The person a privileged command works for. mooring-gate (engine/gate.h) starts `docker` as root
 * for a member of the group docker, and says for whom in the environment; only who is root already
 * can say so. What the command does to images and containers it does as root; files that the person
 * names on the command line are read and made with the person's own rights: by these calls. Where
 * there is no such person they do nothing special.
 */

/* UID:GID:GROUP,GROUP… */
#define CALLER_VARIABLE   "MOORING_CALLER"
#define CALLER_GROUPS_MAX 4096

/* From caller_enter to caller_leave the kernel checks files by the caller's IDs (setfsuid,
 * setgroups), and what is made is the caller's. Not to be nested. errno survives both. Who cannot
 * become the caller ends: there is no safe way on. */
void caller_enter(void);
void caller_leave(void);

/* open(2) and file_read by the caller's rights. */
int caller_open(const char *path, int flags, mode_t mode);
must_check bool caller_read(const char *path, struct buf *buf, struct error *err);

/* For programs of the caller's choice: what they are to run as. False if there is no other person.
 * `groups` has room for CALLER_GROUPS_MAX, and must last as long as *user. */
bool caller_user(struct proc_user *user, gid_t *groups);

#endif
