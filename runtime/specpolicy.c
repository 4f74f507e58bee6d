/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/specpart.h"

/*
 * How the kernel shall treat a process: its turn on the CPUs and at the disks, where its memory
 * comes from, and whether it may mount.
 */

#define CPUS_MAX  65536
#define NODES_MAX 1024 /* the most that a kernel can be built for */

struct named {
	const char *name;
	uint32_t value;
};

static const struct named *find(const struct named *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i].name, name) == 0)
			return &names[i];
	return NULL;
}

/* Names of bits, put together. */
static bool read_flags(struct spec_reader *reader, const struct json *object, const char *what,
		       const struct named *names, size_t count, uint32_t *flags)
{
	const struct json *list;
	const char *name;

	*flags = 0;
	if (!spec_list(reader, object, "flags", &list))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (!json_as_text(item, &name, reader->err))
			return false;

		const struct named *known = find(names, count, name);

		if (!known)
			return json_wrong(item, reader->err, "invalid %s flag \"%.40s\"", what,
					  name);
		*flags |= known->value;
	}
	return true;
}

/* -- lists of numbers ------------------------------------------------------------------------ */

#define WORD_BITS (8 * sizeof(unsigned long))

static bool parse_number(const char **text, unsigned long most, unsigned long *number)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	*number = strtoul(*text, &end, 10);
	*text = end;
	return *number <= most;
}

/* "3" or "3-7", with blanks around it. */
static bool parse_range(const char **text, unsigned long most, unsigned long *first,
			unsigned long *last)
{
	*text += strspn(*text, " ");
	if (!parse_number(text, most, first))
		return false;
	*last = *first;
	if (**text == '-') {
		++*text;
		if (!parse_number(text, most, last))
			return false;
	}
	*text += strspn(*text, " ");
	return *first <= *last && (**text == ',' || **text == '\0');
}

/* "0-3,7"; empty elements count for nothing. A list without any number is as good as none. */
static bool read_bits(struct spec_reader *reader, const struct json *object, const char *key,
		      const char *what, size_t limit, struct spec_bits *bits)
{
	const char *text, *next;
	unsigned long first, last;

	*bits = (struct spec_bits){ 0 };
	if (!json_text_or(object, key, "", &text, reader->err))
		return false;
	for (next = text; next[strspn(next, " ,")] != '\0';) {
		next += strspn(next, " ,");
		if (!parse_range(&next, limit - 1, &first, &last))
			return json_wrong(json_get(object, key), reader->err,
					  "invalid %s list \"%.40s\": numbers below %zu are "
					  "wanted, like \"0-3,7\"",
					  what, text, limit);
		if (!bits->words) {
			bits->size = limit / 8;
			bits->words = arena_alloc(reader->arena, bits->size);
		}
		for (unsigned long i = first; i <= last; i++)
			bits->words[i / WORD_BITS] |= 1UL << i % WORD_BITS;
	}
	return true;
}

/* -- CPUs and disks -------------------------------------------------------------------------- */

/* By the kernel's numbers, some of which older C libraries do not name. */
enum {
	POLICY_FIFO = SCHED_FIFO,
	POLICY_RR = SCHED_RR,
	POLICY_ISO = 4, /* reserved, never in Linux */
	POLICY_DEADLINE = 6
};

static const struct named policy_names[] = {
	{ "SCHED_OTHER", 0 },
	{ "SCHED_FIFO", POLICY_FIFO },
	{ "SCHED_RR", POLICY_RR },
	{ "SCHED_BATCH", 3 },
	{ "SCHED_ISO", POLICY_ISO },
	{ "SCHED_IDLE", 5 },
	{ "SCHED_DEADLINE", POLICY_DEADLINE },
};

static const struct named scheduler_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static bool read_policy(struct spec_reader *reader, const struct json *object, uint32_t *policy)
{
	const struct named *known;
	const char *name;

	if (!json_text(object, "policy", &name, reader->err))
		return false;
	known = find(policy_names, COUNT_OF(policy_names), name);
	if (!known)
		return json_wrong(json_get(object, "policy"), reader->err,
				  "invalid scheduler policy: %.40s", name);
	if (known->value == POLICY_ISO)
		return json_wrong(json_get(object, "policy"), reader->err,
				  "Linux does not have SCHED_ISO");
	*policy = known->value;
	return true;
}

