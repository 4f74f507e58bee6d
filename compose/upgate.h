/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_UPGATE_H
#define COMPOSE_UPGATE_H

#include "base/error.h"
#include "compose/session.h"
#include "compose/upplan.h"

/*
 * Whether a container is what others wait for, looked at now. The runner is woken when that may
 * have changed.
 */
enum task_gate upgate(struct session *session, const struct instance *instance,
		      enum condition condition, struct error *err);

/* Healthy where there is a check, else running for half a second. */
enum task_gate upgate_settled(struct session *session, const struct instance *instance,
			      struct error *err);

#endif
