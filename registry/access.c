/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/access.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "registry/auth.h"
#include "registry/awsreply.h"
#include "registry/limit.h"
#include "registry/refusal.h"
#include "registry/retry.h"
#include "registry/sign.h"
#include "registry/transfer.h"
#include "registry/url.h"

/* A refused token is worth replacing if it is older than this: a fresh one that is refused means
 * no. */
#define TOKEN_STALE_MS (30 * 1000)

void access_init(struct access *access, struct registry *registry, const char *domain,
		 const char *scope, const char *name)
{
	*access = (struct access){ .registry = registry, .actions = "pull" };
	access->scope = arena_strdup(&access->arena, scope);
	access->name = arena_strdup(&access->arena, name);
	access->host = host_find(registry, domain, "");
}

void access_done(struct access *access)
{
	arena_done(&access->arena);
}

void access_move(struct access *access, const char *domain, const char *base)
{
	access->host = host_find(access->registry, domain, base);
	access->has_renewed = false;
	access->has_tried_ecr = false;
}

/* --- questions --- */

static bool is_own_host(const struct host *host, const char *url)
{
	autoarena struct arena arena = { 0 };
	struct url there, own;
	struct error ignored;

	return url_parse(&arena, url, &there, &ignored) &&
	       url_parse(&arena, host_url(&arena, host, ""), &own, &ignored) &&
	       strcmp(there.host, own.host) == 0;
}

/* The token that the user has for the registry already; NULL: none. */
static const char *registry_token(const struct host *host)
{
	const struct auth_credentials *login = host_login(host);

	return login ? login->registry_token : NULL;
}

static bool ask_token(struct access *access, struct arena *arena, struct http_request *request,
		      struct error *err)
{
	struct host *host = access->host;
	const struct auth_wish wish = { access->scope, host_login(host), access->is_login,
					host->wants_form };
	struct auth_question question;

	access->question = ACCESS_TOKEN;
	if (!auth_check_realm(host->challenge.realm, host_url(arena, host, ""), err) ||
	    !auth_ask_token(arena, &host->challenge, &wish, &question, err))
		return false;
	request->url = question.url;
	request->authorization = question.authorization;
	request->form = question.form;
	/* A registry in our network may have its token server there. */
	request->is_public_only = !host->is_private && !is_own_host(host, question.url);
	return true;
}

/* A word like ECR Public's "aws" in the ping's challenge is the scope to ask for. Others are
 * examples only: ghcr.io's ping says "repository:user/image:pull". */
static void choose_scope(struct access *access)
{
	const char *scope = access->host->challenge.scope;

	if (!access->is_scope_told && scope && scope[0] && !strchr(scope, ':'))
		access->scope = scope;
}

/* ECR's registries want a password that has to be fetched. Its public one lets anybody in, and is
 * only bothered with it after a refusal. */
static bool wants_ecr(const struct access *access)
{
	const struct host *host = access->host;

	return host->challenge.scheme != AUTH_NONE && !host_login(host) && !host->ecr_problem &&
	       aws_is_configured(access->registry->aws) &&
	       (host->ecr.kind == ECR_PRIVATE ||
		(host->ecr.kind == ECR_PUBLIC && access->has_tried_ecr));
}

static void ask_ecr(struct access *access, struct arena *arena, struct http_request *request)
{
	struct aws *aws = access->registry->aws;
	struct host *host = access->host;
	const struct sigv4_keys *keys = aws_keys(aws);

	if (keys) {
		access->question = ACCESS_ECR;
		ecr_ask(arena, &host->ecr, keys, aws_clock_skew(aws), request);
	} else if (aws_may_ask(aws)) {
		access->question = ACCESS_AWS;
		aws_ask(aws, arena, &access->aws_question, request);
	} else
		host->ecr_problem =
			arena_printf(&host->arena, "no AWS credentials: %s", aws_problems(aws));
}

