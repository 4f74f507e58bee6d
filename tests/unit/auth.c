/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth.h"

#include <string.h>

#include "registry/limit.h"
#include "tests/unit/tap.h"

/* NULL in realm: the challenge is not usable. */
static const struct {
	const char *field;
	enum auth_scheme scheme;
	const char *realm;
	const char *service;
	const char *scope;
} challenges[] = {
	{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\"",
	  AUTH_BEARER, "https://a/t", "s", "repository:a/b:pull,push" },
	{ "bEaReR  ReAlM = \"https://a/t\" , SERVICE = s", AUTH_BEARER, "https://a/t", "s", NULL },
	{ "Bearer realm=https://a/t,service=s", AUTH_BEARER, "https://a/t", "s", NULL },
	{ "Bearer realm=\"https://a/\\\"t\\\\\"", AUTH_BEARER, "https://a/\"t\\", NULL, NULL },
	{ "Basic realm=\"x\"", AUTH_BASIC, "x", NULL, NULL },
	{ "Basic", AUTH_BASIC, NULL, NULL, NULL },
	{ "Basic "
	  "realm=\"https://1.dkr.ecr.eu-west-1.amazonaws.com/\",service=\"ecr.amazonaws.com\"",
	  AUTH_BASIC, "https://1.dkr.ecr.eu-west-1.amazonaws.com/", "ecr.amazonaws.com", NULL },
	{ "Basic realm=\"x\", Bearer realm=\"https://a/t\"", AUTH_BEARER, "https://a/t", NULL,
	  NULL },
	{ "Bearer realm=\"https://a/t\", Basic realm=\"x\"", AUTH_BEARER, "https://a/t", NULL,
	  NULL },
	{ "Negotiate, Basic realm=\"x\"", AUTH_BASIC, "x", NULL, NULL },
	{ "Negotiate dG9rZW4=, Basic realm=\"x\"", AUTH_BASIC, "x", NULL, NULL },
	{ "Digest realm=\"d\", nonce=\"a, b\", Basic realm=\"x\"", AUTH_BASIC, "x", NULL, NULL },
	{ ", ,Bearer realm=\"https://a/t\",,service=s,", AUTH_BEARER, "https://a/t", "s", NULL },
	/* Not usable. */
	{ "", AUTH_NONE, NULL, NULL, NULL },
	{ ",,,", AUTH_NONE, NULL, NULL, NULL },
	{ "Bearer", AUTH_NONE, NULL, NULL, NULL },
	{ "Bearer service=\"s\"", AUTH_NONE, NULL, NULL, NULL },
	{ "Bearer realm=\"\"", AUTH_NONE, NULL, NULL, NULL },
	{ "Bearer realm=\"https://a/t", AUTH_NONE, NULL, NULL, NULL },
	{ "Bearer realm=\"https://a/t\\", AUTH_NONE, NULL, NULL, NULL },
	{ "Newer realm=\"x\"", AUTH_NONE, NULL, NULL, NULL },
	{ "=\"x\"", AUTH_NONE, NULL, NULL, NULL },
	{ "\"Bearer\" realm=\"x\"", AUTH_NONE, NULL, NULL, NULL },
	/* What came before an unfinished quote still counts. */
	{ "Bearer realm=\"https://a/t\",service=\"s", AUTH_BEARER, "https://a/t", NULL, NULL },
	{ "Bearer realm=\"https://a/t\",service", AUTH_BEARER, "https://a/t", NULL, NULL },
	{ "Bearer realm=\"https://a/t\",service=", AUTH_BEARER, "https://a/t", "", NULL },
	{ "Bearer realm=\"https://a/t\",empty=\"\",service=\"s\"", AUTH_BEARER, "https://a/t", "s",
	  NULL },
	{ "Basic realm=\"x\", Bearer realm=\"https://a", AUTH_BASIC, "x", NULL, NULL },
};

static void test_challenges(void)
{
	for (size_t i = 0; i < COUNT_OF(challenges); i++) {
		autoarena struct arena arena = { 0 };
		struct auth_challenge best = { 0 };

		auth_read_challenges(&arena, challenges[i].field, &best);
		check_int(best.scheme, challenges[i].scheme, "scheme of %s", challenges[i].field);
		check_text(best.realm, challenges[i].realm, "realm of %s", challenges[i].field);
		check_text(best.service, challenges[i].service, "service of %s",
			   challenges[i].field);
		check_text(best.scope, challenges[i].scope, "scope of %s", challenges[i].field);
	}
}

