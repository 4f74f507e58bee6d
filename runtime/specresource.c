/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "runtime/specpart.h"

/*
 * linux.resources: limits and device rules.
 */

static const char *without(struct arena *arena, const char *text, char letter)
{
	char *copy = arena_strdup(arena, text), *to = copy;

	for (const char *from = text; *from; from++)
		if (*from != letter)
			*to++ = *from;
	*to = '\0';
	return copy;
}

static bool read_access(struct spec_reader *reader, const struct json *item, const char **access)
{
	if (!json_text_or(item, "access", "rwm", access, reader->err))
		return false;
	if ((*access)[0] == '\0')
		*access = "rwm";
	/* runc takes no notice of letters that it does not know: "rwa" is in use. */
	if (strchr(*access, 'a'))
		*access = without(reader->arena, *access, 'a');
	if ((*access)[0] == '\0' || (*access)[strspn(*access, "rwm")] != '\0')
		return json_wrong(json_get(item, "access"), reader->err,
				  "expected some of r, w and m");
	return true;
}

static bool read_device_rule(struct spec_reader *reader, const struct json *item,
			     struct spec_device_rule *rule)
{
	const char *type;

	if (!json_bool_or(item, "allow", false, &rule->is_allowed, reader->err) ||
	    !json_text_or(item, "type", "a", &type, reader->err) ||
	    !spec_number(reader, item, "major", -1, UINT32_MAX, &rule->major) ||
	    !spec_number(reader, item, "minor", -1, UINT32_MAX, &rule->minor) ||
	    !read_access(reader, item, &rule->access))
		return false;
	if (type[0] == '\0')
		type = "a";
	if (type[1] != '\0' || !strchr("abcu", type[0]))
		return json_wrong(json_get(item, "type"), reader->err,
				  "unknown device type \"%s\": expected a, b, c or u", type);
	rule->type = type[0] == 'u' ? 'c' : type[0];
	rule->major = rule->major == SPEC_UNSET ? -1 : rule->major;
	rule->minor = rule->minor == SPEC_UNSET ? -1 : rule->minor;
	return true;
}

static bool read_device_rules(struct spec_reader *reader, const struct json *section)
{
	struct spec_resources *into = &reader->spec->resources;
	const struct json *list;

	if (!spec_structs(reader, section, "devices", sizeof(*into->device_rules), &list,
			  &into->device_rules, &into->device_rule_count))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		if (!read_device_rule(reader, item, &into->device_rules[item->index]))
			return false;
	return true;
}

static bool read_memory(struct spec_reader *reader, const struct json *section)
{
	struct spec_resources *into = &reader->spec->resources;
	const struct json *memory;

	if (!json_object_or_null(section, "memory", &memory, reader->err) ||
	    !spec_number(reader, memory, "limit", -1, INT64_MAX, &into->memory_limit) ||
	    !spec_number(reader, memory, "reservation", -1, INT64_MAX, &into->memory_reservation) ||
	    !spec_number(reader, memory, "swap", -1, INT64_MAX, &into->memory_swap) ||
	    !spec_number(reader, memory, "swappiness", -1, 200, &into->memory_swappiness) ||
	    !json_bool_or(memory, "disableOOMKiller", false, &into->is_oom_killer_disabled,
			  reader->err) ||
	    !json_bool_or(memory, "checkBeforeUpdate", false, &into->is_memory_checked,
			  reader->err))
		return false;
	if (into->memory_swap > 0 && into->memory_limit > 0 &&
	    into->memory_swap < into->memory_limit)
		return json_wrong(memory, reader->err,
				  "swap (which includes memory) is smaller than limit");
	return true;
}

static bool read_cpu(struct spec_reader *reader, const struct json *section)
{
	struct spec_resources *into = &reader->spec->resources;
	const struct json *cpu;

	return json_object_or_null(section, "cpu", &cpu, reader->err) &&
	       spec_number(reader, cpu, "shares", 0, INT64_MAX, &into->cpu_shares) &&
	       spec_number(reader, cpu, "quota", -1, INT64_MAX, &into->cpu_quota) &&
	       spec_number(reader, cpu, "period", 0, INT64_MAX, &into->cpu_period) &&
	       spec_number(reader, cpu, "burst", 0, INT64_MAX, &into->cpu_burst) &&
	       spec_number(reader, cpu, "idle", 0, 1, &into->cpu_idle) &&
	       spec_number(reader, cpu, "realtimeRuntime", -1, INT64_MAX, &into->cpu_rt_runtime) &&
	       spec_number(reader, cpu, "realtimePeriod", 0, INT64_MAX, &into->cpu_rt_period) &&
	       json_text_or(cpu, "cpus", NULL, &into->cpus, reader->err) &&
	       json_text_or(cpu, "mems", NULL, &into->mems, reader->err);
}

