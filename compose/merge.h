/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_MERGE_H
#define COMPOSE_MERGE_H

#include "base/json.h"
#include "base/mem.h"

/*
 * One compose file laid over another; both are normalised. Mappings are merged, lists joined
 * (volumes, devices, secrets and configs by their target, others without doubles); what says one
 * thing as a whole (a command, a health check's test) is replaced.
 */

/* `over` counts more. Changes `base`, gives up `over`. */
void merge_document(struct arena *arena, struct json *base, struct json *over);
/* What stands twice in a list of a service, counts once; of two mounts of one target the later. */
void merge_doubles(struct arena *arena, struct json *service);
void merge_service(struct arena *arena, struct json *base, struct json *over);

#endif
