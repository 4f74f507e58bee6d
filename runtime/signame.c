/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/signame.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "3" in "RTMIN+3": -1 if it is no number from 0 to `max`. */
static int parse_number(const char *text, int max)
{
	char *end;
	long number = strtol(text, &end, 10);

	return text[0] < '0' || text[0] > '9' || *end || number > max ? -1 : (int)number;
}

static int find_name(const char *name)
{
	for (int signal = 1; signal < SIGRTMIN; signal++) {
		const char *known = sigabbrev_np(signal);

		if (known && strcasecmp(known, name) == 0)
			return signal;
	}
	return -1;
}

static int find_realtime(const char *name)
{
	int span = SIGRTMAX - SIGRTMIN;
	int offset = strlen(name) > 6 ? parse_number(name + 6, span) : -1;

	if (strcasecmp(name, "RTMIN") == 0)
		return SIGRTMIN;
	if (strcasecmp(name, "RTMAX") == 0)
		return SIGRTMAX;
	if (strncasecmp(name, "RTMIN+", 6) == 0 && offset >= 0)
		return SIGRTMIN + offset;
	if (strncasecmp(name, "RTMAX-", 6) == 0 && offset >= 0)
		return SIGRTMAX - offset;
	return -1;
}

bool signame_parse(const char *text, int *signal, struct error *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

	*signal = parse_number(text, SIGRTMAX);
	if (*signal < 0)
		*signal = find_name(name);
	if (*signal < 0)
		*signal = find_realtime(name);
	if (*signal <= 0)
		return error_set(err, ERROR_INPUT, "unknown signal \"%.40s\"", text);
	return true;
}
