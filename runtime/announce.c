/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/announce.h"

#include "base/journal.h"
#include "base/mem.h"
#include "base/proc.h"

static void announce(const char *journal, const char *id, const char *action, const char *attribute)
{
	const struct journal_entry entry = { .type = "container",
					     .action = action,
					     .id = id,
					     .attributes = &attribute,
					     .count = attribute ? 1 : 0 };

	if (journal)
		journal_add(journal, &entry);
}

void announce_start(const char *journal, const char *id)
{
	announce(journal, id, "start", NULL);
}

void announce_end(const char *journal, const char *id, const struct exit_record *end)
{
	autofree char *code = mem_printf("exitCode=%d", proc_exit_code(end->status));

	if (end->is_oom_killed)
		announce(journal, id, "oom", NULL);
	announce(journal, id, "die", code);
}
