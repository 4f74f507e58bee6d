/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "registry/call.h"
#include "registry/sign.h"
#include "registry/url.h"

#define SECONDS_MAX  86400
#define ATTEMPTS_MAX 100

/* RFC 9110's token: what method and header names are made of. */
static bool is_token(const char *text)
{
	static const char chars[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return text[0] != '\0' && strspn(text, chars) == strlen(text);
}

/* Nothing in a value may end the header. */
static bool is_value(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

/* These are made from the request itself. */
static bool is_ours(const char *name)
{
	return strcasecmp(name, "Host") == 0 || strcasecmp(name, "Content-Length") == 0 ||
	       strcasecmp(name, "Transfer-Encoding") == 0;
}

static bool is_repeated(const struct json *field)
{
	for (const struct json *other = field->next; other; other = other->next)
		if (strcasecmp(other->key, field->key) == 0)
			return true;
	return false;
}

static bool read_field(struct arena *arena, const struct json *field, const char **line,
		       struct error *err)
{
	const char *value;

	if (!json_as_text(field, &value, err))
		return false;
	if (!is_token(field->key) || is_ours(field->key) || is_repeated(field) || !is_value(value))
		return json_wrong(field, err, "not a header that can be sent");
	/* curl's way to say that the value is empty, rather than the field unwanted. */
	*line = value[0] ? arena_printf(arena, "%s: %s", field->key, value)
			 : arena_printf(arena, "%s;", field->key);
	return true;
}

static bool read_headers(struct arena *arena, const struct json *root, struct call_request *request,
			 struct error *err)
{
	const struct json *headers;
	size_t count = 0;

	if (!json_object_or_null(root, "headers", &headers, err))
		return false;
	if (headers && headers->count > SIGN_HEADERS_MAX)
		return json_wrong(headers, err, "more than %d headers", SIGN_HEADERS_MAX);
	request->headers = arena_array(arena, (headers ? headers->count : 0) + 1, sizeof(char *));
	for (const struct json *field = headers ? headers->child : NULL; field; field = field->next)
		if (!read_field(arena, field, &request->headers[count++], err))
			return false;
	return true;
}

static bool read_body(const struct json *root, struct call_request *request, struct error *err)
{
	if (!json_text_or(root, "body", NULL, &request->text, err) ||
	    !json_int_or(root, "body_size", -1, &request->body_size, err))
		return false;
	if (request->body_size < -1 || (request->body_size >= 0 && request->text))
		return json_wrong(json_get(root, "body_size"), err,
				  "expected the size of a body that comes from a descriptor");
	return true;
}

static bool read_keys(const struct json *sign, struct call_request *request, struct error *err)
{
	struct sigv4_keys *keys = &request->keys;

	if (!json_get(sign, "access_key_id"))
		return true;
	return json_text(sign, "access_key_id", &keys->access_key_id, err) &&
	       json_text(sign, "secret_access_key", &keys->secret_access_key, err) &&
	       json_text_or(sign, "session_token", NULL, &keys->session_token, err);
}

static bool read_sign(const struct json *root, struct call_request *request, struct error *err)
{
	const struct json *sign;

	if (!json_object_or_null(root, "sign", &sign, err))
		return false;
	if (!sign)
		return true;
	if (!json_text(sign, "service", &request->service, err) ||
	    !json_text(sign, "region", &request->region, err) ||
	    !json_text_or(sign, "payload_hash", NULL, &request->payload_hash, err) ||
	    !read_keys(sign, request, err))
		return false;
	if (request->keys.session_token && !is_value(request->keys.session_token))
		return json_wrong(json_get(sign, "session_token"), err, "not a header's value");
	return true;
}

static bool read_tls(const struct json *root, struct call_request *request, struct error *err)
{
	struct http_tls *tls = &request->tls;
	const struct json *object;

	tls->is_ca_alone = true;
	return json_object_or_null(root, "tls", &object, err) &&
	       json_text_or(object, "ca", NULL, &tls->ca, err) &&
	       json_text_or(object, "certificate", NULL, &tls->certificate, err) &&
	       json_text_or(object, "key", NULL, &tls->key, err);
}

static bool read_number(const struct json *root, const char *key, int64_t fallback, int64_t most,
			int64_t *number, struct error *err)
{
	if (!json_int_or(root, key, fallback, number, err))
		return false;
	if (*number < 0 || *number > most)
		return json_wrong(json_get(root, key), err, "expected 0 to %lld", (long long)most);
	return true;
}

static bool read_patience(const struct json *root, struct call_request *request, struct error *err)
{
	return read_number(root, "attempts", 1, ATTEMPTS_MAX, &request->attempts, err) &&
	       read_number(root, "connect_seconds", 0, SECONDS_MAX, &request->connect_seconds,
			   err) &&
	       read_number(root, "stall_seconds", 0, SECONDS_MAX, &request->stall_seconds, err) &&
	       read_number(root, "total_seconds", 0, SECONDS_MAX, &request->total_seconds, err);
}

static bool read_wanted(struct arena *arena, const struct json *root, struct call_request *request,
			struct error *err)
{
	if (!json_text_array(arena, root, "wanted", &request->wanted, &request->wanted_count, err))
		return false;
	if (request->wanted_count > LIMIT_CALL_WANTED)
		return json_wrong(json_get(root, "wanted"), err, "more than %d headers",
				  LIMIT_CALL_WANTED);
	for (size_t i = 0; i < request->wanted_count; i++)
		if (!is_token(request->wanted[i]) || strlen(request->wanted[i]) > LIMIT_CALL_NAME)
			return json_wrong(json_get(root, "wanted"), err, "not a header's name");
	return true;
}

bool call_request_read(struct arena *arena, const struct json *root, struct call_request *request,
		       struct error *err)
{
	struct url url;

	*request = (struct call_request){ 0 };
	if (!json_text_or(root, "method", "GET", &request->method, err) ||
	    !json_text(root, "url", &request->url, err) ||
	    !url_parse(arena, request->url, &url, err) ||
	    !read_headers(arena, root, request, err) || !read_body(root, request, err) ||
	    !read_number(root, "limit", LIMIT_CALL_BODY, INT64_MAX, &request->limit, err) ||
	    !read_wanted(arena, root, request, err) || !read_sign(root, request, err) ||
	    !read_tls(root, request, err) ||
	    !json_bool_or(root, "direct", false, &request->is_direct, err) ||
	    !read_patience(root, request, err))
		return false;
	if (!is_token(request->method) || strlen(request->method) > LIMIT_CALL_METHOD)
		return json_wrong(json_get(root, "method"), err, "not an HTTP method");
	return true;
}
