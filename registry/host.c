/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/host.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "registry/transfer.h"
#include "registry/url.h"

#define HUB_DOMAIN "docker.io"
#define HUB_HOST   "registry-1.docker.io"

/* Tokens and passwords are renewed a little before their end. */
#define TOKEN_MARGIN_MS (5 * 1000)
#define ECR_MARGIN_S    (5 * 60)

static void token_free(struct token *token)
{
	free(token->scope);
	if (token->text)
		explicit_bzero(token->text, strlen(token->text));
	free(token->text);
	free(token);
}

void host_free(struct host *host)
{
	while (host->tokens) {
		struct token *token = host->tokens;

		host->tokens = token->next;
		token_free(token);
	}
	arena_done(&host->arena);
	arena_done(&host->ecr_arena);
	free(host->domain);
	free(host->base);
	free(host);
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

static bool is_listed(const char *const *list, size_t count, const char *domain)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(list[i], domain) == 0)
			return true;
	return false;
}

/* Another endpoint than AWS' own, and the password that an earlier process got. */
static void set_ecr(const struct fetch_settings *settings, struct host *host)
{
	const struct fetch_ecr *told = &settings->ecr;

	host->ecr = ecr_of_domain(&host->arena, host->domain);
	if (host->ecr.kind == ECR_PRIVATE && told->endpoint)
		host->ecr.endpoint = told->endpoint;
	if (host->ecr.kind == ECR_PUBLIC && told->public_endpoint)
		host->ecr.endpoint = told->public_endpoint;
	if (host->ecr.kind != ECR_NONE && told->host && strcmp(told->host, host->domain) == 0 &&
	    told->expires > time(NULL) + ECR_MARGIN_S)
		host_keep_ecr(host, &told->login, told->expires, 0);
}

struct host *host_find(struct registry *registry, const char *domain, const char *base)
{
	const struct fetch_settings *settings = registry->settings;

	for (struct host *host = registry->hosts; host; host = host->next)
		if (strcmp(host->domain, domain) == 0 && strcmp(host->base, base) == 0)
			return host;
	struct host *host = mem_alloc(sizeof(*host));

	host->domain = mem_strdup(domain);
	host->base = mem_strdup(base);
	host->is_loopback = is_loopback_domain(domain);
	bool is_local = is_listed(settings->local, settings->local_count, domain);

	host->is_direct = is_local || host->is_loopback;
	host->is_listed =
		is_local || is_listed(settings->insecure, settings->insecure_count, domain);
	host->tls = fetch_settings_tls(settings, domain);
	/* A registry on this machine rarely has TLS; one that the user listed, or knows the
	 * authority of, may. */
	host->is_http = host->is_loopback && !host->is_listed && !host->tls.ca;
	host->login = fetch_settings_login(settings, domain);
	set_ecr(settings, host);
	host->next = registry->hosts;
	registry->hosts = host;
	return host;
}

const char *host_url(struct arena *arena, const struct host *host, const char *path)
{
	bool is_hub = strcmp(host->domain, HUB_DOMAIN) == 0;

	return arena_printf(arena, "%s://%s%s%s", host->is_http ? "http" : "https",
			    is_hub ? HUB_HOST : host->domain, host->base, path);
}

void host_set_tls(const struct host *host, struct http_request *request)
{
	autoarena struct arena arena = { 0 };

	if (!url_is_same_origin(request->url, host_url(&arena, host, "")))
		return;
	request->is_unverified = host->is_listed || (host->is_loopback && !host->tls.ca);
	request->is_direct = host->is_direct;
	request->tls = host->tls;
}

const struct auth_credentials *host_login(const struct host *host)
{
	if (host->login && !host->is_login_refused)
		return host->login;
	return host->ecr_expires_ms > clock_ms() ? &host->ecr_login : NULL;
}

static struct token **find_token(struct host *host, const char *scope)
{
	struct token **link = &host->tokens;

	while (*link && strcmp((*link)->scope, scope) != 0)
		link = &(*link)->next;
	return link;
}

const struct token *host_token(struct host *host, const char *scope)
{
	return *find_token(host, scope);
}

const struct token *host_valid_token(struct host *host, const char *scope)
{
	const struct token *token = *find_token(host, scope);

	return token && token->expires_ms - TOKEN_MARGIN_MS > clock_ms() ? token : NULL;
}

void host_drop_token(struct host *host, const char *scope)
{
	struct token **link = find_token(host, scope);
	struct token *token = *link;

	if (!token)
		return;
	*link = token->next;
	token_free(token);
}

void host_keep_token(struct host *host, const char *scope, const struct auth_token *got)
{
	struct token *token = mem_alloc(sizeof(*token));

	host_drop_token(host, scope);
	token->scope = mem_strdup(scope);
	token->text = mem_strdup(got->text);
	token->obtained_ms = clock_ms();
	token->expires_ms = token->obtained_ms + got->life_seconds * 1000;
	token->next = host->tokens;
	host->tokens = token;
}

void host_keep_ecr(struct host *host, const struct auth_credentials *login, int64_t expires,
		   time_t skew)
{
	int64_t life = expires - (time(NULL) + skew);

	arena_done(&host->ecr_arena);
	host->ecr_login.username = arena_strdup(&host->ecr_arena, login->username);
	host->ecr_login.password = arena_strdup(&host->ecr_arena, login->password);
	/* A server that does not say, or is mad: good for this process. */
	if (life <= ECR_MARGIN_S)
		life = 60 * 60;
	host->ecr_expires_ms = clock_ms() + (life - ECR_MARGIN_S) * 1000;
	host->ecr_problem = NULL;
}
