/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/joint.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/find.h"
#include "engine/status.h"

#define MODE "container:"

static bool find_other(const struct engine *engine, struct arena *arena, const char *mode,
		       struct container *other, pid_t *pid, struct error *err)
{
	char id[CONTAINER_ID_LENGTH + 1];
	struct status status;

	if (!find_one(engine, mode + strlen(MODE), id, err) ||
	    !container_read(engine, arena, id, other, err))
		return false;
	status_read(engine, arena, id, &status);
	*pid = status.pid;
	return status_has_process(&status) ||
	       error_set(err, ERROR_INPUT, "container %s is not running", id);
}

static bool find_namespace(const struct engine *engine, struct arena *arena, const char *mode,
			   const char *kind, const char **path, pid_t *pid, struct error *err)
{
	struct container other = { 0 };

	if (strncmp(mode, MODE, strlen(MODE)) != 0)
		return true;
	bool is_ipc = strcmp(kind, "ipc") == 0;
	bool is_found = find_other(engine, arena, mode, &other, pid, err);
	if (is_found && is_ipc &&
	    (strcmp(other.ipc_mode, "private") == 0 || strcmp(other.ipc_mode, "none") == 0))
		is_found = error_set(err, ERROR_INPUT,
				     "non-shareable IPC (hint: use IpcMode:shareable for the donor "
				     "container)");
	if (!is_found && is_ipc && other.id)
		error_in(err, "can't join IPC of container %s", other.id);
	container_done(&other);
	*path = arena_printf(arena, "/proc/%d/ns/%s", (int)*pid, kind);
	return is_found;
}

/* A mount of another mount namespace can be copied from inside that one alone. We go there for the
 * moment of the call; the copy belongs to no namespace until it is put into ours. */
static bool copy_shm(struct arena *arena, pid_t pid, int *copy, struct error *err)
{
	const char *theirs = arena_printf(arena, "/proc/%d/ns/mnt", (int)pid);
	autoclose int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	autoclose int other = open(theirs, O_RDONLY | O_CLOEXEC);

	if (own < 0 || other < 0 || setns(other, CLONE_NEWNS) < 0)
		return error_sys(err, "enter the other container's mounts");
	*copy = (int)syscall(SYS_open_tree, AT_FDCWD, "/dev/shm",
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	bool is_copied = *copy >= 0 || error_sys(err, "share /dev/shm");
	if (setns(own, CLONE_NEWNS) < 0)
		return error_sys(err, "come back from the other container's mounts");
	return is_copied;
}

static bool mount_shm(struct arena *arena, pid_t pid, const char *directory, const char **shm,
		      struct error *err)
{
	autoclose int copy = -1;

	*shm = arena_printf(arena, "%s/shm", directory);
	if (mkdir(*shm, 0700) < 0 && errno != EEXIST)
		return error_sys(err, "make %s", *shm);
	if (!copy_shm(arena, pid, &copy, err))
		return false;
	return syscall(SYS_move_mount, copy, "", AT_FDCWD, *shm, MOVE_MOUNT_F_EMPTY_PATH) == 0 ||
	       error_sys(err, "share /dev/shm");
}

bool joint_make(const struct engine *engine, struct arena *arena, const struct container *container,
		const char *directory, struct joint *joint, struct error *err)
{
	pid_t pid = 0;

	*joint = (struct joint){ .shm = NULL };
	if (!find_namespace(engine, arena, container->pid_mode, "pid", &joint->pid_namespace, &pid,
			    err) ||
	    !find_namespace(engine, arena, container->ipc_mode, "ipc", &joint->ipc_namespace, &pid,
			    err))
		return false;
	return !joint->ipc_namespace || mount_shm(arena, pid, directory, &joint->shm, err);
}
