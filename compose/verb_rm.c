/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>

#include "compose/session.h"

/* `rm`: containers that do not run go. */

struct values {
	bool is_forced, stops, with_volumes;
};

static const struct opt opts[] = {
	{ "all", 'a', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "force", 'f', OPT_BOOL, offsetof(struct values, is_forced), NULL,
	  "Don't ask to confirm removal", NULL },
	{ "stop", 's', OPT_BOOL, offsetof(struct values, stops), NULL,
	  "Stop the containers, if required, before removing", NULL },
	{ "volumes", 'v', OPT_BOOL, offsetof(struct values, with_volumes), NULL,
	  "Remove any anonymous volumes attached to containers", NULL },
	{ .name = NULL },
};

static bool is_confirmed(void)
{
	char answer[16];

	fputs("Are you sure? [yN] ", stdout);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Leaves out those that run. */
static void keep_stopped(struct member **members)
{
	size_t count = 0;

	for (struct member **next = members; *next; next++) {
		if (!fleet_is_up(*next))
			members[count++] = *next;
	}
	members[count] = NULL;
}

static int remove_all(struct session *session, const struct values *values, struct member **members)
{
	const char *words[] = { "rm", values->with_volumes ? "--volumes" : NULL, NULL };
	/* A dry run has stopped none of them. */
	bool has_stopped = values->stops && session->composer->is_dry;
	const struct session_deed deed = { .classic = "Removing",
					   .words = &telling_removing,
					   .arguments = words,
					   .is_for_running = has_stopped,
					   .is_for_stopped = true };
	const char *separator = "Going to remove ";

	if (!has_stopped)
		keep_stopped(members);
	if (!members[0]) {
		fputs("No stopped containers\n", session->composer->is_classic ? stdout : stderr);
		return 0;
	}
	for (struct member **next = members; *next; next++) {
		printf("%s%s", separator, (*next)->container.name);
		separator = ", ";
	}
	putchar('\n');
	fflush(stdout);
	if (!values->is_forced && !is_confirmed())
		return 0;
	return session_do(session, members, &deed, NULL) ? 0 : 1;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const char *const stop[] = { "stop", NULL };
	static const struct session_deed stopping = { .classic = "Stopping",
						      .words = &telling_stopping,
						      .arguments = stop,
						      .is_for_running = true };
	const struct values *values = of;
	const struct fleet_choice choice = { .services = arguments,
					     .is_by_age = composer_of(cli)->is_classic,
					     .has_oneoff = true };
	autosession struct session session = SESSION_EMPTY;
	struct error err;

	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err))
		return composer_failed(composer_of(cli), &err);

	struct member **members = fleet_choose(&session.fleet, &session.project, &choice);

	if (values->stops && !session_do(&session, members, &stopping, NULL))
		return 1;
	return remove_all(&session, values, members);
}

const struct command verb_rm = {
	.name = "docker compose rm",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Removes stopped service containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run,
};
