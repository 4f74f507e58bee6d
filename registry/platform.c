/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/personality.h>
#include <sys/utsname.h>

#include "base/mem.h"

#if defined(__x86_64__)
#define HOST_ARCH "amd64"
#elif defined(__i386__)
#define HOST_ARCH "386"
#elif defined(__aarch64__)
#define HOST_ARCH "arm64"
#elif defined(__arm__)
#define HOST_ARCH "arm"
#elif defined(__riscv) && __riscv_xlen == 64
#define HOST_ARCH "riscv64"
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_ARCH "ppc64le"
#elif defined(__s390x__)
#define HOST_ARCH "s390x"
#elif defined(__loongarch64)
#define HOST_ARCH "loong64"
#elif defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_ARCH "mips64le"
#elif defined(__mips__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_ARCH "mipsle"
#else
#error "name this machine as GOARCH does, and add it here"
#endif

/* Ranks of another architecture that the same kernel runs come after all of the own one. */
#define RANK_OTHER_ARCH 1000

/* Other names for an architecture, and the variant they imply. */
static const struct alias {
	const char *name;
	const char *arch;
	const char *variant; /* NULL: as given */
} aliases[] = {
	{ "x86_64", "amd64", NULL }, { "x86-64", "amd64", NULL }, { "aarch64", "arm64", NULL },
	{ "armhf", "arm", "v7" },    { "armel", "arm", "v6" },    { "i386", "386", NULL },
	{ "armv7l", "arm", "v7" },   { "armv6l", "arm", "v6" },   { "i686", "386", NULL },
};

/* The variant that an architecture has when none is named. */
static const struct implied {
	const char *arch;
	const char *variant; /* this one … */
	const char *normal;  /* … is written so */
} implied[] = {
	{ "arm", "", "v7" },       { "arm64", "v8", "" }, { "arm64", "v8.0", "" },
	{ "arm64", "v9.0", "v9" }, { "amd64", "v1", "" },
};

/* Lower case; a word that is too long cannot be any real one, so it becomes "". */
static void set_word(char word[PLATFORM_WORD_MAX + 1], const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length > PLATFORM_WORD_MAX)
		length = 0;
	for (size_t i = 0; i < length; i++)
		word[i] = (char)tolower((unsigned char)text[i]);
	word[length] = '\0';
}

static void normalise(struct platform *platform)
{
	for (size_t i = 0; i < COUNT_OF(aliases); i++) {
		if (strcmp(platform->arch, aliases[i].name) != 0)
			continue;
		set_word(platform->arch, aliases[i].arch);
		if (aliases[i].variant)
			set_word(platform->variant, aliases[i].variant);
		break;
	}
	if (isdigit((unsigned char)platform->variant[0])) {
		char digits[PLATFORM_WORD_MAX + 1];

		memcpy(digits, platform->variant, sizeof(digits));
		snprintf(platform->variant, sizeof(platform->variant), "v%.*s",
			 PLATFORM_WORD_MAX - 1, digits);
	}
	for (size_t i = 0; i < COUNT_OF(implied); i++)
		if (strcmp(platform->arch, implied[i].arch) == 0 &&
		    strcmp(platform->variant, implied[i].variant) == 0) {
			set_word(platform->variant, implied[i].normal);
			break;
		}
}

void platform_set(struct platform *platform, const char *os, const char *arch, const char *variant)
{
	*platform = (struct platform){ 0 };
	set_word(platform->os, os);
	set_word(platform->arch, arch);
	set_word(platform->variant, variant);
	normalise(platform);
}

static bool is_os(const char *word)
{
	static const char *const names[] = { "linux",   "windows", "darwin",  "freebsd", "netbsd",
					     "openbsd", "solaris", "illumos", "android", "plan9" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcasecmp(word, names[i]) == 0)
			return true;
	return false;
}

/* Go's names, and those that stand for them. */
static bool is_arch(const char *word)
{
	static const char *const names[] = {
		"386",    "amd64",   "arm",     "arm64",    "armbe", "arm64be", "loong64",
		"mips",   "mipsle",  "mips64",  "mips64le", "ppc",   "ppc64",   "ppc64le",
		"riscv",  "riscv64", "s390",    "s390x",    "sparc", "sparc64", "wasm",
		"x86_64", "x86-64",  "aarch64", "i386",     "armhf", "armel",
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcasecmp(word, names[i]) == 0)
			return true;
	return false;
}

/* Letters, digits, '_', '-' and '.' only, beginning with one of the first two, and short. */
static bool is_word(const char *word)
{
	size_t length = strlen(word);

	if (length > PLATFORM_WORD_MAX || !isalnum((unsigned char)word[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)word[i]) && !strchr("_-.", word[i]))
			return false;
	return true;
}

