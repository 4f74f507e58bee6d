/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/reference.h"

#include <string.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *input;
	const char *canonical;
	const char *familiar;
} good[] = {
	{ "redis", "docker.io/library/redis:latest", "redis:latest" },
	{ "redis:7", "docker.io/library/redis:7", "redis:7" },
	{ "docker.io/redis:7", "docker.io/library/redis:7", "redis:7" },
	{ "index.docker.io/library/redis:7", "docker.io/library/redis:7", "redis:7" },
	{ "team/tool", "docker.io/team/tool:latest", "team/tool:latest" },
	{ "library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest" },
	{ "test.com:5000", "docker.io/library/test.com:5000", "test.com:5000" },
	{ "test:5000/repo", "test:5000/repo:latest", "test:5000/repo:latest" },
	{ "localhost/x", "localhost/x:latest", "localhost/x:latest" },
	{ "127.0.0.1:5000/a/b:t", "127.0.0.1:5000/a/b:t", "127.0.0.1:5000/a/b:t" },
	{ "foo/foo_bar.com:8080", "docker.io/foo/foo_bar.com:8080", "foo/foo_bar.com:8080" },
	{ "[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000/repo:tag",
	  "[2001:db8::1]:5000/repo:tag" },
	{ "[2001:db8::1]/repo", "[2001:db8::1]/repo:latest", "[2001:db8::1]/repo:latest" },
	{ "lowercase:Uppercase", "docker.io/library/lowercase:Uppercase", "lowercase:Uppercase" },
	{ "Uppercase/x", "Uppercase/x:latest", "Uppercase/x:latest" },
	{ "xn--n3h.com/myimage", "xn--n3h.com/myimage:latest", "xn--n3h.com/myimage:latest" },
	{ "a_b__c", "docker.io/library/a_b__c:latest", "a_b__c:latest" },
	{ "a--b", "docker.io/library/a--b:latest", "a--b:latest" },
	{ "a---b.c", "docker.io/library/a---b.c:latest", "a---b.c:latest" },
	{ "x:_", "docker.io/library/x:_", "x:_" },
	{ "192.168.1.1", "docker.io/library/192.168.1.1:latest", "192.168.1.1:latest" },
	{ "192.168.1.1/repo", "192.168.1.1/repo:latest", "192.168.1.1/repo:latest" },
	{ "foo_bar.com:8080", "docker.io/library/foo_bar.com:8080", "foo_bar.com:8080" },
	{ "x@sha256:" HEX, "docker.io/library/x@sha256:" HEX, "x@sha256:" HEX },
	{ "h.io/x:1@sha256:" HEX, "h.io/x:1@sha256:" HEX, "h.io/x:1@sha256:" HEX },
	{ "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:v1.2-3",
	  "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:v1.2-3",
	  "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:v1.2-3" },
	{ "public.ecr.aws/docker/library/alpine:3.20", "public.ecr.aws/docker/library/alpine:3.20",
	  "public.ecr.aws/docker/library/alpine:3.20" },
	/* One hex digit more than an ID. */
	{ HEX "0", "docker.io/library/" HEX "0:latest", HEX "0:latest" },
};

