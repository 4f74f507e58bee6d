/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/push.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/access.h"
#include "registry/feed.h"
#include "registry/limit.h"
#include "registry/refusal.h"
#include "registry/retry.h"
#include "registry/url.h"

/*
 * How this works:
 *
 *     HEAD  blobs/DIGEST                     there: done
 *     POST  blobs/uploads/[?mount=&from=]    201: done, it was mounted; 202: where to send it
 *     PATCH LOCATION                         all of it; if it is cut off:
 *     GET   LOCATION                         204: how much has come, PATCH the rest; else anew
 *     PUT   LOCATION?digest=DIGEST           done
 *
 * A blob in two steps, although the specification knows one with a single PUT: this is how docker
 * does it, so every registry can. Whatever else goes wrong on the way, it begins again with the
 * POST.
 */
enum stage {
	STAGE_LOOK,
	STAGE_BEGIN,
	STAGE_SEND,
	STAGE_RESUME,
	STAGE_COMMIT,
	STAGE_MANIFEST,
	STAGE_DONE,
};

struct pusher {
	struct access access;
	struct arena arena;
	struct reference reference;
	struct digest digest;
	const char *from;
	bool *is_mounted;
	const char *noun;
	bool is_look_only;
	enum stage stage;
	const char *location; /* of the upload */
	const char *headers[3];
	struct feed body, nothing;
};

/* --- questions --- */

static void ask_begin(struct pusher *pusher, struct arena *arena, struct http_request *request)
{
	const char *path = arena_printf(arena, "/v2/%s/blobs/uploads/", pusher->reference.path);

	if (pusher->from)
		path = arena_printf(arena, "%s?mount=%s&from=%s", path,
				    url_encode(arena, pusher->digest.text, false),
				    url_encode(arena, pusher->from, true));
	request->method = "POST";
	request->url = host_url(arena, pusher->access.host, path);
	request->body = &pusher->nothing;
}

static void ask_send(struct pusher *pusher, struct arena *arena, struct http_request *request)
{
	pusher->headers[0] = "Content-Type: application/octet-stream";
	request->method = "PATCH";
	request->url = pusher->location;
	request->headers = pusher->headers;
	request->body = &pusher->body;
	if (pusher->body.skipped > 0)
		pusher->headers[1] = arena_printf(arena, "Content-Range: %" PRId64 "-%" PRId64,
						  pusher->body.skipped,
						  pusher->body.skipped + pusher->body.size - 1);
	else
		pusher->headers[1] = NULL;
}

static void ask_resume(const struct pusher *pusher, struct http_request *request)
{
	request->method = "GET";
	request->url = pusher->location;
}

static void ask_commit(struct pusher *pusher, struct arena *arena, struct http_request *request)
{
	request->method = "PUT";
	request->url = arena_printf(arena, "%s%cdigest=%s", pusher->location,
				    strchr(pusher->location, '?') ? '&' : '?',
				    url_encode(arena, pusher->digest.text, false));
	request->body = &pusher->nothing;
}

static void ask_manifest(struct pusher *pusher, struct arena *arena, struct http_request *request)
{
	const struct reference *reference = &pusher->reference;
	bool has_digest = !digest_is_empty(&reference->digest);
	const char *path = arena_printf(arena, "/v2/%s/manifests/%s", reference->path,
					has_digest ? reference->digest.text : reference->tag);

	request->method = "PUT";
	request->url = host_url(arena, pusher->access.host, path);
	request->headers = pusher->headers;
	request->body = &pusher->body;
}

static void ask_look(struct pusher *pusher, struct arena *arena, struct http_request *request)
{
	const char *path =
		arena_printf(arena, "/v2/%s/blobs/%s", pusher->reference.path, pusher->digest.text);

	request->method = "HEAD";
	request->url = host_url(arena, pusher->access.host, path);
}

static void ask_stage(struct pusher *pusher, struct arena *arena, struct http_request *request)
{
	switch (pusher->stage) {
	case STAGE_LOOK:
		ask_look(pusher, arena, request);
		return;
	case STAGE_BEGIN:
		ask_begin(pusher, arena, request);
		return;
	case STAGE_SEND:
		ask_send(pusher, arena, request);
		return;
	case STAGE_RESUME:
		ask_resume(pusher, request);
		return;
	case STAGE_COMMIT:
		ask_commit(pusher, arena, request);
		return;
	case STAGE_MANIFEST:
		ask_manifest(pusher, arena, request);
		return;
	case STAGE_DONE:
		return;
	}
}

static bool pusher_ask(void *self, struct arena *arena, struct http_request *request,
		       enum source_step *step, struct error *err)
{
	struct pusher *pusher = self;
	struct access *access = &pusher->access;

