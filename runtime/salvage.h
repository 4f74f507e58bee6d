/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SALVAGE_H
#define RUNTIME_SALVAGE_H

#include "runtime/state.h"

/*
 * What can still be read of a state that is no JSON any more (a full disk, an edit by hand): enough
 * to end the container before its name is given back. What is not there stays empty, but for the
 * groups, which are then those that its configuration asks for; a pid of 0 is none. Texts are in
 * the arena. state_done afterwards.
 */
void salvage_state(const struct state_dir *dir, struct arena *arena, struct state *state);

#endif
