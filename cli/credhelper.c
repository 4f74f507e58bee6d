/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credhelper.h"

#include <string.h>

#include "base/buf.h"
#include "base/converse.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/path.h"

#define ANSWER_MAX  (64 << 10)
#define PATIENCE_MS (60 * 1000) /* some ask a cloud */
#define TOKEN_USER  "<token>"   /* the user name that goes with an identity token */
#define NOT_FOUND   "credentials not found in native keychain"

/* *code is the helper's exit code. */
static bool talk(const char *helper, const char *verb, const char *text, struct buf *answer,
		 int *code, struct error *err)
{
	autofree char *program = mem_printf("docker-credential-%s", helper);
	const char *const argv[] = { program, verb, NULL };
	const struct converse question = { argv, text, PATIENCE_MS };

	if (!path_is_component(program))
		return error_set(err, ERROR_INPUT, "credential helper \"%s\" is no program name",
				 helper);
	return converse(&question, answer, code, err) || error_in(err, "credential helper");
}

static const char *said(struct buf *answer)
{
	const char *text = answer->data ? answer->data : "";

	answer->length = strcspn(text, "\r\n");
	if (answer->data)
		answer->data[answer->length] = '\0';
	return text;
}

static bool refused(const char *helper, const char *verb, struct buf *answer, struct error *err)
{
	return error_set(err, ERROR_DENIED, "docker-credential-%s %s: %s", helper, verb,
			 said(answer));
}

bool credhelper_read(struct arena *arena, const char *helper, const char *answer, size_t length,
		     struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	const struct json *root;
	const char *username, *secret;

	*is_found = false;
	if (!json_parse(arena, helper, answer, length, &root, err) ||
	    !json_text_or(root, "Username", "", &username, err) ||
	    !json_text_or(root, "Secret", "", &secret, err))
		return error_in(err, "docker-credential-%s", helper);
	bool is_token = strcmp(username, TOKEN_USER) == 0;

	*login = (struct dockerconfig_login){ .username = is_token ? "" : username,
					      .password = is_token ? "" : secret,
					      .identity_token = is_token ? secret : NULL };
	*is_found = *secret != '\0';
	return true;
}

bool credhelper_get(struct arena *arena, const char *helper, const char *server,
		    struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	autobuf struct buf answer;
	int code;

	*is_found = false;
	buf_init(&answer, ANSWER_MAX);
	if (!talk(helper, "get", server, &answer, &code, err))
		return false;
	if (code != 0 && strstr(said(&answer), NOT_FOUND))
		return true;
	if (code != 0)
		return refused(helper, "get", &answer, err);
	return credhelper_read(arena, helper, answer.data ? answer.data : "", answer.length, login,
			       is_found, err);
}

bool credhelper_store(const char *helper, const char *server,
		      const struct dockerconfig_login *login, struct error *err)
{
	autobuf struct buf input, answer;
	struct jsonout out;
	int code;

	buf_init(&input, ANSWER_MAX);
	buf_init(&answer, ANSWER_MAX);
	jsonout_init(&out, &input, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "ServerURL", server);
	jsonout_text(&out, "Username", login->identity_token ? TOKEN_USER : login->username);
	jsonout_text(&out, "Secret",
		     login->identity_token ? login->identity_token : login->password);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!buf_check(&input, "the credentials", err) ||
	    !talk(helper, "store", input.data, &answer, &code, err))
		return false;
	return code == 0 || refused(helper, "store", &answer, err);
}

bool credhelper_erase(const char *helper, const char *server, struct error *err)
{
	autobuf struct buf answer;
	int code;

	buf_init(&answer, ANSWER_MAX);
	if (!talk(helper, "erase", server, &answer, &code, err))
		return false;
	return code == 0 || strstr(said(&answer), NOT_FOUND) ||
	       refused(helper, "erase", &answer, err);
}
