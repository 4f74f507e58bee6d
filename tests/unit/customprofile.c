/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/customprofile.h"

#include <linux/capability.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

#if defined(__x86_64__)
#define NATIVE "SCMP_ARCH_X86_64"
#define SHORT  "amd64"
#elif defined(__i386__)
#define NATIVE "SCMP_ARCH_X86"
#define SHORT  "x86"
#elif defined(__aarch64__)
#define NATIVE "SCMP_ARCH_AARCH64"
#define SHORT  "arm64"
#else
#define NATIVE "SCMP_ARCH_ARM"
#define SHORT  "arm"
#endif

#define RULES(rules)   "{'defaultAction': 'SCMP_ACT_ERRNO', 'syscalls': [" rules "]}"
#define RULE(more)     "{'names': ['mount'], 'action': 'SCMP_ACT_ALLOW'" more "}"
#define CAPS(key, cap) RULE(", '" key "': {'caps': ['CAP_CHOWN', '" cap "']}")
#define NOTHING        RULES("")
#define KEPT           RULES(RULE(""))

/* CHOWN and SYS_ADMIN are held. ' stands for ". */
static const struct {
	const char *profile, *wanted;
} cases[] = {
	{ KEPT, KEPT },
	{ "{'defaultAction': 'SCMP_ACT_ERRNO', 'comment': 'nothing', 'syscalls': null}", NOTHING },
	/* Keys as Go takes them: any case, the long s and the kelvin's sign. */
	{ "{'DEFAULTACTION': 'SCMP_ACT_ERRNO', '\xc5\xbfY\xc5\xbf"
	  "calls': [{'Names': ['mount'], "
	  "'aCTION': 'SCMP_ACT_ALLOW', 'Args': [{'Index': 0, 'VALUE': 8, 'valuetwo': 9, "
	  "'Op': 'SCMP_CMP_EQ'}], 'ErrnoRet': 38}]}",
	  RULES(RULE(", 'args': [{'index': 0, 'value': 8, 'valueTwo': 9, 'op': 'SCMP_CMP_EQ'}], "
		     "'errnoRet': 38")) },
	{ RULES("{'NAME': 'mount', 'action': 'SCMP_ACT_ALLOW'}"), KEPT },
	{ RULES(CAPS("Includes", "CAP_SYSLOG")), NOTHING },
	{ RULES(RULE(", 'EXCLUDES': {'Caps': ['CAP_CHOWN']}")), NOTHING },
	{ RULES(RULE(", 'includes': {'ARCHES': ['s390x']}")), NOTHING },
	{ RULES(RULE(", 'includes': {'min\xe2\x84\xaa"
		     "ernel': '999.0'}")),
	  NOTHING },
	{ "{'DefaultAction': 'SCMP_ACT_KILL', 'DefaultErrnoRet': 1, 'Flags': [], 'ArchMap': "
	  "[{'Architecture': '" NATIVE "', 'SubArchitectures': ['SCMP_ARCH_MIPS']}]}",
	  "{'defaultAction': 'SCMP_ACT_KILL', 'defaultErrnoRet': 1, 'flags': [], "
	  "'architectures': ['" NATIVE "', 'SCMP_ARCH_MIPS'], 'syscalls': []}" },
	{ RULES("{'name': 'mount', 'names': null, 'action': 'SCMP_ACT_ALLOW', 'comment': 'x'}"),
	  KEPT },
	{ RULES(RULE(", 'args': [{'index': 0, 'value': 8, 'op': 'SCMP_CMP_EQ'}], 'errnoRet': 38")),
	  RULES(RULE(", 'args': [{'index': 0, 'value': 8, 'op': 'SCMP_CMP_EQ'}], "
		     "'errnoRet': 38")) },
	{ RULES(RULE(", 'includes': {}, 'excludes': {'caps': [], 'arches': null}")), KEPT },
	{ RULES(CAPS("includes", "CAP_SYS_ADMIN")), KEPT },
	{ RULES(CAPS("includes", "CAP_SYSLOG")), NOTHING }, /* all of them */
	{ RULES(CAPS("excludes", "CAP_SYSLOG")), NOTHING }, /* any of them */
	{ RULES(RULE(", 'includes': {'caps': ['CAP_OF_TOMORROW']}")), NOTHING },
	{ RULES(RULE(", 'excludes': {'caps': ['CAP_SYSLOG']}")), KEPT },
	{ RULES(RULE(", 'includes': {'arches': ['s390x', '" SHORT "']}")), KEPT },
	{ RULES(RULE(", 'includes': {'arches': ['s390x']}")), NOTHING },
	{ RULES(RULE(", 'excludes': {'arches': ['s390x', '" SHORT "']}")), NOTHING },
	{ RULES(RULE(", 'includes': {'minKernel': '4.8'}")), KEPT },
	{ RULES(RULE(", 'includes': {'minKernel': '999.0'}")), NOTHING },
	{ RULES(RULE(", 'excludes': {'minKernel': '4.8'}")), NOTHING },
	{ RULES(RULE(", 'includes': {'caps': ['CAP_CHOWN'], 'minKernel': '999.0'}")), NOTHING },
	{ "{'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_ARM'], 'archMap': []}",
	  "{'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_ARM'], "
	  "'syscalls': []}" },
	{ "{'defaultAction': 'SCMP_ACT_KILL', 'defaultErrnoRet': 1, 'flags': "
	  "['SECCOMP_FILTER_FLAG_LOG'], 'archMap': [{'architecture': 'SCMP_ARCH_S390X'}, "
	  "{'architecture': '" NATIVE "', 'subArchitectures': ['SCMP_ARCH_MIPS']}]}",
	  "{'defaultAction': 'SCMP_ACT_KILL', 'defaultErrnoRet': 1, 'flags': "
	  "['SECCOMP_FILTER_FLAG_LOG'], 'architectures': ['" NATIVE "', 'SCMP_ARCH_MIPS'], "
	  "'syscalls': []}" },
};

