/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/bpf.h"
#include "runtime/seccomprule.h"

/*
 * How this works. Most verdicts depend on the call's number alone, and neighbours mostly share one.
 * So per architecture the numbers become ranges of one verdict each, and the program is a binary
 * search over their bounds: a dozen instructions deep where libseccomp compares number by number.
 * The kernel runs a new filter once for every number (its cache of plain "allow"), so
 * the depth is what loading costs; see docs/benchmarks.md.
 *
 *     arch = x86_64 → nr ≥ 0x40000000 ? search x32 : search x86_64
 *     arch = i386   → search i386
 *     any other     → kill
 *
 * Verdicts are libseccomp's: a rule without conditions beats those with, whatever their order;
 * among rules with conditions the first that holds wins; a 32-bit architecture compares 32 bits. On
 * top, as runc has it, numbers above all that the profile names give ENOSYS: a C library takes that
 * as "not there" and tries something older, but takes EPERM for an answer.
 */

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1U << 5)
#endif

#define NR_COMMON      640     /* numbers below this are looked at one by one; x32 ends at 547 */
#define NR_ARM_PRIVATE 0xf0000 /* ARM's own few calls start here */
#define NR_ARM_COUNT   16
#define SLOTS          (NR_COMMON + NR_ARM_COUNT)
#define X32_BIT        0x40000000

#define EXCEPTIONS_MAX 3     /* lone numbers compared in turn at the end of a search */
#define LINKS_MAX      65536 /* rules, each counted once for every call it is for */

/* One rule that applies to one number. */
struct link {
	uint32_t rule;
	uint32_t next; /* index in links; 0 is the end */
};

/* What to do with a system call: `action` if no link's rule says otherwise. */
struct verdict {
	uint32_t action;
	uint32_t first; /* link; 0: the action alone */
	size_t label;   /* in the architecture being written; 0: not yet */
};

/* Numbers from `start` to the next range's start. */
struct range {
	uint32_t start;
	uint32_t verdict;
};

/* Ranges first, first + 2, … of one verdict with lone numbers between them. */
struct group {
	uint32_t first;
	uint32_t exceptions;
};

struct compiler {
	struct arena arena;
	struct seccomp_profile profile; /* its rules grow by those for multiplexed calls */
	struct bpf bpf;
	/* All below is for the architecture at hand. */
	struct link *links; /* [0] is not used */
	size_t link_count, link_room;
	uint32_t heads[SLOTS], tails[SLOTS]; /* links per number */
	struct verdict verdicts[SLOTS + 2];
	size_t verdict_count;
	struct range ranges[SLOTS + 2];
	size_t range_count;
	struct group groups[SLOTS + 2];
	bool is_32bit;
};

static const uint32_t audit_arch[SECCOMP_ARCHES] = {
	[SECCOMP_X86_64] = AUDIT_ARCH_X86_64, [SECCOMP_X86] = AUDIT_ARCH_I386,
	[SECCOMP_X32] = AUDIT_ARCH_X86_64,    [SECCOMP_AARCH64] = AUDIT_ARCH_AARCH64,
	[SECCOMP_ARM] = AUDIT_ARCH_ARM,
};

/* Which rules apply to which number. ------------------------------------------------------ */

static void add_link(struct compiler *compiler, int32_t nr, uint32_t rule)
{
	uint32_t slot = (uint32_t)(nr < NR_COMMON ? nr : nr - NR_ARM_PRIVATE + NR_COMMON);
	uint32_t link = (uint32_t)compiler->link_count++;

	assert(slot < SLOTS && link < compiler->link_room);
	compiler->links[link] = (struct link){ .rule = rule };
	if (compiler->heads[slot])
		compiler->links[compiler->tails[slot]].next = link;
	else
		compiler->heads[slot] = link;
	compiler->tails[slot] = link;
}

/* The rule as it applies to socketcall(2) or ipc(2): their first argument says which call is meant.
 */
static uint32_t add_muxed_rule(struct compiler *compiler, uint32_t original, uint8_t muxed)
{
	struct seccomp_profile *profile = &compiler->profile;
	const struct seccomp_rule *rule = &profile->rules[original];
	struct seccomp_condition *conditions =
		arena_array(&compiler->arena, rule->count + 1, sizeof(*conditions));
	uint32_t count = 0;

	conditions[count++] = (struct seccomp_condition){ .compare = SECCOMP_EQ,
							  .mask = UINT64_MAX,
							  .value = muxed };
	for (uint32_t i = 0; i < rule->count; i++)
		if (rule->conditions[i].index != 0)
			conditions[count++] = rule->conditions[i];
	profile->rules[profile->rule_count] =
		(struct seccomp_rule){ rule->action, count, conditions };
	return (uint32_t)profile->rule_count++;
}

