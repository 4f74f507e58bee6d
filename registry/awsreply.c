/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/awsreply.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/json.h"
#include "registry/refusal.h"

#define SHOWN_MAX 300

/* "2026-11-29T20:15:00Z", with or without a fraction. */
static bool read_time(const char *text, int64_t *unix_time)
{
	struct tm parts = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);

	if (!rest)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	*unix_time = timegm(&parts);
	return strcmp(rest, "Z") == 0 || strcmp(rest, "+00:00") == 0;
}

static bool check(struct aws_credentials *credentials, const char *expiration, struct error *err)
{
	struct sigv4_keys *keys = &credentials->keys;

	if (keys->session_token && keys->session_token[0] == '\0')
		keys->session_token = NULL;
	if (!keys->access_key_id[0] || !keys->secret_access_key[0])
		return error_set(err, ERROR_CORRUPT, "the credentials are not whole");
	if (!auth_is_header_safe(keys->access_key_id) ||
	    (keys->session_token && !auth_is_header_safe(keys->session_token)))
		return error_set(err, ERROR_CORRUPT,
				 "the credentials have characters that none have");
	if (expiration[0] && !read_time(expiration, &credentials->expires))
		return error_set(err, ERROR_CORRUPT, "\"%.40s\" is no time", expiration);
	return true;
}

static bool read_object(const struct json *object, const char *const names[4],
			struct aws_credentials *credentials, struct error *err)
{
	struct sigv4_keys *keys = &credentials->keys;
	const char *expiration;

	*credentials = (struct aws_credentials){ 0 };
	return json_text(object, names[0], &keys->access_key_id, err) &&
	       json_text(object, names[1], &keys->secret_access_key, err) &&
	       json_text_or(object, names[2], NULL, &keys->session_token, err) &&
	       json_text_or(object, names[3], "", &expiration, err) &&
	       check(credentials, expiration, err);
}

bool awsreply_credentials(struct arena *arena, const char *body, size_t length,
			  struct aws_credentials *credentials, struct error *err)
{
	static const char *const names[] = { "AccessKeyId", "SecretAccessKey", "Token",
					     "Expiration" };
	static const char *const process_names[] = { "AccessKeyId", "SecretAccessKey",
						     "SessionToken", "Expiration" };
	const struct json *root;
	const char *code;

	if (!json_parse(arena, "credentials", body, length, &root, err) ||
	    !json_text_or(root, "Code", "Success", &code, err))
		return false;
	if (strcmp(code, "Success") != 0)
		return error_set(err, ERROR_DENIED, "%.100s", code);
	return read_object(root, json_get(root, "SessionToken") ? process_names : names,
			   credentials, err);
}

bool awsreply_iot(struct arena *arena, const char *body, size_t length,
		  struct aws_credentials *credentials, struct error *err)
{
	static const char *const names[] = { "accessKeyId", "secretAccessKey", "sessionToken",
					     "expiration" };
	const struct json *root, *object;

	return json_parse(arena, "credentials", body, length, &root, err) &&
	       json_object_or_null(root, "credentials", &object, err) &&
	       read_object(object ? object : root, names, credentials, err);
}

bool awsreply_sts(struct arena *arena, const char *body, size_t length,
		  struct aws_credentials *credentials, struct error *err)
{
	const char *text = arena_strndup(arena, body, length);

	*credentials = (struct aws_credentials){
		.keys = { .access_key_id = refusal_xml(arena, text, "AccessKeyId"),
			  .secret_access_key = refusal_xml(arena, text, "SecretAccessKey"),
			  .session_token = refusal_xml(arena, text, "SessionToken") }
	};
	return check(credentials, refusal_xml(arena, text, "Expiration"), err);
}

bool awsreply_word(struct arena *arena, const char *body, size_t length, const char **word,
		   struct error *err)
{
	char *text = arena_strndup(arena, body, length);

	text[strcspn(text, "\r\n")] = '\0';
	*word = text;
	if (text[0] == '\0' || strlen(text) > 1024 || !auth_is_header_safe(text))
		return error_set(err, ERROR_CORRUPT, "the answer is no word");
	return true;
}

/* A number of seconds, mostly with a fraction, "1.7e9" among them. */
static int64_t read_seconds(const struct json *value)
{
	double seconds = 0;

	if (!value || value->type != JSON_NUMBER)
		return 0;
	seconds = strtod(value->text, NULL);
	return seconds > 0 && seconds < 1e15 ? (int64_t)seconds : 0;
}

static bool split_login(struct arena *arena, const struct json *entry, const char *token,
			struct auth_credentials *login, struct error *err)
{
	autofree char *plain = NULL;
	size_t length;
	char *colon;

	if (!base64_decode(token, &plain, &length) ||
	    (colon = memchr(plain, ':', length)) == NULL || strlen(plain) != length)
		return json_wrong(json_get(entry, "authorizationToken"), err,
				  "expected NAME:PASSWORD in Base64");
	login->username = arena_strndup(arena, plain, (size_t)(colon - plain));
	login->password = arena_strdup(arena, colon + 1);
	explicit_bzero(plain, length);
	return true;
}

bool awsreply_ecr(struct arena *arena, const char *body, size_t length,
		  struct auth_credentials *login, int64_t *expires, struct error *err)
{
	const struct json *root, *data;
	const char *token;

	*login = (struct auth_credentials){ 0 };
	if (!json_parse(arena, "ECR's answer", body, length, &root, err))
		return false;
	data = json_get(root, "authorizationData");
	if (data && data->type == JSON_ARRAY)
		data = data->child;
	if (!data || data->type != JSON_OBJECT)
		return json_wrong(root, err, "no authorizationData");
	*expires = read_seconds(json_get(data, "expiresAt"));
	return json_text(data, "authorizationToken", &token, err) &&
	       split_login(arena, data, token, login, err);
}

static const char *member(const struct json *root, const char *key)
{
	const char *text = "";
	struct error ignored;

	return json_text_or(root, key, "", &text, &ignored) ? text : "";
}

const char *awsreply_refusal(struct arena *arena, int status, const char *body, size_t length)
{
	const char *text = arena_strndup(arena, body, length);
	const char *code = refusal_xml(arena, text, "Code");
	const char *message = refusal_xml(arena, text, "Message");
	const struct json *root;
	struct error ignored;

	if (!code[0] && json_parse(arena, "refusal", body, length, &root, &ignored)) {
		const char *hash = strrchr(member(root, "__type"), '#');

		code = hash ? hash + 1 : member(root, "__type");
		message = member(root, "message")[0] ? member(root, "message")
						     : member(root, "Message");
	}
	if (!code[0] && !message[0])
		return arena_printf(arena, "HTTP %s", refusal_status(arena, status));
	return arena_printf(arena, "%.100s%s%.*s", code, code[0] && message[0] ? ": " : "",
			    SHOWN_MAX, message);
}
