/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unitprop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cgroupfile.h"
#include "runtime/dbusmessage.h"
#include "runtime/unitvariant.h"

/* Since which version systemd knows it. */
#define HAS_DEVICE_NUMBERS 240 /* "char-136" */
#define HAS_QUOTA_PERIOD   242
#define HAS_CPUSET         244
#define HAS_IDLE           252 /* CPUWeight=0 */

#define CPUS_MAX           8192 /* numbers of CPUs or memory nodes */
#define DEFAULT_PERIOD     100000
#define QUOTA_STEP         10000 /* microseconds per second: one percent */
#define SECOND             1000000

/* -- plain ones ------------------------------------------------------------------------------ */

static void put_name(struct buf *out, const char *name, const char *type)
{
	dbus_align(out, 8);
	dbus_put_text(out, name);
	dbus_put_signature(out, type);
}

void unitprop_put_bool(struct buf *out, const char *name, bool value)
{
	put_name(out, name, "b");
	dbus_put_bool(out, value);
}

void unitprop_put_text(struct buf *out, const char *name, const char *value)
{
	put_name(out, name, "s");
	dbus_put_text(out, value);
}

static void put_number(struct buf *out, const char *name, uint64_t value)
{
	put_name(out, name, "t");
	dbus_put_u64(out, value);
}

/* 0 and what is not said stay as they are; -1 is no limit, which is the largest number too. */
static void put_limit(struct buf *out, const char *name, int64_t value)
{
	if (value != SPEC_UNSET && value != 0)
		put_number(out, name, (uint64_t)value);
}

/* -- CPU ------------------------------------------------------------------------------------- */

static uint64_t quota_per_second(int64_t quota, int64_t period)
{
	uint64_t used = period > 0 ? (uint64_t)period : DEFAULT_PERIOD;
	uint64_t whole, exact;

	if (quota <= 0 || (uint64_t)quota > UINT64_MAX / SECOND - QUOTA_STEP)
		return UINT64_MAX;
	exact = (uint64_t)quota * SECOND / used;
	whole = exact / QUOTA_STEP * QUOTA_STEP;
	return exact == whole ? whole : whole + QUOTA_STEP;
}

int64_t unitprop_round_quota(int64_t quota, int64_t period)
{
	uint64_t used = period > 0 ? (uint64_t)period : DEFAULT_PERIOD;
	uint64_t rate = quota_per_second(quota, period);

	if (rate == UINT64_MAX || rate > UINT64_MAX / used ||
	    (uint64_t)quota * SECOND / used == rate)
		return quota;
	return (int64_t)(rate * used / SECOND);
}

static void put_quota(struct buf *out, const struct unitprop_wish *wish, int64_t quota,
		      int64_t period)
{
	bool has_period = period != SPEC_UNSET && period != 0;

	if (has_period && wish->version >= HAS_QUOTA_PERIOD)
		put_number(out, "CPUQuotaPeriodUSec", (uint64_t)period);
	if (has_period || (quota != SPEC_UNSET && quota != 0))
		put_number(out, "CPUQuotaPerSecUSec", quota_per_second(quota, period));
}

static bool read_cpu_number(const char **at, size_t *number)
{
	char *end;
	unsigned long value = strtoul(*at, &end, 10);

	if (end == *at || **at < '0' || **at > '9' || value >= CPUS_MAX)
		return false;
	*at = end;
	*number = value;
	return true;
}

/* "0-3,8" as bits, the lowest first. */
static bool read_cpus(const char *text, uint8_t bits[CPUS_MAX / 8], size_t *used)
{
	*used = 0;
	for (const char *at = text; *(at += strspn(at, ", \n"));) {
		size_t first, last;

		if (!read_cpu_number(&at, &first))
			return false;
		last = first;
		if (*at == '-' && (at++, !read_cpu_number(&at, &last)))
			return false;
		if (last < first || (*at && !strchr(", \n", *at)))
			return false;
		for (size_t cpu = first; cpu <= last; cpu++)
			bits[cpu / 8] |= (uint8_t)(1 << cpu % 8);
		if (*used < last / 8 + 1)
			*used = last / 8 + 1;
	}
	return *used > 0;
}

