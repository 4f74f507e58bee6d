/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_GATEKEEPER_H
#define ENGINE_GATEKEEPER_H

#include <sys/types.h>

#include "engine/gate.h"

/*
 * Root's side of the gate (gate.h): one connection. Only root and members of `group` are served,
 * by the credentials that the kernel has noted of whoever connected. Each command is written to the
 * system log: who, and which command (its arguments may hold secrets).
 *
 * Returns when the command has ended, or the client has gone and the command was killed: an exit
 * code, 0 unless something was wrong with the request.
 */
int gatekeeper_serve(int connection, gid_t group);

#endif
