/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/aws.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "registry/awsreply.h"
#include "registry/limit.h"
#include "registry/sign.h"
#include "registry/transfer.h"
#include "registry/url.h"

/*
 * How this works: `at` is the provider that is asked now, `step` the request of its (IMDS takes
 * three; a role with a source takes the source's steps first). A refusal, nonsense or silence TRIES
 * times moves `at` on; it stays where it succeeded. Credentials are renewed MARGIN_S before their
 * end.
 */

#define TRIES     3
#define MARGIN_S  120
#define AGAIN_MS  (60 * 1000) /* when all have failed, for whoever lives long */
#define IMDS_LIFE "21600"
#define CONNECT_S 5
#define IMDS_S    1 /* on a machine that is no EC2 instance nobody answers at all */

struct aws {
	const struct aws_settings *settings;
	struct arena arena; /* of `keys` */
	struct sigv4_keys keys;
	int64_t expires_ms; /* INT64_MAX: never */
	size_t at;
	int step;
	int tries;
	int64_t failed_ms;
	struct arena step_arena; /* of what earlier steps brought */
	const char *imds_token;
	const char *imds_role;
	struct arena source_arena; /* of `source_keys`, that sign for a role */
	struct sigv4_keys source_keys;
	struct buf problems;
	bool has_set_clock;
	time_t clock_skew;
};

static const char *const kind_names[] = {
	[AWS_CONTAINER] = "container credentials",
	[AWS_WEB_IDENTITY] = "web identity",
	[AWS_ROLE] = "role",
	[AWS_IOT] = "IoT role alias",
	[AWS_IMDS] = "instance metadata",
};

struct aws *aws_new(const struct aws_settings *settings)
{
	struct aws *aws = mem_alloc(sizeof(*aws));

	aws->settings = settings;
	buf_init(&aws->problems, ERROR_TEXT_MAX / 2);
	if (settings->keys.access_key_id) {
		aws->keys = settings->keys;
		aws->expires_ms = INT64_MAX;
	}
	return aws;
}

void aws_free(struct aws *aws)
{
	arena_done(&aws->arena);
	arena_done(&aws->step_arena);
	arena_done(&aws->source_arena);
	buf_done(&aws->problems);
	free(aws);
}

const struct sigv4_keys *aws_keys(const struct aws *aws)
{
	return aws->keys.access_key_id && clock_ms() < aws->expires_ms ? &aws->keys : NULL;
}

/* From the first provider, or from the one that succeeded last time. */
static void begin_again(struct aws *aws, size_t at)
{
	aws->at = at;
	aws->step = 0;
	aws->tries = 0;
}

bool aws_may_ask(struct aws *aws)
{
	if (aws_keys(aws) || aws->settings->keys.access_key_id)
		return false;
	if (aws->at == aws->settings->provider_count && aws->at > 0 &&
	    clock_ms() - aws->failed_ms > AGAIN_MS) {
		begin_again(aws, 0);
		buf_clear(&aws->problems);
	}
	return aws->at < aws->settings->provider_count;
}

bool aws_is_configured(const struct aws *aws)
{
	return aws->settings->keys.access_key_id || aws->settings->provider_count > 0;
}

const char *aws_problems(const struct aws *aws)
{
	return aws->problems.data ? aws->problems.data : "";
}

/* --- questions --- */

static int steps_of(enum aws_kind kind)
{
	return kind == AWS_IMDS ? 3 : 1;
}

/* Whose turn it is: the provider's, or its source's. */
static const struct aws_provider *asked(const struct aws *aws)
{
	const struct aws_provider *provider = &aws->settings->providers[aws->at];

	return provider->source && aws->step < steps_of(provider->source->kind) ? provider->source
										: provider;
}

static void ask_container(struct arena *arena, const struct aws_provider *provider,
			  struct http_request *request)
{
	(void)arena;
	request->url = provider->url;
	request->authorization = provider->authorization;
	request->is_direct = true;
	request->connect_seconds = CONNECT_S;
}

