/* SPDX-License-Identifier: Apache-2.0 */
#include "base/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

/* A number and the mark behind it. */
static bool take_number(const char **text, char mark, unsigned int *number)
{
	char *end;
	unsigned long value = strtoul(*text, &end, 10);

	if (end == *text || *end != mark || value >= (unsigned int)-1)
		return false;
	*number = (unsigned int)value;
	*text = end + (mark != '\0');
	return true;
}

static bool take_groups(const char *text, gid_t *groups, size_t *count)
{
	for (*count = 0; *text; ++*count) {
		bool is_listed =
			*count < CALLER_GROUPS_MAX && (take_number(&text, ',', &groups[*count]) ||
						       take_number(&text, '\0', &groups[*count]));

		if (!is_listed)
			return false;
	}
	return true;
}

static _Noreturn void give_up(const char *what)
{
	log_error("%s", what);
	_exit(125);
}

bool caller_user(struct proc_user *user, gid_t *groups)
{
	const char *text = getenv(CALLER_VARIABLE);

	if (!text)
		return false;
	*user = (struct proc_user){ .groups = groups };
	if (!take_number(&text, ':', &user->uid) || !take_number(&text, ':', &user->gid) ||
	    !take_groups(text, groups, &user->group_count))
		give_up(CALLER_VARIABLE " makes no sense");
	return true;
}

/* The signal that the kernel sends when the gate's process ends: it forgets it whenever the IDs
 * change. As they, it is the process's own. */
static int death_signal;
static pid_t parent;

/* The user last, and first on the way back: only root may change the others. A file system user
 * other than root has none of root's rights over files. */
void caller_enter(void)
{
	gid_t groups[CALLER_GROUPS_MAX];
	struct proc_user user;
	int saved = errno;

	if (!caller_user(&user, groups))
		return;
	prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	parent = getppid();
	if (setgroups(user.group_count, groups) < 0)
		give_up("cannot take the caller's groups");
	setfsgid(user.gid);
	setfsuid(user.uid);
	if ((uid_t)setfsuid((uid_t)-1) != user.uid || (gid_t)setfsgid((gid_t)-1) != user.gid)
		give_up("cannot take the caller's rights");
	errno = saved;
}

void caller_leave(void)
{
	int saved = errno;

	if (getenv(CALLER_VARIABLE)) {
		setfsuid(geteuid());
		setfsgid(getegid());
		if (setgroups(0, NULL) < 0)
			give_up("cannot lay down the caller's groups");
		prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0);
		if (death_signal != 0 && getppid() != parent) /* it ended meanwhile */
			raise(death_signal);
	}
	errno = saved;
}

int caller_open(const char *path, int flags, mode_t mode)
{
	caller_enter();
	int fd = open(path, flags, mode);

	caller_leave();
	return fd;
}

bool caller_read(const char *path, struct buf *buf, struct error *err)
{
	autoclose int fd = caller_open(path, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return error_sys(err, "open %s", path);
	return file_read_fd(fd, path, buf, err);
}
