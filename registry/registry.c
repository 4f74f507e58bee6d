/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "registry/auth.h"
#include "registry/limit.h"
#include "registry/refusal.h"
#include "registry/transfer.h"
#include "registry/url.h"

/*
 * How this works: each transfer asks its source for the next request, which is, in this order,
 *
 *     GET /v2/       once per host and process: scheme, challenge ("ping")
 *     GET realm      if the challenge is Bearer and no token for the scope is valid
 *     GET manifest or blob, with what was learnt
 *
 * The ping decides about authentication because some registries send no challenge elsewhere.
 */

#define MANIFEST_TYPES                                                                             \
	"application/vnd.oci.image.manifest.v1+json, "                                             \
	"application/vnd.docker.distribution.manifest.v2+json"
#define INDEX_TYPES                                                                                \
	"application/vnd.oci.image.index.v1+json, "                                                \
	"application/vnd.docker.distribution.manifest.list.v2+json"

#define HUB_DOMAIN "docker.io"
#define HUB_HOST   "registry-1.docker.io"

/* A token is renewed a little before its end, and a refused one is worth replacing if it is older
 * than this: a fresh one that is refused means no. */
#define TOKEN_MARGIN_MS (5 * 1000)
#define TOKEN_STALE_MS  (30 * 1000)

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
	bool is_loopback;
	bool is_listed; /* by the user, as insecure */
	bool is_http;   /* what we speak with it */
	bool is_known;  /* the ping was answered */
	bool has_switched;
	struct arena arena; /* the challenge's texts */
	struct auth_challenge challenge;
	struct token *tokens;
};

struct registry {
	const struct fetch_settings *settings;
	struct host *hosts;
};

enum question {
	QUESTION_PING,
	QUESTION_TOKEN,
	QUESTION_BODY,
};

/* One transfer's view of its registry. */
struct asker {
	struct registry *registry;
	struct host *host;
	struct reference reference;
	struct arena arena;
	const char *path;   /* "/v2/NAME/manifests/TAG" */
	const char *accept; /* header, or NULL */
	const char *noun;
	const char *scope;
	bool is_scope_told; /* by the refusal of this very request */
	const char *headers[2];
	enum question question;
	const char *url; /* of the question; in `arena` */
	bool has_renewed;
	bool is_login; /* nothing is wanted but to be let in */
};

struct registry *registry_new(const struct fetch_settings *settings)
{
	struct registry *registry = mem_alloc(sizeof(*registry));

	registry->settings = settings;
	return registry;
}

static void token_free(struct token *token)
{
	free(token->scope);
	if (token->text)
		explicit_bzero(token->text, strlen(token->text));
	free(token->text);
	free(token);
}

void registry_free(struct registry *registry)
{
	while (registry->hosts) {
		struct host *host = registry->hosts;

		registry->hosts = host->next;
		while (host->tokens) {
			struct token *token = host->tokens;

			host->tokens = token->next;
			token_free(token);
		}
		arena_done(&host->arena);
		free(host->domain);
		free(host);
	}
	free(registry);
}

/* "[::1]:5000" → "[::1]" */
static bool is_loopback_domain(const char *domain)
{
	const char *bracket = strchr(domain, ']');
	const char *colon = strchr(bracket ? bracket : domain, ':');
	size_t length = colon ? (size_t)(colon - domain) : strlen(domain);
	autofree char *host = mem_printf("%.*s", (int)length, domain);

	return url_is_loopback_host(host);
}

static bool is_listed(const struct fetch_settings *settings, const char *domain)
{
	for (size_t i = 0; i < settings->insecure_count; i++)
		if (strcasecmp(settings->insecure[i], domain) == 0)
			return true;
	return false;
}

static struct host *find_host(struct registry *registry, const char *domain)
{
	for (struct host *host = registry->hosts; host; host = host->next)
		if (strcmp(host->domain, domain) == 0)
			return host;
	struct host *host = mem_alloc(sizeof(*host));

	host->domain = mem_strdup(domain);
	host->is_loopback = is_loopback_domain(domain);
	host->is_listed = is_listed(registry->settings, domain);
	/* A registry on this machine rarely has TLS; one that the user listed may. */
	host->is_http = host->is_loopback && !host->is_listed;
	host->next = registry->hosts;
	registry->hosts = host;
	return host;
}