static void ask_sts(const struct aws *aws, struct arena *arena, const struct aws_provider *provider,
		    struct http_request *request)
{
	bool is_signed = provider->kind == AWS_ROLE;
	const char *more =
		is_signed ? (provider->external_id
				     ? arena_printf(arena, "&ExternalId=%s",
						    url_encode(arena, provider->external_id, false))
				     : "")
			  : arena_printf(arena, "&WebIdentityToken=%s",
					 url_encode(arena, provider->token, false));
	struct digest digest;

	request->url = provider->url;
	request->form =
		arena_printf(arena, "Action=%s&Version=2011-06-15&RoleArn=%s&RoleSessionName=%s%s",
			     is_signed ? "AssumeRole" : "AssumeRoleWithWebIdentity",
			     url_encode(arena, provider->role_arn, false),
			     url_encode(arena, provider->session_name, false), more);
	if (!is_signed)
		return;
	hash_digest(request->form, strlen(request->form), &digest);
	sign_http(
		arena,
		&(struct sign_how){ .keys = provider->source ? &aws->source_keys : &provider->keys,
				    .service = "sts",
				    .region = provider->region,
				    .payload_hash = digest_hex(&digest),
				    .clock_skew = aws->clock_skew },
		request);
}

static void ask_iot(struct arena *arena, const struct aws_provider *provider,
		    struct http_request *request)
{
	const char **headers = arena_array(arena, 2, sizeof(*headers));

	if (provider->thing)
		headers[0] = arena_printf(arena, "x-amzn-iot-thingname: %s", provider->thing);
	request->headers = headers;
	request->url = provider->url;
	request->tls = provider->tls;
}

static void ask_imds(const struct aws *aws, struct arena *arena,
		     const struct aws_provider *provider, struct http_request *request)
{
	const char **headers = arena_array(arena, 2, sizeof(*headers));
	struct feed *nothing = arena_alloc(arena, sizeof(*nothing));

	request->headers = headers;
	request->is_direct = true;
	request->connect_seconds = IMDS_S;
	request->total_seconds = CONNECT_S;
	if (aws->step == 0) {
		headers[0] = "X-aws-ec2-metadata-token-ttl-seconds: " IMDS_LIFE;
		feed_init_memory(nothing, "", 0);
		request->method = "PUT";
		request->body = nothing;
		request->url = arena_printf(arena, "%s/latest/api/token", provider->url);
		return;
	}
	headers[0] = arena_printf(arena, "X-aws-ec2-metadata-token: %s", aws->imds_token);
	request->url = arena_printf(arena, "%s/latest/meta-data/iam/security-credentials/%s",
				    provider->url,
				    aws->step == 2 ? url_encode(arena, aws->imds_role, false) : "");
}

void aws_ask(struct aws *aws, struct arena *arena, struct aws_question *question,
	     struct http_request *request)
{
	const struct aws_provider *provider = asked(aws);

	*question = (struct aws_question){ aws->at, aws->step };
	switch (provider->kind) {
	case AWS_CONTAINER:
		ask_container(arena, provider, request);
		return;
	case AWS_WEB_IDENTITY:
	case AWS_ROLE:
		ask_sts(aws, arena, provider, request);
		return;
	case AWS_IOT:
		ask_iot(arena, provider, request);
		return;
	case AWS_IMDS:
		ask_imds(aws, arena, provider, request);
		return;
	}
}

/* --- answers --- */

static void fail(struct aws *aws, const char *why)
{
	enum aws_kind kind = aws->settings->providers[aws->at].kind;
	int tries = asked(aws)->kind == AWS_IMDS ? 1 : TRIES;

	if (++aws->tries < tries) {
		aws->step = 0;
		return;
	}
	buf_printf(&aws->problems, "%s%s: %.200s", aws->problems.length ? "; " : "",
		   kind_names[kind], why);
	aws->failed_ms = clock_ms();
	begin_again(aws, aws->at + 1);
}

static bool is_current(const struct aws *aws, const struct aws_question *question)
{
	return !aws_keys(aws) && question->provider == aws->at && question->step == aws->step;
}

void aws_pass(struct aws *aws, const struct aws_question *question)
{
	if (is_current(aws, question))
		fail(aws, "no answer");
}

