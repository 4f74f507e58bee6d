/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "registry/limit.h"
#include "registry/url.h"

#define CLIENT_ID      "mooring"
#define DEFAULT_LIFE_S 60

/*
 * The grammar (RFC 9110, 11.6.1) is ambiguous on purpose: a comma separates both challenges and
 * parameters. What tells them apart is what follows the word: '=' makes it a parameter, a blank
 * makes it a scheme.
 */
struct reader {
	struct arena *arena;
	const char *at;
};

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t");
}

static void skip_blanks_and_commas(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t,");
}

static const char *read_word(struct reader *reader)
{
	const char *start = reader->at;

	while (is_token_char(*reader->at))
		reader->at++;
	return arena_strndup(reader->arena, start, (size_t)(reader->at - start));
}

/* After the opening quote. NULL if the closing one is missing. */
static const char *read_quoted(struct reader *reader)
{
	char *text = arena_alloc(reader->arena, strlen(reader->at) + 1);
	char *end = text;

	for (; *reader->at != '"'; reader->at++) {
		if (*reader->at == '\\')
			reader->at++;
		if (*reader->at == '\0')
			return NULL;
		*end++ = *reader->at;
	}
	reader->at++;
	return text;
}

/* A value without quotes: some registries put a whole URL there, which is not a token. */
static const char *read_value(struct reader *reader)
{
	if (*reader->at == '"') {
		reader->at++;
		return read_quoted(reader);
	}
	size_t length = strcspn(reader->at, " \t,\"");
	const char *value = arena_strndup(reader->arena, reader->at, length);

	reader->at += length;
	return value;
}

/* At "name = value"? A word before a blank, or alone, is the next scheme. */
static bool is_at_parameter(struct reader reader)
{
	const char *start = reader.at;

	while (is_token_char(*reader.at))
		reader.at++;
	if (reader.at == start)
		return false;
	skip_blanks(&reader);
	return *reader.at == '=';
}

static void set_parameter(struct auth_challenge *challenge, const char *name, const char *value)
{
	if (strcasecmp(name, "realm") == 0)
		challenge->realm = value;
	else if (strcasecmp(name, "service") == 0)
		challenge->service = value;
	else if (strcasecmp(name, "scope") == 0)
		challenge->scope = value;
	else if (strcasecmp(name, "error") == 0)
		challenge->error = value;
}

/* False when a quote never ends: then nothing after it can be trusted either. */
static bool read_parameters(struct reader *reader, struct auth_challenge *challenge)
{
	for (size_t count = 0; count < LIMIT_CHALLENGE_PARAM; count++) {
		skip_blanks_and_commas(reader);
		if (!is_at_parameter(*reader))
			return true;
		const char *name = read_word(reader);

		skip_blanks(reader);
		reader->at++; /* '=' */
		skip_blanks(reader);
		const char *value = read_value(reader);

		if (!value)
			return false;
		set_parameter(challenge, name, value);
	}
	return false;
}

static enum auth_scheme scheme_of(const char *word)
{
	if (strcasecmp(word, "bearer") == 0)
		return AUTH_BEARER;
	if (strcasecmp(word, "basic") == 0)
		return AUTH_BASIC;
	return AUTH_NONE;
}

static bool is_usable(const struct auth_challenge *challenge)
{
	return challenge->scheme == AUTH_BASIC ||
	       (challenge->scheme == AUTH_BEARER && challenge->realm && challenge->realm[0]);
}

void auth_read_challenges(struct arena *arena, const char *field, struct auth_challenge *best)
{
	struct reader reader = { arena, field };

	if (strlen(field) > LIMIT_CHALLENGE)
		return;
	for (size_t count = 0; count < LIMIT_CHALLENGES; count++) {
		struct auth_challenge challenge = { 0 };

		skip_blanks_and_commas(&reader);
		const char *word = read_word(&reader);

		if (word[0] == '\0')
			return;
		challenge.scheme = scheme_of(word);
		/* "Negotiate dG9rZW4=": one value without a name; no scheme of ours has it. */
		skip_blanks(&reader);
		if (challenge.scheme == AUTH_NONE && !is_at_parameter(reader))
			reader.at += strcspn(reader.at, ",");
		bool is_whole = read_parameters(&reader, &challenge);

		if (is_usable(&challenge) && challenge.scheme > best->scheme)
			*best = challenge;
		if (!is_whole)
			return;
	}
}

char *auth_basic(struct arena *arena, const struct auth_credentials *credentials)
{
	char *plain = arena_printf(arena, "%s:%s", credentials->username, credentials->password);
	size_t length = strlen(plain);
	unsigned char *coded = arena_alloc(arena, 4 * (length / 3 + 1) + 1);

	EVP_EncodeBlock(coded, (const unsigned char *)plain, (int)length);
	return arena_printf(arena, "Basic %s", (const char *)coded);
}