static struct asker *new_asker(struct registry *registry, const struct reference *reference)
{
	struct asker *asker = mem_alloc(sizeof(*asker));

	asker->registry = registry;
	asker->reference = *reference;
	asker->host = find_host(registry, reference->domain);
	asker->scope = arena_printf(&asker->arena, "repository:%s:pull", reference->path);
	return asker;
}

static const char *host_url(struct arena *arena, const struct host *host, const char *path)
{
	bool is_hub = strcmp(host->domain, HUB_DOMAIN) == 0;

	return arena_printf(arena, "%s://%s%s", host->is_http ? "http" : "https",
			    is_hub ? HUB_HOST : host->domain, path);
}

/* --- tokens --- */

static struct token **find_token(struct host *host, const char *scope)
{
	struct token **link = &host->tokens;

	while (*link && strcmp((*link)->scope, scope) != 0)
		link = &(*link)->next;
	return link;
}

static void drop_token(struct host *host, const char *scope)
{
	struct token **link = find_token(host, scope);
	struct token *token = *link;

	if (!token)
		return;
	*link = token->next;
	token_free(token);
}

static const struct token *valid_token(struct host *host, const char *scope)
{
	const struct token *token = *find_token(host, scope);

	return token && token->expires_ms - TOKEN_MARGIN_MS > transfer_clock_ms() ? token : NULL;
}

static void keep_token(struct host *host, const char *scope, const struct auth_token *got)
{
	struct token *token = mem_alloc(sizeof(*token));

	drop_token(host, scope);
	token->scope = mem_strdup(scope);
	token->text = mem_strdup(got->text);
	token->obtained_ms = transfer_clock_ms();
	token->expires_ms = token->obtained_ms + got->life_seconds * 1000;
	token->next = host->tokens;
	host->tokens = token;
}

/* --- questions --- */

static const struct auth_credentials *login_of(const struct asker *asker)
{
	return fetch_settings_login(asker->registry->settings, asker->host->domain);
}

static void ask_ping(struct asker *asker, struct arena *arena, struct http_request *request)
{
	asker->question = QUESTION_PING;
	request->url = host_url(arena, asker->host, "/v2/");
}

static bool ask_token(struct asker *asker, struct arena *arena, struct http_request *request,
		      struct error *err)
{
	const struct auth_challenge *challenge = &asker->host->challenge;
	struct auth_question question;

	asker->question = QUESTION_TOKEN;
	if (!auth_check_realm(challenge->realm, host_url(arena, asker->host, ""), err) ||
	    !auth_ask_token(arena, challenge, asker->scope, login_of(asker), &question, err))
		return false;
	request->url = question.url;
	request->authorization = question.authorization;
	request->form = question.form;
	return true;
}

static void ask_body(struct asker *asker, struct arena *arena, struct http_request *request)
{
	const struct auth_credentials *login = login_of(asker);
	const struct token *token = valid_token(asker->host, asker->scope);

	asker->question = QUESTION_BODY;
	request->url = host_url(arena, asker->host, asker->path);
	asker->headers[0] = asker->accept;
	request->headers = asker->headers;
	if (token)
		request->authorization = auth_bearer(arena, token->text);
	else if (asker->host->challenge.scheme == AUTH_BASIC && login)
		request->authorization = auth_basic(arena, login);
}

/* A word like ECR Public's "aws" in the ping's challenge is the scope to ask for. Others are
 * examples only: ghcr.io's ping says "repository:user/image:pull". */
static void choose_scope(struct asker *asker)
{
	const char *scope = asker->host->challenge.scope;

	if (!asker->is_scope_told && scope && scope[0] && !strchr(scope, ':'))
		asker->scope = scope;
}

static bool asker_ask(void *self, struct arena *arena, struct http_request *request,
		      enum source_step *step, struct error *err)
{
	struct asker *asker = self;
	struct host *host = asker->host;