static const struct {
	const char *input;
	const char *part;
} bad[] = {
	{ "", "invalid reference format" },
	{ ":tag", "invalid reference format" },
	{ "@sha256:" HEX, "invalid reference format" },
	{ "x:", "invalid reference format" },
	{ "x@", "invalid reference format" },
	{ "x@sha256:", "invalid reference format" },
	{ "x@sha256:abc", "invalid reference format" },
	{ "x@SHA256:" HEX, "unsupported digest" },
	{ "x@sha256:" HEX "00", "invalid reference format" },
	{ "x@sha256:../../../../../../../../etc/passwd", "invalid reference format" },
	{ "x@sha256:" HEX "@sha256:" HEX, "invalid reference format" },
	{ "x:.tag", "invalid reference format" },
	{ "x:-tag", "invalid reference format" },
	{ "x:a/b:c:d", "invalid reference format" },
	{ "x:t\n", "invalid reference format" },
	{ "a___b", "invalid reference format" },
	{ "a..b", "invalid reference format" },
	{ "a._b", "invalid reference format" },
	{ "-foo", "invalid reference format" },
	{ "foo-", "invalid reference format" },
	{ "foo/", "invalid reference format" },
	{ "/foo", "invalid reference format" },
	{ "a//b", "invalid reference format" },
	{ "../../etc/passwd", "invalid reference format" },
	{ "a/../b", "invalid reference format" },
	{ "aa/asdf$$^/aa", "invalid reference format" },
	{ "a b", "invalid reference format" },
	{ "caf\xc3\xa9", "invalid reference format" },
	{ "https://host/x", "invalid reference format" },
	{ "host:port/x", "invalid reference format" },
	{ "host:/x", "invalid reference format" },
	{ "-host.com/x", "invalid reference format" },
	{ "host..com/x", "invalid reference format" },
	{ "user@host.com/x", "invalid reference format" },
	{ "[2001:db8::1]", "invalid reference format" },
	{ "[fe80::1%eth0]:5000/repo", "invalid reference format" },
	{ "[]/repo", "invalid reference format" },
	{ "[2001:db8:3:4::192.0.2.33]:5000/repo", "invalid reference format" },
	{ "[fe80::1%@invalidzone]:5000/repo", "invalid reference format" },
	{ "fc00::1:5000/debian", "invalid reference format" },
	{ "[::1/repo", "invalid reference format" },
	{ "BAD", "repository name (library/BAD) must be lowercase" },
	{ "Bad_Name:1", "repository name (library/Bad_Name) must be lowercase" },
	{ "host.com/Team/x", "repository name (Team/x) must be lowercase" },
	{ HEX, "cannot specify 64-byte hexadecimal strings" },
};

static void test_good(void)
{
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct reference reference;
		struct error err;

		if (!check_ok(reference_parse(&reference, good[i].input, &err), &err, "parse %s",
			      good[i].input))
			continue;
		autofree char *text = reference_text(&reference);
		autofree char *familiar = reference_familiar(&reference);

		check_text(text, good[i].canonical, "%s in full", good[i].input);
		check_text(familiar, good[i].familiar, "%s as docker prints it", good[i].input);

		/* What is printed means the same again. */
		struct reference again;

		if (!check_ok(reference_parse(&again, familiar, &err), &err, "parse %s", familiar))
			continue;
		autofree char *text_again = reference_text(&again);

		check_text(text_again, text, "%s again", familiar);
	}
}

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct reference reference;
		struct error err;
		enum error_kind kind =
			strstr(bad[i].part, "unsupported") ? ERROR_UNSUPPORTED : ERROR_INPUT;

		check_error(reference_parse(&reference, bad[i].input, &err), &err, kind,
			    bad[i].part, "refuse \"%s\"", bad[i].input);
	}
}

static void test_lengths(void)
{
	struct reference reference;
	struct error err;
	char name[400] = "h.io/";

	memset(name + 5, 'a', 255);
	check_ok(reference_parse(&reference, name, &err), &err, "a path of 255 bytes");
	name[5 + 255] = 'a';
	check_error(reference_parse(&reference, name, &err), &err, ERROR_INPUT,
		    "must not be more than 255 characters", "a path of 256 bytes");

	autofree char *many = mem_printf("x:%0128d", 1);
	check_ok(reference_parse(&reference, many, &err), &err, "a tag of 128 bytes");
	autofree char *more = mem_printf("x:%0129d", 1);
	check_error(reference_parse(&reference, more, &err), &err, ERROR_INPUT, "invalid",
		    "a tag of 129 bytes");
	autofree char *host = mem_printf("h%0300d.io/x", 1);
	check_error(reference_parse(&reference, host, &err), &err, ERROR_INPUT, "invalid",
		    "a host of 300 bytes");
	autofree char *endless = mem_printf("%010000d", 1);
	check_error(reference_parse(&reference, endless, &err), &err, ERROR_INPUT, "invalid",
		    "a name of 10000 bytes");
}

static void test_bare(void)
{
	struct reference reference;
	struct error err;

	check_ok(reference_parse_bare(&reference, "redis", &err), &err, "bare name");
	check_text(reference.tag, "", "no tag was made up");
	autofree char *name = reference_familiar_name(&reference);
	check_text(name, "redis", "familiar name");
	autofree char *full = reference_name(&reference);
	check_text(full, "docker.io/library/redis", "full name");
	check(reference_is_tag("v1.2"), "v1.2 is a tag");
	check(!reference_is_tag(""), "nothing is no tag");
}

int main(void)
{
	test_good();
	test_bad();
	test_lengths();
	test_bare();
	return tap_done();
}
