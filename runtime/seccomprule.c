/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomprule.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_RET_KILL_PROCESS /* Linux 4.14 */
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#define SECCOMP_RET_LOG          0x7ffc0000U
#endif
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW /* Linux 4.17 */
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1U << 2)
#endif

#ifndef SECCOMP_RET_USER_NOTIF /* Linux 5.0 */
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1U << 5)
#endif

#define ERRNO_MAX 4095 /* the kernel's largest errno; it cuts off more */

struct named {
	const char *name;
	uint32_t value;
};

static const struct named action_names[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
};

/* Those of other machines are accepted and without effect: such a program cannot run here. */
#define ARCH_FOREIGN SECCOMP_ARCHES
static const struct named arch_names[] = {
	{ "SCMP_ARCH_X86_64", SECCOMP_X86_64 },    { "SCMP_ARCH_X86", SECCOMP_X86 },
	{ "SCMP_ARCH_X32", SECCOMP_X32 },          { "SCMP_ARCH_AARCH64", SECCOMP_AARCH64 },
	{ "SCMP_ARCH_ARM", SECCOMP_ARM },          { "SCMP_ARCH_LOONGARCH64", ARCH_FOREIGN },
	{ "SCMP_ARCH_M68K", ARCH_FOREIGN },        { "SCMP_ARCH_MIPS", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPS64", ARCH_FOREIGN },      { "SCMP_ARCH_MIPS64N32", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPSEL", ARCH_FOREIGN },      { "SCMP_ARCH_MIPSEL64", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPSEL64N32", ARCH_FOREIGN }, { "SCMP_ARCH_PARISC", ARCH_FOREIGN },
	{ "SCMP_ARCH_PARISC64", ARCH_FOREIGN },    { "SCMP_ARCH_PPC", ARCH_FOREIGN },
	{ "SCMP_ARCH_PPC64", ARCH_FOREIGN },       { "SCMP_ARCH_PPC64LE", ARCH_FOREIGN },
	{ "SCMP_ARCH_RISCV64", ARCH_FOREIGN },     { "SCMP_ARCH_S390", ARCH_FOREIGN },
	{ "SCMP_ARCH_S390X", ARCH_FOREIGN },       { "SCMP_ARCH_SH", ARCH_FOREIGN },
	{ "SCMP_ARCH_SHEB", ARCH_FOREIGN },
};

static const struct named flag_names[] = {
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* for all threads: init has one */
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

static const struct operator
{
	const char *name;
	enum seccomp_compare compare;
	bool is_opposite;
}
operators[] = {
	{ "SCMP_CMP_EQ", SECCOMP_EQ, false }, { "SCMP_CMP_MASKED_EQ", SECCOMP_EQ, false },
	{ "SCMP_CMP_NE", SECCOMP_EQ, true },  { "SCMP_CMP_GT", SECCOMP_GT, false },
	{ "SCMP_CMP_LE", SECCOMP_GT, true },  { "SCMP_CMP_GE", SECCOMP_GE, false },
	{ "SCMP_CMP_LT", SECCOMP_GE, true },
};

const char *seccomp_action_name(size_t i)
{
	return i < COUNT_OF(action_names) ? action_names[i].name : NULL;
}

const char *seccomp_operator_name(size_t i)
{
	return i < COUNT_OF(operators) ? operators[i].name : NULL;
}

const char *seccomp_arch_name(size_t i)
{
	return i < COUNT_OF(arch_names) ? arch_names[i].name : NULL;
}

const char *seccomp_flag_name(size_t i)
{
	return i < COUNT_OF(flag_names) ? flag_names[i].name : NULL;
}

static const struct named *find(const struct named *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i].name, name) == 0)
			return &names[i];
	return NULL;
}

/* Values reach 2^64-1, which the signed getters of base/json.h do not. Missing is 0, as in Go. */
static bool parse_u64(const struct json *object, const char *key, uint64_t *value,
		      struct error *err)
{
	const struct json *number = json_get(object, key);
	char *end;

	*value = 0;
	if (!number)
		return true;
	if (number->type != JSON_NUMBER)
		return json_expected(number, "a number", err);
	errno = 0;
	*value = strtoull(number->text, &end, 10);
	if (errno != 0 || *end != '\0' || number->text[0] == '-')
		return json_wrong(number, err, "\"%.40s\" is no whole number from 0 to %" PRIu64,
				  number->text, UINT64_MAX);
	return true;
}

