/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_HOST_H
#define REGISTRY_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "registry/auth.h"
#include "registry/aws.h"
#include "registry/ecr.h"
#include "registry/fetch_settings.h"
#include "registry/http.h"

/*
 * What the process has learnt of each registry: how to speak with it, its challenge, its tokens.
 * Shared by all transfers.
 */

struct token {
	struct token *next;
	char *scope;
	char *text;
	int64_t obtained_ms;
	int64_t expires_ms;
};

struct host {
	struct host *next;
	char *domain; /* as in references */
	char *base;   /* a mirror's path before "/v2/"; else "" */
	bool is_loopback;
	bool is_listed;   /* as insecure: by the user, or as a name of this machine */
	bool is_direct;   /* of this machine: no proxy may have what is sent to it */
	bool is_http;     /* what we speak with it */
	bool is_known;    /* the ping was answered */
	bool is_doubtful; /* but not as a registry would */
	bool has_switched;
	bool is_guess;                        /* that it has TLS: nobody said so */
	bool is_down;                         /* a mirror that did not answer, or not well */
	const struct auth_credentials *login; /* what the user keeps for it, or NULL */
	bool is_login_refused;
	struct http_tls tls;
	struct arena arena; /* the challenge's texts, and ecr's */
	struct auth_challenge challenge;
	bool wants_form; /* its token server takes no password in a header */
	bool is_private; /* the challenge came from no public address */
	struct token *tokens;
	struct ecr ecr;
	struct arena ecr_arena; /* of ecr_login */
	struct auth_credentials ecr_login;
	int64_t ecr_expires_ms;  /* 0: there is none */
	const char *ecr_problem; /* why there is none, or NULL */
};

struct registry {
	const struct fetch_settings *settings;
	struct aws *aws;
	int learnt_fd; /* new passwords of ECR are written there; -1 */
	struct host *hosts;
};

struct host *host_find(struct registry *registry, const char *domain, const char *base) must_check;
void host_free(struct host *host);

/* "https://HOST", the host's base, and a path. */
const char *host_url(struct arena *arena, const struct host *host, const char *path) must_check;

/* What belongs to requests to this host and no other: certificates, or that none count; that they
 * go there directly. */
void host_set_tls(const struct host *host, struct http_request *request);

/* The user's own login, else ECR's; NULL: nobody to be. */
const struct auth_credentials *host_login(const struct host *host);

const struct token *host_token(struct host *host, const char *scope);       /* NULL: none */
const struct token *host_valid_token(struct host *host, const char *scope); /* NULL: none */
void host_drop_token(struct host *host, const char *scope);
void host_keep_token(struct host *host, const char *scope, const struct auth_token *got);

/* ECR's password for this host, good until Unix time `expires`, as said at `skew` from our clock.
 */
void host_keep_ecr(struct host *host, const struct auth_credentials *login, int64_t expires,
		   time_t skew);

#endif