static bool put_cpus(struct buf *out, const struct unitprop_wish *wish, const char *name,
		     const char *text, struct error *err)
{
	uint8_t bits[CPUS_MAX / 8] = { 0 };
	struct dbus_array array;
	size_t used;

	if (!text || !text[0])
		return true;
	if (!read_cpus(text, bits, &used))
		return error_set(err, ERROR_INPUT,
				 "\"%.100s\" is not a list of CPUs or memory nodes like 0-3,8",
				 text);
	if (wish->version < HAS_CPUSET)
		return true;
	put_name(out, name, "ay");
	array = dbus_array_begin(out, 1);
	buf_add(out, bits, used);
	dbus_array_end(out, array);
	return true;
}

static void put_weight(struct buf *out, const struct unitprop_wish *wish)
{
	const struct spec_resources *wanted = wish->resources;

	if (wish->is_unified && wanted->cpu_idle == 1 && wish->version >= HAS_IDLE)
		put_number(out, "CPUWeight", 0);
	else if (wanted->cpu_shares > 0 && wish->is_unified)
		put_number(out, "CPUWeight", (uint64_t)cgroup_weight_of(wanted->cpu_shares));
	else if (wanted->cpu_shares > 0)
		put_number(out, "CPUShares", (uint64_t)wanted->cpu_shares);
}

static bool put_cpu(struct buf *out, const struct unitprop_wish *wish, struct error *err)
{
	const struct spec_resources *wanted = wish->resources;

	put_weight(out, wish);
	put_quota(out, wish, wanted->cpu_quota, wanted->cpu_period);
	return put_cpus(out, wish, "AllowedCPUs", wanted->cpus, err) &&
	       put_cpus(out, wish, "AllowedMemoryNodes", wanted->mems, err);
}

/* -- memory, processes, block devices -----------------------------------------------------------
 */

static void put_memory(struct buf *out, const struct unitprop_wish *wish)
{
	const struct spec_resources *wanted = wish->resources;
	int64_t limit = wanted->memory_limit, swap = wanted->memory_swap;

	if (!wish->is_unified) {
		put_limit(out, "MemoryLimit", limit);
		return;
	}
	put_limit(out, "MemoryMax", limit);
	put_limit(out, "MemoryLow", wanted->memory_reservation);
	/* The config counts memory and swap together. */
	if (swap > 0 && limit > 0)
		put_number(out, "MemorySwapMax", (uint64_t)(swap - limit));
	else if (swap == -1 || (limit == -1 && (swap == 0 || swap == SPEC_UNSET)))
		put_number(out, "MemorySwapMax", UINT64_MAX);
}

static void put_block(struct buf *out, const struct unitprop_wish *wish)
{
	int64_t weight = wish->resources->block_weight;

	if (weight <= 0)
		return;
	if (wish->is_unified)
		put_number(out, "IOWeight", (uint64_t)cgroup_io_weight_of(weight));
	else
		put_number(out, "BlockIOWeight", (uint64_t)weight);
}

/* -- unified --------------------------------------------------------------------------------- */

static bool read_max(const char *text, uint64_t *value)
{
	char *end;

	text += strspn(text, " \t\n");
	if (strncmp(text, "max", 3) == 0) {
		*value = UINT64_MAX;
		return text[3 + strspn(text + 3, " \t\n")] == '\0';
	}
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && end[strspn(end, " \t\n")] == '\0';
}

static bool put_cpu_max(struct buf *out, const struct unitprop_wish *wish, const char *text)
{
	autofree char *copy = mem_strdup(text + strspn(text, " \t\n"));
	size_t first = strcspn(copy, " \t\n");
	uint64_t quota, period = DEFAULT_PERIOD;
	bool has_more = copy[first] != '\0';

	copy[first] = '\0';
	if (!read_max(copy, &quota))
		return false;
	if (has_more && copy[first + 1 + strspn(copy + first + 1, " \t\n")] != '\0' &&
	    (!read_max(copy + first + 1, &period) || period == 0 || period > INT64_MAX))
		return false;
	put_quota(out, wish, quota > INT64_MAX ? -1 : (int64_t)quota, (int64_t)period);
	return true;
}

static const char *unified_value(const struct spec_resources *wanted, const char *name)
{
	for (size_t i = 0; i < wanted->unified_count; i++)
		if (strcmp(wanted->unified[i].name, name) == 0)
			return wanted->unified[i].value;
	return "";
}

/* The kernel's files that systemd has a name for, whose values are one number. */
static const char *number_name(const char *file)
{
	static const char *const names[][2] = {
		{ "cpu.weight", "CPUWeight" }, { "memory.high", "MemoryHigh" },
		{ "memory.low", "MemoryLow" }, { "memory.max", "MemoryMax" },
		{ "memory.min", "MemoryMin" }, { "memory.swap.max", "MemorySwapMax" },
		{ "pids.max", "TasksMax" },
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(file, names[i][0]) == 0)
			return names[i][1];
	return NULL;
}