/* An action's name and the errno that goes with it, from two members of `object`. */
static bool parse_action(const struct json *object, const char *key, const char *errno_key,
			 uint32_t *action, struct error *err)
{
	const struct named *known;
	const char *name;
	uint64_t number;

	if (!json_text(object, key, &name, err) || !parse_u64(object, errno_key, &number, err))
		return false;
	known = find(action_names, COUNT_OF(action_names), name);
	if (!known)
		return json_wrong(json_get(object, key), err, "unknown action \"%.40s\"", name);
	*action = known->value;

	const struct json *place = json_get(object, errno_key);

	if (*action != SECCOMP_RET_ERRNO && *action != SECCOMP_RET_TRACE) {
		if (place)
			return json_wrong(place, err, "%s takes no errno", name);
		return true;
	}
	if (number > ERRNO_MAX)
		return json_wrong(place, err, "errno %" PRIu64 " is more than %d", number,
				  ERRNO_MAX);
	*action |= place ? (uint32_t)number : EPERM;
	return true;
}

static bool parse_condition(const struct json *json, struct seccomp_condition *condition,
			    struct error *err)
{
	uint64_t index, value, second;
	const char *name;
	size_t i = 0;

	if (json->type != JSON_OBJECT)
		return json_expected(json, "an object", err);
	if (!parse_u64(json, "index", &index, err) || !parse_u64(json, "value", &value, err) ||
	    !parse_u64(json, "valueTwo", &second, err) || !json_text(json, "op", &name, err))
		return false;
	if (index >= SECCOMP_ARGS)
		return json_wrong(json_get(json, "index"), err,
				  "a system call has arguments 0 to %d", SECCOMP_ARGS - 1);
	while (i < COUNT_OF(operators) && strcmp(operators[i].name, name) != 0)
		i++;
	if (i == COUNT_OF(operators))
		return json_wrong(json_get(json, "op"), err, "unknown operator \"%.40s\"", name);
	*condition = (struct seccomp_condition){ .index = (uint8_t)index,
						 .compare = operators[i].compare,
						 .is_opposite = operators[i].is_opposite,
						 .mask = UINT64_MAX,
						 .value = value };
	if (strcmp(name, "SCMP_CMP_MASKED_EQ") == 0) {
		condition->mask = value;
		condition->value = second & value;
	}
	return true;
}

/* Room for one more rule; the array doubles. */
static struct seccomp_rule *add_rule(struct arena *arena, struct seccomp_profile *profile)
{
	size_t count = profile->rule_count;

	if ((count & (count - 1)) == 0 && count != 1) {
		size_t room = count ? 2 * count : 2;
		struct seccomp_rule *rules = arena_array(arena, room, sizeof(*rules));

		if (count)
			memcpy(rules, profile->rules, count * sizeof(*rules));
		profile->rules = rules;
	}
	profile->rule_count++;
	return &profile->rules[count];
}

/* Reads "args". Two conditions on one argument cannot both be asked of libseccomp, so runc makes
 * each condition of such a list a rule of its own: any of them suffices. */
static bool parse_args(struct arena *arena, const struct json *args, uint32_t action,
		       struct seccomp_profile *profile, struct error *err)
{
	size_t count = args ? args->count : 0;
	unsigned seen = 0;
	bool is_repeated = false;

	if (count > SECCOMP_RULES_MAX - profile->rule_count)
		return json_wrong(args, err, "the profile has more than %d conditions",
				  SECCOMP_RULES_MAX);

	struct seccomp_condition *conditions = arena_array(arena, count, sizeof(*conditions));

	for (const struct json *arg = args ? args->child : NULL; arg; arg = arg->next) {
		struct seccomp_condition *condition = &conditions[arg->index];

		if (!parse_condition(arg, condition, err))
			return false;
		is_repeated = is_repeated || (seen & 1U << condition->index);
		seen |= 1U << condition->index;
	}
	for (size_t i = 0; is_repeated && i < count; i++)
		*add_rule(arena, profile) = (struct seccomp_rule){ action, 1, &conditions[i] };
	if (!is_repeated)
		*add_rule(arena, profile) =
			(struct seccomp_rule){ action, (uint32_t)count, conditions };
	return true;
}

/* One element of "syscalls". Names that no kernel of our table has are left out, as runc does. */
static bool parse_element(struct arena *arena, const struct json *element,
			  struct seccomp_profile *profile, struct error *err)
{
	struct seccomp_use use = { .first = (uint32_t)profile->rule_count };
	const struct json *names, *args;
	uint32_t action;

	if (element->type != JSON_OBJECT)
		return json_expected(element, "an object", err);
	if (!json_array_or_null(element, "names", &names, err) ||
	    !json_array_or_null(element, "args", &args, err) ||
	    !parse_action(element, "action", "errnoRet", &action, err))
		return false;
	if (!names || names->count == 0)
		return json_wrong(element, err, "names no system call");
	if (profile->rule_count >= SECCOMP_RULES_MAX)
		return json_wrong(element, err, "the profile has more than %d rules",
				  SECCOMP_RULES_MAX);
	if (!parse_args(arena, args, action, profile, err))
		return false;
	use.count = (uint32_t)profile->rule_count - use.first;
	profile->has_notify = profile->has_notify || action == SECCOMP_RET_USER_NOTIF;
	for (const struct json *name = names->child; name; name = name->next) {
		const char *text;

		if (!json_as_text(name, &text, err))
			return false;
		if (action == SECCOMP_RET_USER_NOTIF && strcmp(text, "write") == 0)
			return json_wrong(
				name, err,
				"SCMP_ACT_NOTIFY cannot be used for the write syscall: it "
				"tells the runtime of the agent's descriptor");
		use.call = syscalls_find(text);
		/* A rule that says what the default says would only hide others: runc skips it. */
		if (use.call && action != profile->default_action)
			profile->uses[profile->use_count++] = use;
	}
	return true;
}