static void link_arch(struct compiler *compiler, enum seccomp_arch arch)
{
	compiler->link_count = 1;
	memset(compiler->heads, 0, sizeof(compiler->heads));
	for (size_t i = 0; i < compiler->profile.use_count; i++) {
		const struct seccomp_use *use = &compiler->profile.uses[i];
		const struct syscalls_entry *call = use->call;

		for (uint32_t rule = use->first; rule < use->first + use->count; rule++) {
			if (arch == SECCOMP_X86 && call->mux)
				add_link(compiler, call->mux,
					 add_muxed_rule(compiler, rule, call->muxed));
			if (call->nr[arch] >= 0)
				add_link(compiler, call->nr[arch], rule);
		}
	}
}

/* From numbers to ranges of one verdict. -------------------------------------------------- */

static bool is_same_chain(const struct compiler *compiler, uint32_t a, uint32_t b)
{
	while (a && b && compiler->links[a].rule == compiler->links[b].rule) {
		a = compiler->links[a].next;
		b = compiler->links[b].next;
	}
	return !a && !b;
}

/* The verdict for a chain of links, or for no link at all; found, or made. */
static uint32_t intern(struct compiler *compiler, uint32_t action, uint32_t first)
{
	for (uint32_t link = first; link; link = compiler->links[link].next) {
		const struct seccomp_rule *rule =
			&compiler->profile.rules[compiler->links[link].rule];

		if (rule->count == 0) {
			action = rule->action;
			first = 0;
			break;
		}
	}
	for (size_t i = 0; i < compiler->verdict_count; i++)
		if (compiler->verdicts[i].action == action &&
		    is_same_chain(compiler, compiler->verdicts[i].first, first))
			return (uint32_t)i;
	assert(compiler->verdict_count < COUNT_OF(compiler->verdicts));
	compiler->verdicts[compiler->verdict_count] =
		(struct verdict){ .action = action, .first = first };
	return (uint32_t)compiler->verdict_count++;
}

static void add_range(struct compiler *compiler, uint32_t start, uint32_t verdict)
{
	if (compiler->range_count == 0 ||
	    compiler->ranges[compiler->range_count - 1].verdict != verdict)
		compiler->ranges[compiler->range_count++] = (struct range){ start, verdict };
}

/* ENOSYS for what the profile's author cannot have known, unless everything unknown is let through.
 */
static uint32_t action_beyond(const struct seccomp_profile *profile)
{
	uint32_t action = profile->default_action;

	switch (action & SECCOMP_RET_ACTION) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_TRACE:
		return action;
	default:
		return SECCOMP_RET_ERRNO | ENOSYS;
	}
}

static void make_ranges(struct compiler *compiler, enum seccomp_arch arch)
{
	uint32_t base = arch == SECCOMP_X32 ? X32_BIT : 0;
	uint32_t other = compiler->profile.default_action;
	uint32_t end = NR_COMMON; /* of the numbers that the profile can have known */

	while (end > 0 && !compiler->heads[end - 1])
		end--;
	compiler->range_count = compiler->verdict_count = 0;
	for (uint32_t nr = 0; nr < end; nr++)
		add_range(compiler, base + nr, intern(compiler, other, compiler->heads[nr]));
	add_range(compiler, base + end,
		  intern(compiler, end ? action_beyond(&compiler->profile) : other, 0));
	if (arch != SECCOMP_ARM)
		return;
	for (uint32_t nr = 0; nr < NR_ARM_COUNT; nr++)
		add_range(compiler, NR_ARM_PRIVATE + nr,
			  intern(compiler, other, compiler->heads[NR_COMMON + nr]));
	add_range(compiler, NR_ARM_PRIVATE + NR_ARM_COUNT, intern(compiler, other, 0));
}

/* From verdicts to instructions. All of this is written backwards: see bpf.h. -------------- */

static void load(struct compiler *compiler, uint32_t offset)
{
	bpf_add(&compiler->bpf, BPF_LD | BPF_W | BPF_ABS, offset);
}

