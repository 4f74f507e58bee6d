/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVERASK_H
#define ENGINE_RESOLVERASK_H

#include <stdbool.h>

#include "engine/resolvermember.h"

/*
 * Asking others: a question goes on to the container's servers, one after the other, by the way it
 * came (UDP or TCP), each from a port of its own and with an ID of its own, so that a forger has to
 * guess both; the first answer to it goes back as it is.
 */

#define ASKING_MAX        512 /* questions that are out at a time */
#define ASKING_MEMBER_MAX 64  /* of one container */

/* False if no more can be asked now. */
bool resolver_ask(const struct question *question);

/* Who asked has gone. */
void resolver_forget_stream(const struct stream *stream);
void resolver_forget_member(struct member *member);

#endif
