/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_DETACHKEYS_H
#define RUNTIME_DETACHKEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * The keys by which a user leaves a terminal that goes on without them: docker's --detach-keys.
 */
#define DETACHKEYS_MAX     16
#define DETACHKEYS_DEFAULT "ctrl-p,ctrl-q"

struct detachkeys {
	char keys[DETACHKEYS_MAX];
	size_t count;   /* 0: there are none */
	size_t matched; /* of them, at the end of what was typed; held back */
};

/* "ctrl-p,ctrl-q", "a", "ctrl-@,x": single characters, or ctrl- with a letter or one of @[\]^_.
 * ERROR_INPUT for anything else. "" is the default. */
must_check bool detachkeys_parse(const char *text, struct detachkeys *keys, struct error *err);

/* What was typed goes to `passed` (room for length + DETACHKEYS_MAX bytes), but the beginning of
 * the keys is held back until it is known to be none. True: all keys were typed; what came after
 * them is dropped. */
bool detachkeys_filter(struct detachkeys *keys, const char *typed, size_t length, char *passed,
		       size_t *passed_length);

#endif
