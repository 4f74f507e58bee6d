/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/announce.h"

#include "base/journal.h"
#include "base/mem.h"
#include "base/proc.h"

static void announce_all(const char *journal, const char *id, const char *action,
			 const char *const *attributes, size_t count)
{
	const struct journal_entry entry = { .type = "container",
					     .action = action,
					     .id = id,
					     .attributes = attributes,
					     .count = count };

	if (journal)
		journal_add(journal, &entry);
}

static void announce(const char *journal, const char *id, const char *action, const char *attribute)
{
	announce_all(journal, id, action, &attribute, attribute ? 1 : 0);
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

void announce_exec_end(const char *journal, const char *id, const char *exec_id, int code)
{
	autofree char *which = mem_printf("execID=%s", exec_id);
	autofree char *status = mem_printf("exitCode=%d", code);
	const char *const attributes[] = { which, status };

	announce_all(journal, id, "exec_die", attributes, COUNT_OF(attributes));
}
