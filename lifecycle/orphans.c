/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/orphans.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "lifecycle/processes.h"

#define LOOK_AGAIN_MS 50
#define GRACE_LOOKS   (5000 / LOOK_AGAIN_MS)

/* Returns how many of them there were. */
static size_t signal_all(const struct ledger *ledger, int signal)
{
	size_t count = 0;
	char mark[80];

	snprintf(mark, sizeof(mark), "MOORING_DEPLOYMENT=%s", ledger->deployment);
	for (size_t i = 0; i < ledger->count; i++) {
		const int64_t *sessions = ledger->components[i].sessions;

		for (size_t k = 0; k < COUNT_OF(ledger->components[i].sessions); k++)
			if (sessions[k] > 0)
				count += processes_signal_orphans((pid_t)sessions[k], mark, signal);
	}
	return count;
}

static bool are_gone(const struct ledger *ledger, int signal)
{
	for (int look = 0; look < GRACE_LOOKS; look++) {
		if (signal_all(ledger, signal) == 0)
			return true;
		poll(NULL, 0, LOOK_AGAIN_MS);
	}
	return false;
}

void orphans_end(const struct ledger *ledger)
{
	if (!ledger->deployment || !ledger_is_this_boot(ledger))
		return;

	size_t count = signal_all(ledger, SIGTERM);

	if (count == 0)
		return;
	log_warning("ending %zu processes that deployment %s left behind", count,
		    ledger->deployment);
	if (!are_gone(ledger, 0) && !are_gone(ledger, SIGKILL))
		log_warning("some of them do not even die of SIGKILL");
}