bool platform_parse(struct platform *platform, const char *text, struct error *err)
{
	autofree char *copy = mem_strdup(text);
	const char *words[3] = { "", "", "" };
	size_t count = 0;
	char *rest = copy;

	for (char *word; (word = strsep(&rest, "/")) != NULL; count++) {
		if (count == COUNT_OF(words) || !is_word(word))
			return error_set(
				err, ERROR_INPUT,
				"error parsing specified platform: \"%s\": cannot parse "
				"platform specifier: expected OS/ARCH[/VARIANT], for example "
				"linux/arm/v7",
				text);
		words[count] = word;
	}
	if (count == 1 && is_os(words[0]))
		platform_set(platform, words[0], HOST_ARCH, "");
	else if (count == 1 && !is_arch(words[0]))
		return error_set(err, ERROR_INPUT,
				 "error parsing specified platform: \"%s\": unknown operating "
				 "system or architecture",
				 text);
	else if (count == 1)
		platform_set(platform, "linux", words[0], "");
	else
		platform_set(platform, words[0], words[1], words[2]);
	/* Who names a platform means to run it, by emulation if need be: docker's order in full. */
	platform->runs_32bit = true;
	return true;
}

/* Many arm64 cores and kernels run no 32-bit programs: there the kernel refuses the personality. */
static bool host_runs_32bit(void)
{
	int before = personality(0xffffffff);

	if (before < 0 || personality(PER_LINUX32) < 0)
		return false;
	personality((unsigned long)before);
	return true;
}

void platform_host(struct platform *platform)
{
	char variant[PLATFORM_WORD_MAX + 1] = "";
	struct utsname host;

	/* armv6l, armv7l; a 64-bit kernel under a 32-bit program says aarch64, or armv8l. */
	if (strcmp(HOST_ARCH, "arm") == 0 && uname(&host) == 0)
		snprintf(variant, sizeof(variant), "v%c",
			 strncmp(host.machine, "armv", 4) == 0 ? host.machine[4] : '8');
	platform_set(platform, "linux", HOST_ARCH, variant);
	platform->runs_32bit = host_runs_32bit();
}

struct version {
	int major;
	int minor;
};

/* "v8.2" is 8.2, "" is `fallback`.0; anything else is -1. */
static struct version variant_version(const char *variant, int fallback)
{
	struct version version = { fallback, 0 };
	char *end;

	if (variant[0] == '\0')
		return version;
	if (variant[0] != 'v' || !isdigit((unsigned char)variant[1]))
		return (struct version){ -1, -1 };
	version.major = (int)strtol(variant + 1, &end, 10);
	if (*end == '.' && isdigit((unsigned char)end[1]))
		version.minor = (int)strtol(end + 1, &end, 10);
	if (*end != '\0' || version.major > 99 || version.minor > 99)
		return (struct version){ -1, -1 };
	return version;
}

static int rank_downwards(int wanted, int offered, int lowest)
{
	return offered > wanted || offered < lowest ? -1 : wanted - offered;
}

/* Arm v9.x has all that v8.(x+5) has. */
static int rank_arm64(struct version wanted, struct version offered)
{
	if (offered.major == wanted.major)
		return rank_downwards(wanted.minor, offered.minor, 0);
	if (wanted.major != 9 || offered.major != 8)
		return -1;
	int below = rank_downwards(wanted.minor + 5, offered.minor, 0);
	return below < 0 ? -1 : wanted.minor + 1 + below;
}

static int rank_same_arch(const struct platform *wanted, const struct platform *offered)
{
	if (strcmp(wanted->arch, "arm") == 0)
		return rank_downwards(variant_version(wanted->variant, 7).major,
				      variant_version(offered->variant, 7).major, 5);
	if (strcmp(wanted->arch, "amd64") == 0)
		return rank_downwards(variant_version(wanted->variant, 1).major,
				      variant_version(offered->variant, 1).major, 1);
	if (strcmp(wanted->arch, "arm64") == 0)
		return rank_arm64(variant_version(wanted->variant, 8),
				  variant_version(offered->variant, 8));
	if (strcmp(wanted->variant, offered->variant) == 0)
		return 0;
	return offered->variant[0] == '\0' ? 1 : -1;
}

static int rank_32bit(const struct platform *wanted, const struct platform *offered)
{
	if (strcmp(wanted->arch, "amd64") == 0 && strcmp(offered->arch, "386") == 0)
		return RANK_OTHER_ARCH;
	if (strcmp(wanted->arch, "arm64") == 0 && strcmp(offered->arch, "arm") == 0) {
		int below = rank_downwards(8, variant_version(offered->variant, 7).major, 5);

		return below < 0 ? -1 : RANK_OTHER_ARCH + below;
	}
	return -1;
}

int platform_rank(const struct platform *wanted, const struct platform *offered)
{
	if (strcmp(wanted->os, offered->os) != 0)
		return -1;
	if (strcmp(wanted->arch, offered->arch) == 0)
		return rank_same_arch(wanted, offered);
	return wanted->runs_32bit ? rank_32bit(wanted, offered) : -1;
}

char *platform_text(const struct platform *platform)
{
	return mem_printf("%s/%s%s%s", platform->os, platform->arch,
			  platform->variant[0] ? "/" : "", platform->variant);
}