static bool parse_syscalls(struct arena *arena, const struct json *json,
			   struct seccomp_profile *profile, struct error *err)
{
	const struct json *syscalls;
	size_t names = 0;

	if (!json_array_or_null(json, "syscalls", &syscalls, err))
		return false;
	for (const struct json *element = syscalls ? syscalls->child : NULL; element;
	     element = element->next) {
		const struct json *list = json_get(element, "names");

		names += list ? list->count : 0;
	}
	if (names > SECCOMP_USES_MAX)
		return json_wrong(syscalls, err, "more than %d system call names",
				  SECCOMP_USES_MAX);
	profile->uses = arena_array(arena, names, sizeof(*profile->uses));
	for (const struct json *element = syscalls ? syscalls->child : NULL; element;
	     element = element->next)
		if (!parse_element(arena, element, profile, err))
			return false;
	return true;
}

static bool parse_architectures(const struct json *json, struct seccomp_profile *profile,
				struct error *err)
{
	const struct json *list;

	if (!json_array_or_null(json, "architectures", &list, err))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		const struct named *known;
		const char *name;

		if (!json_as_text(item, &name, err))
			return false;
		known = find(arch_names, COUNT_OF(arch_names), name);
		if (!known)
			return json_wrong(item, err, "unknown architecture \"%.40s\"", name);
		if (known->value != ARCH_FOREIGN)
			profile->is_arch_named[known->value] = true;
	}
	return true;
}

/* Without a program to load a flag that is known leads to EFAULT. */
static bool is_known_to_kernel(unsigned flag)
{
	if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return flag == 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) == 0 ||
	       errno != EINVAL;
}

const char *seccomp_supported_flag(size_t i)
{
	for (size_t k = 0; k < COUNT_OF(flag_names); k++)
		if (is_known_to_kernel(flag_names[k].value) && i-- == 0)
			return flag_names[k].name;
	return NULL;
}

static bool parse_flags(const struct json *json, struct seccomp_profile *profile, struct error *err)
{
	const struct json *list;

	if (!json_array_or_null(json, "flags", &list, err))
		return false;
	if (!list) {
		profile->flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
		return true;
	}
	for (const struct json *item = list->child; item; item = item->next) {
		const struct named *known;
		const char *name;

		if (!json_as_text(item, &name, err))
			return false;
		known = find(flag_names, COUNT_OF(flag_names), name);
		if (!known)
			return json_wrong(item, err, "unknown flag \"%.60s\"", name);
		if (!is_known_to_kernel(known->value))
			return json_wrong(item, err, "this kernel does not have %s", name);
		profile->flags |= known->value;
	}
	return true;
}

/* A path without a rule that notifies is without effect, as with runc. */
static bool parse_agent(const struct json *json, struct seccomp_profile *profile, struct error *err)
{
	if (!json_text_or(json, "listenerPath", "", &profile->agent, err) ||
	    !json_text_or(json, "listenerMetadata", "", &profile->metadata, err))
		return false;
	if (!profile->has_notify)
		return true;
	if (profile->agent[0] == '\0')
		return json_wrong(
			json, err,
			"seccomp listenerPath is not set, but SCMP_ACT_NOTIFY needs an agent");
	if (profile->agent[0] != '/')
		return json_wrong(json_get(json, "listenerPath"), err,
				  "\"%.100s\" is not an absolute path", profile->agent);
	return true;
}

bool seccomp_profile_parse(struct arena *arena, const struct json *json,
			   struct seccomp_profile *profile, struct error *err)
{
	*profile = (struct seccomp_profile){ 0 };
	if (json->type != JSON_OBJECT)
		return json_expected(json, "an object", err);
	if (!parse_action(json, "defaultAction", "defaultErrnoRet", &profile->default_action, err))
		return false;
	if (profile->default_action == SECCOMP_RET_USER_NOTIF)
		return json_wrong(json_get(json, "defaultAction"), err,
				  "SCMP_ACT_NOTIFY cannot be used as default action");
	return parse_architectures(json, profile, err) && parse_flags(json, profile, err) &&
	       parse_syscalls(arena, json, profile, err) && parse_agent(json, profile, err);
}
