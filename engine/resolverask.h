/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVERASK_H
#define ENGINE_RESOLVERASK_H

#include <stdbool.h>

#include "engine/resolvermember.h"

/*
 * Asking others: a question goes on to the container's servers, one after the other, by the way it
 * came (UDP or TCP), each from a port of its own and with an ID of its own, so that a forger has to
 * guess both; the first answer to it goes back as it is. A server that says it cannot tell
 * (SERVFAIL, REFUSED) is believed only when all have been asked.
 */

#define ASKING_MAX        2048 /* questions that are out at a time */
#define ASKING_MEMBER_MAX 1024 /* of one container, as docker's, */
#define ASKING_SPARED     1024 /* as long as this many remain for others; */
#define ASKING_SURE       64   /* so many a container may always ask, if others leave any */

/* False if no more can be asked now. */
bool resolver_ask(const struct question *question);

/* Who asked has gone. */
void resolver_forget_stream(const struct stream *stream);
void resolver_forget_member(struct member *member);

#endif