bool access_ask(struct access *access, struct arena *arena, struct http_request *request,
		struct error *err)
{
	struct host *host = access->host;

	access->question = ACCESS_FREE;
	choose_scope(access);
	if (access->is_ping && !host->is_known && host->ecr.kind == ECR_PRIVATE)
		host->challenge.scheme = AUTH_BASIC; /* it always is: save the refusal */
	if (!host->is_known && !access->is_ping) {
		access->question = ACCESS_PING;
		request->url = host_url(arena, host, "/v2/");
	} else if (wants_ecr(access))
		ask_ecr(access, arena, request);
	if (access->question == ACCESS_FREE && host->challenge.scheme == AUTH_BEARER &&
	    !registry_token(host) && !host_valid_token(host, access->scope) &&
	    !ask_token(access, arena, request, err))
		return false;
	if (access->question == ACCESS_FREE)
		return true;
	if (access->question != ACCESS_AWS)
		host_set_tls(host, request);
	access->url = url_shown(&access->arena, request->url);
	return true;
}

void access_authorize(struct access *access, struct arena *arena, struct http_request *request)
{
	struct host *host = access->host;
	const struct auth_credentials *login = host_login(host);
	const struct token *token = host_valid_token(host, access->scope);

	if (host->challenge.scheme == AUTH_BEARER && registry_token(host))
		request->authorization = auth_bearer(arena, registry_token(host));
	else if (token)
		request->authorization = auth_bearer(arena, token->text);
	else if (host->challenge.scheme == AUTH_BASIC && login && *login->username)
		request->authorization = auth_basic(arena, login);
	host_set_tls(host, request);
	access->url = url_shown(&access->arena, request->url);
}

/* --- what was learnt --- */

/* For whoever started us, who keeps it for the next time. What cannot be written is asked for
 * again then. */
static void tell(const struct access *access, struct jsonout *out, struct buf *line)
{
	struct error ignored;

	jsonout_object_end(out);
	jsonout_done(out);
	buf_add_char(line, '\n');
	(void)!file_write(access->registry->learnt_fd, "what was learnt", line->data, line->length,
			  &ignored);
	explicit_bzero(line->data, line->length);
}

static bool begin_telling(const struct access *access, struct jsonout *out, struct buf *line)
{
	buf_init(line, LIMIT_TOKEN_BODY);
	if (access->registry->learnt_fd < 0)
		return false;
	jsonout_init(out, line, false);
	jsonout_object(out, NULL);
	jsonout_text(out, "host", access->host->domain);
	return true;
}

static void tell_ecr(const struct access *access, const struct auth_credentials *login,
		     int64_t expires)
{
	autobuf struct buf line;
	struct jsonout out;

	if (!begin_telling(access, &out, &line))
		return;
	jsonout_text(&out, "username", login->username);
	jsonout_text(&out, "password", login->password);
	jsonout_int(&out, "expires", expires);
	tell(access, &out, &line);
}

static void tell_identity(const struct access *access, const char *token)
{
	autobuf struct buf line;
	struct jsonout out;

	if (!begin_telling(access, &out, &line))
		return;
	jsonout_text(&out, "identitytoken", token);
	tell(access, &out, &line);
}

/* --- answers --- */

