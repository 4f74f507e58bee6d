/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"

/* -- opening below a root -----------------------------------------------------------------------
 */

#define LINKS_MAX 40    /* as the kernel's own limit */
#define STEPS_MAX 65536 /* directories that a walk opens: links and ".." can ask for millions */
#define RACES_MAX 16    /* openat2 says EAGAIN when a rename happened meanwhile */

static int sys_openat2(int dir, const char *name, int flags, mode_t mode,
		       unsigned long long resolve)
{
	struct open_how how = {
		.flags = (unsigned long long)(unsigned int)flags,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = resolve,
	};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static int open_by_kernel(int root, const char *name, enum path_rule rule, int flags, mode_t mode)
{
	static const unsigned long long resolve[] = {
		[PATH_IN_ROOT] = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
		[PATH_BENEATH] = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
		[PATH_NO_LINKS] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};

	for (int race = 0; race < RACES_MAX; race++) {
		int fd = sys_openat2(root, name, flags, mode, resolve[rule]);

		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return fd;
	}
	return -1;
}

/*
 * The walk, for kernels without openat2: `done` is the part that is resolved, free of links and
 * "..", and `dir` is that directory; `todo` is what remains. A link is replaced by its text in
 * front of what remains. Whoever swaps a directory for a link meanwhile meets O_NOFOLLOW.
 */
struct walk {
	int root;
	enum path_rule rule;
	int dir;
	int links;
	int steps;
	char done[PATH_MAX];
	char todo[PATH_MAX];
};

static int fail_with(int number)
{
	errno = number;
	return -1;
}

static int open_step(struct walk *walk, int dir, const char *name)
{
	if (++walk->steps > STEPS_MAX)
		return fail_with(ELOOP);
	return openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Stands at `done` again, step by step from the root. */
static int rewalk(struct walk *walk)
{
	char steps[PATH_MAX];
	char *rest = steps;
	int dir = fcntl(walk->root, F_DUPFD_CLOEXEC, 3);

	memcpy(steps, walk->done, sizeof(steps));
	for (char *step; dir >= 0 && (step = strsep(&rest, "/")) != NULL;) {
		if (*step == '\0')
			continue;
		int next = open_step(walk, dir, step);
		mem_cleanup_close(&dir);
		dir = next;
	}
	if (dir < 0)
		return -1;
	close(walk->dir);
	walk->dir = dir;
	return 0;
}

static int step_up(struct walk *walk)
{
	char *slash = strrchr(walk->done, '/');

	if (walk->done[0] == '\0')
		return walk->rule == PATH_IN_ROOT ? 0 : fail_with(EXDEV);
	if (slash)
		*slash = '\0';
	else
		walk->done[0] = '\0';
	return rewalk(walk);
}

static int step_link(struct walk *walk, const char *name)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t length = readlinkat(walk->dir, name, target, sizeof(target) - 1);

	if (length < 0)
		return -1;
	target[length] = '\0';
	if (walk->rule == PATH_NO_LINKS || ++walk->links > LINKS_MAX)
		return fail_with(ELOOP);
	if (target[0] == '/' && walk->rule == PATH_BENEATH)
		return fail_with(EXDEV);
	memcpy(rest, walk->todo, sizeof(rest));
	if (snprintf(walk->todo, sizeof(walk->todo), "%s/%s", target, rest) >= PATH_MAX)
		return fail_with(ENAMETOOLONG);
	if (target[0] != '/')
		return 0;
	walk->done[0] = '\0';
	return rewalk(walk);
}

static int step_down(struct walk *walk, const char *name)
{
	int next = open_step(walk, walk->dir, name);
	size_t length = strlen(walk->done);

	if (next < 0)
		return -1;
	close(walk->dir);
	walk->dir = next;
	if (snprintf(walk->done + length, sizeof(walk->done) - length, "%s%s", length ? "/" : "",
		     name) >= (int)(sizeof(walk->done) - length))
		return fail_with(ENAMETOOLONG);
	return 0;
}

static bool is_link(int dir, const char *name)
{
	struct stat info;

	return fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

/* Takes the first component off `todo`; false when there is none left. One that is too long for
 * `name` is "", which no component is. */
static bool next_component(struct walk *walk, char name[NAME_MAX + 1], bool *is_last)
{
	char *start = walk->todo + strspn(walk->todo, "/");
	size_t length = strcspn(start, "/");

	if (length == 0)
		return false;
	name[0] = '\0';
	if (length > NAME_MAX)
		return true;
	memcpy(name, start, length);
	name[length] = '\0';
	start += length;
	*is_last = start[strspn(start, "/")] == '\0';
	memmove(walk->todo, start, strlen(start) + 1);
	return true;
}

static int open_by_walk(int root, const char *name, enum path_rule rule, int flags, mode_t mode)
{
	autofree struct walk *walk = mem_alloc(sizeof(*walk));
	char component[NAME_MAX + 1];
	bool is_last;

	*walk = (struct walk){ .root = root, .rule = rule };
	if (strlen(name) >= sizeof(walk->todo))
		return fail_with(ENAMETOOLONG);
	if (name[0] == '/' && rule != PATH_IN_ROOT)
		return fail_with(EXDEV);
	memcpy(walk->todo, name, strlen(name) + 1);
	walk->dir = fcntl(root, F_DUPFD_CLOEXEC, 3);

	autoclose int dir = -1; /* owns walk->dir on every way out */
	int status = walk->dir < 0 ? -1 : 0;

	while (status == 0 && next_component(walk, component, &is_last)) {
		if (strcmp(component, ".") == 0)
			continue;
		if (component[0] == '\0')
			status = fail_with(ENAMETOOLONG);
		else if (strcmp(component, "..") == 0)
			status = step_up(walk);
		else if (is_link(walk->dir, component) && !(is_last && flags & O_NOFOLLOW))
			status = step_link(walk, component);
		else if (!is_last)
			status = step_down(walk, component);
		else {
			dir = walk->dir;
			return openat(dir, component, flags | O_NOFOLLOW, mode);
		}
	}
	dir = walk->dir;
	return status < 0 ? -1 : openat(dir, ".", flags & ~(O_CREAT | O_EXCL));
}

bool path_open(int root, const char *name, enum path_rule rule, int flags, mode_t mode, int *fd,
	       struct error *err)
{
	if (name[0] == '\0')
		name = ".";

	int opened = open_by_kernel(root, name, rule, flags | O_CLOEXEC, mode);

	if (opened < 0 && errno == ENOSYS)
		opened = open_by_walk(root, name, rule, flags | O_CLOEXEC, mode);
	if (opened < 0)
		return error_sys(err, "open %s", name);
	*fd = opened;
	return true;
}

/* The file itself, not yet opened. */
static bool find_regular(int root, const char *name, enum path_rule rule, int *found,
			 struct error *err)
{
	struct stat status;

	if (!path_open(root, name, rule, O_PATH, 0, found, err))
		return false;
	if (fstat(*found, &status) < 0)
		return error_sys(err, "look at %s", name);
	return S_ISREG(status.st_mode) ||
	       error_set(err, ERROR_INPUT, "%s is not a regular file", name);
}

const char *path_of_fd(int fd, char path[PATH_OF_FD_MAX])
{
	snprintf(path, PATH_OF_FD_MAX, "/proc/self/fd/%d", fd);
	return path;
}

/* What was found, by a way to it that nobody can change. */
static bool open_found(int found, const char *name, int *fd, struct error *err)
{
	char way[PATH_OF_FD_MAX];

	*fd = open(path_of_fd(found, way), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return *fd >= 0 || error_sys(err, "open %s", name);
}

bool path_open_regular(int root, const char *name, enum path_rule rule, int *fd, struct error *err)
{
	autoclose int found = -1;

	return find_regular(root, name, rule, &found, err) && open_found(found, name, fd, err);
}

/* Those without a name are not in <linux/magic.h>. */
bool path_is_made_by_kernel(int fd)
{
	static const uint32_t magics[] = {
		PROC_SUPER_MAGIC,    SYSFS_MAGIC,          DEBUGFS_MAGIC,
		TRACEFS_MAGIC,       SECURITYFS_MAGIC,     CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, RDTGROUP_SUPER_MAGIC, PSTOREFS_MAGIC,
		BPF_FS_MAGIC,        EFIVARFS_MAGIC,       SELINUX_MAGIC,
		SMACK_MAGIC,         NSFS_MAGIC,           BINFMTFS_MAGIC,
		0x62656570, /* configfs */
		0x65735543, /* /sys/fs/fuse/connections */
		0x5a3c69f0, /* apparmorfs */
	};

	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(magics); i++) {
		if ((uint32_t)fs.f_type == magics[i])
			return true;
	}
	return false;
}

bool path_open_stored(int root, const char *name, enum path_rule rule, int *fd, struct error *err)
{
	autoclose int found = -1;

	if (!find_regular(root, name, rule, &found, err))
		return false;
	if (path_is_made_by_kernel(found))
		return error_set(err, ERROR_DENIED, "%s is no stored file: the kernel makes it up",
				 name);
	return open_found(found, name, fd, err);
}

/* -- making directories -------------------------------------------------------------------------
 */

static bool has_step_up(const char *name)
{
	size_t length;

	for (name += strspn(name, "/"); *name != '\0'; name += strspn(name, "/")) {
		length = strcspn(name, "/");
		if (length == 2 && memcmp(name, "..", 2) == 0)
			return true;
		name += length;
	}
	return false;
}

/* Opens the longest part of `name` that exists (links in it stay below the root) and sets *missing
 * to what remains. */
static bool open_existing(int root, const char *name, int *fd, const char **missing,
			  struct error *err)
{
	autofree char *path = mem_strdup(name);
	char *cut = path + strlen(path);

	while (!path_open(root, path, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, fd, err)) {
		if (err->sys != ENOENT)
			return false;
		while (cut > path && *--cut != '/')
			;
		*cut = '\0';
	}
	*missing = name + strlen(path);
	if (has_step_up(*missing)) /* made step by step, it would lead out of the root */
		return error_set(err, ERROR_INPUT, "\"..\" below what does not exist");
	return true;
}

/* Makes `name`, a plain component, in *dir and stands in it. */
static bool make_step(int *dir, const char *name, mode_t mode, struct error *err)
{
	if (mkdirat(*dir, name, mode) < 0 && errno != EEXIST)
		return error_sys(err, "create directory %s", name);

	int next = openat(*dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0)
		return error_sys(err, "open directory %s", name);
	close(*dir);
	*dir = next;
	return true;
}

bool path_make_dirs(int root, const char *name, mode_t mode, int *fd, struct error *err)
{
	autoclose int dir = -1;
	const char *missing;

	if (!open_existing(root, name, &dir, &missing, err))
		return error_in(err, "create directory %s", name);
	for (size_t length;; missing += length) {
		char component[NAME_MAX + 1] = "";

		missing += strspn(missing, "/");
		length = strcspn(missing, "/");
		if (length == 0)
			break;
		if (length > NAME_MAX)
			return error_set(err, ERROR_INPUT, "%s: name too long", name);
		memcpy(component, missing, length);
		if (strcmp(component, ".") == 0)
			continue;
		if (!make_step(&dir, component, mode, err))
			return error_in(err, "%s", name);
	}
	*fd = take_fd(&dir);
	return true;
}

/* `path` with the component at `place`, a link with this text, replaced. NULL: it became too long.
 */
static char *put_target(const char *path, const char *place, size_t length, const char *target)
{
	const char *rest = place + length;
	char *whole = target[0] == '/'
			      ? mem_printf("%s%s", target, rest)
			      : mem_printf("%.*s%s%s", (int)(place - path), path, target, rest);

	if (strlen(whole) < PATH_MAX)
		return whole;
	free(whole);
	return NULL;
}

char *path_past_links(int root, const char *name, struct error *err)
{
	autofree char *path = mem_strdup(name);

	for (int links = 0; path && links <= LINKS_MAX; links++) {
		char component[NAME_MAX + 1], target[PATH_MAX];
		autoclose int dir = -1;
		const char *missing;

		if (!open_existing(root, path, &dir, &missing, err))
			return error_in(err, "%s", name), NULL;
		missing += strspn(missing, "/");

		size_t length = strcspn(missing, "/");

		snprintf(component, sizeof(component), "%.*s", (int)length, missing);

		ssize_t got = readlinkat(dir, component, target, sizeof(target) - 1);

		if (got < 0) /* nothing of that name, or no link */
			return take_text(&path);
		target[got] = '\0';

		char *onward = put_target(path, missing, length, target);

		free(path);
		path = onward;
	}
	error_set(err, ERROR_INPUT, "%s: its links are too many, or too long", name);
	return NULL;
}

bool path_make_own_dirs(const char *name, mode_t mode, struct error *err)
{
	if (mkdir(name, mode) == 0 || errno == EEXIST) /* nearly always: all of it is there */
		return true;

	autofree char *path = mem_strdup(name);

	for (char *slash = path + 1;; slash++) {
		slash += strcspn(slash, "/");

		char saved = *slash;

		*slash = '\0';
		if (mkdir(path, mode) < 0 && errno != EEXIST && errno != EROFS)
			return error_sys(err, "create directory %s", path);
		*slash = saved;
		if (saved == '\0')
			return true;
	}
}

static bool check_own_dir(int dir, const char *name, struct error *err)
{
	struct stat info;

	if (fstat(dir, &info) < 0)
		return error_sys(err, "look at directory %s", name);
	if (info.st_uid != geteuid() && info.st_uid != 0)
		return error_set(err, ERROR_DENIED,
				 "directory %s is somebody else's, who could replace what is kept "
				 "there: use one of your own",
				 name);
	if (info.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(err, ERROR_DENIED,
				 "others may write to directory %s, and could replace what is kept "
				 "there: take that from them (chmod go-w), or use another",
				 name);
	return true;
}

bool path_open_own_dir(const char *name, mode_t mode, int *fd, struct error *err)
{
	autoclose int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 && errno == ENOENT) {
		if (!path_make_own_dirs(name, mode, err))
			return false;
		dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (dir < 0)
		return error_sys(err, "open directory %s", name);
	if (!check_own_dir(dir, name, err))
		return false;
	*fd = take_fd(&dir);
	return true;
}