	*step = SOURCE_PREPARE;
	if (!access_ask(access, arena, request, err))
		return false;
	if (access->question != ACCESS_FREE)
		return true;
	if (pusher->stage == STAGE_DONE) {
		*step = SOURCE_DONE;
		return true;
	}
	ask_stage(pusher, arena, request);
	access_authorize(access, arena, request);
	/* An upload may have its place elsewhere. */
	if (!url_is_same_origin(request->url, host_url(arena, access->host, "")))
		request->authorization = NULL;
	return true;
}

/* --- answers --- */

/* Where the upload goes on; what Location says is judged as any redirect is. */
static bool take_location(struct pusher *pusher, const struct http_response *response,
			  struct error *err)
{
	char *field = arena_alloc(&pusher->arena, LIMIT_URL);
	const char *own = host_url(&pusher->arena, pusher->access.host, "");

	if (!http_header(response, "Location", 0, field, LIMIT_URL))
		return pusher->stage == STAGE_SEND || /* where it was sent */
		       error_set(err, ERROR_CORRUPT,
				 "%s: the registry does not say where to upload it", pusher->noun);
	if (!url_resolve(&pusher->arena, response->url, field, &pusher->location, err))
		return error_in(err, "%s: Location", pusher->noun);
	if (url_is_https(own) && !url_is_https(pusher->location))
		return error_set(err, ERROR_DENIED, "%s: upload from https to plain http refused",
				 pusher->noun);
	return true;
}

static bool not_there(const struct pusher *pusher, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "%s is not there", pusher->noun);
}

/* The reply that a stage hopes for, and the stage after it. False: it is another. What has been
 * sent is taken with various words: ECR says 201 where the specification has 202, others 200. */
static bool is_good(struct pusher *pusher, int status, enum stage *next)
{
	bool is_taken = status >= 200 && status < 300;

	switch (pusher->stage) {
	case STAGE_LOOK:
		*next = status == 200 ? STAGE_DONE : STAGE_BEGIN;
		return status == 200 || status == 404;
	case STAGE_BEGIN:
		*next = status == 201 ? STAGE_DONE : STAGE_SEND;
		return status == 201 || status == 202;
	case STAGE_SEND:
		*next = STAGE_COMMIT;
		return is_taken;
	case STAGE_COMMIT:
	case STAGE_MANIFEST:
		*next = STAGE_DONE;
		return is_taken;
	case STAGE_RESUME:
	case STAGE_DONE:
		break;
	}
	return false;
}

static void begin_again(struct pusher *pusher)
{
	if (pusher->stage != STAGE_SEND && pusher->stage != STAGE_RESUME &&
	    pusher->stage != STAGE_COMMIT)
		return;
	pusher->stage = STAGE_BEGIN;
	if (pusher->body.skipped > 0)
		feed_skip(&pusher->body, 0);
}

/* "Range: 0-99": a hundred bytes have come. "0-0" is also said where there are none. False: this is
 * no place to go on from. */
static bool read_come(const struct pusher *pusher, const struct http_response *response,
		      int64_t *come)
{
	const struct feed *body = &pusher->body;
	char field[64], *end;

	if (response->status != 204 || !http_header(response, "Range", 0, field, sizeof(field)) ||
	    strncmp(field, "0-", 2) != 0 || field[2] < '1' || field[2] > '9')
		return false;
	errno = 0;
	*come = strtoll(field + 2, &end, 10);
	return errno == 0 && *end == '\0' && (*come)++ < body->skipped + body->size - 1;
}

/* How far the upload has come, after it was cut off. */
static void learn_resume(struct pusher *pusher, const struct http_response *response)
{
	struct error ignored;
	int64_t come;

	if (read_come(pusher, response, &come) && take_location(pusher, response, &ignored)) {
		feed_skip(&pusher->body, come);
		pusher->stage = STAGE_SEND;
	} else
		begin_again(pusher);
}

/* Who may not look here, or mount from there, may still upload: it was worth a try. */
static bool is_no_to_a_look(const struct pusher *pusher, int status)
{
	return pusher->is_look_only && status >= 400 && status < 500 && status != 401 &&
	       !retry_is_worth(status);
}

static bool refuse(struct pusher *pusher, const struct http_response *response, const char *body,
		   size_t length, struct error *err)
{
	struct access *access = &pusher->access;
	autoarena struct arena arena = { 0 };
	const char *said = refusal_of_registry(&arena, response->status, body, length);

	if (is_no_to_a_look(pusher, response->status))
		return not_there(pusher, err);
	begin_again(pusher);
	if (response->status == 401 || response->status == 403)
		return access_refused(access, response, said, err);
	return refusal_unexpected(access->url, response->status, said, err);
}

