/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_SUBSTITUTE_H
#define COMPOSE_SUBSTITUTE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/texts.h"
#include "compose/variables.h"

/*
 * $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?error}, ${NAME?error}, ${NAME:+other},
 * ${NAME+other}, nested; $$ is a dollar.
 */
#define SUBSTITUTE_TEXT_MAX  (1 << 20) /* of one result */
#define SUBSTITUTE_DEPTH_MAX 16
/* Bytes of a project's arena. A text may be named often and each file be read for many services, so
 * that limits of each one multiply: variables and env files add nothing beyond this. */
#define SUBSTITUTE_ARENA_MAX (64 << 20)

struct substitute {
	struct arena *arena;
	const struct variables *variables;
	struct texts *unset; /* names that were asked for in vain, each once; NULL: nobody asks */
	bool is_lenient;     /* a dollar that begins nothing is a dollar (.env) */
};

/* Fails where the arena holds SUBSTITUTE_ARENA_MAX. */
must_check bool substitute_room(const struct arena *arena, struct error *err);

must_check bool substitute_text(const struct substitute *substitute, const char *text,
				const char **result, struct error *err);

/* All texts of a tree, in place, but no keys. Messages name the place. */
must_check bool substitute_tree(const struct substitute *substitute, struct json *tree,
				struct error *err);

#endif
