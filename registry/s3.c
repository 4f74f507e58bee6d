/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/s3.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "registry/refusal.h"
#include "registry/sign.h"
#include "registry/url.h"

#define SCHEME     "s3://"
#define BUCKET_MIN 3
#define BUCKET_MAX 63
#define KEY_MAX    1024

struct object {
	const struct fetch_settings *settings;
	struct aws *aws;
	bool is_asking; /* for credentials */
	struct aws_question question;
	struct arena arena;
	const char *uri;
	const char *region;
	bool has_moved;    /* the region was corrected once */
	time_t clock_skew; /* what to add to our clock to have the server's */
	bool has_set_clock;
};

static bool is_bucket(const char *name, size_t length)
{
	if (length < BUCKET_MIN || length > BUCKET_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
		      name[i] == '.' || name[i] == '-'))
			return false;
	return true;
}

static bool split(struct arena *arena, const char *uri, const char **bucket, const char **key,
		  struct error *err)
{
	if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return error_set(err, ERROR_INPUT, "%.200s: expected s3://BUCKET/KEY", uri);
	const char *name = uri + strlen(SCHEME);
	size_t length = strcspn(name, "/");

	if (!is_bucket(name, length))
		return error_set(err, ERROR_INPUT,
				 "%.200s: \"%.*s\" is no bucket name (3 to 63 of a-z 0-9 . -)", uri,
				 length > 80 ? 80 : (int)length, name);
	if (name[length] == '\0' || name[length + 1] == '\0')
		return error_set(err, ERROR_INPUT, "%.200s: the key is missing", uri);
	if (strlen(name + length + 1) > KEY_MAX)
		return error_set(err, ERROR_INPUT, "%.200s…: the key is longer than %d bytes", uri,
				 KEY_MAX);
	*bucket = arena_strndup(arena, name, length);
	*key = name + length + 1;
	return true;
}

static bool is_address(const char *host)
{
	struct in_addr v4;

	return host[0] == '[' || inet_pton(AF_INET, host, &v4) == 1 ||
	       strcasecmp(host, "localhost") == 0;
}

