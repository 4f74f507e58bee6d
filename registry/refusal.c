/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/refusal.h"

#include <string.h>

#include "base/json.h"
#include "registry/retry.h"

#define SHOWN_MAX 300

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 407, "Proxy Authentication Required" },
	{ 408, "Request Timeout" },
	{ 412, "Precondition Failed" },
	{ 416, "Range Not Satisfiable" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

char *refusal_status(struct arena *arena, int status)
{
	for (size_t i = 0; i < COUNT_OF(reasons); i++)
		if (reasons[i].status == status)
			return arena_printf(arena, "%d %s", status, reasons[i].reason);
	return arena_printf(arena, "%d", status);
}

/* NULL if the body is not a registry's error. Names in letters of any case, as Go reads them. */
static const struct json *first_error(const struct json *root)
{
	const struct json *errors = root ? json_get_fold(root, "errors") : NULL;

	if (!errors || errors->type != JSON_ARRAY || !errors->child ||
	    errors->child->type != JSON_OBJECT)
		return NULL;
	return errors->child;
}

static const char *member(const struct json *object, const char *key)
{
	const struct json *value = json_get_fold(object, key);
	const char *text;
	struct error ignored;

	return value && json_as_text(value, &text, &ignored) ? text : "";
}

/* NULL if the body is no JSON. */
static const struct json *parse(struct arena *arena, const char *body, size_t length)
{
	const struct json *root;
	struct error ignored;

	return json_parse(arena, "errors", body, length, &root, &ignored) ? root : NULL;
}

/* "MANIFEST_UNKNOWN" → "manifest unknown", as docker prints it. */
static char *code_in_words(struct arena *arena, const char *code)
{
	char *words = arena_strndup(arena, code, strnlen(code, 64));

	for (char *c = words; *c; c++) {
		if (*c == '_')
			*c = ' ';
		else if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return words;
}

/* The beginning of a plain text; an HTML page says nothing that fits on a line. */
static char *plain_text(struct arena *arena, const char *body, size_t length)
{
	size_t start = strspn(body, " \t\r\n");
	size_t shown = length - start > SHOWN_MAX ? SHOWN_MAX : length - start;

	if (body[start] == '<' || body[start] == '{' || body[start] == '\0')
		return NULL;
	for (size_t i = 0; i < shown; i++)
		if ((unsigned char)body[start + i] >= 0x7f ||
		    ((unsigned char)body[start + i] < ' ' && !strchr("\t\r\n", body[start + i])))
			return NULL;
	while (shown > 0 && strchr(" \t\r\n", body[start + shown - 1]))
		shown--;
	return arena_strndup(arena, body + start, shown);
}

/* What a code says that comes without a message. */
static const char *usual_message(const char *code)
{
	if (strcmp(code, "unauthorized") == 0)
		return "authentication required";
	return strcmp(code, "denied") == 0 ? "requested access to the resource is denied" : "";
}

static char *of_error(struct arena *arena, const struct json *error)
{
	const char *code = code_in_words(arena, member(error, "code"));
	const char *message = member(error, "message");

	if (!*message)
		message = usual_message(code);
	return arena_printf(arena, "%s%s%.*s", code, *code && *message ? ": " : "", SHOWN_MAX,
			    message);
}

/* What a 401 says that is no registry's error: text, or a token server's own form. */
static char *of_stranger(struct arena *arena, const struct json *root, const char *text)
{
	static const char *const names[] = { "details", "error_description", "message" };

	for (size_t i = 0; !text && root && i < COUNT_OF(names); i++)
		if (*member(root, names[i]))
			text = member(root, names[i]);
	return arena_printf(arena, "unauthorized: %.*s", SHOWN_MAX,
			    text ? text : usual_message("unauthorized"));
}

char *refusal_of_registry(struct arena *arena, int status, const char *body, size_t length)
{
	const struct json *root = parse(arena, body, length);
	const struct json *error = first_error(root);

	if (error)
		return of_error(arena, error);
	char *text = plain_text(arena, body, length);

	if (status == 401)
		return of_stranger(arena, root, text);
	return text ? text : arena_printf(arena, "HTTP %s", refusal_status(arena, status));
}

bool refusal_has_code(const char *body, size_t length, const char *code)
{
	autoarena struct arena arena = { 0 };
	const struct json *error = first_error(parse(&arena, body, length));

	return error && strcmp(member(error, "code"), code) == 0;
}

char *refusal_xml(struct arena *arena, const char *body, const char *name)
{
	const char *open = arena_printf(arena, "<%s>", name);
	const char *start = strstr(body, open);
	size_t length = 0;

	if (start) {
		start += strlen(open);
		length = strcspn(start, "<");
	}
	return arena_strndup(arena, start ? start : "", length > SHOWN_MAX ? SHOWN_MAX : length);
}

bool refusal_unexpected(const char *url, int status, const char *said, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *text = refusal_status(&arena, status);
	bool is_passing = retry_is_worth(status);

	if (status == 407) /* to a request that it does pass on: plain http */
		return error_set(
			err, ERROR_DENIED,
			"Get \"%s\": the proxy refuses to ask for us: HTTP 407, so it wants "
			"another name or password",
			url);
	if (status == 429)
		return error_set(
			err, ERROR_NETWORK, "Get \"%s\": %s%s", url,
			strncmp(said, "toomanyrequests", 15) == 0 ? "" : "toomanyrequests: ", said);
	return error_set(err, is_passing ? ERROR_NETWORK : ERROR_CORRUPT,
			 "Get \"%s\": %sreceived unexpected HTTP status: %s%s%s", url,
			 is_passing ? "net/http: " : "", text, strstr(said, text) ? "" : ": ",
			 strstr(said, text) ? "" : said);
}
