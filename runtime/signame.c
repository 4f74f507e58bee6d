/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/signame.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* "3" in "RTMIN+3": -1 if it is no number from 0 to `max`. */
static int parse_number(const char *text, int max)
{
	char *end;
	long number = strtol(text, &end, 10);

	return text[0] < '0' || text[0] > '9' || *end || number > max ? -1 : (int)number;
}

/* As everybody counts them who says "RTMIN+3"; what a C library keeps for itself is its own. */
#define REALTIME_MIN 34
#define REALTIME_MAX 64

static const struct known {
	const char *name;
	int signal;
} known[] = {
	{ "ABRT", SIGABRT }, { "ALRM", SIGALRM }, { "BUS", SIGBUS },       { "CHLD", SIGCHLD },
	{ "CLD", SIGCHLD },  { "CONT", SIGCONT }, { "FPE", SIGFPE },       { "HUP", SIGHUP },
	{ "ILL", SIGILL },   { "INT", SIGINT },   { "IO", SIGIO },         { "IOT", SIGABRT },
	{ "KILL", SIGKILL }, { "PIPE", SIGPIPE }, { "POLL", SIGPOLL },     { "PROF", SIGPROF },
	{ "PWR", SIGPWR },   { "QUIT", SIGQUIT }, { "SEGV", SIGSEGV },     { "STKFLT", SIGSTKFLT },
	{ "STOP", SIGSTOP }, { "SYS", SIGSYS },   { "TERM", SIGTERM },     { "TRAP", SIGTRAP },
	{ "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },     { "URG", SIGURG },
	{ "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "VTALRM", SIGVTALRM }, { "WINCH", SIGWINCH },
	{ "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
};

static int find_name(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcasecmp(known[i].name, name) == 0)
			return known[i].signal;
	return -1;
}

static int find_realtime(const char *name)
{
	int span = REALTIME_MAX - REALTIME_MIN;
	int offset = strlen(name) > 6 ? parse_number(name + 6, span) : -1;

	if (strcasecmp(name, "RTMIN") == 0)
		return REALTIME_MIN;
	if (strcasecmp(name, "RTMAX") == 0)
		return REALTIME_MAX;
	if (strncasecmp(name, "RTMIN+", 6) == 0 && offset >= 0)
		return REALTIME_MIN + offset;
	if (strncasecmp(name, "RTMAX-", 6) == 0 && offset >= 0)
		return REALTIME_MAX - offset;
	return -1;
}

bool signame_parse(const char *text, int *signal, struct error *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

	*signal = parse_number(text, REALTIME_MAX);
	if (*signal < 0)
		*signal = find_name(name);
	if (*signal < 0)
		*signal = find_realtime(name);
	if (*signal < 0)
		return error_set(err, ERROR_INPUT, "unknown signal \"%.40s\"", text);
	return true;
}

bool signame_asks_to_end(int signal)
{
	return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}
