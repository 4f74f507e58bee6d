/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/platform.h"

#include <string.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

#define OFFERS_MAX 16

static const struct {
	const char *input;
	const char *normal;
} parsed[] = {
	{ "linux/amd64", "linux/amd64" },
	{ "LINUX/x86_64", "linux/amd64" },
	{ "linux/amd64/v1", "linux/amd64" },
	{ "linux/aarch64", "linux/arm64" },
	{ "linux/arm64/v8", "linux/arm64" },
	{ "linux/arm64/8", "linux/arm64" },
	{ "linux/arm64/v8.2", "linux/arm64/v8.2" },
	{ "linux/arm64/v9.0", "linux/arm64/v9" },
	{ "linux/arm", "linux/arm/v7" },
	{ "linux/arm/7", "linux/arm/v7" },
	{ "linux/armhf", "linux/arm/v7" },
	{ "linux/armel", "linux/arm/v6" },
	{ "linux/i386", "linux/386" },
	{ "arm64", "linux/arm64" },
	{ "armhf", "linux/arm/v7" },
	{ "windows/amd64", "windows/amd64" },
	{ "linux/riscv64", "linux/riscv64" },
};

static const char *const refused[] = {
	"",           "/",
	"linux/",     "/amd64",
	"linux//v7",  "linux/arm/v7/x",
	"linux/a b",  "linux/amd64\n",
	"linux/../x", "linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

/* The offers in the order in which they must be taken; "-" begins those that do not run at all. */
static const struct {
	const char *wanted;
	const char *offers[OFFERS_MAX];
} orders[] = {
	{ "linux/amd64",
	  { "linux/amd64", "linux/386", "-", "linux/amd64/v2", "linux/arm64", "windows/amd64",
	    "unknown/unknown" } },
	{ "linux/amd64/v3",
	  { "linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386", "-",
	    "linux/amd64/v4" } },
	{ "linux/arm/v7",
	  { "linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "-", "linux/arm/v8", "linux/arm64",
	    "linux/arm/v4" } },
	{ "linux/arm/v6", { "linux/arm/v6", "linux/arm/v5", "-", "linux/arm" } },
	{ "linux/arm64",
	  { "linux/arm64", "linux/arm/v8", "linux/arm", "linux/arm/v6", "linux/arm/v5", "-",
	    "linux/arm64/v8.1", "linux/arm64/v9", "linux/amd64" } },
	{ "linux/arm64/v8.2",
	  { "linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64", "linux/arm/v8", "-",
	    "linux/arm64/v9" } },
	{ "linux/arm64/v9.1",
	  { "linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64/v8.5",
	    "linux/arm64", "linux/arm/v7", "-", "linux/arm64/v9.2", "linux/arm64/v8.7" } },
	{ "linux/riscv64", { "linux/riscv64", "-", "linux/riscv64/rva23", "linux/amd64" } },
	{ "linux/mips64le/hardfloat",
	  { "linux/mips64le/hardfloat", "linux/mips64le", "-", "linux/mips64le/softfloat" } },
};

static void test_parse(void)
{
	struct platform platform;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(parsed); i++) {
		if (!check_ok(platform_parse(&platform, parsed[i].input, &err), &err, "parse %s",
			      parsed[i].input))
			continue;
		autofree char *text = platform_text(&platform);

		check_text(text, parsed[i].normal, "%s", parsed[i].input);
	}
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		check_error(platform_parse(&platform, refused[i], &err), &err, ERROR_INPUT,
			    "cannot parse platform specifier", "refuse \"%s\"", refused[i]);
}

static void test_order(const char *wanted_text, const char *const *offers)
{
	struct platform wanted, offered;
	struct error err;
	bool does_run = true;
	int last = 0;

	check_ok(platform_parse(&wanted, wanted_text, &err), &err, "parse %s", wanted_text);
	for (size_t i = 0; i < OFFERS_MAX && offers[i]; i++) {
		if (strcmp(offers[i], "-") == 0) {
			does_run = false;
			continue;
		}
		check_ok(platform_parse(&offered, offers[i], &err), &err, "parse %s", offers[i]);

		int rank = platform_rank(&wanted, &offered);

		if (does_run)
			check(rank >= last, "on %s: %s runs, and no better than what comes before",
			      wanted_text, offers[i]);
		else
			check_int(rank, -1, "on %s: %s does not run", wanted_text, offers[i]);
		last = rank;
	}
}

static void test_set(void)
{
	struct platform platform;
	char word[200];

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	platform_set(&platform, word, NULL, word);
	check_text(platform.os, "", "a word too long is none");
	platform_set(&platform, "Linux", "ARM64", "V8");
	autofree char *text = platform_text(&platform);
	check_text(text, "linux/arm64", "upper case");
}

static void test_host(void)
{
	struct platform host, same;

	platform_host(&host);
	platform_set(&same, host.os, host.arch, host.variant);
	check_text(host.os, "linux", "this is Linux");
	check_int(platform_rank(&host, &same), 0, "this machine runs its own programs");
	/* Where 32-bit programs do not run, none is chosen. */
	struct platform narrow, offer;

	platform_set(&narrow, "linux", "arm64", NULL);
	platform_set(&offer, "linux", "arm", "v7");
	check_int(platform_rank(&narrow, &offer), -1, "no 32-bit fallback unless the host has it");
}

int main(void)
{
	test_parse();
	for (size_t i = 0; i < COUNT_OF(orders); i++)
		test_order(orders[i].wanted, orders[i].offers);
	test_set();
	test_host();
	return tap_done();
}
