/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ecr.h"

#include <stdio.h>

#include "registry/awsreply.h"
#include "tests/unit/tap.h"

#define ACCOUNT "123456789012"

static const struct {
	const char *domain;
	const char *region;
	const char *endpoint;
} known[] = {
	{ ACCOUNT ".dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1",
	  "https://api.ecr.eu-west-1.amazonaws.com" },
	{ ACCOUNT ".dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1",
	  "https://api.ecr.us-gov-west-1.amazonaws.com" },
	{ ACCOUNT ".dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1",
	  "https://api.ecr.cn-north-1.amazonaws.com.cn" },
	{ ACCOUNT ".dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1",
	  "https://api.ecr.eusc-de-east-1.amazonaws.eu" },
	{ ACCOUNT ".dkr.ecr-fips.us-east-2.amazonaws.com", "us-east-2",
	  "https://ecr-fips.us-east-2.amazonaws.com" },
	{ ACCOUNT ".dkr-ecr.ap-south-1.on.aws", "ap-south-1", "https://ecr.ap-south-1.api.aws" },
	{ ACCOUNT ".dkr-ecr-fips.us-east-1.on.aws", "us-east-1",
	  "https://ecr-fips.us-east-1.api.aws" },
	{ ACCOUNT ".dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1",
	  "https://ecr.cn-north-1.api.amazonwebservices.com.cn" },
	{ ACCOUNT ".dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1",
	  "https://api.ecr.us-iso-east-1.c2s.ic.gov" },
	{ ACCOUNT ".dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1",
	  "https://api.ecr.us-isob-east-1.sc2s.sgov.gov" },
};

static const char *const others[] = {
	"docker.io",
	ACCOUNT ".dkr.ecr.eu-west-1.amazonaws.com.evil.example",
	"evil" ACCOUNT ".dkr.ecr.eu-west-1.amazonaws.com",
	"12345678901.dkr.ecr.eu-west-1.amazonaws.com",
	"1234567890123.dkr.ecr.eu-west-1.amazonaws.com",
	ACCOUNT ".dkr.ecr.eu-west-1.amazonaws.com:5000",
	ACCOUNT ".dkr.ecr..amazonaws.com",
	ACCOUNT ".dkr.ecr.a.b.amazonaws.com",
	ACCOUNT ".dkr.ecr.eu/west.amazonaws.com",
	ACCOUNT ".dkr.ecr",
	ACCOUNT,
	"",
	"public.ecr.aws.example",
};

static void test_domains(void)
{
	autoarena struct arena arena = { 0 };

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		struct ecr ecr = ecr_of_domain(&arena, known[i].domain);

		check_int(ecr.kind, ECR_PRIVATE, "%s is one of ECR's", known[i].domain);
		check_text(ecr.region, known[i].region, "its region");
		check_text(ecr.endpoint, known[i].endpoint, "its API");
	}
	for (size_t i = 0; i < COUNT_OF(others); i++)
		check_int(ecr_of_domain(&arena, others[i]).kind, ECR_NONE, "\"%s\" is none",
			  others[i]);
	check_int(ecr_of_domain(&arena, "public.ecr.aws").kind, ECR_PUBLIC, "the public one");
}

static const struct {
	const char *body;
	const char *part; /* of the refusal; NULL: it is fine */
} replies[] = {
	{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
	  "\"Expiration\":\"2030-01-01T00:00:00Z\"}",
	  NULL },
	{ "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\","
	  "\"Expiration\":\"2030-01-01T00:00:00+00:00\"}",
	  NULL },
	{ "{\"AccessKeyId\":\"A\"}", "SecretAccessKey" },
	{ "{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"s\"}", "not whole" },
	{ "{\"AccessKeyId\":\"A\\r\\nX: y\",\"SecretAccessKey\":\"s\"}", "characters" },
	{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"a b\"}", "characters" },
	{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}", "no time" },
	{ "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}", "AssumeRoleUnauthorizedAccess" },
	{ "[]", "credentials" },
	{ "", "credentials" },
};

static void test_credentials(void)
{
	for (size_t i = 0; i < COUNT_OF(replies); i++) {
		autoarena struct arena arena = { 0 };
		struct aws_credentials got;
		struct error err;
		bool is_ok = awsreply_credentials(&arena, replies[i].body, strlen(replies[i].body),
						  &got, &err);

		if (!replies[i].part) {
			check_ok(is_ok, &err, "%s", replies[i].body);
			check_text(got.keys.session_token, "t", "the token");
			check_int(got.expires, 1893456000, "the end");
		} else
			check(!is_ok && strstr(err.text, replies[i].part), "%s: %s",
			      replies[i].body, is_ok ? "taken" : err.text);
	}
}

static const struct {
	const char *body;
	const char *password; /* NULL: refused */
} logins[] = {
	{ "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOnA6dw==\",\"expiresAt\":1.7e9}]}",
	  "p:w" },
	{ "{\"authorizationData\":{\"authorizationToken\":\"QVdTOnA6dw\",\"expiresAt\":1}}",
	  "p:w" },
	{ "{\"authorizationData\":[]}", NULL },
	{ "{\"authorizationData\":[7]}", NULL },
	{ "{\"authorizationData\":{\"authorizationToken\":\"QVdT\"}}", NULL },
	{ "{\"authorizationData\":{\"authorizationToken\":\"!\"}}", NULL },
	{ "{\"authorizationData\":{\"authorizationToken\":\"QVdTOgBi\"}}", NULL }, /* a NUL */
	{ "{}", NULL },
};

static void test_logins(void)
{
	for (size_t i = 0; i < COUNT_OF(logins); i++) {
		autoarena struct arena arena = { 0 };
		struct auth_credentials login;
		struct error err;
		int64_t expires;
		bool is_ok = awsreply_ecr(&arena, logins[i].body, strlen(logins[i].body), &login,
					  &expires, &err);

		check_int(is_ok, logins[i].password != NULL, "%s", logins[i].body);
		if (is_ok)
			check_text(login.password, logins[i].password, "its password");
	}
}

int main(void)
{
	test_domains();
	test_credentials();
	test_logins();
	return tap_done();
}