/* What the kernel would refuse: it names no reason, we can. */
static bool check_scheduler(struct spec_reader *reader, const struct json *object,
			    const struct spec_scheduler *s)
{
	bool is_realtime = s->policy == POLICY_FIFO || s->policy == POLICY_RR;
	uint64_t period = s->period ? s->period : s->deadline;

	if (!is_realtime && s->priority != 0)
		return json_wrong(json_get(object, "priority"), reader->err,
				  "scheduler.priority can only be specified for SchedFIFO or "
				  "SchedRR policy");
	if (is_realtime && s->priority == 0)
		return json_wrong(object, reader->err,
				  "priority: must be from 1 to 99 for SCHED_FIFO and SCHED_RR");
	if (s->policy != POLICY_DEADLINE && (s->runtime || s->deadline || s->period))
		return json_wrong(object, reader->err,
				  "scheduler runtime/deadline/period can only be specified for "
				  "SchedDeadline policy");
	if (s->policy == POLICY_DEADLINE && (s->runtime < 1024 || s->runtime > s->deadline ||
					     s->deadline > period || period > INT64_MAX))
		return json_wrong(object, reader->err,
				  "SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period");
	return true;
}

static bool read_scheduler(struct spec_reader *reader, const struct json *process)
{
	struct spec_scheduler *into;
	const struct json *object;
	uint32_t flags;
	int64_t nice, priority;

	if (!json_object_or_null(process, "scheduler", &object, reader->err))
		return false;
	if (!object)
		return true;
	into = arena_alloc(reader->arena, sizeof(*into));
	if (!read_policy(reader, object, &into->policy) ||
	    !spec_number(reader, object, "nice", -20, 19, &nice) ||
	    !spec_number(reader, object, "priority", 0, 99, &priority) ||
	    !read_flags(reader, object, "scheduler", scheduler_flags, COUNT_OF(scheduler_flags),
			&flags) ||
	    !spec_unsigned(reader, object, "runtime", &into->runtime) ||
	    !spec_unsigned(reader, object, "deadline", &into->deadline) ||
	    !spec_unsigned(reader, object, "period", &into->period))
		return false;
	into->nice = nice == SPEC_UNSET ? 0 : (int32_t)nice;
	into->priority = priority == SPEC_UNSET ? 0 : (uint32_t)priority;
	into->flags = flags;
	reader->spec->process.scheduler = into;
	return check_scheduler(reader, object, into);
}

static bool read_io_priority(struct spec_reader *reader, const struct json *process)
{
	static const struct named classes[] = {
		{ "IOPRIO_CLASS_RT", 1 },
		{ "IOPRIO_CLASS_BE", 2 },
		{ "IOPRIO_CLASS_IDLE", 3 },
	};
	int64_t *into = &reader->spec->process.io_priority;
	const struct json *object;
	const char *name;
	int64_t priority;

	*into = SPEC_UNSET;
	if (!json_object_or_null(process, "ioPriority", &object, reader->err))
		return false;
	if (!object)
		return true;
	if (!json_text(object, "class", &name, reader->err) ||
	    !spec_number(reader, object, "priority", 0, 7, &priority))
		return false;

	const struct named *known = find(classes, COUNT_OF(classes), name);

	if (!known)
		return json_wrong(json_get(object, "class"), reader->err,
				  "invalid ioPriority.Class: \"%.40s\"", name);
	*into = (int64_t)known->value << 13 | (priority == SPEC_UNSET ? 0 : priority);
	return true;
}

bool spec_read_turns(struct spec_reader *reader, const struct json *process)
{
	struct spec_process *into = &reader->spec->process;
	const struct json *affinity;

	return read_scheduler(reader, process) && read_io_priority(reader, process) &&
	       json_object_or_null(process, "execCPUAffinity", &affinity, reader->err) &&
	       read_bits(reader, affinity, "initial", "CPU", CPUS_MAX, &into->affinity_initial) &&
	       read_bits(reader, affinity, "final", "CPU", CPUS_MAX, &into->affinity_final);
}

/* -- memory ---------------------------------------------------------------------------------- */

