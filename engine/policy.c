/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/spare.h"
#include "engine/change.h"

#define FILE_MAX 64 /* bytes of CONTAINER_RESTART */

static const char by_user[] = "no\nuser\n";
static const char by_shutdown[] = "no\nshutdown\n";

void policy_split(const char *policy, char name[POLICY_NAME_MAX], int64_t *retries)
{
	size_t length = strcspn(policy, ":");

	snprintf(name, POLICY_NAME_MAX, "%.*s", length ? (int)length : 2, length ? policy : "no");
	*retries = policy[length] ? strtoll(policy + length + 1, NULL, 10) : 0;
}

static bool is_integer(const char *text)
{
	char *end;

	errno = 0;
	strtol(text, &end, 10);
	return errno == 0 && end != text && !*end && strchr(" \t", text[0]) == NULL;
}

bool policy_check_form(const char *policy, struct error *err)
{
	static const char format[] = "invalid restart policy format: ";
	const char *colon = strchr(policy, ':');

	if (colon && !is_integer(colon + 1))
		return error_set(err, ERROR_INPUT, "%smaximum retry count must be an integer",
				 format);
	return !colon || colon > policy ||
	       error_set(err, ERROR_INPUT, "%sno policy provided before colon", format);
}

bool policy_check(const char *policy, struct error *err)
{
	size_t length = strcspn(policy, ":");
	char name[POLICY_NAME_MAX];
	int64_t retries;

	if (!policy_check_form(policy, err))
		return false;
	policy_split(policy, name, &retries);
	if (length >= POLICY_NAME_MAX)
		return error_set(err, ERROR_INPUT, "invalid restart policy '%.*s'", (int)length,
				 policy);
	if (strcmp(name, "always") == 0 || strcmp(name, "unless-stopped") == 0 ||
	    strcmp(name, "no") == 0)
		return retries == 0 ||
		       error_set(err, ERROR_INPUT,
				 "invalid restart policy: maximum retry count cannot be used "
				 "with restart policy '%s'",
				 name);
	if (strcmp(name, "on-failure") != 0)
		return error_set(err, ERROR_INPUT, "invalid restart policy '%s'", name);
	return retries >= 0 ||
	       error_set(err, ERROR_INPUT,
			 "invalid restart policy: maximum retry count cannot be negative");
}

static bool has_policy(const struct container *container)
{
	return *container->restart && strcmp(container->restart, "no") != 0;
}

/* What the monitor reads must be what `boot` reads after a power cut: a stop that has been told to
 * the user lasts. Whoever filled the disk can be stopped: an armed policy has a file, whose space
 * is used again. */
static bool write_word(int dir, const char *text, enum file_lasting lasting, struct error *err)
{
	return spare_replace(dir, CONTAINER_RESTART, text, strlen(text), 0600, lasting, err) ||
	       error_in(err, "write the restart policy");
}

static int open_directory(const struct engine *engine, const char *id)
{
	return openat(engine->containers, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool has_file(int dir)
{
	return faccessat(dir, CONTAINER_RESTART, F_OK, 0) == 0;
}

bool policy_cancel(const struct engine *engine, const char *id, enum policy_cause cause,
		   struct error *err)
{
	autoclose int dir = open_directory(engine, id);

	if (dir < 0 || !has_file(dir))
		return true;
	if (write_word(dir, cause == POLICY_USER ? by_user : by_shutdown, FILE_DURABLE, err))
		return true;
	/* A file system that writes nothing in place has no space for that either. Without a file
	 * there is no policy: it stops at least, though `boot` does not learn that somebody did. */
	return err->kind == ERROR_NO_SPACE && unlinkat(dir, CONTAINER_RESTART, 0) == 0;
}

static bool says_stopped_by_user(int at, const char *path)
{
	autobuf struct buf text;
	struct error ignored; /* no file: no policy, nobody cancelled it */

	buf_init(&text, FILE_MAX);
	return file_read(at, path, &text, &ignored) && text.length >= strlen(by_user) &&
	       strncmp(text.data, by_user, strlen(by_user)) == 0;
}

static bool is_stopped_by_user(const struct engine *engine, const char *id)
{
	char path[CONTAINER_ID_LENGTH + 32];

	snprintf(path, sizeof(path), "%.64s/" CONTAINER_RESTART, id);
	return says_stopped_by_user(engine->containers, path);
}

/* `boot` needs no word of a policy, only that of who stopped it: so only over that one a new word
 * has to last. */
bool policy_arm(const struct container *container, int dir, struct error *err)
{
	char text[FILE_MAX];

	if (!has_policy(container))
		return true;
	snprintf(text, sizeof(text), "%s\n", container->restart);
	return write_word(
		dir, text,
		says_stopped_by_user(dir, CONTAINER_RESTART) ? FILE_DURABLE : FILE_VOLATILE, err);
}

static void set_policy(struct container *container, void *context)
{
	container->restart = context;
}

bool policy_change(struct engine *engine, const char *id, const char *policy, struct error *err)
{
	autoclose int dir = open_directory(engine, id);
	bool was_stopped = is_stopped_by_user(engine, id);
	char text[FILE_MAX];

	if (!policy_check(policy, err) ||
	    !change_container(engine, id, set_policy, (void *)(uintptr_t)policy, err))
		return false;
	/* One that was stopped stays so; what is to happen next time is in its options. */
	if (dir < 0 || was_stopped)
		return true;
	snprintf(text, sizeof(text), "%s\n", *policy ? policy : "no");
	return write_word(dir, text, FILE_DURABLE, err);
}

bool policy_starts_at_boot(const struct engine *engine, const struct container *container,
			   const struct status *status)
{
	char name[POLICY_NAME_MAX];
	int64_t retries;

	if (status->state != STATUS_EXITED)
		return false; /* never started, or it runs */
	policy_split(container->restart, name, &retries);
	if (strcmp(name, "always") == 0)
		return true;
	if (strcmp(name, "unless-stopped") == 0)
		return !is_stopped_by_user(engine, container->id);
	return strcmp(name, "on-failure") == 0 && status->exit_code != 0 &&
	       (retries == 0 || status->restart_count < retries);
}
