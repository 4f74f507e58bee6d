/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define seccomp_load seccomp_load_by_libseccomp /* ours has that name */
#include <seccomp.h>
#undef seccomp_load

#include "base/file.h"
#include "base/mem.h"
#include "runtime/syscalls.h"
#include "tests/unit/bpfrun.h"
#include "tests/unit/tap.h"

/*
 * The judge is libseccomp: the same profile goes through it as runc would pass it, and both
 * programs are run in the interpreter below for every number of every architecture and for
 * arguments around every value that the profile mentions.
 */

struct program {
	struct sock_filter code[65536];
	size_t length;
};

/* The profile as runc gives it to libseccomp. ---------------------------------------------- */

struct known {
	const char *name;
	uint32_t value;
};

static const struct known arches[] = {
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 }, { "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },       { "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
};

static uint32_t lookup(const struct known *known, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].value;
	printf("# test does not know %s\n", name);
	abort();
}

static uint32_t action_of(const struct json *object, const char *key, const char *errno_key)
{
	const struct json *number = json_get(object, errno_key);
	uint32_t code = number ? (uint32_t)strtoul(number->text, NULL, 10) : EPERM;
	const char *name = json_get(object, key)->text;
	static const struct known plain[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
	};

	if (strcmp(name, "SCMP_ACT_ERRNO") == 0)
		return SCMP_ACT_ERRNO(code);
	if (strcmp(name, "SCMP_ACT_TRACE") == 0)
		return SCMP_ACT_TRACE(code);
	return lookup(plain, COUNT_OF(plain), name);
}

static uint64_t number_of(const struct json *object, const char *key)
{
	const struct json *number = json_get(object, key);

	return number ? strtoull(number->text, NULL, 10) : 0;
}

static struct scmp_arg_cmp compare_of(const struct json *arg)
{
	static const struct known operators[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};

	return (struct scmp_arg_cmp){
		.arg = (unsigned)number_of(arg, "index"),
		.op = (enum scmp_compare)lookup(operators, COUNT_OF(operators),
						json_get(arg, "op")->text),
		.datum_a = number_of(arg, "value"),
		.datum_b = number_of(arg, "valueTwo"),
	};
}

/* A rule that libseccomp refuses, after others for the same call, is no use as a judge. */
static void must_add(int result)
{
	if (result == 0)
		return;
	printf("# libseccomp: %s\n", strerror(-result));
	abort();
}

static void judge_rule(scmp_filter_ctx context, const struct json *element, int nr, uint32_t action)
{
	struct scmp_arg_cmp compares[64];
	const struct json *args = json_get(element, "args");
	unsigned count = 0, seen = 0;
	bool is_repeated = false;

	for (const struct json *arg = args ? args->child : NULL; arg; arg = arg->next) {
		compares[count] = compare_of(arg);
		is_repeated |= seen >> compares[count].arg & 1;
		seen |= 1U << compares[count++].arg;
	}
	if (!is_repeated) {
		must_add(seccomp_rule_add_array(context, action, nr, count, compares));
		return;
	}
	for (unsigned i = 0; i < count; i++)
		must_add(seccomp_rule_add_array(context, action, nr, 1, &compares[i]));
}

static bool judge_compile(uint32_t native, const struct json *profile, struct program *program)
{
	uint32_t fallback = action_of(profile, "defaultAction", "defaultErrnoRet");
	scmp_filter_ctx context = seccomp_init(fallback);
	const struct json *list = json_get(profile, "architectures");
	int file = memfd_create("bpf", MFD_CLOEXEC);

	if (native != seccomp_arch_native()) {
		seccomp_arch_add(context, native);
		seccomp_arch_remove(context, SCMP_ARCH_NATIVE);
	}
	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		(void)seccomp_arch_add(context, lookup(arches, COUNT_OF(arches), item->text));
	list = json_get(profile, "syscalls");
	for (const struct json *element = list ? list->child : NULL; element;
	     element = element->next) {
		uint32_t action = action_of(element, "action", "errnoRet");

		for (const struct json *name = json_get(element, "names")->child; name;
		     name = name->next) {
			int nr = seccomp_syscall_resolve_name(name->text);

			if (nr != __NR_SCMP_ERROR && action != fallback)
				judge_rule(context, element, nr, action);
		}
	}
	if (seccomp_export_bpf(context, file) != 0)
		abort();

	ssize_t size = pread(file, program->code, sizeof(program->code), 0);

	program->length = (size_t)size / sizeof(program->code[0]);
	close(file);
	seccomp_release(context);
	return size > 0;
}

