/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/cgroupfile.h"

/*
 * Device rules of a v2 group: the kernel asks a BPF program, attached to the group, about every
 * open and mknod of a device. The last rule that matches decides, so the program tests them from
 * the last to the first; nothing matching means no. Reading, writing and mknod are decided one by
 * one.
 *
 * Registers: r1 context; r2 type, r3 access, r4 major, r5 minor, read once at the start.
 */

#define RULE_INSTRUCTIONS_MAX 10
#define PROGRAM_MAX           4096

struct program {
	struct bpf_insn code[PROGRAM_MAX];
	size_t length;
};

static void emit(struct program *program, unsigned char code, int destination, int source, int jump,
		 int value)
{
	struct bpf_insn *insn = &program->code[program->length++];

	*insn = (struct bpf_insn){ .code = code, .off = (short)jump, .imm = value };
	insn->dst_reg = destination & 15;
	insn->src_reg = source & 15;
}

static void load_context(struct program *program)
{
	const unsigned char load = BPF_LDX | BPF_MEM | BPF_W;

	emit(program, load, 2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	emit(program, BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
	emit(program, BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	emit(program, BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
	emit(program, load, 4, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit(program, load, 5, 1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

static int access_bits(const char *access)
{
	return (strchr(access, 'm') ? BPF_DEVCG_ACC_MKNOD : 0) |
	       (strchr(access, 'r') ? BPF_DEVCG_ACC_READ : 0) |
	       (strchr(access, 'w') ? BPF_DEVCG_ACC_WRITE : 0);
}

/* r3 is what was asked for and is not allowed yet. A rule that allows takes from it, one that
 * denies any of it denies all: so the last rule that speaks of an access decides on it. */
static size_t add_access(struct program *program, bool is_allowed, int bits)
{
	if (is_allowed) {
		emit(program, BPF_ALU | BPF_AND | BPF_K, 3, 0, 0, ~bits & 7);
		emit(program, BPF_JMP | BPF_JNE | BPF_K, 3, 0, 0, 0);
	} else {
		emit(program, BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
		emit(program, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, bits);
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0, 0);
	}
	return program->length - 1;
}

/* Every test that fails jumps past the rule; the jumps are filled in once its end is known. */
static void add_rule(struct program *program, const struct spec_device_rule *rule)
{
	const unsigned char unequal = BPF_JMP | BPF_JNE | BPF_K;
	size_t tests[4], count = 0;
	int bits = access_bits(rule->access);

	if (rule->type != 'a') {
		tests[count++] = program->length;
		emit(program, unequal, 2, 0, 0,
		     rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (rule->major >= 0) {
		tests[count++] = program->length;
		emit(program, unequal, 4, 0, 0, (int)rule->major);
	}
	if (rule->minor >= 0) {
		tests[count++] = program->length;
		emit(program, unequal, 5, 0, 0, (int)rule->minor);
	}
	if (bits != 7)
		tests[count++] = add_access(program, rule->is_allowed, bits);
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, rule->is_allowed);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	while (count-- > 0)
		program->code[tests[count]].off = (short)(program->length - tests[count] - 1);
}

/* What comes before it in the list cannot be reached. */
static bool decides_all(const struct spec_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
	       access_bits(rule->access) == 7;
}

static bool build(struct program *program, const struct spec_resources *resources,
		  struct error *err)
{
	size_t rules = resources->device_rule_count + cgroup_default_rule_count;

	if (rules * RULE_INSTRUCTIONS_MAX + 8 > PROGRAM_MAX)
		return error_set(err, ERROR_INPUT, "linux.resources.devices: too many rules");
	load_context(program);
	for (size_t i = cgroup_default_rule_count; i-- > 0;)
		add_rule(program, &cgroup_default_rules[i]);
	for (size_t i = resources->device_rule_count; i-- > 0;) {
		add_rule(program, &resources->device_rules[i]);
		if (decides_all(&resources->device_rules[i]))
			return true;
	}
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return true;
}

static int load(const struct program *program)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)program->code;
	attr.insn_cnt = (uint32_t)program->length;
	attr.license = (uint64_t)(uintptr_t)license;
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

bool cgroup_filter_devices(const struct cgroup_place *place, const struct spec_resources *resources,
			   struct error *err)
{
	autofree struct program *program = mem_alloc(sizeof(*program));
	union bpf_attr attr;

	if (!build(program, resources, err))
		return false;

	autoclose int filter = load(program);

	if (filter < 0)
		return error_sys(err, "load the device filter");
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)place->dir;
	attr.attach_bpf_fd = (uint32_t)filter;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0)
		return error_sys(err, "attach the device filter to cgroup %s", place->path);
	return true;
}