#ifndef MPOL_PREFERRED_MANY /* Linux 5.15 */
#define MPOL_PREFERRED_MANY 5
#endif
#define WEIGHTED_INTERLEAVE 6 /* Linux 6.9 */

static const struct named mode_names[] = {
	{ "MPOL_BIND", MPOL_BIND },
	{ "MPOL_DEFAULT", MPOL_DEFAULT },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_LOCAL", MPOL_LOCAL },
	{ "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
	{ "MPOL_WEIGHTED_INTERLEAVE", WEIGHTED_INTERLEAVE },
};

static const struct named mode_flags[] = {
	{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
};

const char *spec_memory_mode(size_t i)
{
	return i < COUNT_OF(mode_names) ? mode_names[i].name : NULL;
}

const char *spec_memory_flag(size_t i)
{
	return i < COUNT_OF(mode_flags) ? mode_flags[i].name : NULL;
}

static int count_bits(const struct spec_bits *bits)
{
	int count = 0;

	for (size_t i = 0; i < bits->size / sizeof(*bits->words); i++)
		count += __builtin_popcountl(bits->words[i]);
	return count;
}

static bool check_nodes(struct spec_reader *reader, const struct json *object, uint32_t mode,
			const struct spec_bits *nodes)
{
	int count = count_bits(nodes);

	if ((mode == MPOL_DEFAULT || mode == MPOL_LOCAL) && count > 0)
		return json_wrong(json_get(object, "nodes"), reader->err,
				  "mode requires 0 nodes but got %d", count);
	if (mode != MPOL_DEFAULT && mode != MPOL_LOCAL && mode != MPOL_PREFERRED && count == 0)
		return json_wrong(object, reader->err,
				  "nodes: mode requires at least one node but got 0");
	return true;
}

bool spec_read_memory_policy(struct spec_reader *reader, const struct json *linux_section)
{
	struct spec_memory_policy *into;
	const struct json *object;
	const char *name;
	uint32_t flags;

	if (!json_object_or_null(linux_section, "memoryPolicy", &object, reader->err))
		return false;
	if (!object || !object->child) /* an empty one asks for nothing */
		return true;
	into = arena_alloc(reader->arena, sizeof(*into));
	if (!json_text_or(object, "mode", "", &name, reader->err) ||
	    !read_bits(reader, object, "nodes", "memory policy node", NODES_MAX, &into->nodes) ||
	    !read_flags(reader, object, "memory policy", mode_flags, COUNT_OF(mode_flags), &flags))
		return false;

	const struct named *mode = find(mode_names, COUNT_OF(mode_names), name);

	if (!mode)
		return json_wrong(name[0] ? json_get(object, "mode") : object, reader->err,
				  "invalid memory policy mode \"%.40s\"", name);
	if (flags & MPOL_F_STATIC_NODES && flags & MPOL_F_RELATIVE_NODES)
		return json_wrong(
			json_get(object, "flags"), reader->err,
			"MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other: "
			"set_mempolicy: invalid argument");
	into->mode = (int)(mode->value | flags);
	reader->spec->memory_policy = into;
	return check_nodes(reader, object, mode->value, &into->nodes);
}

/* -- mounting -------------------------------------------------------------------------------- */

/* Root gets what its bounding set allows with each program, others only what is ambient. */
static uint64_t effective_at_start(const struct spec_process *process)
{
	const struct spec_capabilities *sets = &process->capabilities;
	uint64_t granted = sets->permitted & sets->bounding;

	return process->user.uid == 0 ? granted : granted & sets->inheritable & sets->ambient;
}

/* Of user:role:type:level; spc_t is the type that the SELinux policies do not hold back. */
static bool is_label_free(const char *label)
{
	const char *role = label ? strchr(label, ':') : NULL;
	const char *type = role ? strchr(role + 1, ':') : NULL;

	return !label || (type && strncmp(type, ":spc_t:", strlen(":spc_t:")) == 0);
}

bool spec_may_mount(const struct spec *spec)
{
	const struct spec_process *process = &spec->process;

	return effective_at_start(process) >> CAP_SYS_ADMIN & 1 && !spec->seccomp &&
	       is_label_free(process->selinux_label) &&
	       (!process->apparmor_profile || strcmp(process->apparmor_profile, "unconfined") == 0);
}