static void test_endless_challenge(void)
{
	autoarena struct arena arena = { 0 };
	struct auth_challenge best = { 0 };
	char *field = arena_alloc(&arena, LIMIT_CHALLENGE + 100);

	memset(field, ',', LIMIT_CHALLENGE + 50);
	strcpy(field + LIMIT_CHALLENGE + 50, "Basic realm=x");
	auth_read_challenges(&arena, field, &best);
	check_int(best.scheme, AUTH_NONE, "a field beyond the limit is skipped");
}

static void test_question(void)
{
	autoarena struct arena arena = { 0 };
	struct auth_challenge challenge = { AUTH_BEARER, "https://a/t", "my service", NULL, NULL };
	struct auth_credentials login = { "Aladdin", "open sesame", NULL };
	struct auth_credentials identity = { "", "", "a+b" };
	struct auth_question question;
	struct error err;

	check_ok(
		auth_ask_token(&arena, &challenge,
			       &(struct auth_wish){ "repository:a/b:pull aws", NULL, false, false },
			       &question, &err),
		&err, "anonymous");
	check_text(question.url,
		   "https://a/t?service=my%20service&scope=repository%3Aa%2Fb%3Apull&scope=aws",
		   "one scope parameter each");
	check_text(question.authorization, NULL, "nobody");

	challenge.realm = "https://a/t?x=1";
	check_ok(auth_ask_token(&arena, &challenge,
				&(struct auth_wish){ "s", &login, false, false }, &question, &err),
		 &err, "login");
	check_text(question.url, "https://a/t?x=1&service=my%20service&scope=s&account=Aladdin",
		   "a realm with a query");
	check_text(question.authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic");

	check_ok(auth_ask_token(&arena, &challenge, &(struct auth_wish){ "", &login, true, false },
				&question, &err),
		 &err, "login for longer");
	check_text(question.url,
		   "https://a/t?x=1&service=my%20service&account=Aladdin&offline_token=true"
		   "&client_id=mooring",
		   "with a refresh token");

	check_ok(auth_ask_token(&arena, &challenge,
				&(struct auth_wish){ "s", &identity, false, false }, &question,
				&err),
		 &err, "identity token");
	check_text(question.form,
		   "grant_type=refresh_token&client_id=mooring&service=my%20service&scope=s"
		   "&refresh_token=a%2Bb",
		   "a form");
	check_text(question.authorization, NULL, "and no header");

	check_ok(auth_ask_token(&arena, &challenge, &(struct auth_wish){ "s", &login, true, true },
				&question, &err),
		 &err, "a login by a form");
	check_text(question.url, "https://a/t?x=1", "the realm as it is");
	check_text(question.form,
		   "grant_type=password&client_id=mooring&service=my%20service&scope=s"
		   "&username=Aladdin&password=open%20sesame&access_type=offline",
		   "a password in a form");
	check_text(question.authorization, NULL, "and in no header");
}

/* "" in refusal: allowed. */
static const struct {
	const char *realm;
	const char *registry;
	const char *refusal;
} realms[] = {
	{ "https://auth.docker.io/token", "https://registry-1.docker.io", "" },
	{ "http://127.0.0.1:9/token", "http://127.0.0.1:5000", "" },
	{ "https://10.0.0.5/token", "https://10.0.0.5:5000", "" },
	{ "http://auth.docker.io/token", "https://registry-1.docker.io", "in the clear" },
	{ "https://127.0.0.1/token", "https://registry.example", "private address" },
	{ "https://[::1]/token", "https://registry.example", "private address" },
	{ "https://[::ffff:127.0.0.1]/token", "https://registry.example", "private address" },
	{ "https://[fe80::1]/token", "https://registry.example", "private address" },
	{ "https://[fd00:ec2::23]/token", "https://registry.example", "private address" },
	{ "https://localhost/token", "https://registry.example", "private address" },
	{ "https://169.254.169.254/latest", "https://registry.example", "private address" },
	{ "https://192.168.1.1/", "https://registry.example", "private address" },
	{ "https://172.31.0.1/", "https://registry.example", "private address" },
	{ "https://0.0.0.0/", "https://registry.example", "private address" },
	/* curl reads these as addresses, and so must we. */
	{ "https://2130706433/", "https://registry.example", "private address" },
	{ "https://0x7f.1/", "https://registry.example", "private address" },
	{ "https://127.1/", "https://registry.example", "private address" },
	{ "https://100.64.0.1/", "https://registry.example", "private address" },
	{ "https://100.127.255.254/", "https://registry.example", "private address" },
	{ "https://[::127.0.0.1]/", "https://registry.example", "private address" },
	{ "https://[64:ff9b::10.0.0.1]/", "https://registry.example", "private address" },
	{ "https://X.LocalHost/", "https://registry.example", "private address" },
	{ "https://localhost./", "https://registry.example", "private address" },
	{ "https://a.localhost./", "https://registry.example", "private address" },
	{ "https://127.0.0.1./", "https://registry.example", "private address" },
	{ "https://a.localhost/", "https://a.localhost:5000", "" },
	{ "https://100.63.255.255/", "https://registry.example", "" },
	{ "https://100.128.0.1/", "https://registry.example", "" },
	{ "https://[64:ff9b::8.8.8.8]/", "https://registry.example", "" },
	{ "https://notlocalhost/", "https://registry.example", "" },
	{ "https://172.32.0.1/", "https://registry.example", "" },
	{ "https://8.8.8.8/", "https://registry.example", "" },
	{ "file:///etc/passwd", "https://registry.example", "http" },
	{ "ftp://x/", "https://registry.example", "http" },
	{ "token", "https://registry.example", "http" },
	{ "", "https://registry.example", "http" },
	{ "https://user:pass@auth.example/", "https://registry.example", "user name" },
};

static void test_realms(void)
{
	struct error err;

	for (size_t i = 0; i < COUNT_OF(realms); i++) {
		bool is_ok = auth_check_realm(realms[i].realm, realms[i].registry, &err);

		if (realms[i].refusal[0] == '\0')
			check_ok(is_ok, &err, "%s of %s", realms[i].realm, realms[i].registry);
		else
			check(!is_ok && strstr(err.text, realms[i].refusal), "refuse %s of %s: %s",
			      realms[i].realm, realms[i].registry, is_ok ? "" : err.text);
	}
}

static const struct {
	const char *body;
	const char *token;
	int64_t life;
} tokens[] = {
	{ "{\"token\":\"a\"}", "a", 60 },
	{ "{\"access_token\":\"b\",\"expires_in\":300}", "b", 300 },
	{ "{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":1}", "a", 60 },
	{ "{\"token\":\"a\",\"expires_in\":-5}", "a", 60 },
	{ "{\"token\":\"a\",\"expires_in\":9223372036854775807}", "a", LIMIT_TOKEN_LIFE_S },
	{ "{\"token\":null,\"access_token\":\"b\"}", "b", 60 },
	/* Refused. */
	{ "", NULL, 0 },
	{ "[]", NULL, 0 },
	{ "{}", NULL, 0 },
	{ "{\"token\":\"\"}", NULL, 0 },
	{ "{\"token\":5}", NULL, 0 },
	{ "{\"token\":\"a b\"}", NULL, 0 },
	{ "{\"token\":\"a\\r\\nX: y\"}", NULL, 0 },
	{ "{\"token\":\"a\",\"expires_in\":\"soon\"}", NULL, 0 },
};

static void test_tokens(void)
{
	for (size_t i = 0; i < COUNT_OF(tokens); i++) {
		autoarena struct arena arena = { 0 };
		struct auth_token token = { 0 };
		struct error err;
		bool is_ok = auth_read_token(&arena, tokens[i].body, strlen(tokens[i].body), &token,
					     &err);

		check_int(is_ok, tokens[i].token != NULL, "whether %s is a token", tokens[i].body);
		if (!is_ok || !tokens[i].token)
			continue;
		check_text(token.text, tokens[i].token, "token of %s", tokens[i].body);
		check_int(token.life_seconds, tokens[i].life, "life of %s", tokens[i].body);
	}
}

int main(void)
{
	test_challenges();
	test_endless_challenge();
	test_question();
	test_realms();
	test_tokens();
	return tap_done();
}