static bool deny(const struct access *access, const char *said, struct error *err)
{
	const char *problem = access->host->ecr_problem;

	if (access->is_login)
		return error_set(err, ERROR_DENIED,
				 "login attempt to %s failed with status: 401 Unauthorized: %s",
				 access->url, said);
	return error_set(err, ERROR_DENIED,
			 "%s access denied for %s, repository does not exist or may require "
			 "'docker login': %s%s%s%s",
			 access->actions, access->name, said, problem ? " (" : "",
			 problem ? problem : "", problem ? ")" : "");
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

/* Was it the registry itself that answered? Whoever else it sent us to must not say who gets its
 * password. */
static bool is_own_answer(const struct host *host, const struct http_response *response)
{
	autoarena struct arena arena = { 0 };

	return url_is_same_origin(response->url, host_url(&arena, host, ""));
}

static void keep_challenge(struct host *host, const struct http_response *response)
{
	host->challenge = read_challenges(&host->arena, response);
	host->is_private = response->is_private;
}

/* A server of files that has what an image is made of, and nothing at "/v2/", will do: docker does
 * not look at what the ping's answer is, but for a challenge. */
static bool is_nobody(int status)
{
	return status > 401 && status < 500 && status != 407 && !retry_is_worth(status);
}

static bool learn_ping(struct access *access, const struct http_response *response,
		       const char *said, struct error *err)
{
	struct host *host = access->host;

	if (response->status == 400 && host->is_http && !host->has_switched) {
		host->has_switched = true; /* plain http sent to a TLS port */
		host->is_http = false;
		return true;
	}
	if (is_nobody(response->status) && !access->is_login)
		host->is_doubtful = true;
	else if (response->status == 404)
		return error_set(err, ERROR_NOT_FOUND,
				 "%s is not an image registry (Get \"%s\": HTTP 404)", host->domain,
				 access->url);
	else if (response->status / 100 != 2 && response->status != 401)
		return refusal_unexpected(access->url, response->status, said, err);
	host->is_known = true;
	if (response->status == 401 && is_own_answer(host, response))
		keep_challenge(host, response);
	return true;
}

/* A token server of OAuth 2 only, where a password goes in a form. */
static bool has_form_left(struct host *host, int status)
{
	const struct auth_credentials *login = host_login(host);

	if (status != 405 || host->wants_form || !login || login->identity_token)
		return false;
	host->wants_form = true;
	return true;
}

static bool learn_token(struct access *access, const struct http_response *response,
			const char *said, const char *body, size_t length, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct auth_token token;

	if (response->status == 401 || response->status == 403)
		return deny(access, said, err);
	if (has_form_left(access->host, response->status))
		return true;
	if (response->status != 200)
		return refusal_unexpected(access->url, response->status, said, err);
	if (!auth_read_token(&arena, body, length, &token, err))
		return error_in(err, "Get \"%s\"", access->url);
	host_keep_token(access->host, access->scope, &token);
	if (access->is_login && token.refresh_token)
		tell_identity(access, token.refresh_token);
	return true;
}

static bool learn_ecr(struct access *access, const struct http_response *response, const char *body,
		      size_t length, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct host *host = access->host;
	struct auth_credentials login;
	struct error problem;
	time_t skew = 0;
	int64_t expires;

	if (response->status != 200) {
		const char *said = awsreply_refusal(&arena, response->status, body, length);

		if (retry_is_worth(response->status))
			return refusal_unexpected(access->url, response->status, said, err);
		if (!aws_set_clock(access->registry->aws, response))
			host->ecr_problem = arena_printf(&host->arena, "ECR: %s", said);
		return true;
	}
	if (!awsreply_ecr(&arena, body, length, &login, &expires, &problem)) {
		host->ecr_problem = arena_printf(&host->arena, "ECR: %s", problem.text);
		return true;
	}
	(void)sign_read_skew(response, &skew);
	host_keep_ecr(host, &login, expires, skew);
	tell_ecr(access, &login, expires);
	return true;
}

bool access_learn(struct access *access, const struct http_response *response, const char *body,
		  size_t length, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *said = refusal_of_registry(&arena, response->status, body, length);

	switch (access->question) {
	case ACCESS_PING:
		return learn_ping(access, response, said, err);
	case ACCESS_TOKEN:
		return learn_token(access, response, said, body, length, err);
	case ACCESS_ECR:
		return learn_ecr(access, response, body, length, err);
	case ACCESS_AWS:
		aws_learn(access->registry->aws, &access->aws_question, response, body, length);
		return true;
	case ACCESS_FREE:
		break;
	}
	return refusal_unexpected(access->url, response->status, said, err);
}

/* --- refusals of the request proper --- */

static bool deny_elsewhere(const struct access *access, const char *url, const char *said,
			   struct error *err)
{
	autoarena struct arena arena = { 0 };

	return error_set(err, ERROR_DENIED,
			 "%s access denied for %s by %s, where its registry sends us: %s",
			 access->actions, access->name, url_shown(&arena, url), said);
}

/* A login that has expired, or none: ECR may have a better one. Once. */
static bool can_use_ecr(struct access *access)
{
	struct host *host = access->host;

	if (host->ecr.kind == ECR_NONE || access->is_login || access->has_tried_ecr ||
	    host->ecr_problem || !aws_is_configured(access->registry->aws))
		return false;
	access->has_tried_ecr = true;
	host->is_login_refused = true;
	host->ecr_expires_ms = 0;
	host_drop_token(host, access->scope);
	return true;
}

/* Is it worth asking once more with a new token? */
static bool can_renew(const struct access *access, const struct auth_challenge *challenge)
{
	struct host *host = access->host;
	const struct token *token = host_token(host, access->scope);
	bool is_stale = token && clock_ms() - token->obtained_ms > TOKEN_STALE_MS;

	if (host->challenge.scheme == AUTH_BEARER && registry_token(host))
		return false; /* there is no other */
	if (challenge->scheme == AUTH_NONE && host->challenge.scheme != AUTH_BEARER)
		return false; /* nothing to answer */
	if (challenge->scheme == AUTH_BASIC &&
	    (!host_login(host) || host->challenge.scheme == AUTH_BASIC))
		return false; /* nobody to be, or the same answer again */
	return is_stale || !access->has_renewed;
}

bool access_refused(struct access *access, const struct http_response *response, const char *said,
		    struct error *err)
{
	struct host *host = access->host;

	if (!is_own_answer(host, response))
		return deny_elsewhere(access, response->url, said, err);
	struct auth_challenge challenge = read_challenges(&access->arena, response);

	if (can_use_ecr(access))
		return true;
	if (response->status == 403)
		return deny(access, said, err);
	if (!can_renew(access, &challenge))
		return deny(access,
			    challenge.scheme == AUTH_BASIC && !host_login(host)
				    ? "no basic auth credentials"
				    : said,
			    err);
	access->has_renewed = true;
	host_drop_token(host, access->scope);
	if (challenge.scheme != AUTH_NONE)
		keep_challenge(host, response);
	if (challenge.scheme == AUTH_BEARER && challenge.scope && challenge.scope[0]) {
		access->scope = challenge.scope;
		access->is_scope_told = true;
	}
	return true;
}

/* A token server's redirect is judged like the realm itself; what AWS answers never is one. */
bool access_may_follow(const struct access *access, const char *url, struct error *err)
{
	autoarena struct arena arena = { 0 };

	if (access->question == ACCESS_ECR || access->question == ACCESS_AWS)
		return error_set(err, ERROR_DENIED, "signed requests are not redirected");
	return access->question != ACCESS_TOKEN ||
	       auth_check_realm(url, host_url(&arena, access->host, ""), err);
}

/* Who hangs up on plain http may have TLS; if it is not that either, the first failure is the one
 * to tell. */
static bool guess_tls(struct host *host, const struct http_response *response)
{
	bool may_change = host->is_http ? !host->has_switched : host->is_guess;

	if (!host->is_loopback || host->is_known || !response->is_connected || !may_change)
		return false;
	host->is_guess = host->is_http;
	host->is_http = !host->is_http;
	host->has_switched = true;
	return true;
}

bool access_has_other_way(struct access *access, const struct http_response *response)
{
	struct host *host = access->host;

	if (access->question == ACCESS_AWS) {
		aws_pass(access->registry->aws, &access->aws_question);
		return true;
	}
	if (guess_tls(host, response))
		return true;
	if (!host->is_listed || host->is_known || host->is_http || host->has_switched)
		return false;
	host->has_switched = true;
	host->is_http = true;
	return true;
}
