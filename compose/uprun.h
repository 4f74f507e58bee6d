/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_UPRUN_H
#define COMPOSE_UPRUN_H

#include <stdbool.h>

#include "base/error.h"
#include "compose/provision.h"
#include "compose/session.h"
#include "compose/upplan.h"

/*
 * Makes a project run: the plan, what it needs, and its tasks. For `up`, `create`, and `run`, which
 * starts what its service needs.
 */
struct uprun_wishes {
	struct upplan_wishes plan; /* without image_id */
	enum provision_pull pull;
	int64_t stop_seconds; /* of those that are replaced; -1: what they ask for */
	bool is_quiet;        /* pulls */
	bool is_unbuilt;      /* --no-build */
	bool is_unstarted;    /* only created */
	bool renews_volumes;  /* -V: anonymous ones are not carried over */
	bool removes_orphans;
	bool ignores_orphans;
	/* Called with each container that is about to be started; NULL: nobody cares. */
	void (*on_start)(void *context, const struct instance *instance);
	void *context;
};

/* *plan (in the project's arena) is what was done, with everybody's ID. Failures are told; *code is
 * then the exit code. An interruption (runner.signals) counts as one. */
must_check bool uprun(struct session *session, const struct uprun_wishes *wishes,
		      struct upplan *plan, int *code);

/* Waits until all containers of the plan run and are healthy, or have ended well where others wait
 * for that. */
must_check bool uprun_wait(struct session *session, struct upplan *plan, int64_t seconds,
			   int *code);

/* Waits until all that the service needs is as it wants it. */
must_check bool uprun_await(struct session *session, const struct service *service,
			    struct upplan *plan, int *code);

#endif