char *auth_bearer(struct arena *arena, const char *token)
{
	return arena_printf(arena, "Bearer %s", token);
}

/* "&scope=a&scope=b" out of "a b". */
static const char *scope_parameters(struct arena *arena, const char *scope)
{
	autofree char *copy = mem_strdup(scope);
	const char *all = "";
	char *rest = copy;

	for (char *one; (one = strsep(&rest, " ")) != NULL;)
		if (one[0] != '\0')
			all = arena_printf(arena, "%s&scope=%s", all,
					   url_encode(arena, one, false));
	return all;
}

static const char *ask_by_form(struct arena *arena, const char *service,
			       const struct auth_wish *wish)
{
	const struct auth_credentials *login = wish->credentials;
	bool is_token = login->identity_token != NULL;
	const char *secret = is_token
				     ? arena_printf(arena, "&refresh_token=%s",
						    url_encode(arena, login->identity_token, false))
				     : arena_printf(arena, "&username=%s&password=%s",
						    url_encode(arena, login->username, false),
						    url_encode(arena, login->password, false));

	return arena_printf(arena, "grant_type=%s&client_id=" CLIENT_ID "&service=%s&scope=%s%s%s",
			    is_token ? "refresh_token" : "password", service,
			    url_encode(arena, wish->scope, false), secret,
			    wish->is_offline ? "&access_type=offline" : "");
}

bool auth_ask_token(struct arena *arena, const struct auth_challenge *challenge,
		    const struct auth_wish *wish, struct auth_question *question, struct error *err)
{
	const struct auth_credentials *credentials = wish->credentials;
	const char *service =
		url_encode(arena, challenge->service ? challenge->service : "", false);

	*question = (struct auth_question){ 0 };
	if (strlen(challenge->realm) > LIMIT_URL)
		return error_set(err, ERROR_INPUT, "the registry's token realm is too long");
	if (credentials && (credentials->identity_token || wish->is_form)) {
		question->url = challenge->realm;
		question->form = ask_by_form(arena, service, wish);
		return true;
	}
	const char *account =
		credentials ? arena_printf(arena, "&account=%s",
					   url_encode(arena, credentials->username, false))
			    : "";
	const char *offline = wish->is_offline ? "&offline_token=true&client_id=" CLIENT_ID : "";

	question->url = arena_printf(arena, "%s%cservice=%s%s%s%s", challenge->realm,
				     strchr(challenge->realm, '?') ? '&' : '?', service,
				     scope_parameters(arena, wish->scope), account, offline);
	question->authorization = credentials ? auth_basic(arena, credentials) : NULL;
	return true;
}

bool auth_check_realm(const char *realm, const char *registry_url, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct url there, registry;

	if (!url_parse(&arena, realm, &there, err) ||
	    !url_parse(&arena, registry_url, &registry, err))
		return error_in(err, "token realm");
	if (url_is_https(registry_url) && !url_is_https(realm))
		return error_set(err, ERROR_DENIED,
				 "registry %s sends us to http://%s for a token: refused, as a "
				 "password would travel in the clear",
				 registry.host, there.host);
	if (url_is_private_address(there.host) && strcmp(there.host, registry.host) != 0)
		return error_set(
			err, ERROR_DENIED,
			"registry %s sends us to the private address %s for a token: refused",
			registry.host, there.host);
	return true;
}

bool auth_is_header_safe(const char *text)
{
	for (; *text; text++)
		if (*text < '!' || *text > '~')
			return false;
	return true;
}

bool auth_read_token(struct arena *arena, const char *body, size_t length, struct auth_token *token,
		     struct error *err)
{
	const struct json *root;
	const char *other;

	if (!json_parse(arena, "token reply", body, length, &root, err) ||
	    !json_text_or(root, "token", "", &token->text, err) ||
	    !json_text_or(root, "access_token", "", &other, err) ||
	    !json_text_or(root, "refresh_token", NULL, &token->refresh_token, err) ||
	    !json_int_or(root, "expires_in", DEFAULT_LIFE_S, &token->life_seconds, err))
		return false;
	if (token->text[0] == '\0')
		token->text = other;
	if (token->text[0] == '\0')
		return error_set(
			err, ERROR_CORRUPT,
			"authorization server did not include a token in the response (neither "
			"\"token\" nor \"access_token\")");
	if (!auth_is_header_safe(token->text))
		return error_set(err, ERROR_CORRUPT,
				 "token reply: the token has characters that no token has");
	if (token->refresh_token && !*token->refresh_token)
		token->refresh_token = NULL;
	if (token->life_seconds < DEFAULT_LIFE_S)
		token->life_seconds = DEFAULT_LIFE_S;
	if (token->life_seconds > LIMIT_TOKEN_LIFE_S)
		token->life_seconds = LIMIT_TOKEN_LIFE_S;
	return true;
}