/* Loads one half of an argument, under its mask. Little-endian: the low half comes first. */
static void load_half(struct compiler *compiler, const struct seccomp_condition *condition,
		      bool is_high)
{
	uint32_t offset = (uint32_t)(offsetof(struct seccomp_data, args) + 8U * condition->index);
	uint32_t mask = (uint32_t)(is_high ? condition->mask >> 32 : condition->mask);

	if (mask != UINT32_MAX)
		bpf_add(&compiler->bpf, BPF_ALU | BPF_AND | BPF_K, mask);
	load(compiler, offset + (is_high ? 4 : 0));
}

static const uint16_t opcode[] = {
	[SECCOMP_EQ] = BPF_JEQ, [SECCOMP_GT] = BPF_JGT, [SECCOMP_GE] = BPF_JGE
};

static size_t emit_condition(struct compiler *compiler, const struct seccomp_condition *condition,
			     size_t holds, size_t fails)
{
	struct bpf *bpf = &compiler->bpf;
	uint32_t high = (uint32_t)(condition->value >> 32);
	size_t yes = condition->is_opposite ? fails : holds;
	size_t no = condition->is_opposite ? holds : fails;

	size_t low =
		bpf_branch(bpf, opcode[condition->compare], (uint32_t)condition->value, yes, no);
	load_half(compiler, condition, false);
	low = bpf->length;
	if (compiler->is_32bit)
		return low;
	if (condition->mask >> 32 == 0)
		return low; /* nothing of the high half is asked for */
	/* The high halves decide, unless they are equal. */
	bpf_branch(bpf, BPF_JEQ, high, low, no);
	if (condition->compare != SECCOMP_EQ)
		bpf_branch(bpf, BPF_JGT, high, yes, bpf->length);
	load_half(compiler, condition, true);
	return bpf->length;
}

/* Is this rule one comparison for equality, so that several of them can share what is loaded? */
static bool is_plain_equal(const struct seccomp_rule *rule)
{
	return rule->count == 1 && rule->conditions[0].compare == SECCOMP_EQ &&
	       !rule->conditions[0].is_opposite && rule->conditions[0].mask == UINT64_MAX;
}

static bool is_same_load(const struct compiler *compiler, const struct seccomp_rule *a,
			 const struct seccomp_rule *b)
{
	return is_plain_equal(a) && is_plain_equal(b) &&
	       a->conditions[0].index == b->conditions[0].index &&
	       (compiler->is_32bit || a->conditions[0].value >> 32 == b->conditions[0].value >> 32);
}

/* Adds `count` rules that compare the same word with different values. */
static size_t emit_equals(struct compiler *compiler, const uint32_t *rules, size_t count,
			  size_t otherwise)
{
	const struct seccomp_rule *all = compiler->profile.rules;
	const struct seccomp_condition *condition = all[rules[0]].conditions;
	struct bpf *bpf = &compiler->bpf;
	size_t next = otherwise;

	while (count-- > 0)
		next = bpf_branch(bpf, BPF_JEQ, (uint32_t)all[rules[count]].conditions[0].value,
				  bpf_return(bpf, all[rules[count]].action), next);
	load_half(compiler, condition, false);
	if (compiler->is_32bit)
		return bpf->length;
	bpf_branch(bpf, BPF_JEQ, (uint32_t)(condition->value >> 32), bpf->length, otherwise);
	load_half(compiler, condition, true);
	return bpf->length;
}

static size_t emit_rule(struct compiler *compiler, const struct seccomp_rule *rule,
			size_t otherwise)
{
	size_t holds = bpf_return(&compiler->bpf, rule->action);

	for (uint32_t i = rule->count; i-- > 0;)
		holds = emit_condition(compiler, &rule->conditions[i], holds, otherwise);
	return holds;
}

/* The label of code that reaches the verdict; written when it is first asked for. */
static size_t emit_verdict(struct compiler *compiler, uint32_t index)
{
	struct verdict *verdict = &compiler->verdicts[index];
	struct bpf *bpf = &compiler->bpf;
	autofree uint32_t *rules = NULL;
	size_t count = 0;

	if (!verdict->first)
		return bpf_return(bpf, verdict->action);
	if (verdict->label)
		return verdict->label;
	rules = mem_array(compiler->link_count, sizeof(*rules));
	for (uint32_t link = verdict->first; link; link = compiler->links[link].next)
		rules[count++] = compiler->links[link].rule;
	verdict->label = bpf_return(bpf, verdict->action);
	while (count > 0) {
		const struct seccomp_rule *last = &compiler->profile.rules[rules[--count]];
		size_t end = count + 1;

		while (count > 0 &&
		       is_same_load(compiler, &compiler->profile.rules[rules[count - 1]], last))
			count--;
		if (is_plain_equal(last))
			verdict->label =
				emit_equals(compiler, rules + count, end - count, verdict->label);
		else
			verdict->label = emit_rule(compiler, last, verdict->label);
	}
	return verdict->label;
}