static const struct {
	const char *profile, *why;
} mistakes[] = {
	{ RULES("{'name': 'mount', 'names': ['umount'], 'action': 'SCMP_ACT_ALLOW'}"),
	  "use either 'name' or 'names'" },
	{ "{'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_ARM'], 'archMap': "
	  "[{'architecture': 'SCMP_ARCH_ARM'}]}",
	  "use either 'architectures' or 'archMap'" },
	{ RULES(RULE(", 'includes': {'minKernel': 'new'}")), "invalid kernel version: \"new\"" },
	{ RULES(RULE(", 'includes': []")),
	  "profile: syscalls[0].includes: expected an object, found an array" },
	{ RULES("1"), "profile: syscalls[0]: expected an object, found a number" },
	{ "{}", "profile: no defaultAction; seccomp=unconfined runs without a filter" },
	{ "{'default': 'SCMP_ACT_ERRNO', 'syscalls': [" RULE("") "]}",
	  "profile: no defaultAction" },
	{ RULES("{'call': 'mount', 'action': 'SCMP_ACT_ALLOW'}"),
	  "profile: syscalls[0]: names no system call" },
	{ RULES("{'names': ['mount'], 'do': 'SCMP_ACT_ALLOW'}"),
	  "profile: syscalls[0].action: missing" },
	{ "{'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [], 'Syscalls': [" RULE("") "]}",
	  "profile: Syscalls: 'syscalls' is there twice" },
	{ RULES(RULE(", 'includes': {'minKernel': '-4.-8'}")),
	  "invalid kernel version: \"-4.-8\"" },
	{ "[]", "profile: expected an object, found an array" },
};

static const struct json *parse(struct arena *arena, const char *text)
{
	char *quoted = arena_strdup(arena, text);
	const struct json *root;
	struct error err;

	for (char *c = quoted; (c = strchr(c, '\'')); c++)
		*c = '"';
	if (!check_ok(json_parse(arena, "profile", quoted, strlen(quoted), &root, &err), &err, "%s",
		      text))
		exit(1);
	return root;
}

int main(void)
{
	static const uint64_t held = 1ULL << CAP_CHOWN | 1ULL << CAP_SYS_ADMIN;
	autoarena struct arena arena = { 0 };
	const struct json *got;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct json *profile = parse(&arena, cases[i].profile);
		const struct json *wanted = parse(&arena, cases[i].wanted);

		check_ok(customprofile_read(&arena, profile, held, &got, &err), &err, "is read");
		check(json_is_equal(got, wanted), "case %zu is as the OCI has it", i);
	}
	for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
		const struct json *profile = parse(&arena, mistakes[i].profile);

		check_error(customprofile_read(&arena, profile, held, &got, &err), &err,
			    ERROR_INPUT, mistakes[i].why, "%s", mistakes[i].profile);
	}
	return tap_done();
}
