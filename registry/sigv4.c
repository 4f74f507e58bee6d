/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/sigv4.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "registry/url.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

void sigv4_date(time_t time, char date[SIGV4_DATE_SIZE])
{
	struct tm parts;

	gmtime_r(&time, &parts);
	size_t length = strftime(date, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &parts);
	assert(length == SIGV4_DATE_SIZE - 1);
}

static int compare_headers(const void *a, const void *b)
{
	const struct sigv4_header *first = a;
	const struct sigv4_header *second = b;

	return strcmp(first->name, second->name);
}

static void sort_headers(const struct sigv4_request *request,
			 struct sigv4_header sorted[SIGV4_HEADERS_MAX])
{
	assert(request->header_count <= SIGV4_HEADERS_MAX);
	memcpy(sorted, request->headers, request->header_count * sizeof(*sorted));
	qsort(sorted, request->header_count, sizeof(*sorted), compare_headers);
}

/* "host;x-amz-date" */
static const char *signed_headers(struct arena *arena, const struct sigv4_request *request)
{
	struct sigv4_header sorted[SIGV4_HEADERS_MAX];
	const char *names = "";

	sort_headers(request, sorted);
	for (size_t i = 0; i < request->header_count; i++)
		names = arena_printf(arena, "%s%s%s", names, i ? ";" : "", sorted[i].name);
	return names;
}

/* Without blanks around it, and with runs of blanks inside as one. */
static const char *trim(struct arena *arena, const char *value)
{
	char *trimmed = arena_alloc(arena, strlen(value) + 1);
	char *end = trimmed;

	for (; *value; value++)
		if (*value != ' ' || (end > trimmed && end[-1] != ' '))
			*end++ = *value;
	if (end > trimmed && end[-1] == ' ')
		*--end = '\0';
	return trimmed;
}

static const char *canonical_headers(struct arena *arena, const struct sigv4_request *request)
{
	struct sigv4_header sorted[SIGV4_HEADERS_MAX];
	const char *lines = "";

	sort_headers(request, sorted);
	for (size_t i = 0; i < request->header_count; i++)
		lines = arena_printf(arena, "%s%s:%s\n", lines, sorted[i].name,
				     trim(arena, sorted[i].value));
	return lines;
}

/* A parameter; without '=' its value is empty, and it is signed with one. */
struct parameter {
	const char *name;
	const char *value;
};

/* By name, then by value: "a=1" comes before "a-b=1", although '-' < '='. */
static int compare_parameters(const void *a, const void *b)
{
	const struct parameter *first = a;
	const struct parameter *second = b;
	int order = strcmp(first->name, second->name);

	return order ? order : strcmp(first->value, second->value);
}

static const char *canonical_query(struct arena *arena, const char *query)
{
	size_t count = 0, room = 1;
	const char *line = "";

	for (const char *c = query; *c; c++)
		room += *c == '&';
	struct parameter *parameters = arena_array(arena, room, sizeof(*parameters));
	char *rest = arena_strdup(arena, query);

	for (char *one; (one = strsep(&rest, "&")) != NULL;) {
		char *equals = strchr(one, '=');

		if (one[0] == '\0')
			continue;
		if (equals)
			*equals = '\0';
		parameters[count].name = one;
		parameters[count++].value = equals ? equals + 1 : "";
	}
	qsort(parameters, count, sizeof(*parameters), compare_parameters);
	for (size_t i = 0; i < count; i++)
		line = arena_printf(arena, "%s%s%s=%s", line, i ? "&" : "", parameters[i].name,
				    parameters[i].value);
	return line;
}

char *sigv4_canonical_request(struct arena *arena, const struct sigv4_request *request)
{
	const char *path = request->path[0] ? request->path : "/";

	if (!request->is_path_raw)
		path = url_encode(arena, path, true);
	return arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s", request->method, path,
			    canonical_query(arena, request->query),
			    canonical_headers(arena, request), signed_headers(arena, request),
			    request->payload_hash);
}

/* "20150830/us-east-1/iam/aws4_request" */
static const char *credential_scope(struct arena *arena, const struct sigv4_request *request)
{
	char date[SIGV4_DATE_SIZE];

	sigv4_date(request->time, date);
	return arena_printf(arena, "%.8s/%s/%s/aws4_request", date, request->region,
			    request->service);
}

char *sigv4_string_to_sign(struct arena *arena, const struct sigv4_request *request)
{
	const char *canonical = sigv4_canonical_request(arena, request);
	unsigned char hash[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];
	char date[SIGV4_DATE_SIZE];

	sigv4_date(request->time, date);
	hash_sha256(canonical, strlen(canonical), hash);
	hash_hex(hash, sizeof(hash), hex);
	return arena_printf(arena, ALGORITHM "\n%s\n%s\n%s", date, credential_scope(arena, request),
			    hex);
}

/* The key is bound to the day, the region and the service, one HMAC each. */
static void signing_key(const struct sigv4_request *request, const struct sigv4_keys *keys,
			unsigned char key[HASH_SIZE])
{
	autofree char *secret = mem_printf("AWS4%s", keys->secret_access_key);
	char date[SIGV4_DATE_SIZE];

	sigv4_date(request->time, date);
	hash_hmac(secret, strlen(secret), date, 8, key);
	hash_hmac(key, HASH_SIZE, request->region, strlen(request->region), key);
	hash_hmac(key, HASH_SIZE, request->service, strlen(request->service), key);
	hash_hmac(key, HASH_SIZE, "aws4_request", strlen("aws4_request"), key);
}

char *sigv4_authorization(struct arena *arena, const struct sigv4_request *request,
			  const struct sigv4_keys *keys)
{
	const char *text = sigv4_string_to_sign(arena, request);
	unsigned char key[HASH_SIZE], signature[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];

	signing_key(request, keys, key);
	hash_hmac(key, sizeof(key), text, strlen(text), signature);
	hash_hex(signature, sizeof(signature), hex);
	return arena_printf(arena, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
			    keys->access_key_id, credential_scope(arena, request),
			    signed_headers(arena, request), hex);
}
