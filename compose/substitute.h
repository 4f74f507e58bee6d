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

struct substitute {
	struct arena *arena;
	const struct variables *variables;
	struct texts *unset; /* names that were asked for in vain, each once; NULL: nobody asks */
	bool is_lenient;     /* a dollar that begins nothing is a dollar (.env) */
};

must_check bool substitute_text(const struct substitute *substitute, const char *text,
				const char **result, struct error *err);

/* All texts of a tree, in place, but no keys. Messages name the place. */
must_check bool substitute_tree(const struct substitute *substitute, struct json *tree,
				struct error *err);

#endif
