/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/filegrant.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

/* The name below `directory`, or NULL. Only text: what it leads to is path_open's business. */
static const char *below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	while (length > 1 && directory[length - 1] == '/')
		length--;
	if (strncmp(path, directory, length) != 0 || path[length] != '/')
		return NULL;
	path += length;
	while (*path == '/')
		path++;
	return *path ? path : NULL;
}

/* -- as somebody else ---------------------------------------------------------------------------
 */

struct identity {
	gid_t groups[ACCOUNT_GROUPS_MAX];
	int group_count;
	bool is_changed;
};

/* For files alone, and for this thread, which is the only one. It takes the capabilities of files
 * with it. */
static bool become(struct identity *ours, const struct account *account, struct error *err)
{
	ours->is_changed = account && geteuid() == 0 && account->uid != 0;
	if (!ours->is_changed)
		return true;
	ours->group_count = getgroups(ACCOUNT_GROUPS_MAX, ours->groups);
	if (ours->group_count < 0 || setgroups(account->group_count, account->groups) != 0)
		return error_sys(err, "take the groups of %s", account->name);
	setfsgid(account->gid);
	setfsuid(account->uid);
	return true;
}

/* A nucleus that stayed somebody else would do everything after this as the wrong one. */
static void return_to_ourselves(const struct identity *ours)
{
	if (!ours->is_changed)
		return;
	setfsuid(geteuid());
	setfsgid(getegid());
	if ((uid_t)setfsuid((uid_t)-1) != geteuid() ||
	    setgroups((size_t)ours->group_count, ours->groups) != 0)
		abort();
}

/* -- opening ------------------------------------------------------------------------------------
 */

/* A container of the component's may have made devices there, as root of its own. */
static bool open_below(const char *directory, const char *name, int *fd, struct error *err)
{
	autoclose int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return error_sys(err, "%s", directory);
	return path_open_regular(root, name, PATH_BENEATH, fd, err);
}

bool file_grant_open(const struct file_grant *grant, const char *path, int *fd, struct error *err)
{
	struct identity ours;
	const char *name = NULL;
	size_t i = 0;
	bool is_good;

	for (; grant->directories[i] && !name; i++)
		name = below(path, grant->directories[i]);
	if (!name)
		return error_set(err, ERROR_DENIED,
				 "%s: not below the component's directories (its work folder, and "
				 "what MOORING_S3_FILE_DIRECTORIES names)",
				 path);
	if (!become(&ours, grant->account, err))
		return false;
	is_good = open_below(grant->directories[i - 1], name, fd, err);
	return_to_ourselves(&ours);
	if (is_good)
		return true;
	if (err->sys == EXDEV || err->sys == ELOOP)
		return error_set(err, ERROR_DENIED, "%s: leads out of the component's directories",
				 path);
	return error_in(err, "%s", path);
}
