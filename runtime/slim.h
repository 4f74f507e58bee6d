/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SLIM_H
#define RUNTIME_SLIM_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Waiting with little memory. What a process does not need while it waits goes back to the kernel:
 * free heap, dead stack, and the program's own code and constants, which come back from the page
 * cache when they are next used. A few milliseconds of work later; so only for long silences.
 */

#define SLIM_PARTS 8

struct slim {
	struct slim_part {
		void *start;
		size_t length;
	} parts[SLIM_PARTS]; /* of the program, never written */
	size_t count;
};

void slim_init(struct slim *slim);
/* As poll(2); -1: no time-out. */
int slim_poll(const struct slim *slim, struct pollfd *fds, nfds_t count, int64_t milliseconds);
/* The same for who does not know how long it will be: gives memory back after a second. */
int slim_poll_later(const struct slim *slim, struct pollfd *fds, nfds_t count,
		    int64_t milliseconds);

#endif