/* -- block devices ---------------------------------------------------------------------------- */

static bool read_number(struct spec_reader *reader, const struct json *item, const char *key,
			struct spec_throttle *into)
{
	if (!spec_number(reader, item, "major", 0, UINT32_MAX, &into->major) ||
	    !spec_number(reader, item, "minor", 0, UINT32_MAX, &into->minor) ||
	    !spec_unsigned(reader, item, key, &into->rate))
		return false;
	if (into->major == SPEC_UNSET || into->minor == SPEC_UNSET)
		return json_wrong(item, reader->err, "expected major and minor");
	return true;
}

/* An entry may have both weights; one that is missing or 0 is not set. */
static bool read_weights(struct spec_reader *reader, const struct json *item)
{
	static const char *const kinds[][2] = { { "weight", "weight" },
						{ "leafWeight", "leaf_weight" } };
	struct spec_resources *into = &reader->spec->resources;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct spec_throttle *next = &into->throttles[into->throttle_count];

		next->what = kinds[i][1];
		if (!read_number(reader, item, kinds[i][0], next))
			return false;
		if (next->rate > 1000)
			return json_wrong(json_get(item, kinds[i][0]), reader->err,
					  "expected a weight from 10 to 1000");
		into->throttle_count += next->rate > 0;
	}
	return true;
}

static bool read_rate(struct spec_reader *reader, const struct json *item, const char *what)
{
	struct spec_resources *into = &reader->spec->resources;
	struct spec_throttle *next = &into->throttles[into->throttle_count++];

	next->what = what;
	if (!json_get(item, "rate"))
		return json_wrong(item, reader->err, "expected major, minor and rate");
	return read_number(reader, item, "rate", next);
}

static bool read_block(struct spec_reader *reader, const struct json *section)
{
	static const struct {
		const char *key, *what;
	} lists[] = {
		{ "weightDevice", NULL },
		{ "throttleReadBpsDevice", "read_bps" },
		{ "throttleWriteBpsDevice", "write_bps" },
		{ "throttleReadIOPSDevice", "read_iops" },
		{ "throttleWriteIOPSDevice", "write_iops" },
	};
	struct spec_resources *into = &reader->spec->resources;
	const struct json *block, *found[COUNT_OF(lists)];
	size_t total = 0;

	if (!json_object_or_null(section, "blockIO", &block, reader->err) ||
	    !spec_number(reader, block, "weight", 0, 1000, &into->block_weight) ||
	    !spec_number(reader, block, "leafWeight", 0, 1000, &into->block_leaf_weight))
		return false;
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		if (!spec_list(reader, block, lists[i].key, &found[i]))
			return false;
		total += found[i] ? 2 * found[i]->count : 0;
	}
	into->throttles = arena_array(reader->arena, total + 1, sizeof(*into->throttles));
	for (size_t i = 0; i < COUNT_OF(lists); i++)
		for (const struct json *item = found[i] ? found[i]->child : NULL; item;
		     item = item->next)
			if (!(lists[i].what ? read_rate(reader, item, lists[i].what)
					    : read_weights(reader, item)))
				return false;
	return true;
}

/* -- the rest --------------------------------------------------------------------------------- */

static bool read_hugepages(struct spec_reader *reader, const struct json *section)
{
	struct spec_resources *into = &reader->spec->resources;
	const struct json *list;

	if (!spec_structs(reader, section, "hugepageLimits", sizeof(*into->hugepages), &list,
			  &into->hugepages, &into->hugepage_count))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		struct spec_hugepage *page = &into->hugepages[item->index];

		if (!json_text(item, "pageSize", &page->size, reader->err) ||
		    !spec_unsigned(reader, item, "limit", &page->limit))
			return false;
		if (!json_get(item, "limit"))
			return json_wrong(item, reader->err, "limit: missing");
		if (page->size[strspn(page->size, "0123456789KMGB")] != '\0')
			return json_wrong(json_get(item, "pageSize"), reader->err,
					  "\"%.40s\" is no size like 2MB", page->size);
	}
	return true;
}