static bool put_unified_one(struct buf *out, const struct unitprop_wish *wish,
			    const struct spec_pair *pair, struct error *err)
{
	bool is_idle = wish->version >= HAS_IDLE &&
		       strtoul(unified_value(wish->resources, "cpu.idle"), NULL, 10) == 1;
	const char *name = number_name(pair->name);
	uint64_t value;

	if (strcmp(pair->name, "cpu.idle") == 0 && is_idle)
		put_number(out, "CPUWeight", 0);
	if (strcmp(pair->name, "cpuset.cpus") == 0)
		return put_cpus(out, wish, "AllowedCPUs", pair->value, err);
	if (strcmp(pair->name, "cpuset.mems") == 0)
		return put_cpus(out, wish, "AllowedMemoryNodes", pair->value, err);
	if (strcmp(pair->name, "cpu.max") == 0)
		return put_cpu_max(out, wish, pair->value) ||
		       error_set(err, ERROR_INPUT, "\"%.100s\" is not a quota and a period",
				 pair->value);
	if (!name || (is_idle && strcmp(name, "CPUWeight") == 0))
		return true;
	if (!read_max(pair->value, &value))
		return error_set(err, ERROR_INPUT, "\"%.100s\" is not a number", pair->value);
	put_number(out, name, value);
	return true;
}

static bool put_unified(struct buf *out, const struct unitprop_wish *wish, struct error *err)
{
	const struct spec_resources *wanted = wish->resources;

	for (size_t i = 0; i < wanted->unified_count; i++)
		if (!put_unified_one(out, wish, &wanted->unified[i], err))
			return error_in(err, "linux.resources.unified[\"%s\"]",
					wanted->unified[i].name);
	return true;
}

/* -- devices --------------------------------------------------------------------------------- */

#define DEVICES_MAX 4096

/* What systemd can be told: one thing that is allowed. Holes in it cannot be said. */
struct allowed {
	char type;
	int64_t major, minor;
	char access[4];
};

struct allowed_list {
	struct allowed *items;
	size_t count;
	bool is_everything;
	bool is_inexact; /* the rules cannot be said as a list */
};

static bool has_all(const char *access)
{
	return strchr(access, 'r') && strchr(access, 'w') && strchr(access, 'm');
}

static bool covers(int64_t wide, int64_t narrow)
{
	return wide < 0 || wide == narrow;
}

static void take_away(struct allowed *item, const char *access)
{
	char *to = item->access;

	for (const char *from = item->access; *from; from++)
		if (!strchr(access, *from))
			*to++ = *from;
	*to = '\0';
}

static void deny(struct allowed_list *list, char type, const struct spec_device_rule *rule)
{
	for (size_t i = 0; i < list->count; i++) {
		struct allowed *item = &list->items[i];

		if (item->type != type)
			continue;
		if (covers(rule->major, item->major) && covers(rule->minor, item->minor))
			take_away(item, rule->access);
		else if (covers(item->major, rule->major) || covers(item->minor, rule->minor))
			list->is_inexact = true;
	}
}

static void apply_rule(struct allowed_list *list, char type, const struct spec_device_rule *rule)
{
	if (!rule->is_allowed) {
		deny(list, type, rule);
		return;
	}
	if (rule->major < 0 && rule->minor >= 0)
		list->is_inexact = true;

	struct allowed *item = &list->items[list->count++];

	*item = (struct allowed){ .type = type, .major = rule->major, .minor = rule->minor };
	for (const char *c = "rwm"; *c; c++)
		if (strchr(rule->access, *c))
			item->access[strlen(item->access)] = *c;
}

static void apply_rules(struct allowed_list *list, const struct spec_device_rule *rules,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct spec_device_rule any = rules[i];

		if (any.type == 'a' && has_all(any.access)) {
			list->count = 0;
			list->is_inexact = false;
			list->is_everything = any.is_allowed;
		} else if (list->is_everything) {
			list->is_inexact = list->is_inexact || !any.is_allowed;
		} else if (any.type == 'a') {
			any.major = any.minor = -1;
			apply_rule(list, 'b', &any);
			apply_rule(list, 'c', &any);
		} else {
			apply_rule(list, any.type, &any);
		}
	}
}