static bool read_credentials(struct arena *arena, enum aws_kind kind, const char *body,
			     size_t length, struct aws_credentials *credentials, struct error *err)
{
	switch (kind) {
	case AWS_CONTAINER:
	case AWS_IMDS:
		return awsreply_credentials(arena, body, length, credentials, err);
	case AWS_IOT:
		return awsreply_iot(arena, body, length, credentials, err);
	case AWS_WEB_IDENTITY:
	case AWS_ROLE:
		break;
	}
	return awsreply_sts(arena, body, length, credentials, err);
}

/* By the clock of who gave them, as ours may be years off. */
static int64_t life_seconds(const struct aws_credentials *credentials,
			    const struct http_response *response)
{
	time_t skew = 0;

	if (!sign_read_skew(response, &skew))
		skew = 0;
	return credentials->expires - (time(NULL) + skew);
}

static void copy_keys(struct arena *arena, const struct sigv4_keys *keys, struct sigv4_keys *copy)
{
	arena_done(arena);
	*copy = (struct sigv4_keys){ arena_strdup(arena, keys->access_key_id),
				     arena_strdup(arena, keys->secret_access_key),
				     arena_strdup(arena, keys->session_token) };
}

static bool keep(struct aws *aws, const struct aws_credentials *credentials,
		 const struct http_response *response, struct error *err)
{
	int64_t life = life_seconds(credentials, response);

	if (credentials->expires && life <= 0)
		return error_set(err, ERROR_DENIED, "the credentials have expired");
	copy_keys(&aws->arena, &credentials->keys, &aws->keys);
	aws->expires_ms =
		credentials->expires
			? clock_ms() + (life > 2 * MARGIN_S ? life - MARGIN_S : life / 2) * 1000
			: INT64_MAX;
	begin_again(aws, aws->at);
	return true;
}

/* The first two of IMDS' three. */
static bool take_step(struct aws *aws, const char *body, size_t length, struct error *err)
{
	const char **word = aws->step == 0 ? &aws->imds_token : &aws->imds_role;

	if (aws->step == 0)
		arena_done(&aws->step_arena);
	if (!awsreply_word(&aws->step_arena, body, length, word, err))
		return false;
	aws->step++;
	return true;
}

/* What the source gave signs for the role. */
static void keep_source(struct aws *aws, const struct aws_credentials *credentials)
{
	copy_keys(&aws->source_arena, &credentials->keys, &aws->source_keys);
	aws->step++;
}

static bool take_answer(struct aws *aws, const struct http_response *response, const char *body,
			size_t length, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct aws_provider *from = asked(aws);
	struct aws_credentials credentials;

	if (from->kind == AWS_IMDS && aws->step < steps_of(AWS_IMDS) - 1)
		return take_step(aws, body, length, err);
	if (!read_credentials(&arena, from->kind, body, length, &credentials, err))
		return false;
	if (from == &aws->settings->providers[aws->at])
		return keep(aws, &credentials, response, err);
	keep_source(aws, &credentials);
	return true;
}

void aws_learn(struct aws *aws, const struct aws_question *question,
	       const struct http_response *response, const char *body, size_t length)
{
	autoarena struct arena arena = { 0 };
	struct error err;

	if (!is_current(aws, question))
		return;
	if (response->status != 200) {
		if (asked(aws)->kind == AWS_ROLE && aws_set_clock(aws, response))
			return;
		fail(aws, awsreply_refusal(&arena, response->status, body, length));
		return;
	}
	if (!take_answer(aws, response, body, length, &err))
		fail(aws, err.text);
}

time_t aws_clock_skew(const struct aws *aws)
{
	return aws->clock_skew;
}

bool aws_set_clock(struct aws *aws, const struct http_response *response)
{
	time_t skew;

	if (aws->has_set_clock || !sign_read_skew(response, &skew) ||
	    llabs((long long)(skew - aws->clock_skew)) < LIMIT_CLOCK_SKEW_S)
		return false;
	aws->has_set_clock = true;
	aws->clock_skew = skew;
	return true;
}
