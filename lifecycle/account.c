/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/account.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool parse_id(const char *text, unsigned int *id)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (*end != '\0' || errno != 0 || value >= 0xffffffffUL)
		return false; /* -1 means "leave it" to the kernel */
	*id = (unsigned int)value;
	return true;
}

static bool find_group(struct account *account, const char *name, struct error *err)
{
	const struct group *group = getgrnam(name);
	unsigned int id;

	if (group)
		account->gid = group->gr_gid;
	else if (parse_id(name, &id))
		account->gid = id;
	else
		return error_set(err, ERROR_NOT_FOUND, "there is no group \"%s\"", name);
	return true;
}

static bool fill(struct account *account, const struct passwd *entry, struct error *err)
{
	int count = ACCOUNT_GROUPS_MAX;

	account->uid = entry->pw_uid;
	account->gid = entry->pw_gid;
	snprintf(account->name, sizeof(account->name), "%s", entry->pw_name);
	snprintf(account->home, sizeof(account->home), "%s", entry->pw_dir);
	if (getgrouplist(entry->pw_name, entry->pw_gid, account->groups, &count) < 0)
		return error_set(err, ERROR_INPUT, "user %s is in more than %d groups",
				 entry->pw_name, ACCOUNT_GROUPS_MAX);
	account->group_count = (size_t)count;
	return true;
}

static bool find_user(struct account *account, const char *name, bool has_group,
		      const char *setting, struct error *err)
{
	const struct passwd *entry = getpwnam(name);
	unsigned int id;

	if (!entry && parse_id(name, &id))
		entry = getpwuid(id);
	else if (!entry)
		return error_set(err, ERROR_NOT_FOUND, "there is no user \"%s\" (%s)", name,
				 setting);
	if (entry)
		return fill(account, entry, err);
	if (!has_group)
		return error_set(err, ERROR_INPUT,
				 "uid %s has no account, so it needs a group: \"%s:GROUP\"", name,
				 name);
	account->uid = id;
	snprintf(account->name, sizeof(account->name), "%s", name);
	snprintf(account->home, sizeof(account->home), "/");
	return true;
}

bool account_find(struct account *account, const char *text, const char *setting, struct error *err)
{
	char user[64];
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	*account = (struct account){ 0 };
	if (length == 0 || length >= sizeof(user))
		return error_set(err, ERROR_INPUT, "\"%.80s\" is not USER or USER:GROUP", text);
	memcpy(user, text, length);
	user[length] = '\0';
	return find_user(account, user, colon && colon[1], setting, err) &&
	       (!colon || !colon[1] || find_group(account, colon + 1, err));
}
