/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>

#include "registry/access.h"
#include "registry/limit.h"
#include "registry/refusal.h"
#include "registry/url.h"

#define MANIFEST_TYPES                                                                             \
	"application/vnd.oci.image.manifest.v1+json, "                                             \
	"application/vnd.docker.distribution.manifest.v2+json"
#define INDEX_TYPES                                                                                \
	"application/vnd.oci.image.index.v1+json, "                                                \
	"application/vnd.docker.distribution.manifest.list.v2+json"

/* One transfer's view of its registry. */
struct asker {
	struct registry *registry;
	struct reference reference;
	struct access access;
	struct arena arena;
	const char *path;   /* "/v2/NAME/manifests/TAG" */
	const char *accept; /* header, or NULL */
	const char *noun;
	bool is_head;
	const char *headers[3];
	const char **mirrors; /* to be tried before the registry itself; the rest of them */
};

struct registry *registry_new(const struct fetch_settings *settings, struct aws *aws)
{
	struct registry *registry = mem_alloc(sizeof(*registry));

	registry->settings = settings;
	registry->aws = aws;
	registry->learnt_fd = settings->learnt_fd;
	return registry;
}

void registry_free(struct registry *registry)
{
	while (registry->hosts) {
		struct host *host = registry->hosts;

		registry->hosts = host->next;
		host_free(host);
	}
	free(registry);
}

/* --- mirrors --- */

/* A mirror is a URL, whose scheme says what to speak, and whose path comes before "/v2/". */
static void move_to_mirror(struct asker *asker, const char *mirror)
{
	const char *domain = strstr(mirror, "://") + 3;
	size_t length = strcspn(domain, "/");
	const char *base = domain + length;
	size_t base_length = strlen(base);

	if (base_length > 0 && base[base_length - 1] == '/')
		base_length--;
	access_move(&asker->access, arena_strndup(&asker->arena, domain, length),
		    arena_strndup(&asker->arena, base, base_length));
	asker->access.host->is_http = !url_is_https(mirror);
	asker->access.host->has_switched = true;
}

/* The next mirror that is not known to be broken, at last the registry itself. False: there is
 * none. */
static bool move_on(struct asker *asker)
{
	const char *own = asker->reference.domain;

	if (!asker->mirrors)
		return false;
	while (*asker->mirrors) {
		move_to_mirror(asker, *asker->mirrors++);
		if (!asker->access.host->is_down)
			return true;
	}
	asker->mirrors = NULL;
	access_move(&asker->access, own, "");
	return true;
}

/* --- the source --- */

static struct asker *new_asker(struct registry *registry, const struct reference *reference,
			       bool is_from_origin)
{
	struct asker *asker = mem_alloc(sizeof(*asker));
	const char *scope = arena_printf(&asker->arena, "repository:%s:pull", reference->path);
	autofree char *name = reference_familiar_name(reference);

	asker->registry = registry;
	asker->reference = *reference;
	access_init(&asker->access, registry, reference->domain, scope, name);
	if (is_from_origin)
		return asker;
	asker->mirrors = fetch_settings_mirrors(registry->settings, reference->domain);
	(void)move_on(asker);
	return asker;
}

static bool asker_ask(void *self, struct arena *arena, struct http_request *request,
		      enum source_step *step, struct error *err)
{
	struct asker *asker = self;
	struct access *access = &asker->access;

	*step = SOURCE_PREPARE;
	if (!access_ask(access, arena, request, err))
		return false;
	if (access->question != ACCESS_FREE)
		return true;
	*step = SOURCE_BODY;
	if (asker->is_head)
		request->method = "HEAD";
	request->url = host_url(arena, access->host, asker->path);
	asker->headers[0] = "Accept-Encoding: identity";
	asker->headers[1] = asker->accept;
	request->headers = asker->headers;
	access_authorize(access, arena, request);
	return true;
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
	if (asker->access.host->is_doubtful && !refusal_has_code(body, length, "MANIFEST_UNKNOWN"))
		return error_set(err, ERROR_NOT_FOUND,
				 "%s is not an image registry (Get \"%s\": HTTP 404)",
				 asker->access.host->domain, asker->access.url);
	return error_set(err, ERROR_NOT_FOUND, "manifest for %s not found: %s", whole, said);
}

/* A quota is used up. Where the registry says for how long, we wait; else somebody has to do
 * something about it. */
static bool too_many(struct asker *asker, const struct http_response *response, const char *said,
		     struct error *err)
{
	char field[64], limit[64] = "?", left[64] = "?";
	bool is_passing = http_header(response, "Retry-After", 0, field, sizeof(field));

