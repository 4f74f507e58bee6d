/* SPDX-License-Identifier: Apache-2.0 */
#include "base/callfilter.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <sys/prctl.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE_ARCH AUDIT_ARCH_ARM
#elif defined(__i386__)
#define NATIVE_ARCH AUDIT_ARCH_I386
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#else
#error "name this machine's AUDIT_ARCH here"
#endif

#define X32_BIT 0x40000000 /* another set of numbers on the same architecture */

static void add(struct callfilter *filter, uint16_t code, uint32_t k, uint8_t if_true,
		uint8_t if_false)
{
	assert(filter->count < CALLFILTER_RULES_MAX);
	filter->rules[filter->count++] =
		(struct sock_filter){ .code = code, .jt = if_true, .jf = if_false, .k = k };
}

static void add_return(struct callfilter *filter, uint32_t verdict)
{
	add(filter, BPF_RET | BPF_K, verdict, 0, 0);
}

static void add_load(struct callfilter *filter, size_t offset)
{
	add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

void callfilter_begin(struct callfilter *filter)
{
	filter->count = 0;
	add_load(filter, offsetof(struct seccomp_data, arch));
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	add_return(filter, SECCOMP_RET_KILL_PROCESS);
	add_load(filter, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	add(filter, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	add_return(filter, CALLFILTER_REFUSE);
#endif
}

void callfilter_calls(struct callfilter *filter, const int *numbers, size_t count, uint32_t verdict)
{
	for (size_t i = 0; i < count; i++) {
		add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[i], 0, 1);
		add_return(filter, verdict);
	}
}

void callfilter_bits(struct callfilter *filter, int number, int argument, uint32_t bits,
		     uint32_t verdict)
{
	size_t low = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;

	add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4);
	add_load(filter, offsetof(struct seccomp_data, args) + (size_t)argument * 8 + low);
	add(filter, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	add_return(filter, verdict);
	add_load(filter, offsetof(struct seccomp_data, nr));
}

bool callfilter_load(struct callfilter *filter, uint32_t otherwise, struct error *err)
{
	struct sock_fprog program = { .filter = filter->rules };

	add_return(filter, otherwise);
	program.len = (unsigned short)filter->count;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, "set no_new_privs");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return true;
	return errno == EINVAL ? error_set(err, ERROR_UNSUPPORTED,
					   "cannot load the system call filter: does this kernel "
					   "have CONFIG_SECCOMP_FILTER?")
			       : error_sys(err, "load the system call filter");
}