	*step = SOURCE_PREPARE;
	choose_scope(asker);
	if (!host->is_known)
		ask_ping(asker, arena, request);
	else if (host->challenge.scheme == AUTH_BEARER && !valid_token(host, asker->scope)) {
		if (!ask_token(asker, arena, request, err))
			return false;
	} else {
		*step = SOURCE_BODY;
		ask_body(asker, arena, request);
	}
	request->is_unverified = (host->is_listed || host->is_loopback) &&
				 url_is_same_origin(request->url, host_url(arena, host, ""));
	asker->url = url_shown(&asker->arena, request->url);
	return true;
}

/* --- answers --- */

static bool deny(const struct asker *asker, const char *said, struct error *err)
{
	autofree char *name = reference_familiar_name(&asker->reference);

	if (asker->is_login)
		return error_set(err, ERROR_DENIED,
				 "login attempt to %s failed with status: 401 Unauthorized: %s",
				 asker->url, said);
	return error_set(err, ERROR_DENIED,
			 "pull access denied for %s, repository does not exist or may require "
			 "'docker login': %s",
			 name, said);
}

static bool not_found(const struct asker *asker, const char *said, const char *body, size_t length,
		      struct error *err)
{
	autofree char *name = reference_familiar_name(&asker->reference);
	autofree char *whole = reference_familiar(&asker->reference);

	if (refusal_has_code(body, length, "NAME_UNKNOWN"))
		return error_set(err, ERROR_NOT_FOUND, "repository %s not found: %s", name, said);
	if (!asker->accept)
		return error_set(err, ERROR_NOT_FOUND, "%s of %s not found: %s", asker->noun, name,
				 said);
	return error_set(err, ERROR_NOT_FOUND, "manifest for %s not found: %s", whole, said);
}

/* Keeps the best challenge of all header fields. */
static struct auth_challenge read_challenges(struct arena *arena,
					     const struct http_response *response)
{
	struct auth_challenge best = { 0 };
	char *field = arena_alloc(arena, LIMIT_CHALLENGE);

	for (size_t i = 0; i < LIMIT_CHALLENGES; i++)
		if (http_header(response, "WWW-Authenticate", i, field, LIMIT_CHALLENGE))
			auth_read_challenges(arena, field, &best);
	return best;
}

static bool learn_ping(struct asker *asker, const struct http_response *response, const char *said,
		       struct error *err)
{
	struct host *host = asker->host;

	if (response->status == 400 && host->is_http && !host->has_switched) {
		host->has_switched = true; /* plain http sent to a TLS port */
		host->is_http = false;
		return true;
	}
	if (response->status == 404)
		return error_set(err, ERROR_NOT_FOUND,
				 "%s is not an image registry (Get \"%s\": HTTP 404)", host->domain,
				 asker->url);
	if (response->status != 200 && response->status != 401)
		return refusal_unexpected(asker->url, response->status, said, err);
	host->is_known = true;
	if (response->status == 401)
		host->challenge = read_challenges(&host->arena, response);
	/* A word like ECR Public's "aws" is the scope to ask for. Others are examples only:
	 * ghcr.io's ping says "repository:user/image:pull". */
	if (host->challenge.scope && !strchr(host->challenge.scope, ':') &&
	    host->challenge.scope[0])
		asker->scope = host->challenge.scope;
	return true;
}

static bool learn_token(struct asker *asker, const struct http_response *response, const char *said,
			const char *body, size_t length, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct auth_token token;

	if (response->status == 401 || response->status == 403)
		return deny(asker, said, err);
	if (response->status != 200)
		return refusal_unexpected(asker->url, response->status, said, err);
	if (!auth_read_token(&arena, body, length, &token, err))
		return error_in(err, "Get \"%s\"", asker->url);
	keep_token(asker->host, asker->scope, &token);
	return true;
}

/* Is it worth asking once more with a new token? */
static bool can_renew(const struct asker *asker, const struct auth_challenge *challenge)
{
	const struct token *token = *find_token(asker->host, asker->scope);
	bool is_stale = token && transfer_clock_ms() - token->obtained_ms > TOKEN_STALE_MS;

	if (challenge->scheme == AUTH_NONE && asker->host->challenge.scheme != AUTH_BEARER)
		return false; /* nothing to answer */
	if (challenge->scheme == AUTH_BASIC &&
	    (!login_of(asker) || asker->host->challenge.scheme == AUTH_BASIC))
		return false; /* nobody to be, or the same answer again */
	return is_stale || !asker->has_renewed;
}