/* Words that become part of a host name must not bring a host of their own. */
static bool is_region(const char *region)
{
	size_t length = strlen(region);

	return length > 0 && length <= 40 &&
	       strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static const char *aws_endpoint(struct arena *arena, const struct fetch_settings *settings,
				const char *region)
{
	return arena_printf(arena, "https://s3%s.%s%s.amazonaws.com%s",
			    settings->s3_is_fips ? "-fips" : "",
			    settings->s3_is_dual_stack ? "dualstack." : "", region,
			    strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

bool s3_url(struct arena *arena, const struct fetch_settings *settings, const char *uri,
	    const char *region, const char **url, struct error *err)
{
	const char *bucket, *key;
	struct url end;

	if (!split(arena, uri, &bucket, &key, err))
		return false;
	if (!is_region(region))
		return error_set(err, ERROR_INPUT, "%s: \"%.40s\" is no AWS region", uri, region);
	const char *endpoint = settings->s3_endpoint ? settings->s3_endpoint
						     : aws_endpoint(arena, settings, region);

	if (!url_parse(arena, endpoint, &end, err))
		return error_in(err, "S3 endpoint");
	bool is_default_port =
		strcmp(end.port, strcmp(end.scheme, "https") == 0 ? "443" : "80") == 0;
	const char *port = is_default_port ? "" : arena_printf(arena, ":%s", end.port);
	size_t base_length = strlen(end.path);

	if (end.path[base_length - 1] == '/')
		base_length--;
	const char *base = arena_strndup(arena, end.path, base_length);
	const char *path = url_encode(arena, key, true);

	if (settings->s3_is_path_style || strchr(bucket, '.') || is_address(end.host))
		*url = arena_printf(arena, "%s://%s%s%s/%s/%s", end.scheme, end.host, port, base,
				    bucket, path);
	else
		*url = arena_printf(arena, "%s://%s.%s%s%s/%s", end.scheme, bucket, end.host, port,
				    base, path);
	return true;
}

/* Where nobody has credentials for us, it may be a public bucket. */
static bool object_ask(void *self, struct arena *arena, struct http_request *request,
		       enum source_step *step, struct error *err)
{
	struct object *object = self;

	object->is_asking = aws_may_ask(object->aws);
	*step = object->is_asking ? SOURCE_PREPARE : SOURCE_BODY;
	if (object->is_asking) {
		aws_ask(object->aws, arena, &object->question, request);
		return true;
	}
	const struct sigv4_keys *keys = aws_keys(object->aws);

	if (!s3_url(arena, object->settings, object->uri, object->region, &request->url, err))
		return false;
	if (keys)
		sign_http(arena,
			  &(struct sign_how){ .keys = keys,
					      .service = "s3",
					      .region = object->region,
					      .payload_hash = SIGN_EMPTY_HASH,
					      .clock_skew = object->clock_skew },
			  request);
	return true;
}

/* "BUCKET.s3.REGION.amazonaws.com", "BUCKET.s3-fips.dualstack.REGION.…" → REGION; "" */
static const char *region_of_url(struct arena *arena, const char *url)
{
	static const char dual[] = "dualstack.";
	const char *mark = strstr(url, ".s3.");

	if (!mark)
		mark = strstr(url, ".s3-fips.");
	if (!mark || !strstr(mark, ".amazonaws.com"))
		return "";
	mark = strchr(mark + 1, '.') + 1;
	if (strncmp(mark, dual, strlen(dual)) == 0)
		mark += strlen(dual);
	return arena_strndup(arena, mark, strcspn(mark, "."));
}

/* Where the bucket really is: a header, or the host of the redirect, or a word of the error. "" if
 * nothing says so. */
static const char *told_region(struct arena *arena, const struct http_response *response,
			       const char *body)
{
	char *value = arena_alloc(arena, 512);
	const char *region = "";

	if (http_header(response, "x-amz-bucket-region", 0, value, 512))
		return value;
	if (http_header(response, "Location", 0, value, 512))
		region = region_of_url(arena, value);
	return region[0] ? region : refusal_xml(arena, body, "Region");
}

/* A wrong region is corrected once. */
static bool move_region(struct object *object, const struct http_response *response,
			const char *body)
{
	const char *region = told_region(&object->arena, response, body);

	if (object->has_moved || !is_region(region) || strcmp(region, object->region) == 0)
		return false;
	object->has_moved = true;
	object->region = region;
	return true;
}

/* A device without a battery may not know what day it is: the server does. */
static bool set_clock(struct object *object, const struct http_response *response)
{
	if (object->has_set_clock || !sign_read_skew(response, &object->clock_skew))
		return false;
	object->has_set_clock = true;
	return true;
}

static bool deny(const struct object *object, const char *said, struct error *err)
{
	const char *problems = aws_problems(object->aws);

	if (!aws_keys(object->aws))
		return error_set(err, ERROR_DENIED,
				 "%s: access denied, and there are no AWS credentials to sign with "
				 "(%s%s%s)",
				 object->uri, said, problems[0] ? "; " : "", problems);
	return error_set(err, ERROR_DENIED,
			 "%s: access denied (%s): may these credentials s3:GetObject "
			 "it?",
			 object->uri, said);
}

static bool object_learn(void *self, const struct http_response *response, const char *body,
			 size_t length, struct error *err)
{
	struct object *object = self;
	autoarena struct arena arena = { 0 };
	const char *code = refusal_xml(&arena, body, "Code");
	const char *message = refusal_xml(&arena, body, "Message");
	const char *said =
		arena_printf(&arena, "HTTP %s%s%s%s%s", refusal_status(&arena, response->status),
			     code[0] ? ", " : "", code, message[0] ? ": " : "", message);
	int status = response->status;

	if (object->is_asking) {
		aws_learn(object->aws, &object->question, response, body, length);
		return true;
	}
	if ((status == 301 || status == 307 || strcmp(code, "AuthorizationHeaderMalformed") == 0) &&
	    move_region(object, response, body))
		return true;
	if (strcmp(code, "RequestTimeTooSkewed") == 0 && set_clock(object, response))
		return true;
	if (strcmp(code, "NoSuchBucket") == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s: the bucket does not exist (%s)",
				 object->uri, said);
	if (status == 404)
		return error_set(err, ERROR_NOT_FOUND, "%s: no such object (%s)", object->uri,
				 said);
	if (status == 401 || status == 403)
		return deny(object, said, err);
	if (status == 301 || status == 307)
		return error_set(err, ERROR_INPUT,
				 "%s: the bucket is in another region than \"%s\" (%s)",
				 object->uri, object->region, said);
	return refusal_unexpected(object->uri, status, said, err);
}

/* Who does not answer has no credentials for us. */
static bool object_has_other_way(void *self, const struct http_response *response)
{
	struct object *object = self;

	(void)response;
	if (object->is_asking)
		aws_pass(object->aws, &object->question);
	return object->is_asking;
}

static void object_free(void *self)
{
	struct object *object = self;

	arena_done(&object->arena);
	free(object);
}

/* Redirects are answered by a new signature for another region, never followed: the request carries
 * a session token. */
static const struct source_ops object_ops = { object_ask,           object_learn, NULL,
					      object_has_other_way, NULL,         object_free };

bool s3_object(const struct fetch_settings *settings, struct aws *aws, const char *uri,
	       struct source *source, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *bucket, *key;

	if (!split(&arena, uri, &bucket, &key, err))
		return false;
	struct object *object = mem_alloc(sizeof(*object));

	object->settings = settings;
	object->aws = aws;
	object->uri = arena_strdup(&object->arena, uri);
	object->region = settings->s3_region;
	*source = (struct source){
		.ops = &object_ops, .self = object, .noun = object->uri, .doubt = object->uri
	};
	return true;
}