static void put_allowed(struct buf *out, const struct allowed *item)
{
	const char *kind = item->type == 'b' ? "block" : "char";
	autofree char *name = NULL;

	if (item->major < 0)
		name = mem_printf("%s-*", kind);
	else if (item->minor < 0)
		name = mem_printf("%s-%lld", kind, (long long)item->major);
	else
		name = mem_printf("/dev/%s/%lld:%lld", kind, (long long)item->major,
				  (long long)item->minor);
	dbus_align(out, 8);
	dbus_put_text(out, name);
	dbus_put_text(out, item->access);
}

/* Says the same as our own rules do, or less: on v2 both count, on v1 ours replace these. */
static void put_device_list(struct buf *out, const struct unitprop_wish *wish,
			    const struct allowed_list *list)
{
	bool is_open = list->is_everything || (list->is_inexact && wish->is_unified);
	struct dbus_array array;

	unitprop_put_text(out, "DevicePolicy", is_open ? "auto" : "strict");
	put_name(out, "DeviceAllow", "a(ss)");
	array = dbus_array_begin(out, 8);
	for (size_t i = 0; !is_open && !list->is_inexact && i < list->count; i++)
		if (list->items[i].access[0] &&
		    (list->items[i].minor >= 0 || list->items[i].major < 0 ||
		     wish->version >= HAS_DEVICE_NUMBERS))
			put_allowed(out, &list->items[i]);
	dbus_array_end(out, array);
}

static bool put_devices(struct buf *out, const struct unitprop_wish *wish, struct error *err)
{
	const struct spec_resources *wanted = wish->resources;
	size_t most = 2 * (wanted->device_rule_count + cgroup_default_rule_count);
	struct allowed_list list = { 0 };

	if (most > DEVICES_MAX)
		return error_set(err, ERROR_INPUT, "linux.resources.devices: too many rules");

	autofree struct allowed *items = mem_array(most, sizeof(*items));

	list.items = items;
	apply_rules(&list, wanted->device_rules, wanted->device_rule_count);
	if (!list.is_everything)
		apply_rules(&list, cgroup_default_rules, cgroup_default_rule_count);
	put_device_list(out, wish, &list);
	return true;
}

bool unitprop_put_resources(struct buf *out, const struct unitprop_wish *wish, struct error *err)
{
	const struct spec_resources *wanted = wish->resources;

	if (wish->is_new && !put_devices(out, wish, err))
		return false;
	if (!wanted->is_given)
		return true;
	put_memory(out, wish);
	put_block(out, wish);
	if (wanted->pids_limit > 0 || wanted->pids_limit == -1)
		put_number(out, "TasksMax", (uint64_t)wanted->pids_limit);
	return put_cpu(out, wish, err) && (!wish->is_unified || put_unified(out, wish, err));
}

/* -- annotations ----------------------------------------------------------------------------- */

static bool is_property_name(const char *name)
{
	size_t length = strlen(name);

	return length >= 3 && name[0] >= 'A' && name[0] <= 'Z' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == length;
}

/* "…Sec" is what unit files have; on the bus it is "…USec", in microseconds. */
static bool is_in_seconds(const char *name)
{
	size_t length = strlen(name);

	return length > 3 && strcmp(name + length - 3, "Sec") == 0 && name[length - 4] >= 'a' &&
	       name[length - 4] <= 'z';
}

static bool put_annotation(struct buf *out, const char *name, const char *text, struct error *err)
{
	autofree char *micro = NULL;

	if (!is_property_name(name))
		return error_set(err, ERROR_INPUT,
				 "not a property's name: only letters, the first "
				 "a capital");
	dbus_align(out, 8);
	if (!is_in_seconds(name)) {
		dbus_put_text(out, name);
		return unitvariant_put(out, text, err);
	}
	micro = mem_printf("%.*sUSec", (int)(strlen(name) - 3), name);
	dbus_put_text(out, micro);
	return unitvariant_put_seconds(out, text, err);
}

bool unitprop_put_annotations(struct buf *out, const struct json *annotations, struct error *err)
{
	size_t skipped = strlen(UNITPROP_ANNOTATION);

	for (const struct json *item = annotations ? annotations->child : NULL; item;
	     item = item->next) {
		const char *text;

		if (strncmp(item->key, UNITPROP_ANNOTATION, skipped) != 0)
			continue;
		if (!json_as_text(item, &text, err))
			return false;
		if (!put_annotation(out, item->key + skipped, text, err))
			return error_in(err, "annotation %.100s", item->key);
	}
	return true;
}
