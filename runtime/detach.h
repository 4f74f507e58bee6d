/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_DETACH_H
#define RUNTIME_DETACH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Leaving the caller behind: what a process does that must outlive the command which started it,
 * and must not be found by whoever stops that command, by its descendants, session or control
 * group.
 */

/* Moves the descriptors to numbers from 3 on, each a duplicate with O_CLOEXEC (-1 stays -1), and
 * closes everything else from 3 on. The same number may occur twice. */
must_check bool detach_keep_fds(int *const *fds, size_t count, struct error *err);

/* Forks; as fork(2). The child is nobody's descendant once its parent has ended: it has a session
 * of its own, and is in the top group of every cgroup hierarchy that lets it in. */
must_check bool detach_fork(pid_t *pid, struct error *err);

/* /dev/null becomes stdin, stdout and stderr, and / the working directory. */
must_check bool detach_settle(struct error *err);

#endif
