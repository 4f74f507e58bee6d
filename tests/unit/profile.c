/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/profile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>

#include "base/mem.h"
#include "runtime/seccomp.h"
#include "runtime/syscalls.h"
#include "tests/unit/bpfrun.h"
#include "tests/unit/tap.h"

#if defined(__x86_64__)
#define NATIVE       SECCOMP_X86_64
#define NATIVE_AUDIT AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE       SECCOMP_AARCH64
#define NATIVE_AUDIT AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE       SECCOMP_ARM
#define NATIVE_AUDIT AUDIT_ARCH_ARM
#elif defined(__i386__)
#define NATIVE       SECCOMP_X86
#define NATIVE_AUDIT AUDIT_ARCH_I386
#endif

#define DOCKER_CAPABILITIES 0xa80425fbULL
#define ALL_CAPABILITIES    ((1ULL << 41) - 1)
#define EPERM_VERDICT       (SECCOMP_RET_ERRNO | EPERM)
#define ENOSYS_VERDICT      (SECCOMP_RET_ERRNO | ENOSYS)

static void compile(struct arena *arena, uint64_t capabilities, bool is_for_64_bits,
		    struct seccomp_filter *filter)
{
	autobuf struct buf buf;
	const struct json *root, *profile;
	struct jsonout out;
	struct error err;

	buf_init(&buf, 1 << 20);
	jsonout_init(&out, &buf, false);
	jsonout_object(&out, NULL);
	profile_write(&out, capabilities, is_for_64_bits);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!check_ok(json_parse(arena, "linux", buf.data, buf.length, &root, &err), &err,
		      "profile for %#llx is JSON", (unsigned long long)capabilities))
		exit(1);
	profile = json_get(root, "seccomp");
	if (!check_ok(seccomp_compile_for(NATIVE, profile, filter, &err), &err, "and compiles"))
		exit(1);
	printf("# %zu bytes, %zu instructions\n", buf.length, filter->length);

	const struct json *elements = json_get(profile, "syscalls");
	const struct json *names = json_get(elements->child, "names");

	for (const struct json *name = names->child; name; name = name->next)
		/* Only a name of ARM's arm_sync_file_range, which is there too. */
		if (!syscalls_find(name->text) && strcmp(name->text, "sync_file_range2") != 0)
			check(false, "%s is a system call", name->text);
}

static uint32_t verdict(const struct seccomp_filter *filter, const char *name, uint64_t argument)
{
	struct seccomp_data data = { .nr = syscalls_find(name)->nr[NATIVE],
				     .arch = NATIVE_AUDIT,
				     .args = { argument } };
	unsigned steps = 0;

	return bpf_run(filter->code, filter->length, &data, &steps);
}

static const struct {
	const char *name;
	uint64_t argument;
	uint32_t docker, all;
} cases[] = {
	{ "read", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
#ifdef __x86_64__
	{ "arch_prctl", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
#endif
#ifdef __arm__
	{ "set_tls", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "cacheflush", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "arm_fadvise64_64", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "futex_time64", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "usr26", 0, EPERM_VERDICT, EPERM_VERDICT },
#endif
	{ "unshare", 0, EPERM_VERDICT, SECCOMP_RET_ALLOW },
	{ "mount", 0, EPERM_VERDICT, SECCOMP_RET_ALLOW },
	{ "chroot", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "ptrace", 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "init_module", 0, EPERM_VERDICT, SECCOMP_RET_ALLOW },
	{ "io_uring_setup", 0, EPERM_VERDICT, EPERM_VERDICT },
	{ "keyctl", 0, EPERM_VERDICT, EPERM_VERDICT },
	{ "clone", 17, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "clone", 0x10000000, EPERM_VERDICT, SECCOMP_RET_ALLOW }, /* CLONE_NEWUSER */
	{ "clone3", 0, ENOSYS_VERDICT, SECCOMP_RET_ALLOW },
	{ "socket", 1, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "socket", 2, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "socket", 16, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "socket", 12, EPERM_VERDICT, EPERM_VERDICT },
	{ "socket", 38, EPERM_VERDICT, EPERM_VERDICT }, /* AF_ALG */
	{ "socket", 40, EPERM_VERDICT, EPERM_VERDICT }, /* AF_VSOCK */
#if __SIZEOF_LONG__ == 8
	{ "socket", 1ULL << 32 | 1, EPERM_VERDICT, EPERM_VERDICT },
#endif
	{ "personality", 8, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	{ "personality", 0x40000, EPERM_VERDICT, EPERM_VERDICT },
	{ "file_getattr", 0, ENOSYS_VERDICT, ENOSYS_VERDICT }, /* newer than the profile */
};

#ifdef __x86_64__
/* What a program for 32 bits gets from socketcall(2), which the filter cannot look into. */
static void check_socketcall(struct arena *arena)
{
	static const struct {
		uint64_t call;
		uint32_t for_64_bits, for_32_bits;
	} calls[] = {
		{ 1, ENOSYS_VERDICT, SECCOMP_RET_ALLOW }, /* SYS_SOCKET */
		{ 2, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
		{ 8, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
		{ 20, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
	};

	for (int is_for_64_bits = 0; is_for_64_bits <= 1; is_for_64_bits++) {
		struct seccomp_filter filter = { 0 };
		unsigned steps = 0;

		compile(arena, DOCKER_CAPABILITIES, is_for_64_bits, &filter);
		for (size_t i = 0; i < COUNT_OF(calls); i++) {
			struct seccomp_data data = {
				.nr = syscalls_find("socketcall")->nr[SECCOMP_X86],
				.arch = AUDIT_ARCH_I386,
				.args = { calls[i].call }
			};

			check_int(bpf_run(filter.code, filter.length, &data, &steps),
				  is_for_64_bits ? calls[i].for_64_bits : calls[i].for_32_bits,
				  "socketcall(%d) of an image for %d bits", (int)calls[i].call,
				  is_for_64_bits ? 64 : 32);
		}
		seccomp_filter_done(&filter);
	}
}
#else
static void check_socketcall(struct arena *arena)
{
	(void)arena;
}
#endif

int main(void)
{
	autoarena struct arena arena = { 0 };
	struct seccomp_filter docker = { 0 }, all = { 0 };

	compile(&arena, DOCKER_CAPABILITIES, true, &docker);
	compile(&arena, ALL_CAPABILITIES, true, &all);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		unsigned long long argument = cases[i].argument;

		check_int(verdict(&docker, cases[i].name, argument), cases[i].docker,
			  "%s(%#llx) by default", cases[i].name, argument);
		check_int(verdict(&all, cases[i].name, argument), cases[i].all,
			  "%s(%#llx) with all capabilities", cases[i].name, argument);
	}
	check_socketcall(&arena);
	seccomp_filter_done(&docker);
	seccomp_filter_done(&all);
	return tap_done();
}
