/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/telling.h"

#include <stdarg.h>
#include <string.h>

const struct telling_words telling_creating = { "Creating", "Created" };
const struct telling_words telling_recreating = { "Recreate", "Recreated" };
const struct telling_words telling_starting = { "Starting", "Started" };
const struct telling_words telling_stopping = { "Stopping", "Stopped" };
const struct telling_words telling_removing = { "Removing", "Removed" };
const struct telling_words telling_killing = { "Killing", "Killed" };
const struct telling_words telling_restarting = { "Restarting", "Started" };
const struct telling_words telling_pausing = { "Pausing", "Paused" };
const struct telling_words telling_unpausing = { "Unpausing", "Unpaused" };
const struct telling_words telling_pulling = { "Pulling", "Pulled" };
const struct telling_words telling_running = { NULL, "Running" };

void telling_state(const struct telling *telling, const char *kind, const char *name,
		   const char *state)
{
	if (telling->is_classic || telling->is_quiet || !state)
		return;
	if (*kind)
		fprintf(stderr, " %s %s  %s\n", kind, name, state);
	else
		fprintf(stderr, " %s %s \n", name, state);
}

void telling_expect(struct telling *telling, const char *name)
{
	size_t length = strlen(name);

	if (length > telling->width)
		telling->width = length;
}

void telling_begin(struct telling *telling, const char *doing, const char *name)
{
	telling_expect(telling, name);
	if (telling->is_classic && !telling->is_quiet && doing)
		fprintf(stderr, "%s %-*s ... \n", doing, (int)telling->width, name);
}

void telling_end(struct telling *telling, const char *doing, const char *name, bool is_good)
{
	if (telling->is_classic && !telling->is_quiet && doing)
		fprintf(stderr, "%s %-*s ... %s\n", doing, (int)telling->width, name,
			is_good ? "done" : "error");
}

void telling_classic(const struct telling *telling, const char *format, ...)
{
	va_list args;

	if (!telling->is_classic || telling->is_quiet)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void telling_modern(const struct telling *telling, const char *format, ...)
{
	va_list args;

	if (telling->is_classic || telling->is_quiet)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
