/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "runtime/caps.h"
#include "runtime/exec.h"
#include "runtime/record.h"

/*
 * What an exec executes: a process object of its own, or the config's process with changes from the
 * command line.
 */

#define ID_MAX 4294967294U /* -1 means "no change" to the kernel */

/* Digits only, all of them: "1" must never become 0:0 (CVE-2026-30892). */
static bool parse_id(const char *what, const char *text, size_t length, uint32_t *id,
		     struct error *err)
{
	uint64_t number = 0;

	if (length == 0 || length > 10 || strspn(text, "0123456789") < length)
		return error_set(err, ERROR_INPUT, "bad %s \"%.*s\": expected a number", what,
				 (int)length, text);
	for (size_t i = 0; i < length; i++)
		number = number * 10 + (uint64_t)(text[i] - '0');
	if (number > ID_MAX)
		return error_set(err, ERROR_INPUT, "bad %s \"%.*s\": larger than %u", what,
				 (int)length, text, ID_MAX);
	*id = (uint32_t)number;
	return true;
}

static bool change_user(const char *text, struct spec_user *user, struct error *err)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	return parse_id("uid", text, length, &user->uid, err) &&
	       (!colon || parse_id("gid", colon + 1, strlen(colon + 1), &user->gid, err));
}

static bool add_groups(struct arena *arena, const struct flag_list *added, struct spec_user *user,
		       struct error *err)
{
	gid_t *groups = arena_array(arena, user->group_count + added->count + 1, sizeof(*groups));

	memcpy(groups, user->groups, user->group_count * sizeof(*groups));
	for (size_t i = 0; i < added->count; i++)
		if (!parse_id("additional gid", added->values[i], strlen(added->values[i]),
			      &groups[user->group_count++], err))
			return false;
	user->groups = groups;
	return true;
}

static bool add_env(struct arena *arena, const struct flag_list *added,
		    struct spec_process *process, struct error *err)
{
	const char **env = arena_array(arena, process->env_count + added->count + 1, sizeof(*env));

	memcpy(env, process->env, process->env_count * sizeof(*env));
	for (size_t i = 0; i < added->count; i++) {
		const char *entry = added->values[i];

		if (entry[0] == '=' || !strchr(entry, '='))
			return error_set(err, ERROR_INPUT,
					 "invalid environment variable \"%.60s\": expected "
					 "NAME=VALUE",
					 entry);
		env[process->env_count++] = entry;
	}
	process->env = env;
	return true;
}

/* It may be one of a newer kernel's: told, no reason to fail. */
static void warn_of_unknown(const char *capabilities)
{
	record_warning("ignoring unknown or unavailable capabilities: [%.300s]", capabilities);
}

/* Never to the inheritable set (CVE-2022-29162): that is the config's alone, and without it there
 * is no ambient one (caps_apply). */
static void add_capabilities(const struct flag_list *added, struct spec_capabilities *sets)
{
	for (size_t i = 0; i < added->count; i++) {
		uint64_t bit = caps_bit(added->values[i]);

		if (bit == 0)
			warn_of_unknown(added->values[i]);
		sets->bounding |= bit;
		sets->effective |= bit;
		sets->permitted |= bit;
		sets->ambient |= bit;
	}
}

static bool apply(struct arena *arena, const struct exec_changes *changes,
		  struct spec_process *process, struct error *err)
{
	if (!changes->args[0])
		return error_set(err, ERROR_INPUT, "exec args cannot be empty");
	process->args = changes->args;
	if (changes->cwd && changes->cwd[0])
		process->cwd = changes->cwd;
	if (process->cwd[0] != '/')
		return error_set(err, ERROR_INPUT, "cwd must be an absolute path: %s",
				 process->cwd);
	if (changes->selinux_label && changes->selinux_label[0])
		process->selinux_label = changes->selinux_label;
	if (changes->apparmor_profile && changes->apparmor_profile[0])
		process->apparmor_profile = changes->apparmor_profile;
	if (changes->no_new_privileges)
		process->has_no_new_privileges = flag_is_set(changes->no_new_privileges);
	process->has_terminal = changes->has_terminal;
	add_capabilities(&changes->capabilities, &process->capabilities);
	return (!changes->user || change_user(changes->user, &process->user, err)) &&
	       add_groups(arena, &changes->groups, &process->user, err) &&
	       add_env(arena, &changes->env, process, err);
}

bool exec_read_process(const struct exec_options *options, struct arena *arena,
		       struct spec_process *process, struct error *err)
{
	autobuf struct buf text = { 0 };

	if (!options->process_file)
		return apply(arena, &options->changes, process, err);
	buf_init(&text, SPEC_SIZE_MAX);
	if (!file_read(AT_FDCWD, options->process_file, &text, err) ||
	    !spec_parse_process(arena, text.data, text.length, process, err))
		return false;
	if (process->unknown_capabilities)
		warn_of_unknown(process->unknown_capabilities);
	return true;
}