static bool read_priorities(struct spec_reader *reader, const struct json *network)
{
	struct spec_resources *into = &reader->spec->resources;
	const struct json *list;

	if (!spec_structs(reader, network, "priorities", sizeof(*into->network_priorities), &list,
			  &into->network_priorities, &into->network_priority_count))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		struct spec_pair *pair = &into->network_priorities[item->index];
		int64_t priority;

		if (!json_text(item, "name", &pair->name, reader->err) ||
		    !json_int(item, "priority", &priority, reader->err))
			return false;
		pair->value = arena_printf(reader->arena, "%lld", (long long)priority);
	}
	return true;
}

static bool read_network(struct spec_reader *reader, const struct json *section)
{
	const struct json *network;

	return json_object_or_null(section, "network", &network, reader->err) &&
	       spec_number(reader, network, "classID", 0, UINT32_MAX,
			   &reader->spec->resources.network_class) &&
	       read_priorities(reader, network);
}

/* As rdma.max wants it. */
static bool read_rdma_device(struct spec_reader *reader, const struct json *item,
			     struct spec_pair *pair)
{
	int64_t handles, objects;
	const char *text = arena_strdup(reader->arena, item->key);

	if (!spec_number(reader, item, "hcaHandles", 0, UINT32_MAX, &handles) ||
	    !spec_number(reader, item, "hcaObjects", 0, UINT32_MAX, &objects))
		return false;
	if (!item->key[0] || item->key[strcspn(item->key, " \t\n=")] != '\0')
		return json_wrong(item, reader->err, "not the name of an RDMA device");
	if (handles == SPEC_UNSET && objects == SPEC_UNSET)
		return json_wrong(item, reader->err, "expected hcaHandles or hcaObjects");
	if (handles != SPEC_UNSET)
		text = arena_printf(reader->arena, "%s hca_handle=%lld", text, (long long)handles);
	if (objects != SPEC_UNSET)
		text = arena_printf(reader->arena, "%s hca_object=%lld", text, (long long)objects);
	*pair = (struct spec_pair){ item->key, text };
	return true;
}

static bool read_rdma(struct spec_reader *reader, const struct json *section)
{
	struct spec_resources *into = &reader->spec->resources;
	const struct json *devices;

	if (!json_object_or_null(section, "rdma", &devices, reader->err))
		return false;
	into->rdma_count = devices ? devices->count : 0;
	into->rdma = arena_array(reader->arena, into->rdma_count + 1, sizeof(*into->rdma));
	for (const struct json *item = devices ? devices->child : NULL; item; item = item->next) {
		if (item->type != JSON_OBJECT)
			return json_expected(item, "an object", reader->err);
		if (!read_rdma_device(reader, item, &into->rdma[item->index]))
			return false;
	}
	return true;
}

static bool read_unified(struct spec_reader *reader, const struct json *section)
{
	struct spec_resources *into = &reader->spec->resources;

	if (!spec_pairs(reader, section, "unified", &into->unified, &into->unified_count))
		return false;
	for (size_t i = 0; i < into->unified_count; i++)
		if (strchr(into->unified[i].name, '/') || into->unified[i].name[0] == '.')
			return json_wrong(json_get(section, "unified"), reader->err,
					  "\"%s\" is not a cgroup file name",
					  into->unified[i].name);
	return true;
}

static bool read_pids(struct spec_reader *reader, const struct json *section)
{
	const struct json *pids;

	return json_object_or_null(section, "pids", &pids, reader->err) &&
	       spec_number(reader, pids, "limit", -1, INT64_MAX,
			   &reader->spec->resources.pids_limit);
}

static bool read_all(struct spec_reader *reader, const struct json *section)
{
	return read_device_rules(reader, section) && read_memory(reader, section) &&
	       read_cpu(reader, section) && read_pids(reader, section) &&
	       read_block(reader, section) && read_hugepages(reader, section) &&
	       read_rdma(reader, section) && read_network(reader, section) &&
	       read_unified(reader, section);
}

bool spec_read_resources(struct spec_reader *reader, const struct json *linux_section)
{
	struct spec_resources *into = &reader->spec->resources;
	const struct json *section;

	if (!json_object_or_null(linux_section, "resources", &section, reader->err))
		return false;
	into->is_given = section != NULL;
	return read_all(reader, section);
}

bool spec_parse_resources(struct arena *arena, const char *name, const char *text, size_t length,
			  struct spec_resources *resources, struct error *err)
{
	struct spec spec = { 0 };
	struct spec_reader reader = { .arena = arena, .spec = &spec, .err = err };
	const struct json *root;

	if (!json_parse(arena, name, text, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	spec.resources.is_given = true;
	if (!read_all(&reader, root))
		return false;
	*resources = spec.resources;
	return true;
}