/* True if the second range is one number inside what would else be one range. */
static bool is_exception(const struct range *ranges)
{
	return ranges[0].verdict == ranges[2].verdict && ranges[2].start - ranges[1].start == 1;
}

/* Takes ranges together that are one but for a few lone numbers: such a number then costs one
 * comparison where two bounds would cost two. Returns how many groups there are. */
static size_t make_groups(struct compiler *compiler)
{
	const struct range *ranges = compiler->ranges;
	size_t count = 0;

	for (size_t i = 0; i < compiler->range_count; count++) {
		size_t last = i;

		while (last + 2 < compiler->range_count && last - i < 2 * EXCEPTIONS_MAX &&
		       is_exception(ranges + last))
			last += 2;
		compiler->groups[count] = (struct group){ (uint32_t)i, (uint32_t)(last - i) / 2 };
		i = last + 1;
	}
	return count;
}

/* Binary search over `count` groups. */
static size_t emit_search(struct compiler *compiler, const struct group *groups, size_t count)
{
	struct bpf *bpf = &compiler->bpf;
	const struct range *ranges = compiler->ranges + groups->first;
	size_t half = count / 2;

	if (count > 1) {
		size_t upper = emit_search(compiler, groups + half, count - half);
		size_t lower = emit_search(compiler, groups, half);

		return bpf_branch(bpf, BPF_JGE, compiler->ranges[groups[half].first].start, upper,
				  lower);
	}

	size_t label = emit_verdict(compiler, ranges->verdict);

	for (uint32_t i = groups->exceptions; i-- > 0;) {
		size_t lone = emit_verdict(compiler, ranges[2 * i + 1].verdict);

		label = bpf_branch(bpf, BPF_JEQ, ranges[2 * i + 1].start, lone, label);
	}
	return label;
}

static size_t emit_arch(struct compiler *compiler, enum seccomp_arch arch)
{
	compiler->is_32bit = arch != SECCOMP_X86_64 && arch != SECCOMP_AARCH64;
	link_arch(compiler, arch);
	make_ranges(compiler, arch);
	return emit_search(compiler, compiler->groups, make_groups(compiler));
}

/* The whole. ------------------------------------------------------------------------------ */

/* The architectures whose programs one kernel may run; each has one entry in the dispatch. */
static const struct family {
	enum seccomp_arch arches[3];
	size_t count;
} families[] = {
	{ { SECCOMP_X86_64, SECCOMP_X86, SECCOMP_X32 }, 3 },
	{ { SECCOMP_AARCH64, SECCOMP_ARM }, 2 },
};

static void choose_arches(struct seccomp_profile *profile, enum seccomp_arch native)
{
	bool is_named[SECCOMP_ARCHES] = { false };
	const struct family *family = &families[native >= SECCOMP_AARCH64];

	for (size_t i = 0; i < family->count; i++)
		is_named[family->arches[i]] = profile->is_arch_named[family->arches[i]];
	is_named[native] = true;
	memcpy(profile->is_arch_named, is_named, sizeof(is_named));
}

/* Where the verdicts begin for one audit architecture; x86_64 and x32 share theirs. */
static size_t emit_audit_arch(struct compiler *compiler, enum seccomp_arch arch)
{
	struct bpf *bpf = &compiler->bpf;

	if (arch == SECCOMP_X86_64) {
		bool has_x32 = compiler->profile.is_arch_named[SECCOMP_X32];
		size_t x32 = has_x32 ? emit_arch(compiler, SECCOMP_X32)
				     : bpf_return(bpf, SECCOMP_RET_KILL);

		bpf_branch(bpf, BPF_JGE, X32_BIT, x32, emit_arch(compiler, arch));
	} else {
		bpf_continue_at(bpf, emit_arch(compiler, arch));
	}
	load(compiler, offsetof(struct seccomp_data, nr));
	return bpf->length;
}

static void emit_program(struct compiler *compiler)
{
	static const enum seccomp_arch audited[] = { SECCOMP_X86, SECCOMP_ARM, SECCOMP_AARCH64,
						     SECCOMP_X86_64 };
	size_t labels[COUNT_OF(audited)] = { 0 };
	struct bpf *bpf = &compiler->bpf;

	for (size_t i = 0; i < COUNT_OF(audited); i++)
		if (compiler->profile.is_arch_named[audited[i]])
			labels[i] = emit_audit_arch(compiler, audited[i]);

	size_t dispatch = bpf_return(bpf, SECCOMP_RET_KILL);

	for (size_t i = 0; i < COUNT_OF(audited); i++)
		if (labels[i])
			dispatch = bpf_branch(bpf, BPF_JEQ, audit_arch[audited[i]], labels[i],
					      dispatch);
	load(compiler, offsetof(struct seccomp_data, arch));
}

