/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_LENDER_H
#define COMPOSE_LENDER_H

#include <stdbool.h>

#include "base/texts.h"
#include "compose/session.h"

/* `--no-deps` of 1: whose volumes the named services take (`volumes_from`) is not started, but has
 * a container all the same, made here where it has none; 2 wants it to be there. The fleet is read
 * anew then. Failures are told; *code is then the exit code. */
must_check bool lender_create(struct session *session, const struct texts *services, int *code);

#endif