/* The comparison. -------------------------------------------------------------------------- */

struct values {
	uint64_t list[512];
	size_t count;
};

static void add_value(struct values *values, uint64_t value)
{
	for (size_t i = 0; i < values->count; i++)
		if (values->list[i] == value)
			return;
	if (values->count < COUNT_OF(values->list))
		values->list[values->count++] = value;
}

/* Every number that a condition mentions, its neighbours, and the same with other upper halves. */
static void collect_values(const struct json *profile, struct values *values)
{
	const struct json *list = json_get(profile, "syscalls");

	add_value(values, 0);
	add_value(values, 1);
	add_value(values, UINT64_MAX);
	for (const struct json *element = list ? list->child : NULL; element;
	     element = element->next) {
		const struct json *args = json_get(element, "args");

		for (const struct json *arg = args ? args->child : NULL; arg; arg = arg->next)
			for (int i = 0; i < 2; i++) {
				uint64_t v = number_of(arg, i ? "valueTwo" : "value");

				add_value(values, v);
				add_value(values, v - 1);
				add_value(values, v + 1);
				add_value(values, v ^ 1ULL << 32);
				add_value(values, v | 1ULL << 63);
				add_value(values, v >> 1);
			}
	}
	for (uint32_t call = 2; call < 26; call++) /* of socketcall and ipc */
		add_value(values, call);
}

static uint32_t audit_of(uint32_t arch)
{
	return arch == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : arch;
}

/* The largest number that the profile names for this architecture; -1: none. */
static int newest(const struct json *profile, uint32_t arch)
{
	const struct json *list = json_get(profile, "syscalls");
	uint32_t fallback = action_of(profile, "defaultAction", "defaultErrnoRet");
	int best = -1;

	for (const struct json *element = list ? list->child : NULL; element;
	     element = element->next) {
		if (action_of(element, "action", "errnoRet") == fallback)
			continue;
		for (const struct json *name = json_get(element, "names")->child; name;
		     name = name->next) {
			int nr = seccomp_syscall_resolve_name_arch(arch, name->text);

			if (arch == SCMP_ARCH_X86 && nr >= -300 && nr < -100) {
				const struct syscalls_entry *call = syscalls_find(name->text);

				nr = call->nr[SECCOMP_X86] > call->mux ? call->nr[SECCOMP_X86]
								       : call->mux;
			}
			if (nr > best && (nr & 0x0fffffff) < 1024)
				best = nr;
		}
	}
	return best;
}

struct tally {
	unsigned compared, different;
	unsigned long ours, theirs; /* steps with all arguments 0, as the kernel does at load */
};

static void compare_at(const struct seccomp_filter *ours, const struct program *theirs,
		       const struct seccomp_data *data, int beyond, bool is_beyond_enosys,
		       struct tally *tally)
{
	unsigned steps_ours = 0, steps_theirs = 0;
	uint32_t got = bpf_run(ours->code, ours->length, data, &steps_ours);
	uint32_t want = bpf_run(theirs->code, theirs->length, data, &steps_theirs);

	bool is_arm_private = data->arch == AUDIT_ARCH_ARM && data->nr >= 0xf0000;

	if (is_beyond_enosys && data->nr > beyond && !is_arm_private &&
	    (uint32_t)data->nr >> 30 == (uint32_t)beyond >> 30)
		want = SECCOMP_RET_ERRNO | ENOSYS;
	tally->compared++;
	tally->ours += steps_ours;
	tally->theirs += steps_theirs;
	if (got != want && tally->different++ < 8)
		printf("# arch %#x nr %d args %#llx %#llx %#llx: got %#x, want %#x\n", data->arch,
		       data->nr, (unsigned long long)data->args[0],
		       (unsigned long long)data->args[1], (unsigned long long)data->args[2], got,
		       want);
}

