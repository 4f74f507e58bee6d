/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/caps.h"
#include "runtime/specpart.h"

/*
 * A process object: of config.json, or alone in a file for `exec`.
 */

#define ID_MAX 4294967294 /* -1 means "no change" to the kernel */

static bool read_id(struct spec_reader *reader, const struct json *user, const char *key,
		    uint32_t *id)
{
	int64_t number;

	if (!spec_number(reader, user, key, 0, ID_MAX, &number))
		return false;
	*id = number == SPEC_UNSET ? 0 : (uint32_t)number;
	return true;
}

static bool read_groups(struct spec_reader *reader, const struct json *user, struct spec_user *into)
{
	const struct json *list;

	if (!spec_list(reader, user, "additionalGids", &list))
		return false;
	into->group_count = list ? list->count : 0;
	into->groups = arena_array(reader->arena, into->group_count + 1, sizeof(*into->groups));
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		int64_t group;

		if (!json_as_int(item, &group, reader->err))
			return false;
		if (group < 0 || group > ID_MAX)
			return json_wrong(item, reader->err, "not a group id: %lld",
					  (long long)group);
		into->groups[item->index] = (gid_t)group;
	}
	return true;
}

static bool read_user(struct spec_reader *reader, const struct json *process)
{
	struct spec_user *into = &reader->spec->process.user;
	const struct json *user;
	int64_t umask;

	if (!json_object_or_null(process, "user", &user, reader->err) ||
	    !read_id(reader, user, "uid", &into->uid) ||
	    !read_id(reader, user, "gid", &into->gid) || !read_groups(reader, user, into) ||
	    !spec_number(reader, user, "umask", 0, 0777, &umask))
		return false;
	into->umask = umask == SPEC_UNSET ? 022 : (mode_t)umask;
	return true;
}

/* Names this program does not know are left out: the specification asks for no more. */
#define UNKNOWN_MAX 256 /* of them are enough to find the mistake */

