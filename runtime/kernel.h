/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_KERNEL_H
#define RUNTIME_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * System calls that the C library does not have everywhere, under names of our own. All fail with
 * -1 and errno. What they need of <linux/…> is in the .c, since those headers and the C library's
 * do not always go together.
 */

/* A detached copy of the mount at `path` below `dir` (`path` "" is `dir` itself). */
int kernel_clone_tree(int dir, const char *path, int is_recursive);
/* Attaches a detached mount on the thing that `target` is open on. */
int kernel_attach(int tree, int target);
/* The same with these MOUNT_ATTR_* set and cleared before anyone can see it. */
int kernel_attach_as(int tree, int target, uint64_t set, uint64_t clear);

/* MOUNT_ATTR_* of the per-mount MS_* flags. */
uint64_t kernel_attributes(unsigned long flags);
/* Of the attached mount whose root is open as `mount`. Recursive: ENOSYS before Linux 5.12. */
int kernel_set_attributes(int mount, int is_recursive, uint64_t set, uint64_t clear);
/* Of a detached mount: ids on disk appear as the user namespace's. */
int kernel_set_idmap(int tree, int is_recursive, int user_namespace);
/* MS_PRIVATE, MS_SLAVE …, with MS_REC or not, of the mount whose root is open as `mounted`. */
int kernel_set_propagation(int mounted, unsigned long propagation);

/* Whether a mount begins at `path`; false too if that is not there. A link is not followed. */
int kernel_is_mount_root(const char *path);

struct kernel_mount {
	const char *type, *source; /* source may be NULL */
	const char *data;          /* as for mount(2); "" is none */
	unsigned long flags;       /* MS_* of the file system and of the mount */
};
/* A new file system, detached; its root. */
int kernel_new_mount(const struct kernel_mount *wanted);

struct kernel_clone {
	uint64_t flags; /* CLONE_* */
	int cgroup;     /* with CLONE_INTO_CGROUP: the v2 group's directory */
};
/* fork(2) with clone3: 0 in the child. The child is reaped like any other. */
pid_t kernel_clone(const struct kernel_clone *how);

/* fork(2) that also gives a pidfd of the child. Filters made for containers let it through, which
 * cannot be said of pidfd_open. */
pid_t kernel_fork(int *pidfd);

int kernel_pidfd_open(pid_t pid);
/* A copy of that process's descriptor. */
int kernel_pidfd_getfd(int pidfd, int fd);
int kernel_pidfd_signal(int pidfd, int signal);
/* All descriptors from `first` on get O_CLOEXEC. */
int kernel_cloexec_from(unsigned int first);
/* Closes the descriptors `first` to `last`. */
int kernel_close_range(unsigned int first, unsigned int last);
int kernel_pivot_root(const char *new_root, const char *put_old);
long kernel_join_keyring(const char *name);

#endif
