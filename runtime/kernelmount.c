/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "runtime/kernel.h"

/*
 * The mount calls, on descriptors. open_tree, move_mount and fsmount are as old as the oldest
 * kernel we run on (5.4); for mount_setattr (5.12) there is the old way, through /proc/self/fd,
 * which knows neither detached mounts nor whole trees.
 */

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif

int kernel_clone_tree(int dir, const char *path, int is_recursive)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
			     (is_recursive ? AT_RECURSIVE : 0);

	return (int)syscall(SYS_open_tree, dir, path, flags);
}

int kernel_attach(int tree, int target)
{
	return (int)syscall(SYS_move_mount, tree, "", target, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int kernel_is_mount_root(const char *path)
{
	struct statx status;

	return syscall(SYS_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
	       status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/* -- attributes ------------------------------------------------------------------------------ */

/* MOUNT_ATTR_*, MS_* and ST_* of one meaning. Of the modes of access times, relatime is the one
 * without a MOUNT_ATTR_ bit, strictatime the one without an ST_ bit. */
static const struct {
	uint64_t attribute;
	unsigned long flag, status;
} meanings[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY },
	{ MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME, ST_NOATIME },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME },
	{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, ST_NOSYMFOLLOW },
	{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME, 0 },
};

uint64_t kernel_attributes(unsigned long flags)
{
	uint64_t attributes = 0;

	for (size_t i = 0; i < COUNT_OF(meanings); i++)
		if (flags & meanings[i].flag)
			attributes |= meanings[i].attribute;
	/* Values of one field: mount(2) has an order for them, mount_setattr(2) wants only one. */
	if (attributes & MOUNT_ATTR_STRICTATIME)
		attributes &= ~(uint64_t)MOUNT_ATTR_NOATIME;
	return attributes;
}

static int set_attributes(int mount, int is_recursive, struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, mount, "",
			    AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0), attr, sizeof(*attr));
}

static unsigned long current_attributes(const struct statfs *fs)
{
	uint64_t attributes = 0;

	for (size_t i = 0; i < COUNT_OF(meanings); i++)
		if ((unsigned long)fs->f_flags & meanings[i].status)
			attributes |= meanings[i].attribute;
	if (!((unsigned long)fs->f_flags & (ST_NOATIME | ST_RELATIME)))
		attributes |= MOUNT_ATTR_STRICTATIME;
	return attributes;
}

/* What mount(2) is not told to keep, it takes away. */
static int remount(int mounted, uint64_t set, uint64_t clear)
{
	unsigned long flags = MS_REMOUNT | MS_BIND;
	char path[PATH_OF_FD_MAX];
	struct statfs fs;

	if (fstatfs(mounted, &fs) < 0)
		return -1;

	uint64_t wanted = (current_attributes(&fs) & ~clear) | set;

	for (size_t i = 0; i < COUNT_OF(meanings); i++)
		if (wanted & meanings[i].attribute)
			flags |= meanings[i].flag;
	if (!(wanted & (MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME)))
		flags |= MS_RELATIME;
	path_of_fd(mounted, path);
	return mount(NULL, path, NULL, flags, NULL);
}

int kernel_set_attributes(int mount, int is_recursive, uint64_t set, uint64_t clear)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };
	int status = set_attributes(mount, is_recursive, &attr);

	return status < 0 && errno == ENOSYS && !is_recursive ? remount(mount, set, clear) : status;
}

int kernel_attach_as(int tree, int target, uint64_t set, uint64_t clear)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };
	bool is_set = !set && !clear;

	if (!is_set) {
		is_set = set_attributes(tree, 0, &attr) == 0;
		if (!is_set && errno != ENOSYS)
			return -1;
	}
	if (kernel_attach(tree, target) < 0)
		return -1;
	return is_set ? 0 : remount(tree, set, clear);
}

int kernel_set_idmap(int tree, int is_recursive, int user_namespace)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
				   .userns_fd = (uint64_t)user_namespace };

	return set_attributes(tree, is_recursive, &attr);
}

int kernel_set_propagation(int mounted, unsigned long propagation)
{
	struct mount_attr attr = { .propagation = propagation & ~(unsigned long)MS_REC };
	char path[PATH_OF_FD_MAX];
	int status = set_attributes(mounted, (propagation & MS_REC) != 0, &attr);

	if (status == 0 || errno != ENOSYS)
		return status;
	path_of_fd(mounted, path);
	return mount(NULL, path, NULL, propagation, NULL);
}

/* -- new file systems ------------------------------------------------------------------------ */

static int set_flags(int context, unsigned long flags)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} names[] = {
		{ MS_RDONLY, "ro" },         { MS_SYNCHRONOUS, "sync" }, { MS_DIRSYNC, "dirsync" },
		{ MS_LAZYTIME, "lazytime" }, { MS_MANDLOCK, "mand" },
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (flags & names[i].flag &&
		    syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, names[i].name, NULL, 0) < 0)
			return -1;
	return 0;
}

/* Cuts the next option off; a comma between double quotes (a label's) belongs to it. */
static char *next_option(char **rest)
{
	char *option = *rest, *to = option;
	bool is_quoted = false;

	if (!option || !*option)
		return NULL;
	for (; **rest && (is_quoted || **rest != ','); (*rest)++) {
		if (**rest == '"')
			is_quoted = !is_quoted;
		else
			*to++ = **rest;
	}
	if (**rest)
		(*rest)++;
	*to = '\0';
	return option;
}

static int set_data(int context, const char *data)
{
	autofree char *copy = mem_strdup(data);
	char *rest = copy;
	int status = 0;

	for (char *option; status == 0 && (option = next_option(&rest)) != NULL;) {
		char *value = strchr(option, '=');

		if (!*option)
			continue;
		if (value)
			*value++ = '\0';
		status = (int)syscall(SYS_fsconfig, context,
				      value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option,
				      value, 0);
	}
	return status;
}

int kernel_new_mount(const struct kernel_mount *wanted)
{
	autoclose int context = (int)syscall(SYS_fsopen, wanted->type, FSOPEN_CLOEXEC);

	if (context < 0)
		return -1;
	if (wanted->source &&
	    syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", wanted->source, 0) < 0)
		return -1;
	if (set_flags(context, wanted->flags) < 0 || set_data(context, wanted->data) < 0 ||
	    syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
			    kernel_attributes(wanted->flags));
}
