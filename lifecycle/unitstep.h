/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_UNITSTEP_H
#define LIFECYCLE_UNITSTEP_H

#include "lifecycle/unit.h"

/*
 * The part of unit that starts a unit's scripts: environment, user, directory.
 */

/* True if the step has a script and no Skipif against it (now). */
bool unitstep_is_wanted(const struct unit *unit, enum step_kind kind);

/* Starts it in its place, which is the context of on_end. */
must_check bool unitstep_start(struct unit_script *place, enum step_kind kind,
			       void (*on_end)(void *context, const struct script_result *result),
			       struct error *err);

/* Its control groups, with the limits that are in force. */
must_check bool unitstep_make_slice(struct unit *unit, struct error *err);
/* Writes the limits of the service that is in force now, if there are groups. */
void unitstep_write_limits(struct unit *unit, const struct service *service);

/* Tells of processes in its control groups that the kernel has killed for want of memory. */
void unitstep_note_killed(struct unit *unit);

/* The work directory, made and given to the user. */
must_check bool unitstep_make_work(const struct unit *unit, struct error *err);

/* Whom the step runs as. *account is `found`, the supervisor's, or NULL: we ourselves. */
must_check bool unitstep_account(const struct unit *unit, const struct service_step *step,
				 struct account *found, const struct account **account,
				 struct error *err);

#endif
