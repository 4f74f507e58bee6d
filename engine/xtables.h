/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_XTABLES_H
#define ENGINE_XTABLES_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/iptables.h"

/*
 * Sets of rules (iptables.h) in the kernel, by the programs iptables-save(8) and
 * iptables-restore(8), ip6tables-… for IPv6.
 *
 *	RUN/iptables/.lock   held while rules change
 *	RUN/iptables/NAME    a set that is there, or half there: "PROGRAM\nCONTAINER"
 */

/* Puts the set in, anew if it was there. `container`: whose end is the set's end; "" for nobody's.
 * Fails with ERROR_UNSUPPORTED where there is no program, or the kernel has none of it. */
must_check bool xtables_apply(const struct engine *engine, const struct iptables *set,
			      const char *container, struct error *err);
/* Whether it is there, and its chain: others may have flushed it. */
bool xtables_has(const struct engine *engine, int family, const char *name, const char *chain);
/* Takes it out, in both families; one that is not there is success. */
must_check bool xtables_remove(const struct engine *engine, const char *name, struct error *err);
/* Takes out the sets of containers that nobody supervises any more, kill -9 included. Costs one
 * failed open where there are no such rules. */
void xtables_sweep(const struct engine *engine);

/* Two rules at the head of FORWARD (or DOCKER-USER) of the old interface's table filter, where that
 * forwards nothing: packets to and from the bridge pass. Costs one file where nobody uses it. */
must_check bool xtables_pass(const struct engine *engine, const char *bridge, int family,
			     struct error *err);
/* FORWARD of that interface forwards nothing by its policy: see passage_shut. */
must_check bool xtables_shut(int family, struct error *err);
/* Takes the two rules away. */
must_check bool xtables_close_passage(const struct engine *engine, const char *bridge,
				      struct error *err);

#endif
