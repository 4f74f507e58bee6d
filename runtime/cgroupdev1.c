/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cgroupfile.h"

/*
 * Device rules of a v1 group: a list of exceptions that the kernel keeps, by devices.allow and
 * devices.deny.
 */

const struct spec_device_rule cgroup_default_rules[] = {
	{ true, 'c', -1, -1, "m" },    { true, 'b', -1, -1, "m" }, { true, 'c', 1, 3, "rwm" },
	{ true, 'c', 1, 5, "rwm" },    { true, 'c', 1, 7, "rwm" }, { true, 'c', 1, 8, "rwm" },
	{ true, 'c', 1, 9, "rwm" },    { true, 'c', 5, 0, "rwm" }, { true, 'c', 5, 2, "rwm" },
	{ true, 'c', 136, -1, "rwm" },
};
const size_t cgroup_default_rule_count = COUNT_OF(cgroup_default_rules);

/* The two files are opened once for all rules: opening costs more than writing here. */
struct rule_files {
	int allow, deny;
};

/* To the kernel "a" is everything, whatever follows it. */
static bool is_sweeping(const struct spec_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
	       strchr(rule->access, 'r') && strchr(rule->access, 'w') && strchr(rule->access, 'm');
}

static bool write_as(const struct rule_files *files, const struct spec_device_rule *rule, char type,
		     struct error *err)
{
	char text[64] = "a", major[16] = "*", minor[16] = "*";

	if (rule->major >= 0)
		snprintf(major, sizeof(major), "%u", (unsigned int)rule->major);
	if (rule->minor >= 0)
		snprintf(minor, sizeof(minor), "%u", (unsigned int)rule->minor);
	if (type != 'a')
		snprintf(text, sizeof(text), "%c %s:%s %.3s", type, major, minor, rule->access);
	if (write(rule->is_allowed ? files->allow : files->deny, text, strlen(text)) < 0)
		return error_sys(err, "%s device %s", rule->is_allowed ? "allow" : "deny", text);
	return true;
}

static bool write_rule(const struct rule_files *files, const struct spec_device_rule *rule,
		       struct error *err)
{
	if (rule->type != 'a' || is_sweeping(rule))
		return write_as(files, rule, rule->type, err);
	return write_as(files, rule, 'b', err) && write_as(files, rule, 'c', err);
}

static bool write_rules(const struct rule_files *files, const struct spec_device_rule *rules,
			size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (!write_rule(files, &rules[i], err))
			return false;
	return true;
}

static bool is_hole(const struct spec_device_rule *wide, const struct spec_device_rule *narrow)
{
	bool is_same_type = wide->type == narrow->type || wide->type == 'a' || narrow->type == 'a';
	bool is_met = (wide->major < 0 || narrow->major < 0 || wide->major == narrow->major) &&
		      (wide->minor < 0 || narrow->minor < 0 || wide->minor == narrow->minor);

	return is_same_type && is_met &&
	       ((wide->major < 0 && narrow->major >= 0) || (wide->minor < 0 && narrow->minor >= 0));
}

/* The kernel keeps a list of exceptions to "deny all" or "allow all". A rule can add one or take
 * the very same away; taking a part of one away does nothing, in silence. */
static bool check_rules(const struct spec_resources *wanted, struct error *err)
{
	const struct spec_device_rule *rules = wanted->device_rules;
	bool is_allowed = false;
	size_t first = 0;

	for (size_t i = 0; i < wanted->device_rule_count; i++) {
		if (is_sweeping(&rules[i])) {
			is_allowed = rules[i].is_allowed;
			first = i + 1;
		}
		for (size_t before = first; before < i; before++)
			if (rules[i].is_allowed == is_allowed &&
			    rules[before].is_allowed != is_allowed &&
			    is_hole(&rules[before], &rules[i]))
				return error_set(
					err, ERROR_UNSUPPORTED,
					"config.json: linux.resources.devices[%zu]: cgroup "
					"v1 cannot make a hole in the wider rule %zu",
					i, before);
	}
	return true;
}

/* In a user namespace of our own we may not; but nobody there can make device nodes either. */
static bool is_excused(const struct spec *spec, const struct error *err)
{
	return spec->namespaces[NAMESPACE_USER].is_wanted && err->kind == ERROR_DENIED;
}

/* In order, the config's and then ours: nothing runs in the group yet, so no one can be caught in
 * the middle. No rules at all would mean "everything", hence the leading deny. */
bool cgroup_rule_devices(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "devices");
	static const struct spec_device_rule deny_all = { false, 'a', -1, -1, "rwm" };
	const struct spec_resources *wanted = &spec->resources;
	size_t count = wanted->device_rule_count;
	bool is_everything = count > 0 && is_sweeping(&wanted->device_rules[count - 1]) &&
			     wanted->device_rules[count - 1].is_allowed;

	if (!check_rules(wanted, err))
		return false;
	if (!place)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the devices cgroup controller is not mounted: device rules could "
				 "not be enforced");
	if (is_everything)
		return true;
	autoclose int allow = openat(place->dir, "devices.allow", O_WRONLY | O_CLOEXEC);
	autoclose int deny = openat(place->dir, "devices.deny", O_WRONLY | O_CLOEXEC);
	struct rule_files files = { .allow = allow, .deny = deny };

	if (allow < 0 || deny < 0) {
		error_sys(err, "open the device rules of cgroup %s", place->path);
		return is_excused(spec, err);
	}
	if ((count == 0 || !is_sweeping(&wanted->device_rules[0])) &&
	    !write_rule(&files, &deny_all, err))
		return is_excused(spec, err);
	return write_rules(&files, wanted->device_rules, count, err) &&
	       write_rules(&files, cgroup_default_rules, cgroup_default_rule_count, err);
}
