/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's own vectors (aws-sig-v4-test-suite): key AKIDEXAMPLE, 2015-08-30 12:36:00 UTC, us-east-1,
 * service "service"; and the GetObject example of the S3 manual.
 */
#include "registry/sigv4.h"

#include <string.h>

#include "tests/unit/tap.h"

#define TIME       1440938160 /* 20150830T123600Z */
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SCOPE      "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"

static const struct sigv4_keys suite_keys = { "AKIDEXAMPLE",
					      "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL };

static const struct sigv4_header plain[] = {
	{ "x-amz-date", "20150830T123600Z" },
	{ "host", "example.amazonaws.com" },
};

static const struct {
	const char *name;
	const char *method;
	const char *path;
	const char *query;
	const char *signature;
} suite[] = {
	{ "get-vanilla", "GET", "/", "",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-empty-query-key", "GET", "/", "Param1=value1",
	  "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
	{ "get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1",
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-unreserved", "GET",
	  "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "",
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-utf8", "GET", "/\xe1\x88\xb4", "",
	  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
	{ "post-vanilla", "POST", "/", "",
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
};

static void test_suite(void)
{
	for (size_t i = 0; i < COUNT_OF(suite); i++) {
		autoarena struct arena arena = { 0 };
		struct sigv4_request request = {
			.method = suite[i].method,
			.path = suite[i].path,
			.query = suite[i].query,
			.headers = plain,
			.header_count = COUNT_OF(plain),
			.payload_hash = EMPTY_HASH,
			.service = "service",
			.region = "us-east-1",
			.time = TIME,
		};
		const char *want = arena_printf(&arena,
						"AWS4-HMAC-SHA256 Credential=" SCOPE
						", SignedHeaders=host;x-amz-date, Signature=%s",
						suite[i].signature);

		check_text(sigv4_authorization(&arena, &request, &suite_keys), want, "%s",
			   suite[i].name);
	}
}

/* "GET Object" of the S3 manual, Signature Calculations for the Authorization Header. */
static void test_s3_manual(void)
{
	autoarena struct arena arena = { 0 };
	struct sigv4_keys keys = { "AKIAIOSFODNN7EXAMPLE",
				   "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL };
	struct sigv4_header headers[] = {
		{ "host", "examplebucket.s3.amazonaws.com" },
		{ "range", "bytes=0-9" },
		{ "x-amz-content-sha256", EMPTY_HASH },
		{ "x-amz-date", "20130524T000000Z" },
	};
	struct sigv4_request request = {
		.method = "GET",
		.path = "/test.txt",
		.query = "",
		.headers = headers,
		.header_count = COUNT_OF(headers),
		.payload_hash = EMPTY_HASH,
		.service = "s3",
		.region = "us-east-1",
		.time = 1369353600,
		.is_path_raw = true,
	};

	check_text(sigv4_string_to_sign(&arena, &request),
		   "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
		   "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
		   "string to sign");
	const char *value = sigv4_authorization(&arena, &request, &keys);

	check_text(strstr(value, "Signature="),
		   "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		   "signature");
}

static const struct {
	const char *query;
	const char *canonical;
} queries[] = {
	{ "", "" },
	{ "b=2&a=1", "a=1&b=2" },
	{ "flag", "flag=" },
	{ "a=2&a=1", "a=1&a=2" },
	{ "a-b=1&a=1", "a=1&a-b=1" },
	{ "a=1=2&&", "a=1=2" },
	{ "A=1&a=1&B=1", "A=1&B=1&a=1" },
};

static void test_canonical(void)
{
	autoarena struct arena arena = { 0 };
	struct sigv4_header headers[] = {
		{ "x-b", "  two   blanks  " },
		{ "host", "h" },
		{ "x-a", "" },
	};
	struct sigv4_request request = {
		.method = "GET",
		.path = "/a%20b",
		.query = "",
		.headers = headers,
		.header_count = COUNT_OF(headers),
		.payload_hash = "UNSIGNED-PAYLOAD",
		.service = "s3",
		.region = "r",
		.is_path_raw = true,
	};

	check_text(sigv4_canonical_request(&arena, &request),
		   "GET\n/a%20b\n\nhost:h\nx-a:\nx-b:two blanks\n\nhost;x-a;x-b\nUNSIGNED-PAYLOAD",
		   "S3 signs the path as it is sent; headers sorted and trimmed");
	request.is_path_raw = false;
	check(strncmp(sigv4_canonical_request(&arena, &request), "GET\n/a%2520b\n", 13) == 0,
	      "others encode it once more");
	for (size_t i = 0; i < COUNT_OF(queries); i++) {
		request.query = queries[i].query;
		const char *want =
			arena_printf(&arena, "GET\n/a%%2520b\n%s\nhost", queries[i].canonical);
		const char *got = sigv4_canonical_request(&arena, &request);

		check_text(arena_strndup(&arena, got, strlen(want)), want, "query %s",
			   queries[i].query);
	}
}

static void test_date(void)
{
	char date[SIGV4_DATE_SIZE];

	sigv4_date(TIME, date);
	check_text(date, "20150830T123600Z", "date");
	sigv4_date(0, date);
	check_text(date, "19700101T000000Z", "a device that does not know the year");
}

int main(void)
{
	test_suite();
	test_s3_manual();
	test_canonical();
	test_date();
	return tap_done();
}