static void compare_arch(const struct json *profile, const struct seccomp_filter *ours,
			 const struct program *theirs, uint32_t arch, bool is_listed,
			 const struct values *values, struct tally *tally)
{
	uint32_t base = arch == SCMP_ARCH_X32 ? 0x40000000 : 0;
	uint32_t fallback = action_of(profile, "defaultAction", "defaultErrnoRet");
	int beyond = newest(profile, arch);
	bool is_enosys = is_listed && beyond >= 0 && fallback != SCMP_ACT_ALLOW &&
			 fallback != SCMP_ACT_LOG &&
			 (fallback & SECCOMP_RET_ACTION) != SECCOMP_RET_TRACE;

	for (uint32_t nr = 0; nr < 1200; nr++) {
		struct seccomp_data data = { .nr = (int)(base + nr), .arch = audit_of(arch) };

		if (nr == 1100) /* the last hundred: numbers far out */
			base += 0x0f0000 - 1100;
		compare_at(ours, theirs, &data, beyond, is_enosys, tally);
		for (int index = 0; index < 6; index++)
			for (size_t v = 0; v < values->count; v++) {
				for (int other = 0; other < 6; other++)
					data.args[other] = values->list[(v + 7) % values->count];
				data.args[index] = values->list[v];
				compare_at(ours, theirs, &data, beyond, is_enosys, tally);
			}
	}
}

static const enum seccomp_arch ours_of[] = { SECCOMP_X86_64, SECCOMP_X86, SECCOMP_X32,
					     SECCOMP_AARCH64, SECCOMP_ARM };

static bool is_listed(const struct json *profile, uint32_t arch, size_t native)
{
	const struct json *list = json_get(profile, "architectures");

	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		if (lookup(arches, COUNT_OF(arches), item->text) == arch)
			return true;
	return arches[native].value == arch;
}

static void compare(const char *name, const struct json *profile, size_t native)
{
	static struct program theirs;
	struct seccomp_filter ours = { 0 };
	struct values values = { 0 };
	struct tally tally = { 0 };
	struct error err;

	if (!check_ok(seccomp_compile_for(ours_of[native], profile, &ours, &err), &err,
		      "%s: compile", name))
		return;
	judge_compile(arches[native].value, profile, &theirs);
	collect_values(profile, &values);
	for (size_t i = 0; i < COUNT_OF(arches); i++)
		compare_arch(profile, &ours, &theirs, arches[i].value,
			     is_listed(profile, arches[i].value, native), &values, &tally);
	printf("# %s: %zu instructions, libseccomp %zu; %u verdicts, steps %lu against %lu\n", name,
	       ours.length, theirs.length, tally.compared, tally.ours, tally.theirs);
	check_int(tally.different, 0, "%s: the same verdicts as libseccomp", name);
	seccomp_filter_done(&ours);
}

