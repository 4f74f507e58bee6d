/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ecr.h"

#include <string.h>

#include "base/hash.h"
#include "registry/feed.h"
#include "registry/sign.h"

#define ACCOUNT_LENGTH 12
#define BODY           "{}"
#define TYPE           "Content-Type: application/x-amz-json-1.1"

/* What follows the region in the registry's name, and where the region's API is. The order is: the
 * plain one, FIPS. */
static const struct {
	const char *suffix;
	const char *api[2];
} partitions[] = {
	{ "amazonaws.com", { "api.ecr.%s.amazonaws.com", "ecr-fips.%s.amazonaws.com" } },
	{ "amazonaws.com.cn", { "api.ecr.%s.amazonaws.com.cn", "ecr-fips.%s.amazonaws.com.cn" } },
	{ "amazonaws.eu", { "api.ecr.%s.amazonaws.eu", "ecr-fips.%s.amazonaws.eu" } },
	{ "on.aws", { "ecr.%s.api.aws", "ecr-fips.%s.api.aws" } },
	{ "on.amazonwebservices.com.cn",
	  { "ecr.%s.api.amazonwebservices.com.cn", "ecr-fips.%s.api.amazonwebservices.com.cn" } },
	{ "sc2s.sgov.gov", { "api.ecr.%s.sc2s.sgov.gov", "ecr-fips.%s.sc2s.sgov.gov" } },
	{ "c2s.ic.gov", { "api.ecr.%s.c2s.ic.gov", "ecr-fips.%s.c2s.ic.gov" } },
	{ "cloud.adc-e.uk", { "api.ecr.%s.cloud.adc-e.uk", "ecr-fips.%s.cloud.adc-e.uk" } },
	{ "csp.hci.ic.gov", { "api.ecr.%s.csp.hci.ic.gov", "ecr-fips.%s.csp.hci.ic.gov" } },
};

/* Moves *text behind `word` if it is there. */
static bool skip(const char **text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*text, word, length) != 0)
		return false;
	*text += length;
	return true;
}

/* "https://" and the pattern with the region in the place of its "%s". */
static const char *endpoint(struct arena *arena, const char *pattern, const char *region)
{
	const char *place = strstr(pattern, "%s");

	return arena_printf(arena, "https://%.*s%s%s", (int)(place - pattern), pattern, region,
			    place + 2);
}

static struct ecr private_of(struct arena *arena, const char *domain)
{
	const struct ecr none = { .kind = ECR_NONE };
	const char *rest = domain + ACCOUNT_LENGTH;

	if (strspn(domain, "0123456789") != ACCOUNT_LENGTH ||
	    (!skip(&rest, ".dkr.ecr") && !skip(&rest, ".dkr-ecr")))
		return none;
	bool is_fips = skip(&rest, "-fips");

	if (!skip(&rest, "."))
		return none;
	size_t length = strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (length == 0 || rest[length] != '.')
		return none;
	const char *region = arena_strndup(arena, rest, length);

	for (size_t i = 0; i < COUNT_OF(partitions); i++)
		if (strcmp(rest + length + 1, partitions[i].suffix) == 0)
			return (struct ecr){ ECR_PRIVATE, region,
					     endpoint(arena, partitions[i].api[is_fips], region) };
	return none;
}

struct ecr ecr_of_domain(struct arena *arena, const char *domain)
{
	if (strcmp(domain, "public.ecr.aws") == 0 || strcmp(domain, "ecr-public.aws.com") == 0)
		return (struct ecr){ ECR_PUBLIC, "us-east-1",
				     "https://api.ecr-public.us-east-1.amazonaws.com" };
	return private_of(arena, domain);
}

void ecr_ask(struct arena *arena, const struct ecr *ecr, const struct sigv4_keys *keys,
	     time_t clock_skew, struct http_request *request)
{
	static const char *const private_headers[] = {
		TYPE,
		"X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
		NULL,
	};
	static const char *const public_headers[] = {
		TYPE,
		"X-Amz-Target: SpencerFrontendService.GetAuthorizationToken",
		NULL,
	};
	struct feed *body = arena_alloc(arena, sizeof(*body));
	struct digest digest;

	hash_digest(BODY, strlen(BODY), &digest);
	feed_init_memory(body, BODY, strlen(BODY));
	request->method = "POST";
	request->url = arena_printf(arena, "%s/", ecr->endpoint);
	request->headers = ecr->kind == ECR_PUBLIC ? public_headers : private_headers;
	request->body = body;
	sign_http(arena,
		  &(struct sign_how){ .keys = keys,
				      .service = ecr->kind == ECR_PUBLIC ? "ecr-public" : "ecr",
				      .region = ecr->region,
				      .payload_hash = digest_hex(&digest),
				      .clock_skew = clock_skew },
		  request);
}