static bool learn_401(struct asker *asker, const struct http_response *response, const char *said,
		      struct error *err)
{
	struct auth_challenge challenge = read_challenges(&asker->arena, response);

	if (!can_renew(asker, &challenge))
		return deny(asker,
			    challenge.scheme == AUTH_BASIC && !login_of(asker)
				    ? "no basic auth credentials"
				    : said,
			    err);
	asker->has_renewed = true;
	drop_token(asker->host, asker->scope);
	if (challenge.scheme != AUTH_NONE)
		asker->host->challenge = read_challenges(&asker->host->arena, response);
	if (challenge.scheme == AUTH_BEARER && challenge.scope && challenge.scope[0]) {
		asker->scope = challenge.scope;
		asker->is_scope_told = true;
	}
	return true;
}

static bool asker_learn(void *self, const struct http_response *response, const char *body,
			size_t length, struct error *err)
{
	struct asker *asker = self;
	autoarena struct arena arena = { 0 };
	const char *said = refusal_of_registry(&arena, response->status, body, length);

	switch (asker->question) {
	case QUESTION_PING:
		return learn_ping(asker, response, said, err);
	case QUESTION_TOKEN:
		return learn_token(asker, response, said, body, length, err);
	case QUESTION_BODY:
		break;
	}
	if (response->status == 401)
		return learn_401(asker, response, said, err);
	if (response->status == 403)
		return deny(asker, said, err);
	if (response->status == 404)
		return not_found(asker, said, body, length, err);
	return refusal_unexpected(asker->url, response->status, said, err);
}

/* A token server's redirect is judged like the realm itself; content may come from anywhere, since
 * its digest is checked and no credentials go along. */
static bool asker_may_follow(void *self, const char *url, struct error *err)
{
	const struct asker *asker = self;
	autoarena struct arena arena = { 0 };

	if (asker->question != QUESTION_TOKEN)
		return true;
	return auth_check_realm(url, host_url(&arena, asker->host, ""), err);
}

static bool asker_has_other_way(void *self)
{
	struct asker *asker = self;
	struct host *host = asker->host;

	if (!host->is_listed || host->is_known || host->is_http || host->has_switched)
		return false;
	host->has_switched = true;
	host->is_http = true;
	return true;
}

static void asker_free(void *self)
{
	struct asker *asker = self;

	arena_done(&asker->arena);
	free(asker);
}

static const struct source_ops asker_ops = { asker_ask, asker_learn, asker_may_follow,
					     asker_has_other_way, asker_free };

struct source registry_manifest(struct registry *registry, const struct reference *reference,
				bool is_index_welcome)
{
	struct asker *asker = new_asker(registry, reference);
	autofree char *familiar = reference_familiar(reference);
	bool has_digest = !digest_is_empty(&reference->digest);

	asker->path = arena_printf(&asker->arena, "/v2/%s/manifests/%s", reference->path,
				   has_digest ? reference->digest.text : reference->tag);
	asker->accept = is_index_welcome ? "Accept: " INDEX_TYPES ", " MANIFEST_TYPES
					 : "Accept: " MANIFEST_TYPES;
	asker->noun = arena_printf(&asker->arena, "manifest of %s", familiar);
	return (struct source){ &asker_ops, asker, asker->noun };
}

struct source registry_blob(struct registry *registry, const struct reference *reference,
			    const struct digest *digest)
{
	struct asker *asker = new_asker(registry, reference);

	asker->path = arena_printf(&asker->arena, "/v2/%s/blobs/%s", reference->path, digest->text);
	asker->noun = arena_printf(&asker->arena, "blob %s", digest->text);
	return (struct source){ &asker_ops, asker, asker->noun };
}

struct source registry_login(struct registry *registry, const struct reference *reference)
{
	struct asker *asker = new_asker(registry, reference);

	asker->is_login = true;
	asker->path = "/v2/";
	asker->scope = "";
	asker->noun = "the login";
	return (struct source){ &asker_ops, asker, asker->noun };
}