/* Makes room for the links of one architecture, and for the rules that multiplexed calls add. */
static bool reserve(struct compiler *compiler, const struct json *json, struct error *err)
{
	struct seccomp_profile *profile = &compiler->profile;
	struct seccomp_rule *rules;
	size_t links = 1;
	size_t muxed = 0;

	for (size_t i = 0; i < profile->use_count; i++) {
		links += profile->uses[i].count;
		muxed += profile->uses[i].call->mux ? profile->uses[i].count : 0;
	}
	if (links > LINKS_MAX)
		return json_wrong(json, err, "more than %d rules for system calls", LINKS_MAX);
	compiler->link_room = links + muxed;
	compiler->links =
		arena_array(&compiler->arena, compiler->link_room, sizeof(*compiler->links));
	rules = arena_array(&compiler->arena, profile->rule_count + muxed, sizeof(*rules));
	if (profile->rule_count)
		memcpy(rules, profile->rules, profile->rule_count * sizeof(*rules));
	profile->rules = rules;
	return true;
}

/* How to wait for an agent means something only if there is one, and the kernel insists on that. */
static unsigned kernel_flags(const struct seccomp_profile *profile)
{
	return profile->has_notify
		       ? profile->flags | SECCOMP_FILTER_FLAG_NEW_LISTENER
		       : profile->flags & ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
}

static bool compile(struct compiler *compiler, enum seccomp_arch native, const struct json *json,
		    struct seccomp_filter *filter, struct error *err)
{
	if (!seccomp_profile_parse(&compiler->arena, json, &compiler->profile, err) ||
	    !reserve(compiler, json, err))
		return false;
	choose_arches(&compiler->profile, native);
	bpf_init(&compiler->bpf, BPF_MAXINSNS);
	emit_program(compiler);
	if (compiler->bpf.length > BPF_MAXINSNS)
		return json_wrong(json, err, "needs %zu instructions, the kernel takes %d",
				  compiler->bpf.length, BPF_MAXINSNS);
	*filter = (struct seccomp_filter){ .code = bpf_take(&compiler->bpf),
					   .length = compiler->bpf.length,
					   .flags = kernel_flags(&compiler->profile),
					   .has_notify = compiler->profile.has_notify,
					   .agent = compiler->profile.agent,
					   .metadata = compiler->profile.metadata };
	return true;
}

bool seccomp_compile_for(enum seccomp_arch native, const struct json *profile,
			 struct seccomp_filter *filter, struct error *err)
{
	autofree struct compiler *compiler = mem_alloc(sizeof(*compiler));
	bool is_ok = compile(compiler, native, profile, filter, err);

	bpf_done(&compiler->bpf);
	arena_done(&compiler->arena);
	return is_ok;
}

bool seccomp_compile(const struct json *profile, struct seccomp_filter *filter, struct error *err)
{
#if defined(__x86_64__) && !defined(__ILP32__)
	return seccomp_compile_for(SECCOMP_X86_64, profile, filter, err);
#elif defined(__i386__)
	return seccomp_compile_for(SECCOMP_X86, profile, filter, err);
#elif defined(__aarch64__)
	return seccomp_compile_for(SECCOMP_AARCH64, profile, filter, err);
#elif defined(__arm__)
	return seccomp_compile_for(SECCOMP_ARM, profile, filter, err);
#else
	(void)profile;
	(void)filter;
	return error_set(err, ERROR_UNSUPPORTED,
			 "seccomp profiles are not supported on this kind of machine yet");
#endif
}

void seccomp_filter_done(struct seccomp_filter *filter)
{
	mem_cleanup_free(&filter->code);
	*filter = (struct seccomp_filter){ 0 };
}

bool seccomp_load(const struct seccomp_filter *filter, int *listener, struct error *err)
{
	struct sock_fprog program = { .len = (unsigned short)filter->length,
				      .filter = filter->code };
	long made = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);

	if (made < 0)
		return error_sys(err, "load the seccomp filter of %zu instructions",
				 filter->length);
	*listener = filter->has_notify ? (int)made : -1;
	return true;
}
