/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/orphans.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "lifecycle/processes.h"

#define LOOK_AGAIN_MS 50
#define GRACE_LOOKS   (5000 / LOOK_AGAIN_MS)

struct orphans {
	char mark[80];
	pid_t *sessions;
	size_t count;
};

static void collect(struct orphans *orphans, const struct runstate *state)
{
	snprintf(orphans->mark, sizeof(orphans->mark), "MOORING_NUCLEUS=%s", state->nucleus);
	orphans->count = 0;
	orphans->sessions = mem_array(state->count * RUNSTATE_SESSIONS, sizeof(*orphans->sessions));
	for (size_t i = 0; i < state->count; i++)
		for (size_t k = 0; k < RUNSTATE_SESSIONS; k++)
			if (state->components[i].sessions[k] > 0)
				orphans->sessions[orphans->count++] =
					(pid_t)state->components[i].sessions[k];
}

/* Returns how many of them there were. */
static size_t signal_all(const struct orphans *orphans, int signal)
{
	return processes_signal_orphans(orphans->sessions, orphans->count, orphans->mark, signal);
}

static bool are_gone(const struct orphans *orphans, int signal)
{
	for (int look = 0; look < GRACE_LOOKS; look++) {
		if (signal_all(orphans, signal) == 0)
			return true;
		poll(NULL, 0, LOOK_AGAIN_MS);
	}
	return false;
}

void orphans_end(const struct runstate *state)
{
	struct orphans orphans;
	size_t count;

	if (!state->nucleus || !runstate_is_this_boot(state))
		return;
	collect(&orphans, state);
	count = signal_all(&orphans, SIGTERM);
	if (count > 0)
		log_warning("ending %zu processes that a killed nucleus left behind", count);
	if (count > 0 && !are_gone(&orphans, 0) && !are_gone(&orphans, SIGKILL))
		log_warning("some of them do not even die of SIGKILL");
	free(orphans.sessions);
}