static const struct json *parse(struct arena *arena, const char *text, size_t length)
{
	const struct json *root;
	struct error err;

	if (!json_parse(arena, "config.json", text, length, &root, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return root;
}

static const struct json *load_case(struct arena *arena, const char *name)
{
	autobuf struct buf buf;
	struct error err;
	char path[256];

	buf_init(&buf, 1 << 20);
	snprintf(path, sizeof(path), "%s/tests/cases/seccomp/%s", SOURCE_ROOT, name);
	if (!file_read(AT_FDCWD, path, &buf, &err)) {
		printf("# %s\n", err.text);
		abort();
	}
	return parse(arena, buf.data, buf.length);
}

/* Odd profiles; each is one that somebody could write. */
static const struct odd {
	const char *name;
	const char *text;
	size_t native;
} odds[] = {
	{ "empty allow", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", 0 },
	{ "empty deny", "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13}", 0 },
	{ "deny list",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\",\"socket\","
	  "\"nosuchcall\",\"shmat\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"},{\"names\":[\"ptrace\"],"
	  "\"action\":\"SCMP_ACT_TRAP\"},{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_LOG\"},{"
	  "\"names\":[\"kill\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":77}]}",
	  0 },
	{ "an agent",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_"
	  "X32\"],"
	  "\"listenerPath\":\"/run/"
	  "agent\",\"syscalls\":[{\"names\":[\"mknod\",\"mknodat\",\"connect\"],"
	  "\"action\":\"SCMP_ACT_NOTIFY\"},{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_NOTIFY\","
	  "\"args\":[{"
	  "\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GE\"}]},{\"names\":[\"read\",\"write\"],"
	  "\"action\":"
	  "\"SCMP_ACT_ALLOW\"}]}",
	  0 },
	{ "sockets on i386",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],"
	  "\"syscalls\":"
	  "[{\"names\":[\"socket\",\"accept\",\"send\",\"shmget\",\"semop\",\"recvmmsg\"],"
	  "\"action\":\"SCMP_ACT_ALLOW\"}]}",
	  0 },
	{ "masks and ranges",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\","
	  "\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],\"syscalls\":["
	  "{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,\"value\":"
	  "21505,\"op\":\"SCMP_CMP_EQ\"},{\"index\":2,\"value\":4294967296,\"op\":\"SCMP_CMP_GT\"}]"
	  "},"
	  "{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":2,\"value\":"
	  "18446744069414584324,\"valueTwo\":4294967300,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
	  "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":"
	  "12884901890,\"op\":\"SCMP_CMP_GE\"}]},"
	  "{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":5,\"value\":"
	  "12884901890,\"op\":\"SCMP_CMP_LT\"}]},"
	  "{\"names\":[\"open\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":3,\"value\":"
	  "18446744073709551615,\"op\":\"SCMP_CMP_NE\"}]},"
	  "{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":4,\"value\":"
	  "7,\"op\":\"SCMP_CMP_LE\"}]}]}",
	  0 },
	{ "two conditions on one argument",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"personality\"],"
	  "\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}"
	  ","
	  "{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":3,\"op\":"
	  "\"SCMP_CMP_GT\"}]}]}",
	  0 },
	{ "without conditions beats with",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"clone\"],\"action\":"
	  "\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]},"
	  "{\"names\":[\"clone\",\"fork\"],\"action\":\"SCMP_ACT_LOG\"},"
	  "{\"names\":[\"fork\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,"
	  "\"op\":\"SCMP_CMP_EQ\"}]},{\"names\":[\"fork\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
	  0 },
	{ "a rule like the default",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"clone\"],\"action\":"
	  "\"SCMP_ACT_ERRNO\"},{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
	  "\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	  0 },
	{ "audit sockets, as podman refuses them",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"architectures\":["
	  "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],\"syscalls\":["
	  "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":22,\"args\":[{"
	  "\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"},{\"index\":2,\"value\":9,\"op\":"
	  "\"SCMP_CMP_EQ\"}]},{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
	  "\"index\":2,\"value\":9,\"op\":\"SCMP_CMP_NE\"}]}]}",
	  0 },
	{ "address families, as newer dockers name them",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],"
	  "\"syscalls\":["
	  "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":"
	  "12,"
	  "\"op\":\"SCMP_CMP_LT\"}]},{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\","
	  "\"args\":["
	  "{\"index\":0,\"value\":13,\"op\":\"SCMP_CMP_EQ\"}]},{\"names\":[\"socket\"],\"action\":"
	  "\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"}]},{"
	  "\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":"
	  "41,"
	  "\"op\":\"SCMP_CMP_EQ\"}]}]}",
	  0 },
	{ "arm64 alone",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"openat\",\"clone\"],"
	  "\"action\":\"SCMP_ACT_ALLOW\"}]}",
	  3 },
	{ "arm with its own calls",
	  "{\"defaultAction\":\"SCMP_ACT_KILL\",\"architectures\":[\"SCMP_ARCH_ARM\"],\"syscalls\":"
	  "[{"
	  "\"names\":[\"open\",\"openat\",\"set_tls\",\"cacheflush\",\"recv\",\"shmat\"],"
	  "\"action\":"
	  "\"SCMP_ACT_ALLOW\"},{\"names\":[\"mmap2\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
	  "\"index\":2,\"value\":4,\"op\":\"SCMP_CMP_LT\"}]}]}",
	  3 },
};

static void test_verdicts(void)
{
	autoarena struct arena arena = { 0 };
	const struct json *docker = load_case(&arena, "docker-20.10.json");

	compare("docker", docker, 0);
	for (size_t i = 0; i < COUNT_OF(odds); i++)
		compare(odds[i].name, parse(&arena, odds[i].text, strlen(odds[i].text)),
			odds[i].native);
}

