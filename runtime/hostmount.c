/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hostmount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/proc.h"
#include "runtime/idmap.h"
#include "runtime/kernel.h"

/* User namespaces that were made for mounts; equal maps share one. */
struct helper {
	const struct init_plan *plan;
	const struct spawned *spawned;
	int *namespaces; /* one per mount, -1: none made for it */
};

/* -- opening --------------------------------------------------------------------------------- */

/* Through init's own mount namespace, so that what is locked there stays locked in the copy. */
static bool open_source(const struct helper *helper, const char *source, int *fd, struct error *err)
{
	const struct init_plan *plan = helper->plan;
	autofree char *top = mem_printf("%d/root", helper->spawned->pid);
	autofree char *path = source[0] == '/' ? mem_strdup(source)
					       : mem_printf("%s/%s", plan->rootfs.bundle, source);
	autoclose int root = openat(plan->proc, top, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return error_sys(err, "open init's root");
	return path_open(root, path, PATH_IN_ROOT, O_PATH, 0, fd, err) ||
	       error_in(err, "mount source %s", source);
}

static bool answer_open(const struct helper *helper, const struct spec_mount *wanted,
			struct error *err)
{
	struct sync_message message = { .step = SYNC_OPENED, .fd_count = 1 };
	autoclose int fd = -1;

	if (!open_source(helper, wanted->source, &fd, err))
		return false;
	message.fds[0] = fd;
	return sync_send(helper->spawned->sync, &message, err);
}

/* -- mapping --------------------------------------------------------------------------------- */

static int open_user_namespace(const struct init_plan *plan, pid_t pid)
{
	autofree char *name = mem_printf("%d/ns/user", pid);

	return openat(plan->proc, name, O_RDONLY | O_CLOEXEC);
}

/* A child that is in a new user namespace until we close the other end of its pipe. */
static bool make_namespace(const struct init_plan *plan, const struct spec_mount *wanted, int *made,
			   struct error *err)
{
	const struct spec maps = { .uid_maps = wanted->uid_maps,
				   .gid_maps = wanted->gid_maps,
				   .uid_map_count = wanted->uid_map_count,
				   .gid_map_count = wanted->gid_map_count };
	const struct kernel_clone how = { .flags = CLONE_NEWUSER };
	int ends[2];
	char byte;
	bool is_mapped;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	pid_t pid = kernel_clone(&how);

	if (pid == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) < 0);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return error_sys(err, "make a user namespace for a mount");
	}
	is_mapped = idmap_write(&maps, plan->proc, pid, err);
	if (is_mapped) {
		*made = open_user_namespace(plan, pid);
		if (*made < 0)
			is_mapped = error_sys(err, "open the user namespace of a mount");
	}
	close(ends[1]);
	(void)proc_reap(pid, NULL);
	return is_mapped;
}

static bool is_same_map(const struct spec_id_map *a, size_t a_count, const struct spec_id_map *b,
			size_t b_count)
{
	return a_count == b_count && (a_count == 0 || memcmp(a, b, a_count * sizeof(*a)) == 0);
}

static bool is_same(const struct spec_mount *a, const struct spec_mount *b)
{
	return is_same_map(a->uid_maps, a->uid_map_count, b->uid_maps, b->uid_map_count) &&
	       is_same_map(a->gid_maps, a->gid_map_count, b->gid_maps, b->gid_map_count);
}

/* Mounts without maps of their own take those of the container. */
static bool find_namespace(const struct helper *helper, size_t number, int *found,
			   struct error *err)
{
	const struct init_plan *plan = helper->plan;
	const struct spec_mount *mounts = plan->spec->mounts;

	for (size_t i = 0; i < plan->spec->mount_count; i++)
		if (helper->namespaces[i] >= 0 && is_same(&mounts[i], &mounts[number])) {
			*found = helper->namespaces[i];
			return true;
		}
	if (mounts[number].uid_map_count > 0) {
		if (!make_namespace(plan, &mounts[number], &helper->namespaces[number], err))
			return false;
	} else {
		helper->namespaces[number] = open_user_namespace(plan, helper->spawned->pid);
		if (helper->namespaces[number] < 0)
			return error_sys(err, "open the container's user namespace");
	}
	*found = helper->namespaces[number];
	return true;
}

static bool answer_idmap(const struct helper *helper, size_t number, int tree, struct error *err)
{
	const struct spec_mount *wanted = &helper->plan->spec->mounts[number];
	struct sync_message message = { .step = SYNC_IDMAPPED };
	int namespace = -1;

	if (!find_namespace(helper, number, &namespace, err))
		return error_in(err, "mount source %s", wanted->source);
	if (kernel_set_idmap(tree, wanted->is_idmap_recursive, namespace) < 0)
		return error_sys(err,
				 "failed to set MOUNT_ATTR_IDMAP on %s (maybe the filesystem used "
				 "doesn't support idmap mounts, or the kernel is older than 5.12)",
				 wanted->source);
	return sync_send(helper->spawned->sync, &message, err);
}

/* -- the conversation ------------------------------------------------------------------------ */

static bool answer(const struct helper *helper, struct sync_message *message, struct error *err)
{
	const struct spec *spec = helper->plan->spec;
	bool is_good = false;

	if (message->number >= spec->mount_count ||
	    message->fd_count != (message->step == SYNC_IDMAP ? 1 : 0))
		error_set(err, ERROR_CORRUPT, "unexpected message from init");
	else if (message->step == SYNC_OPEN)
		is_good = answer_open(helper, &spec->mounts[message->number], err);
	else
		is_good = answer_idmap(helper, message->number, message->fds[0], err);
	while (message->fd_count > 0)
		close(message->fds[--message->fd_count]);
	return is_good;
}

static bool help(const struct helper *helper, enum container_fault *fault, struct error *err)
{
	struct sync_message message;

	for (;;) {
		if (!sync_receive(helper->spawned->sync, &message, err))
			return false;
		switch (message.step) {
		case SYNC_OPEN:
		case SYNC_IDMAP:
			if (!answer(helper, &message, err))
				return false;
			break;
		case SYNC_SOURCED:
			return true;
		case SYNC_FAILED:
			*fault = message.fault;
			*err = message.error;
			return false;
		case SYNC_CLOSED:
			return error_set(err, ERROR_SYSTEM, "init is gone: was it killed?");
		default:
			return error_set(err, ERROR_CORRUPT, "unexpected message from init");
		}
	}
}

static void helper_init(struct helper *helper, const struct init_plan *plan,
			const struct spawned *spawned)
{
	size_t count = plan->spec->mount_count;

	*helper = (struct helper){ plan, spawned, mem_array(count, sizeof(int)) };
	for (size_t i = 0; i < count; i++)
		helper->namespaces[i] = -1;
}

static void helper_done(struct helper *helper)
{
	for (size_t i = 0; i < helper->plan->spec->mount_count; i++)
		mem_cleanup_close(&helper->namespaces[i]);
	free(helper->namespaces);
}

bool hostmount_help(const struct init_plan *plan, const struct spawned *spawned,
		    enum container_fault *fault, struct error *err)
{
	struct helper helper;
	bool is_good;

	if (!rootfs_needs_help(plan->spec))
		return true;
	helper_init(&helper, plan, spawned);
	is_good = help(&helper, fault, err);
	helper_done(&helper);
	return is_good;
}

bool hostmount_answer(const struct init_plan *plan, const struct spawned *spawned,
		      struct sync_message *message, struct error *err)
{
	struct helper helper;
	bool is_good;

	helper_init(&helper, plan, spawned);
	is_good = answer(&helper, message, err);
	helper_done(&helper);
	return is_good;
}
