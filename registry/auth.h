/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_AUTH_H
#define REGISTRY_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * Challenges (RFC 9110, WWW-Authenticate) and the token protocol of registries. Text in, text out:
 * no network here. All results live in the arena.
 */

enum auth_scheme {
	AUTH_NONE,
	AUTH_BASIC,
	AUTH_BEARER,
};

struct auth_challenge {
	enum auth_scheme scheme;
	const char *realm;   /* never NULL in a Bearer challenge */
	const char *service; /* or NULL, as the rest */
	const char *scope;
	const char *error;
};

/* A user's word to a registry: a name and password, or an identity token that fetches tokens, or a
 * token itself. */
struct auth_credentials {
	const char *username;
	const char *password;
	const char *identity_token; /* or NULL */
	const char *registry_token; /* shown as it is where a token is wanted; or NULL */
};

struct auth_token {
	const char *text;
	int64_t life_seconds;
	const char *refresh_token; /* stands for the login from now on; NULL: none was given */
};

/* Reads one header field, which may hold several challenges, and keeps in *best the one to answer:
 * Bearer before Basic. Unknown schemes and malformed challenges are skipped. */
void auth_read_challenges(struct arena *arena, const char *field, struct auth_challenge *best);

/* Printable ASCII without blanks: nothing that could end a header, or add one. */
bool auth_is_header_safe(const char *text);

/* Value of the Authorization header. */
char *auth_basic(struct arena *arena, const struct auth_credentials *credentials) must_check;
char *auth_bearer(struct arena *arena, const char *token) must_check;

/* What a token is for. */
struct auth_wish {
	const char *scope;
	const struct auth_credentials *credentials; /* or NULL */
	bool is_offline;                            /* a refresh token is welcome: a login */
	bool is_form; /* a password goes there in a form, not in a header (OAuth 2) */
};

/* How to ask the realm for a token. */
struct auth_question {
	const char *url;
	const char *authorization; /* or NULL */
	const char *form;          /* or NULL: a GET */
};
must_check bool auth_ask_token(struct arena *arena, const struct auth_challenge *challenge,
			       const struct auth_wish *wish, struct auth_question *question,
			       struct error *err);

/* The realm is what the registry says: refused where answering would carry credentials over plain
 * http, or to an address inside this network that is not the registry's own. */
must_check bool auth_check_realm(const char *realm, const char *registry_url, struct error *err);

/* The token server's reply. */
must_check bool auth_read_token(struct arena *arena, const char *body, size_t length,
				struct auth_token *token, struct error *err);

#endif
