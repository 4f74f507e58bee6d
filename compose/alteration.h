/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_ALTERATION_H
#define COMPOSE_ALTERATION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/yaml.h"

/*
 * What a file takes from the one it is laid over, by the tags !reset (it is gone) and !override
 * (what is written here is in its place, not merged into it). A place is a path of keys, as values
 * move when a document is normalised.
 */
struct alteration {
	const char **keys; /* from the document's root */
	size_t depth;
	bool is_reset;
	struct alteration *next;
};

/* Places of what yaml_parse_tagged has found. A place in a list fails, as it has no key, and one
 * below `<<`, whose members go elsewhere. */
must_check bool alteration_read(struct arena *arena, const struct yaml_tagged *tagged,
				struct alteration **list, struct error *err);

/* Takes from the document itself what only says !reset. */
void alteration_of_own(const struct alteration *list, struct json *document);

/* Takes all those places from what the document will be laid over. */
void alteration_of_base(const struct alteration *list, struct json *base);

/* The same of one service, which another one extends. */
void alteration_of_service(const struct alteration *list, const char *name, struct json *base);

#endif
