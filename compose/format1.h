/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_FORMAT1_H
#define COMPOSE_FORMAT1_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/*
 * The first format of compose files, which docker-compose 1 still reads: the services are the whole
 * document. It becomes a document like others, with what was different in words.
 */

/* Has it neither a version nor any section? */
bool format1_is(const struct json *document);
/* Before it is normalised: a section of services, and the names that keys have today. */
must_check bool format1_convert(struct arena *arena, struct json *document, struct error *err);
/* Once services have all they extend, and all files are merged: who is in no network is in the
 * default bridge, volumes have the names they are called by, and a name may be a service's or a
 * container's. */
void format1_settle(struct arena *arena, struct json *document);

#endif
