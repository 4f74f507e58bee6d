/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/s3.h"

#include "base/mem.h"
#include "tap.h"

static void test_urls(void)
{
	static const struct {
		struct fetch_settings settings;
		const char *uri, *region, *url;
	} cases[] = {
		{ { 0 },
		  "s3://bucket/a b/c",
		  "eu-west-1",
		  "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c" },
		{ { 0 },
		  "s3://my.bucket/k",
		  "eu-west-1",
		  "https://s3.eu-west-1.amazonaws.com/my.bucket/k" },
		{ { .s3_is_path_style = true },
		  "s3://bucket/k",
		  "cn-north-1",
		  "https://s3.cn-north-1.amazonaws.com.cn/bucket/k" },
		{ { .s3_is_fips = true },
		  "s3://bucket/k",
		  "us-gov-west-1",
		  "https://bucket.s3-fips.us-gov-west-1.amazonaws.com/k" },
		{ { .s3_is_dual_stack = true },
		  "s3://bucket/k",
		  "cn-north-1",
		  "https://bucket.s3.dualstack.cn-north-1.amazonaws.com.cn/k" },
		{ { .s3_is_fips = true, .s3_is_dual_stack = true },
		  "s3://bucket/k",
		  "us-east-2",
		  "https://bucket.s3-fips.dualstack.us-east-2.amazonaws.com/k" },
		{ { .s3_endpoint = "http://10.0.0.1:9000", .s3_is_fips = true },
		  "s3://bucket/k",
		  "us-east-2",
		  "http://10.0.0.1:9000/bucket/k" },
		{ { .s3_endpoint = "https://minio.lan/s3/" },
		  "s3://bucket/k",
		  "us-east-2",
		  "https://bucket.minio.lan/s3/k" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		const char *url = NULL;
		struct error err;

		if (check_ok(s3_url(&arena, &cases[i].settings, cases[i].uri, cases[i].region, &url,
				    &err),
			     &err, "%s in %s", cases[i].uri, cases[i].region))
			check_text(url, cases[i].url, "where %s in %s is", cases[i].uri,
				   cases[i].region);
	}
}

static void test_refusals(void)
{
	static const struct {
		const char *uri, *region, *part;
	} cases[] = {
		{ "s3://bucket/k", "eu.evil/", "no AWS region" },
		{ "s3://bucket/k", "", "no AWS region" },
		{ "https://bucket/k", "eu-west-1", "expected s3://BUCKET/KEY" },
		{ "s3://b/k", "eu-west-1", "no bucket name" },
		{ "s3://bucket@evil/k", "eu-west-1", "no bucket name" },
		{ "s3://bucket/", "eu-west-1", "the key is missing" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		const struct fetch_settings settings = { 0 };
		const char *url;
		struct error err;

		check_error(s3_url(&arena, &settings, cases[i].uri, cases[i].region, &url, &err),
			    &err, ERROR_INPUT, cases[i].part, "%s in \"%s\"", cases[i].uri,
			    cases[i].region);
	}
}

int main(void)
{
	test_urls();
	test_refusals();
	return tap_done();
}
