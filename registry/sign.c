/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/sign.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "registry/httpdate.h"
#include "registry/url.h"

#define DATE_FIELD_MAX 64
#define OWN_HEADERS    3 /* date, token, hash */

/* "Content-Type: text/plain" → "content-type", "text/plain" */
static struct sigv4_header split(struct arena *arena, const char *line)
{
	size_t length = strcspn(line, ":;");
	char *name = arena_strndup(arena, line, length);
	const char *value = line + length + (line[length] != '\0');

	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return (struct sigv4_header){ name, value + strspn(value, " ") };
}

static bool is_signed(const char *name)
{
	return strncmp(name, "x-amz-", 6) == 0 || strcmp(name, "content-type") == 0 ||
	       strcmp(name, "content-md5") == 0;
}

static size_t count_of(const char *const *headers)
{
	size_t count = 0;

	while (headers && headers[count])
		count++;
	assert(count <= SIGN_HEADERS_MAX);
	return count;
}

/* The fields that were there, and ours; NULL-terminated. */
static const char **add_fields(struct arena *arena, const struct sign_how *how, const char *date,
			       const struct http_request *request)
{
	size_t count = count_of(request->headers);
	const char **headers = arena_array(arena, count + OWN_HEADERS + 1, sizeof(*headers));

	for (size_t i = 0; i < count; i++)
		headers[i] = request->headers[i];
	headers[count++] = arena_printf(arena, "x-amz-date: %s", date);
	if (strcmp(how->service, "s3") == 0)
		headers[count++] =
			arena_printf(arena, "x-amz-content-sha256: %s", how->payload_hash);
	if (how->keys->session_token)
		headers[count++] =
			arena_printf(arena, "x-amz-security-token: %s", how->keys->session_token);
	return headers;
}

void sign_http(struct arena *arena, const struct sign_how *how, struct http_request *request)
{
	const char *path = strstr(request->url, "://") + 3;
	struct sigv4_header to_sign[SIGN_HEADERS_MAX + OWN_HEADERS + 1] = {
		{ "host", url_host_field(arena, request->url) }
	};
	time_t now = time(NULL) + how->clock_skew;
	char date[SIGV4_DATE_SIZE];
	size_t count = 1;

	path += strcspn(path, "/?#");
	size_t path_length = strcspn(path, "?#");
	const char *query = path[path_length] == '?' ? path + path_length + 1 : "";

	sigv4_date(now, date);
	request->headers = add_fields(arena, how, date, request);
	for (size_t i = 0; request->headers[i]; i++) {
		struct sigv4_header header = split(arena, request->headers[i]);

		if (is_signed(header.name))
			to_sign[count++] = header;
	}
	struct sigv4_request signature = {
		.method = request->method ? request->method
			  : request->form ? "POST"
					  : "GET",
		.path = arena_strndup(arena, path, path_length),
		.query = arena_strndup(arena, query, strcspn(query, "#")),
		.headers = to_sign,
		.header_count = count,
		.payload_hash = how->payload_hash,
		.service = how->service,
		.region = how->region,
		.time = now,
		.is_path_raw = strcmp(how->service, "s3") == 0,
	};

	request->authorization = sigv4_authorization(arena, &signature, how->keys);
}

bool sign_read_skew(const struct http_response *response, time_t *skew)
{
	char field[DATE_FIELD_MAX];

	if (!http_header(response, "Date", 0, field, sizeof(field)))
		return false;
	int64_t server = http_date(field);

	*skew = (time_t)server - time(NULL);
	return server != -1;
}
