/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/customprofile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "runtime/caps.h"

/* As "archMap" and as "includes" call this machine. */
#if defined(__x86_64__)
static const char native[] = "SCMP_ARCH_X86_64";
static const char short_native[] = "amd64";
#elif defined(__i386__)
static const char native[] = "SCMP_ARCH_X86";
static const char short_native[] = "x86";
#elif defined(__aarch64__)
static const char native[] = "SCMP_ARCH_AARCH64";
static const char short_native[] = "arm64";
#elif defined(__arm__)
static const char native[] = "SCMP_ARCH_ARM";
static const char short_native[] = "arm";
#else
#error "name this architecture for seccomp"
#endif

/* Docker reads a profile with Go's encoding/json, which finds a field by its name in letters of any
 * case, at every level. A key that we overlooked would be a rule that does not hold. */
static const char *const keys[] = {
	"defaultAction",
	"defaultErrnoRet",
	"architectures",
	"archMap",
	"flags",
	"listenerPath",
	"syscalls",
	"listenerMetadata",
	"name",
	"names",
	"action",
	"errnoRet",
	"args",
	"index",
	"value",
	"valueTwo",
	"op",
	"includes",
	"excludes",
	"arches",
	"caps",
	"minKernel",
	"architecture",
	"subArchitectures",
};

_Static_assert(COUNT_OF(keys) <= 32, "a key has a bit");

struct circumstances {
	uint64_t capabilities;
	int kernel[2]; /* major and minor number */
};

/* -- keys ------------------------------------------------------------------------------------ */

/* The letter that begins `*text`, which goes past it. To Go the long s and the sign of the kelvin
 * are ASCII letters of another case. */
static int next_letter(const char **text)
{
	static const char long_s[] = "\xc5\xbf";
	static const char kelvin[] = "\xe2\x84\xaa";

	if (strncmp(*text, long_s, strlen(long_s)) == 0) {
		*text += strlen(long_s);
		return 's';
	}
	if (strncmp(*text, kelvin, strlen(kelvin)) == 0) {
		*text += strlen(kelvin);
		return 'k';
	}
	return tolower((unsigned char)*(*text)++);
}

static bool is_same_key(const char *known, const char *given)
{
	int letter;

	do {
		letter = tolower((unsigned char)*known++);
		if (letter != next_letter(&given))
			return false;
	} while (letter);
	return true;
}

/* Where in `keys`; COUNT_OF(keys) if it is another, which has no effect. */
static size_t find_key(const char *given)
{
	size_t i = 0;

	while (i < COUNT_OF(keys) && !is_same_key(keys[i], given))
		i++;
	return i;
}

/* A copy with the keys spelt as above. Recursion is bounded by the tree's depth. Go's parser would
 * merge the values of a key that is there in two spellings. */
static bool spell(struct arena *arena, struct json *parent, const char *key,
		  const struct json *value, struct json **copy, struct error *err)
{
	struct json *ignored;
	uint32_t seen = 0;

	*copy = json_new(arena, parent, key, value->type, value->text);
	(*copy)->boolean = value->boolean;
	for (const struct json *child = value->child; child; child = child->next) {
		const char *spelt = NULL;

		if (value->type == JSON_OBJECT) {
			size_t i = find_key(child->key);

			if (i == COUNT_OF(keys))
				continue;
			if (seen & 1U << i)
				return json_wrong(child, err, "'%s' is there twice", keys[i]);
			seen |= 1U << i;
			spelt = keys[i];
		}
		if (!spell(arena, *copy, spelt, child, &ignored, err))
			return false;
	}
	return true;
}

/* -- rules ----------------------------------------------------------------------------------- */

/* Members that mean the same in both formats. */
static void copy_members(struct arena *arena, struct json *to, const struct json *from,
			 const char *const *members)
{
	for (; *members; members++) {
		const struct json *member = json_get(from, *members);

		if (member)
			json_copy(arena, to, *members, member);
	}
}

static bool has_text(const struct json *list, const char *wanted)
{
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (item->type == JSON_TEXT && strcmp(item->text, wanted) == 0)
			return true;
	}
	return false;
}

/* "4.8": *is_newer is true for this kernel if it is that one, or newer. */
static bool compare_kernel(const struct circumstances *now, const char *least, bool *is_newer,
			   struct error *err)
{
	int major, minor, end = 0;

	if (strspn(least, "0123456789.") != strlen(least) ||
	    sscanf(least, "%d.%d%n", &major, &minor, &end) != 2 || least[end])
		return error_set(err, ERROR_INPUT, "invalid kernel version: \"%s\"", least);
	*is_newer = now->kernel[0] > major || (now->kernel[0] == major && now->kernel[1] >= minor);
	return true;
}

static bool is_held(const struct circumstances *now, const struct json *capability)
{
	return capability->type == JSON_TEXT &&
	       (caps_bit(capability->text) & now->capabilities) != 0;
}

/* One of "includes" or "excludes": whether all of what it lists is the case, or any of it. */
struct finding {
	bool all, any;
};

static void find(struct finding *finding, bool is_so)
{
	finding->all &= is_so;
	finding->any |= is_so;
}

static bool look(const struct circumstances *now, const struct json *rule, const char *key,
		 struct finding *finding, struct error *err)
{
	const struct json *filter, *arches, *capabilities;
	const char *least;
	bool is_newer = false;

