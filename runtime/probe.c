/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/probe.h"

#include "base/mem.h"

void probe_init(struct probe *probe, const struct probe_options *options)
{
	*probe = (struct probe){ .options = options, .proc.pidfd = -1 };
}

static void plan(struct probe *probe, int64_t now)
{
	const struct probe_options *options = probe->options;
	bool is_starting = !probe->was_good && options->start_period > 0 &&
			   now < probe->begun + options->start_period;

	probe->due = now + (is_starting ? options->first_interval : options->interval);
}

void probe_begin(struct probe *probe, int64_t now)
{
	if (!probe->options->argv)
		return;
	probe->begun = now;
	probe->was_good = false;
	plan(probe, now);
}

/* One that still runs sees the end by itself, and is init's to reap once we are gone. */
void probe_end(struct probe *probe)
{
	probe->due = 0;
}

int64_t probe_left(const struct probe *probe, int64_t now)
{
	if (!probe->due || probe->proc.pidfd >= 0)
		return -1;
	return probe->due > now ? probe->due - now : 0;
}

/* One that cannot be started is not a sign of bad health; it is tried again. */
void probe_start(struct probe *probe, int64_t now)
{
	const struct proc_options options = { .argv = probe->options->argv,
					      .is_session_leader = true };
	struct error ignored;

	if (probe_left(probe, now) != 0)
		return;
	if (!proc_spawn(&options, &probe->proc, &ignored) || probe->proc.pidfd < 0) {
		probe->proc.pidfd = -1;
		plan(probe, now);
	}
}

void probe_finish(struct probe *probe, int64_t now)
{
	struct error ignored;
	int status = -1;

	if (!proc_wait(&probe->proc, &status, &ignored))
		mem_cleanup_close(&probe->proc.pidfd);
	probe->proc.pidfd = -1;
	probe->was_good |= status == 0;
	if (probe->due)
		plan(probe, now);
}