/* What runc refuses too; each names its place. */
static const struct hostile {
	const char *text;
	enum error_kind kind;
	const char *part;
} hostiles[] = {
	{ "[]", ERROR_INPUT, "expected an object" },
	{ "{}", ERROR_INPUT, "defaultAction" },
	{ "{\"defaultAction\":1}", ERROR_INPUT, "config.json: defaultAction: expected a string" },
	{ "{\"defaultAction\":\"SCMP_ACT_PERMIT\"}", ERROR_INPUT,
	  "config.json: defaultAction: unknown action \"SCMP_ACT_PERMIT\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", ERROR_INPUT,
	  "defaultAction: SCMP_ACT_NOTIFY cannot be used as default action" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", ERROR_INPUT,
	  "defaultErrnoRet: SCMP_ACT_ALLOW takes no errno" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}", ERROR_INPUT,
	  "defaultErrnoRet: errno 4096" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}", ERROR_INPUT,
	  "no whole number" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
	  ERROR_INPUT, "architectures[0]: unknown architecture \"SCMP_ARCH_VAX\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_FUN\"]}",
	  ERROR_INPUT, "flags[0]: unknown flag" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":7}", ERROR_INPUT,
	  "listenerPath: expected a string" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":"
	  "\"SCMP_ACT_NOTIFY\"}]}",
	  ERROR_INPUT, "listenerPath is not set" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}", ERROR_INPUT,
	  "syscalls: expected an array" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[7]}", ERROR_INPUT,
	  "syscalls[0]: expected an object" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_KILL\"}]}",
	  ERROR_INPUT, "syscalls[0]: names no system call" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_"
	  "KILL\"}]}",
	  ERROR_INPUT, "syscalls[0]: names no system call" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[1],\"action\":\"SCMP_"
	  "ACT_KILL\"}]}",
	  ERROR_INPUT, "syscalls[0].names[0]: expected a string" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"]}]}",
	  ERROR_INPUT, "action" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"],\"action\":"
	  "\"SCMP_ACT_KILL\",\"errnoRet\":1}]}",
	  ERROR_INPUT, "syscalls[0].errnoRet: SCMP_ACT_KILL takes no errno" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"],\"action\":"
	  "\"SCMP_ACT_KILL\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	  ERROR_INPUT, "syscalls[0].args[0].index: a system call has arguments 0 to 5" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"],\"action\":"
	  "\"SCMP_ACT_KILL\",\"args\":[{\"op\":\"==\"}]}]}",
	  ERROR_INPUT, "syscalls[0].args[0].op: unknown operator \"==\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"],\"action\":"
	  "\"SCMP_ACT_KILL\",\"args\":[{\"value\":18446744073709551616,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	  ERROR_INPUT, "syscalls[0].args[0].value: \"18446744073709551616\" is no whole number" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"],\"action\":"
	  "\"SCMP_ACT_KILL\",\"args\":[{\"value\":1e3,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	  ERROR_INPUT, "syscalls[0].args[0].value" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"],\"action\":"
	  "\"SCMP_ACT_KILL\",\"args\":[[]]}]}",
	  ERROR_INPUT, "syscalls[0].args[0]: expected an object" },
};

static void test_hostile(void)
{
	autoarena struct arena arena = { 0 };

	for (size_t i = 0; i < COUNT_OF(hostiles); i++) {
		const char *text = hostiles[i].text;
		struct seccomp_filter filter = { 0 };
		struct error err;

		check_error(seccomp_compile(parse(&arena, text, strlen(text)), &filter, &err), &err,
			    hostiles[i].kind, hostiles[i].part, "refused: %.200s", text);
	}
}

