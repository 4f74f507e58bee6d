/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/credentials/rolecredentials.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"

#define VALUES_MAX 64

bool rolecredentials_read_time(const char *text, int64_t *seconds)
{
	struct tm moment = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &moment);

	if (rest && *rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!rest || (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0))
		return false;
	*seconds = timegm(&moment);
	return true;
}

bool rolecredentials_read(struct role_credentials *credentials, const char *text, int64_t now,
			  struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root, *given;
	const char *id, *secret, *token, *expiration;
	int64_t expires;

	if (!json_parse_at_most(&arena, "credentials", text, strlen(text), VALUES_MAX, &root,
				err) ||
	    !json_object_or_null(root, "credentials", &given, err) ||
	    !json_text(given, "accessKeyId", &id, err) ||
	    !json_text(given, "secretAccessKey", &secret, err) ||
	    !json_text(given, "sessionToken", &token, err) ||
	    !json_text(given, "expiration", &expiration, err))
		return false;
	if (!rolecredentials_read_time(expiration, &expires))
		return error_set(err, ERROR_INPUT, "expiration: \"%s\" is no time in UTC",
				 expiration);
	if (expires <= now)
		return error_set(err, ERROR_INPUT,
				 "the credentials expired at %s: is this device's clock right?",
				 expiration);
	rolecredentials_done(credentials);
	*credentials = (struct role_credentials){ .access_key_id = mem_strdup(id),
						  .secret_access_key = mem_strdup(secret),
						  .session_token = mem_strdup(token),
						  .expiration = mem_strdup(expiration),
						  .fetched = now,
						  .expires = expires };
	return true;
}

void rolecredentials_write(const struct role_credentials *credentials, struct buf *text)
{
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "AccessKeyId", credentials->access_key_id);
	jsonout_text(&out, "SecretAccessKey", credentials->secret_access_key);
	jsonout_text(&out, "Token", credentials->session_token);
	jsonout_text(&out, "Expiration", credentials->expiration);
	jsonout_object_end(&out);
	jsonout_done(&out);
}

static void forget(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void rolecredentials_done(struct role_credentials *credentials)
{
	forget(credentials->access_key_id);
	forget(credentials->secret_access_key);
	forget(credentials->session_token);
	free(credentials->expiration);
	*credentials = (struct role_credentials){ 0 };
}
