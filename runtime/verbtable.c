/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "runtime/monitor.h"
#include "runtime/verb.h"

#define ID "<container-id>"

static int verb_monitor(const struct globals *globals, int argc, char **argv, struct error *err)
{
	(void)err;
	return monitor_verb(globals->root, argc, argv);
}

/* go-runc gives them a dozen flags; none of them matters. */
static int verb_none(const struct globals *globals, int argc, char **argv, struct error *err)
{
	(void)globals;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			verb_print_help(verb_find(argv[0]), NULL);
			return 0;
		}
	}
	return error_set(err, ERROR_UNSUPPORTED,
			 "%s is not supported: mooring-runc cannot save and restore containers",
			 argv[0]) -
	       1;
}

static const struct verb verbs[] = {
	{ .name = "checkpoint",
	  .function = verb_none,
	  .summary = "save a running container (not supported)",
	  .operands = ID },
	{ .name = "create",
	  .function = verb_create,
	  .summary = "make a container up to the point before its program",
	  .operands = ID,
	  .least = 1,
	  .most = 1,
	  .details = "Everything that the bundle's config.json asks for is set up; the program\n"
		     "waits until start lets it go.",
	  .prefix = "runc create failed",
	  .makes_container = true },
	{ .name = "delete",
	  .function = verb_delete,
	  .summary = "remove a container that has stopped, and all that it holds",
	  .operands = ID,
	  .least = 1,
	  .most = 1 },
	{ .name = "events",
	  .function = verb_events,
	  .summary = "print what a container uses, and when it ran out of memory",
	  .operands = ID,
	  .least = 1,
	  .most = 1,
	  .details =
		  "One line of JSON every interval, and one whenever the kernel killed for lack\n"
		  "of memory, until the container ends." },
	{ .name = "exec",
	  .function = verb_exec,
	  .summary = "run one more program in a container",
	  .operands = ID " <program> [arguments...]",
	  .least = 1,
	  .most = -1,
	  .details = "All that stands behind the id is the program's. The exit status is the\n"
		     "program's, or 128 and the signal that ended it, or 255 if it could not be\n"
		     "started.",
	  .prefix = "exec failed",
	  .failure = 255,
	  .makes_container = true,
	  .ends_flags = true },
	{ .name = "features",
	  .function = verb_features,
	  .summary = "print what of config.json this program knows, as JSON",
	  .operands = "" },
	{ .name = "kill",
	  .function = verb_kill,
	  .summary = "send a signal to a container's init",
	  .operands = ID " [signal]",
	  .least = 1,
	  .most = 2,
	  .details =
		  "The signal is a number or a name, such as 9, KILL or SIGKILL; without one it\n"
		  "is TERM.",
	  .ends_flags = true },
	{ .name = "list",
	  .function = verb_list,
	  .summary = "list the containers below the state directory",
	  .operands = "" },
	{ .name = "monitor",
	  .function = verb_monitor,
	  .summary = "run and supervise a container (for mooring itself)",
	  .operands = "...",
	  .makes_container = true },
	{ .name = "pause",
	  .function = verb_pause,
	  .summary = "suspend all processes of a container",
	  .operands = ID,
	  .least = 1,
	  .most = 1 },
	{ .name = "ps",
	  .function = verb_ps,
	  .summary = "list the processes of a container",
	  .operands = ID " [ps options]",
	  .least = 1,
	  .most = -1,
	  .details =
		  "As JSON these are the numbers that the host knows them by; as a table, their\n"
		  "lines of ps(1), with -ef if no options are given.",
	  .ends_flags = true },
	{ .name = "restore",
	  .function = verb_none,
	  .summary = "start a container from a checkpoint (not supported)",
	  .operands = ID },
	{ .name = "resume",
	  .function = verb_resume,
	  .summary = "let the processes of a paused container go on",
	  .operands = ID,
	  .least = 1,
	  .most = 1 },
	{ .name = "run",
	  .function = verb_run,
	  .summary = "make a container, start its program and wait for its end",
	  .operands = ID,
	  .least = 1,
	  .most = 1,
	  .details =
		  "The exit status is the program's, or 128 and the signal that ended it. Signals\n"
		  "are passed on to it.",
	  .prefix = "runc run failed",
	  .makes_container = true },
	{ .name = "spec",
	  .function = verb_spec,
	  .summary = "write a config.json to start from",
	  .operands = "" },
	{ .name = "start",
	  .function = verb_start,
	  .summary = "start the program of a created container",
	  .operands = ID,
	  .least = 1,
	  .most = 1 },
	{ .name = "state",
	  .function = verb_state,
	  .summary = "print the state of a container as JSON",
	  .operands = ID,
	  .least = 1,
	  .most = 1 },
	{ .name = "update",
	  .function = verb_update,
	  .summary = "change the limits of a container",
	  .operands = ID,
	  .least = 1,
	  .most = 1,
	  .details =
		  "A number that is not given stays as it is. A file of resources is an object as\n"
		  "linux.resources of config.json; - is standard input." },
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

void verb_print_all(void)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		printf("   %-11s %s\n", verbs[i].name, verbs[i].summary);
	printf("   %-11s %s\n", "help, h", "show this list, or the help of one command");
}
