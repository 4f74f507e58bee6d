/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_TOKEN_H
#define LIFECYCLE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Who is who: each component has a secret of its own, which its scripts find in SVCUID and in
 * AWS_CONTAINER_AUTHORIZATION_TOKEN, and which its clients show to IPC, to the token exchange
 * service and to the stream manager. Tokens live in memory only, and die with the nucleus.
 */

#define TOKEN_LENGTH 16 /* what the C component SDK has room for */

enum token_kind {
	TOKEN_COMPONENT,
	TOKEN_CONSOLE, /* a person's command line, which policies do not bind */
};

struct token {
	char text[TOKEN_LENGTH + 1]; /* A-Z, 0-9 */
	enum token_kind kind;
	char *name; /* of the component, or of the console ("user-0") */
	struct token *next;
};

/* Zero-initialised is empty and ready. */
struct tokens {
	struct token *first;
};

/* A fresh token for `name`; one that it had is no longer valid. The result lives until it is
 * revoked. */
must_check bool tokens_issue(struct tokens *tokens, const char *name, enum token_kind kind,
			     const struct token **token, struct error *err);

/* Nobody of that name: nothing happens. */
void tokens_revoke(struct tokens *tokens, const char *name);

/* Whose token this is, or NULL. Takes the same time for any text of the right length. */
const struct token *tokens_find(const struct tokens *tokens, const char *text);

/* The present token of `name`, or NULL. */
const struct token *tokens_of(const struct tokens *tokens, const char *name);

void tokens_done(struct tokens *tokens);

#endif
