/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_ACCESS_H
#define REGISTRY_ACCESS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "registry/host.h"

/*
 * How one transfer is let in by its registry. Before the request proper there may have to be
 * others:
 *
 *     GET /v2/                  once per host and process: scheme, challenge ("ping")
 *     AWS credentials, ECR      for its registries, where the user keeps no login that is good
 *     GET or POST realm         if the challenge is Bearer and no token for the scope is valid
 *
 * The ping decides about authentication because some registries send no challenge elsewhere.
 */

enum access_question {
	ACCESS_PING,
	ACCESS_AWS,
	ACCESS_ECR,
	ACCESS_TOKEN,
	ACCESS_FREE, /* the request proper */
};

struct access {
	struct registry *registry;
	struct host *host;
	struct arena arena;
	const char *name;    /* of the repository, as users write it: for messages */
	const char *actions; /* "pull" */
	const char *scope;
	bool is_scope_told; /* by the refusal of this very request */
	bool is_login;      /* nothing is wanted but to be let in */
	bool is_ping;       /* the request proper teaches as much as a ping: none comes before it */
	bool has_renewed;
	bool has_tried_ecr; /* since the last refusal */
	enum access_question question;
	struct aws_question aws_question;
	const char *url; /* of the last question, for messages */
};

/* `scope` is the token's, "repository:PATH:pull"; texts are copied. */
void access_init(struct access *access, struct registry *registry, const char *domain,
		 const char *scope, const char *name);
void access_done(struct access *access);
/* The same at another registry, which begins at the path `base` ("": at the top). */
void access_move(struct access *access, const char *domain, const char *base);

/* Makes the next request of those before; or leaves `request` alone: access->question is
 * ACCESS_FREE then. */
must_check bool access_ask(struct access *access, struct arena *arena, struct http_request *request,
			   struct error *err);
/* Completes the request proper, which has its URL by now, by what lets it in. */
void access_authorize(struct access *access, struct arena *arena, struct http_request *request);

/* The reply to one of those before. True: ask again. */
must_check bool access_learn(struct access *access, const struct http_response *response,
			     const char *body, size_t length, struct error *err);
/* A 401 or 403 of the request proper. True: it is worth asking again. `said` is for people. Of
 * whoever is not the registry, where a redirect or an upload led, it is final. */
must_check bool access_refused(struct access *access, const struct http_response *response,
			       const char *said, struct error *err);
/* May one of those before be redirected there? */
must_check bool access_may_follow(const struct access *access, const char *url, struct error *err);
/* Nobody answered, or not in this protocol. True: ask again, in another way. */
bool access_has_other_way(struct access *access, const struct http_response *response);

#endif