static bool is_word_of(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		if ((at == text || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

/* Those of a newer kernel's, or a slip of the pen: told later, no reason to fail. */
static void note_unknown(struct spec_reader *reader, const char *name)
{
	const char **all = &reader->spec->process.unknown_capabilities;

	if (!*all)
		*all = arena_printf(reader->arena, "%.80s", name);
	else if (strlen(*all) < UNKNOWN_MAX && name[0] && !is_word_of(*all, name))
		*all = arena_printf(reader->arena, "%s %.80s", *all, name);
}

static bool read_capability_set(struct spec_reader *reader, const struct json *sets,
				const char *key, uint64_t *set)
{
	const struct json *list;
	const char *name;

	if (!spec_list(reader, sets, key, &list))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (!json_as_text(item, &name, reader->err))
			return false;
		*set |= caps_bit(name);
		if (caps_bit(name) == 0)
			note_unknown(reader, name);
	}
	return true;
}

static bool read_capabilities(struct spec_reader *reader, const struct json *process)
{
	struct spec_capabilities *into = &reader->spec->process.capabilities;
	const struct json *sets;

	return json_object_or_null(process, "capabilities", &sets, reader->err) &&
	       read_capability_set(reader, sets, "bounding", &into->bounding) &&
	       read_capability_set(reader, sets, "effective", &into->effective) &&
	       read_capability_set(reader, sets, "inheritable", &into->inheritable) &&
	       read_capability_set(reader, sets, "permitted", &into->permitted) &&
	       read_capability_set(reader, sets, "ambient", &into->ambient);
}

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

const char *spec_rlimit_name(int resource)
{
	for (size_t i = 0; i < COUNT_OF(rlimit_names); i++)
		if (rlimit_names[i].resource == resource)
			return rlimit_names[i].name;
	return "rlimit";
}

static bool read_rlimit_value(struct spec_reader *reader, const struct json *item, const char *key,
			      uint64_t *value)
{
	const struct json *number = json_get(item, key);
	char *end;

	if (!number || number->type != JSON_NUMBER)
		return json_wrong(number ? number : item, reader->err, "expected a number %s", key);
	if (strcmp(number->text, "-1") == 0) {
		*value = RLIM64_INFINITY;
		return true;
	}
	errno = 0;
	*value = strtoull(number->text, &end, 10);
	if (errno || *end || number->text[0] == '-')
		return json_wrong(number, reader->err, "not a limit: %.40s", number->text);
	return true;
}

static bool read_rlimit(struct spec_reader *reader, const struct json *item,
			struct spec_rlimit *into)
{
	const char *name;

	if (!json_text(item, "type", &name, reader->err))
		return false;
	into->resource = -1;
	for (size_t i = 0; i < COUNT_OF(rlimit_names); i++)
		if (strcmp(name, rlimit_names[i].name) == 0)
			into->resource = rlimit_names[i].resource;
	if (into->resource < 0)
		return json_wrong(json_get(item, "type"), reader->err, "unknown rlimit \"%s\"",
				  name);
	if (!read_rlimit_value(reader, item, "soft", &into->soft) ||
	    !read_rlimit_value(reader, item, "hard", &into->hard))
		return false;
	if (into->soft > into->hard)
		return json_wrong(item, reader->err, "soft limit is above the hard limit");
	return true;
}

/* The specification wants an error where one is given twice; runc takes the last one. */
static bool read_rlimits(struct spec_reader *reader, const struct json *process)
{
	struct spec_process *into = &reader->spec->process;
	const struct json *list;

	if (!spec_structs(reader, process, "rlimits", sizeof(*into->rlimits), &list, &into->rlimits,
			  &into->rlimit_count))
		return false;
	into->rlimit_count = 0;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		struct spec_rlimit rlimit = { 0 };
		size_t at = 0;

		if (!read_rlimit(reader, item, &rlimit))
			return false;
		while (at < into->rlimit_count && into->rlimits[at].resource != rlimit.resource)
			at++;
		into->rlimits[at] = rlimit;
		into->rlimit_count += at == into->rlimit_count;
	}
	return true;
}

static bool read_env(struct spec_reader *reader, const struct json *process)
{
	struct spec_process *into = &reader->spec->process;
	const struct json *list;

	if (!spec_list(reader, process, "env", &list) ||
	    !json_text_array(reader->arena, process, "env", &into->env, &into->env_count,
			     reader->err))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		if (!strchr(item->text, '=') || item->text[0] == '=')
			return json_wrong(
				item, reader->err,
				"invalid environment variable \"%.60s\": expected NAME=VALUE",
				item->text);
	return true;
}

static bool read_args(struct spec_reader *reader, const struct json *process)
{
	struct spec_process *into = &reader->spec->process;
	const struct json *list;
	size_t count;

	if (!spec_list(reader, process, "args", &list) ||
	    !json_text_array(reader->arena, process, "args", &into->args, &count, reader->err))
		return false;
	if (count == 0)
		return json_wrong(list ? list : process, reader->err, "args must not be empty");
	return true;
}

static bool read_console(struct spec_reader *reader, const struct json *process)
{
	struct spec_process *into = &reader->spec->process;
	const struct json *size;
	int64_t height, width;

	if (!json_bool_or(process, "terminal", false, &into->has_terminal, reader->err) ||
	    !json_object_or_null(process, "consoleSize", &size, reader->err) ||
	    !spec_number(reader, size, "height", 0, 65535, &height) ||
	    !spec_number(reader, size, "width", 0, 65535, &width))
		return false;
	into->console_height = height == SPEC_UNSET ? 0 : (unsigned short)height;
	into->console_width = width == SPEC_UNSET ? 0 : (unsigned short)width;
	return true;
}

bool spec_read_process(struct spec_reader *reader, const struct json *process)
{
	struct spec_process *into = &reader->spec->process;

	if (!read_args(reader, process) || !read_env(reader, process) ||
	    !read_user(reader, process) || !read_capabilities(reader, process) ||
	    !read_rlimits(reader, process) || !read_console(reader, process) ||
	    !spec_absolute(reader, process, "cwd", &into->cwd) ||
	    !spec_text(reader, process, "apparmorProfile", &into->apparmor_profile) ||
	    !spec_text(reader, process, "selinuxLabel", &into->selinux_label) ||
	    !spec_read_turns(reader, process) ||
	    !json_bool_or(process, "noNewPrivileges", false, &into->has_no_new_privileges,
			  reader->err) ||
	    !spec_number(reader, process, "oomScoreAdj", -1000, 1000, &into->oom_score_adj))
		return false;
	if (!into->cwd)
		return json_wrong(process, reader->err, "cwd: missing");
	return true;
}

bool spec_parse_process(struct arena *arena, const char *text, size_t length,
			struct spec_process *process, struct error *err)
{
	struct spec spec = { 0 };
	struct spec_reader reader = { .arena = arena, .spec = &spec, .err = err };
	const struct json *root;

	if (!json_parse(arena, "process", text, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	if (!spec_read_process(&reader, root))
		return false;
	*process = spec.process;
	return true;
}