/* A profile of `count` elements: `before`, a number that no other has, `after`. */
static const struct json *many(struct arena *arena, int count, const char *before,
			       const char *after)
{
	autobuf struct buf buf;

	buf_init(&buf, 64 << 20);
	buf_add_text(&buf, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[");
	for (int i = 0; i < count; i++)
		buf_printf(&buf, "%s%s%d%s", i ? "," : "", before, i, after);
	buf_add_text(&buf, "]}");
	return parse(arena, buf.data, buf.length);
}

/* Profiles that are well-formed and too much. */
static void test_limits(void)
{
	autoarena struct arena arena = { 0 };
	struct seccomp_filter filter = { 0 };
	struct error err;
	const char *const allow = "{\"names\":[\"open\"],\"action\":\"SCMP_ACT_ALLOW\",";
	autofree char *before = mem_printf("%s\"args\":[{\"index\":1,\"value\":1", allow);
	const struct json *profile =
		many(&arena, 3000, before, "00000000,\"op\":\"SCMP_CMP_GT\"}]}");

	check_error(seccomp_compile(profile, &filter, &err), &err, ERROR_INPUT,
		    "instructions, the kernel takes 4096", "3000 conditions");
	autofree char *comment = mem_printf("%s\"comment\":", allow);

	profile = many(&arena, 9000, comment, "}");
	check_error(seccomp_compile(profile, &filter, &err), &err, ERROR_INPUT, "rules",
		    "9000 rules");
	profile = many(&arena, 700, before, ",\"op\":\"SCMP_CMP_EQ\"}]}");
	if (check_ok(seccomp_compile(profile, &filter, &err), &err, "700 values of one word"))
		check(filter.length < 760, "700 values of one word: %zu instructions",
		      filter.length);
	seccomp_filter_done(&filter);
}

/* Our table says what libseccomp says, and is sorted. */
static void test_table(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < syscalls_count; i++) {
		const struct syscalls_entry *entry = &syscalls_table[i];

		wrong += syscalls_find(entry->name) != entry;
		for (size_t a = 0; a < COUNT_OF(arches); a++) {
			int nr = entry->nr[ours_of[a]];
			autofree char *name = NULL;

			if (nr < 0)
				continue;
			if (arches[a].value == SCMP_ARCH_X32)
				nr |= 0x40000000;
			name = seccomp_syscall_resolve_num_arch(arches[a].value, nr);
			if (name && strcmp(name, entry->name) != 0) {
				printf("# %s: %s is %d, which is %s\n", arches[a].name, entry->name,
				       nr, name);
				wrong++;
			}
		}
	}
	check_int(wrong, 0, "every number of the table is libseccomp's");
	wrong = 0;
	for (size_t a = 0; a < COUNT_OF(arches); a++)
		for (int nr = 0; nr < 1024; nr++) {
			int bit = arches[a].value == SCMP_ARCH_X32 ? 0x40000000 : 0;
			autofree char *name =
				seccomp_syscall_resolve_num_arch(arches[a].value, nr | bit);
			const struct syscalls_entry *entry = name ? syscalls_find(name) : NULL;

			if (name && (!entry || entry->nr[ours_of[a]] != nr)) {
				printf("# %s: %d is %s\n", arches[a].name, nr, name);
				wrong++;
			}
		}
	check_int(wrong, 0, "every number of libseccomp is in the table");
}

/* The kernel takes the filter and does what it says. */
static void test_load(void)
{
	autoarena struct arena arena = { 0 };
	struct seccomp_filter filter = { 0 };
	struct error err;
	int listener = 0;
	int status = -1;

	if (!check_ok(seccomp_compile(load_case(&arena, "docker-20.10.json"), &filter, &err), &err,
		      "compile for this machine"))
		return;

	pid_t child = fork();

	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		    !seccomp_load(&filter, &listener, &err))
			_exit(1);
		if (syscall(SYS_unshare, 0) != -1 || errno != EPERM)
			_exit(2);
		if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
			_exit(3);
		if (syscall(900) != -1 || errno != ENOSYS)
			_exit(4);
		_exit(listener == -1 ? 0 : 5);
	}
	waitpid(child, &status, 0);
	check_int(status, 0, "a loaded filter refuses unshare, hides clone3 and number 900");
	seccomp_filter_done(&filter);
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* A figure, not a check: machines differ. */
static void print_time(void)
{
	autoarena struct arena arena = { 0 };
	const struct json *profile = load_case(&arena, "docker-20.10.json");
	double best = 1e9;

	for (int i = 0; i < 20; i++) {
		struct seccomp_filter filter = { 0 };
		struct error err;
		double start = now_us();

		if (!seccomp_compile(profile, &filter, &err))
			abort();
		start = now_us() - start;
		best = start < best ? start : best;
		seccomp_filter_done(&filter);
	}
	printf("# docker's profile compiles in %.0f us\n", best);
}

int main(void)
{
	test_table();
	test_verdicts();
	test_hostile();
	test_limits();
	test_load();
	print_time();
	return tap_done();
}