static bool pusher_learn(void *self, const struct http_response *response, const char *body,
			 size_t length, struct error *err)
{
	struct pusher *pusher = self;
	enum stage next;

	if (pusher->access.question != ACCESS_FREE)
		return access_learn(&pusher->access, response, body, length, err);
	if (pusher->stage == STAGE_RESUME) {
		learn_resume(pusher, response);
		return true;
	}
	if (!is_good(pusher, response->status, &next))
		return refuse(pusher, response, body, length, err);
	/* A look alone tries the other repository, and leaves an upload that it opened to the
	 * registry, which forgets it. */
	if (pusher->is_look_only && next == (pusher->from ? STAGE_SEND : STAGE_BEGIN))
		return not_there(pusher, err);
	if ((next == STAGE_SEND || next == STAGE_COMMIT) && !take_location(pusher, response, err))
		return false;
	if (pusher->is_mounted && pusher->stage == STAGE_BEGIN && next == STAGE_DONE)
		*pusher->is_mounted = true;
	pusher->stage = next;
	return true;
}

static bool pusher_may_follow(void *self, const char *url, struct error *err)
{
	const struct pusher *pusher = self;

	return pusher->access.question == ACCESS_FREE ||
	       access_may_follow(&pusher->access, url, err);
}

static bool pusher_has_other_way(void *self, const struct http_response *response)
{
	struct pusher *pusher = self;

	if (pusher->stage == STAGE_SEND && pusher->body.start >= 0)
		pusher->stage = STAGE_RESUME;
	else
		begin_again(pusher);
	return access_has_other_way(&pusher->access, response);
}

static int64_t pusher_arrived(const void *self)
{
	const struct pusher *pusher = self;

	return pusher->body.skipped;
}

static void pusher_free(void *self)
{
	struct pusher *pusher = self;

	access_done(&pusher->access);
	feed_done(&pusher->body);
	arena_done(&pusher->arena);
	free(pusher);
}

static const struct source_ops pusher_ops = { pusher_ask,        pusher_learn,
					      pusher_may_follow, pusher_has_other_way,
					      pusher_arrived,    pusher_free };

static struct pusher *new_pusher(struct registry *registry, const struct push_request *request,
				 enum stage stage)
{
	const struct reference *reference = &request->reference;
	struct pusher *pusher = mem_alloc(sizeof(*pusher));
	const char *scope =
		arena_printf(&pusher->arena, "repository:%s:pull,push", reference->path);
	autofree char *name = reference_familiar_name(reference);

	if (request->from)
		scope = arena_printf(&pusher->arena, "repository:%s:pull %s", request->from, scope);
	access_init(&pusher->access, registry, reference->domain, scope, name);
	pusher->access.actions = "push";
	pusher->reference = *reference;
	pusher->digest = request->digest;
	pusher->from = arena_strdup(&pusher->arena, request->from);
	pusher->stage = stage;
	feed_init_memory(&pusher->nothing, "", 0);
	if (request->fd >= 0)
		feed_init_fd(&pusher->body, request->fd, request->size);
	else
		feed_init_memory(&pusher->body, "", 0);
	return pusher;
}

struct source push_look(struct registry *registry, const struct push_request *request)
{
	struct pusher *pusher = new_pusher(registry, request, STAGE_LOOK);

	pusher->is_look_only = true;
	pusher->is_mounted = request->is_mounted;
	pusher->noun = arena_printf(&pusher->arena, "blob %s", request->digest.text);
	return (struct source){
		.ops = &pusher_ops, .self = pusher, .noun = pusher->noun, .doubt = pusher->noun
	};
}

struct source push_blob(struct registry *registry, const struct push_request *request)
{
	struct pusher *pusher = new_pusher(registry, request, STAGE_BEGIN);

	pusher->noun = arena_printf(&pusher->arena, "blob %s", request->digest.text);
	return (struct source){
		.ops = &pusher_ops, .self = pusher, .noun = pusher->noun, .doubt = pusher->noun
	};
}

struct source push_manifest(struct registry *registry, const struct push_request *request)
{
	struct pusher *pusher = new_pusher(registry, request, STAGE_MANIFEST);
	autofree char *familiar = reference_familiar(&request->reference);

	pusher->headers[0] = arena_printf(&pusher->arena, "Content-Type: %s", request->media_type);
	pusher->noun = arena_printf(&pusher->arena, "manifest of %s", familiar);
	return (struct source){
		.ops = &pusher_ops, .self = pusher, .noun = pusher->noun, .doubt = pusher->noun
	};
}
