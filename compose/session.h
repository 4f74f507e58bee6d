/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_SESSION_H
#define COMPOSE_SESSION_H

#include <stdbool.h>

#include "base/error.h"
#include "compose/composer.h"
#include "compose/fleet.h"
#include "compose/project.h"
#include "compose/task.h"
#include "compose/telling.h"

/*
 * What a verb works with: the project as its files say, its containers as they are, our docker.
 */
struct session {
	const struct composer *composer;
	struct project project;
	struct fleet fleet;
	char *docker; /* its path */
	struct telling telling;
	struct task_runner runner;
};

#define SESSION_EMPTY                                                                              \
	(struct session)                                                                           \
	{                                                                                          \
		.fleet = FLEET_EMPTY, .runner = {.wake = -1, .signals = -1 }                       \
	}
#define autosession __attribute__((cleanup(session_done)))

/* `services` are those the command line names; NULL: none can be. */
must_check bool session_open(struct session *session, const struct cli *cli,
			     enum composer_scope scope, const struct texts *services,
			     struct error *err);
void session_done(struct session *session);
/* Reads the fleet anew: what was known of it is gone. */
must_check bool session_look_again(struct session *session, struct error *err);

/* Runs docker to the end, as docker_run does; in a dry run only if it changes nothing, else it went
 * well and wrote DOCKER_NOBODY. */
must_check bool session_docker(struct session *session, const struct texts *arguments,
			       const char **output, struct error *err);

/* Tells on stderr what became of tasks that failed; the exit code. */
int session_report(struct session *session, const struct task *tasks, size_t count, bool is_good);
/* The same of services that were brought up, of which 1 says one thing more. */
int session_report_up(struct session *session, const struct task *tasks, size_t count,
		      bool is_good);

/* Whether one service needs another, as the files say, or the containers' labels where there are
 * none; and whether it is restarted with it. */
bool session_needs(const struct session *session, const char *name, const char *other,
		   bool *restarts);

/* -- the same to many containers -------------------------------------------------------------- */

/* One verb of docker to each container, those that need others first or last. */
struct session_deed {
	const char *classic;               /* "Stopping" */
	const struct telling_words *words; /* of 2 */
	const char *const *arguments;      /* "stop", "-t", "3": before the container's ID */
	bool is_upwards; /* whom others need comes first (start); else last (stop) */
	bool is_for_running, is_for_stopped; /* which of them; both: all */
	bool is_unordered;                   /* all at once */
	const char *failure; /* of 1, before the service's name: "Cannot start service"; or NULL */
	bool names_service;  /* 1 tells of the service, not of the container */
};

/* `members` is NULL-terminated. False if any failed, which is told then. *count (NULL: nobody asks)
 * is how many it was done to. */
must_check bool session_do(struct session *session, struct member **members,
			   const struct session_deed *deed, size_t *count);

/* Warns, as 1 does, of a port of the host that the service's containers would share. */
void session_tell_clash(struct session *session, const char *service);
/* Warns of them on stderr; if there are none it says nothing. */
void session_tell_orphans(struct session *session, struct member **orphans);
/* Removes containers, running or not, of services that the files name no more (fleet_orphans). */
must_check bool session_remove_orphans(struct session *session, struct member **orphans,
				       struct error *err);

#endif