	*finding = (struct finding){ .all = true };
	if (!json_object_or_null(rule, key, &filter, err))
		return false;
	if (!filter)
		return true;
	if (!json_array_or_null(filter, "arches", &arches, err) ||
	    !json_array_or_null(filter, "caps", &capabilities, err) ||
	    !json_text_or(filter, "minKernel", NULL, &least, err))
		return false;
	if (arches && arches->count)
		find(finding, has_text(arches, short_native));
	for (const struct json *item = capabilities ? capabilities->child : NULL; item;
	     item = item->next)
		find(finding, is_held(now, item));
	if (!least)
		return true;
	if (!compare_kernel(now, least, &is_newer, err))
		return false;
	find(finding, is_newer);
	return true;
}

static bool add_rule(struct arena *arena, const struct circumstances *now, const struct json *rule,
		     struct json *syscalls, struct error *err)
{
	static const char *const same[] = { "names", "action", "errnoRet", "args", NULL };
	struct finding includes, excludes;
	const struct json *names;
	const char *name, *action;

	if (rule->type != JSON_OBJECT)
		return json_expected(rule, "an object", err);
	if (!json_text_or(rule, "name", "", &name, err) ||
	    !json_array_or_null(rule, "names", &names, err) ||
	    !json_text(rule, "action", &action, err))
		return false;
	if (!*name && (!names || !names->count))
		return json_wrong(rule, err, "names no system call");
	if (*name && names && names->count)
		return error_set(err, ERROR_INPUT,
				 "'name' and 'names' were specified in the seccomp profile, "
				 "use either 'name' or 'names'");
	if (!look(now, rule, "includes", &includes, err) ||
	    !look(now, rule, "excludes", &excludes, err))
		return false;
	if (!includes.all || excludes.any)
		return true;
	struct json *kept = json_new(arena, syscalls, NULL, JSON_OBJECT, NULL);
	copy_members(arena, kept, rule, *name ? same + 1 : same);
	if (*name)
		json_new(arena, json_new(arena, kept, "names", JSON_ARRAY, NULL), NULL, JSON_TEXT,
			 name);
	return true;
}

static bool add_rules(struct arena *arena, const struct circumstances *now,
		      const struct json *profile, struct json *seccomp, struct error *err)
{
	struct json *syscalls = json_new(arena, seccomp, "syscalls", JSON_ARRAY, NULL);
	const struct json *rules;

	if (!json_array_or_null(profile, "syscalls", &rules, err))
		return false;
	for (const struct json *rule = rules ? rules->child : NULL; rule; rule = rule->next) {
		if (!add_rule(arena, now, rule, syscalls, err))
			return false;
	}
	return true;
}

/* "archMap" lists what each machine can run besides its own; the entry of this one counts. */
static bool add_architectures(struct arena *arena, const struct json *profile, struct json *seccomp,
			      struct error *err)
{
	static const char *const given[] = { "architectures", NULL };
	const struct json *list, *map, *others;
	const char *name;

	if (!json_array_or_null(profile, "architectures", &list, err) ||
	    !json_array_or_null(profile, "archMap", &map, err))
		return false;
	if (list && list->count && map && map->count)
		return error_set(err, ERROR_INPUT,
				 "'architectures' and 'archMap' were specified in the seccomp "
				 "profile, use either 'architectures' or 'archMap'");
	copy_members(arena, seccomp, profile, given);
	for (const struct json *entry = map ? map->child : NULL; entry; entry = entry->next) {
		if (!json_text_or(entry, "architecture", "", &name, err) ||
		    !json_array_or_null(entry, "subArchitectures", &others, err))
			return false;
		if (strcmp(name, native) != 0)
			continue;
		struct json *found = json_new(arena, seccomp, "architectures", JSON_ARRAY, NULL);
		json_new(arena, found, NULL, JSON_TEXT, native);
		for (const struct json *other = others ? others->child : NULL; other;
		     other = other->next)
			json_copy(arena, found, NULL, other);
		break;
	}
	return true;
}

bool customprofile_read(struct arena *arena, const struct json *given, uint64_t capabilities,
			const struct json **seccomp, struct error *err)
{
	static const char *const same[] = { "defaultAction", "defaultErrnoRet",  "flags",
					    "listenerPath",  "listenerMetadata", NULL };
	struct circumstances now = { .capabilities = capabilities };
	struct utsname names;
	struct json *profile;
	const char *action;

	if (given->type != JSON_OBJECT)
		return json_expected(given, "an object", err);
	if (!spell(arena, NULL, given->key, given, &profile, err))
		return false;
	if (!json_text_or(profile, "defaultAction", "", &action, err))
		return false;
	if (!*action)
		return json_wrong(profile, err,
				  "no defaultAction; seccomp=unconfined runs without a filter");
	if (uname(&names) < 0 ||
	    sscanf(names.release, "%d.%d", &now.kernel[0], &now.kernel[1]) != 2)
		return error_set(err, ERROR_SYSTEM, "find out which kernel this is");
	struct json *result = json_new(arena, NULL, "seccomp profile", JSON_OBJECT, NULL);
	copy_members(arena, result, profile, same);
	if (!add_architectures(arena, profile, result, err) ||
	    !add_rules(arena, &now, profile, result, err))
		return false;
	*seccomp = result;
	return true;
}