	if (!http_header(response, "ratelimit-limit", 0, limit, sizeof(limit)) ||
	    !http_header(response, "ratelimit-remaining", 0, left, sizeof(left)) || is_passing)
		return refusal_unexpected(asker->access.url, response->status, said, err);
	(void)refusal_unexpected(asker->access.url, response->status, said, err);
	char *why = arena_strdup(&asker->arena, err->text);

	return error_set(err, ERROR_DENIED,
			 "%s (limit %s, remaining %s): see 'docker login', or registry-mirrors in "
			 "daemon.json",
			 why, limit, left);
}

static bool learn(struct asker *asker, const struct http_response *response, const char *body,
		  size_t length, struct error *err)
{
	struct access *access = &asker->access;
	autoarena struct arena arena = { 0 };

	if (access->question != ACCESS_FREE)
		return access_learn(access, response, body, length, err);
	const char *said = refusal_of_registry(&arena, response->status, body, length);

	if (response->status == 401 || response->status == 403)
		return access_refused(access, response, said, err);
	if (response->status == 404)
		return not_found(asker, said, body, length, err);
	if (response->status == 429)
		return too_many(asker, response, said, err);
	return refusal_unexpected(access->url, response->status, said, err);
}

static bool asker_learn(void *self, const struct http_response *response, const char *body,
			size_t length, struct error *err)
{
	struct asker *asker = self;

	return learn(asker, response, body, length, err) || move_on(asker);
}

/* Content may come from anywhere, since its digest is checked and no credentials go along. */
static bool asker_may_follow(void *self, const char *url, struct error *err)
{
	const struct asker *asker = self;

	return asker->access.question == ACCESS_FREE || access_may_follow(&asker->access, url, err);
}

static bool asker_has_other_way(void *self, const struct http_response *response)
{
	struct asker *asker = self;

	if (access_has_other_way(&asker->access, response))
		return true;
	if (asker->mirrors)
		asker->access.host->is_down = true;
	return move_on(asker);
}

static void asker_free(void *self)
{
	struct asker *asker = self;

	access_done(&asker->access);
	arena_done(&asker->arena);
	free(asker);
}

static const struct source_ops asker_ops = { asker_ask,           asker_learn, asker_may_follow,
					     asker_has_other_way, NULL,        asker_free };

struct source registry_manifest(struct registry *registry, const struct registry_request *request)
{
	const struct reference *reference = &request->reference;
	struct asker *asker = new_asker(registry, reference, request->is_from_origin);
	autofree char *familiar = reference_familiar(reference);
	bool has_digest = !digest_is_empty(&reference->digest);

	asker->path = arena_printf(&asker->arena, "/v2/%s/manifests/%s", reference->path,
				   has_digest ? reference->digest.text : reference->tag);
	asker->accept = request->is_index_welcome ? "Accept: " INDEX_TYPES ", " MANIFEST_TYPES
						  : "Accept: " MANIFEST_TYPES;
	asker->noun = arena_printf(&asker->arena, "manifest of %s", familiar);
	asker->is_head = request->is_head;
	asker->access.is_ping = request->is_head;
	return (struct source){
		.ops = &asker_ops, .self = asker, .noun = asker->noun, .doubt = asker->noun
	};
}

struct source registry_blob(struct registry *registry, const struct registry_request *request)
{
	const struct reference *reference = &request->reference;
	struct asker *asker = new_asker(registry, reference, request->is_from_origin);

	asker->path = arena_printf(&asker->arena, "/v2/%s/blobs/%s", reference->path,
				   request->digest.text);
	asker->noun = arena_printf(&asker->arena, "blob %s", request->digest.text);
	return (struct source){
		.ops = &asker_ops,
		.self = asker,
		.noun = asker->noun,
		.doubt = request->part ? arena_printf(&asker->arena,
						      "%s verification failed for digest %s",
						      request->part, request->digest.text)
				       : asker->noun,
	};
}

struct source registry_tags(struct registry *registry, const struct registry_request *request)
{
	const struct reference *reference = &request->reference;
	struct asker *asker = new_asker(registry, reference, request->is_from_origin);

	asker->path = arena_printf(&asker->arena, "/v2/%s/tags/list%s%s", reference->path,
				   request->query ? "?" : "", request->query ? request->query : "");
	asker->noun = "list of tags";
	return (struct source){
		.ops = &asker_ops, .self = asker, .noun = asker->noun, .doubt = asker->noun
	};
}

struct source registry_login(struct registry *registry, const struct registry_request *request)
{
	struct asker *asker = new_asker(registry, &request->reference, true);

	asker->access.is_login = true;
	asker->access.scope = "";
	asker->path = "/v2/";
	asker->noun = "the login";
	return (struct source){
		.ops = &asker_ops, .self = asker, .noun = asker->noun, .doubt = asker->noun
	};
}
