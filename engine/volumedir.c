/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volumedir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/find.h"

#define LOCK        ".lock"
#define NEW         ".new"
#define DEAD_PREFIX ".dead-"
#define COPYING     "../copying" /* as seen from the data */

/* Nobody else gets in: what a container leaves there may be set-user-ID root (CVE-2021-41091). The
 * directory of all may be of a time when it was open. */
static bool open_locked(int root, int *volumes, int *lock, struct error *err)
{
	if (mkdirat(root, VOLUMEDIR_ALL, 0700) < 0 &&
	    (errno != EEXIST || fchmodat(root, VOLUMEDIR_ALL, 0700, 0) < 0))
		return error_sys(err, "make the directory of volumes");
	*volumes = openat(root, VOLUMEDIR_ALL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*volumes < 0)
		return error_sys(err, "open the volumes");
	return file_lock(*volumes, LOCK, FILE_LOCK_EXCLUSIVE, lock, err);
}

static bool has_data(int volumes, const char *name)
{
	autofree char *data = mem_printf("%s/" VOLUMEDIR_DATA, name);

	return faccessat(volumes, data, F_OK, 0) == 0;
}

static bool make_data(int volumes, const char *name, struct error *err)
{
	autofree char *data = mem_printf("%s/" VOLUMEDIR_DATA, name);

	if ((mkdirat(volumes, name, 0700) < 0 && errno != EEXIST) ||
	    mkdirat(volumes, data, 0700) < 0 || fchmodat(volumes, data, 0755, 0) < 0)
		return error_sys(err, "make its directories");
	return true;
}

static bool fill_new(int volumes, const char *name, const struct buf *definition, struct error *err)
{
	if (!make_data(volumes, NEW, err) ||
	    (definition && !file_replace(volumes, NEW "/" VOLUMEDIR_DEFINITION, definition->data,
					 definition->length, 0600, FILE_DURABLE, err)))
		return false;
	return renameat(volumes, NEW, volumes, name) == 0 || error_sys(err, "give it its name");
}

static bool make_new(int volumes, const char *name, const struct buf *definition, struct error *err)
{
	struct error ignored; /* it stays for the next one who makes one */

	if (!path_remove_tree(volumes, NEW, err))
		return false;
	if (!fill_new(volumes, name, definition, err))
		return !path_remove_tree(volumes, NEW, &ignored) && false;
	return !definition || file_sync_dir(volumes, ".", err);
}

bool volumedir_make(int root, const char *name, const struct buf *definition, bool *is_new,
		    struct error *err)
{
	autoclose int volumes = -1, lock = -1;

	if (!open_locked(root, &volumes, &lock, err))
		return error_in(err, "make volume %s", name);
	*is_new = !has_data(volumes, name);
	if (!*is_new)
		return true;
	/* Somebody removed its data by hand: what it is, is still there. */
	bool is_left = faccessat(volumes, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return (is_left ? make_data(volumes, name, err)
			: make_new(volumes, name, definition, err)) ||
	       error_in(err, "make volume %s", name);
}

/* Removing. ----------------------------------------------------------------------------------- */

/* Its name is free at once; *dead is held until its files are gone. */
static bool kill_volume(int root, const char *name, enum file_lasting lasting, int *volumes,
			int *dead, struct error *err)
{
	autofree char *grave = mem_printf(DEAD_PREFIX "%s", name);
	autoclose int lock = -1;

	if (!open_locked(root, volumes, &lock, err))
		return false;
	*dead = openat(*volumes, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*dead < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
	if (*dead < 0 || flock(*dead, LOCK_EX) < 0)
		return error_sys(err, "open it");
	if (!path_remove_tree(*volumes, grave, err)) /* one of that name, killed before */
		return false;
	if (renameat(*volumes, name, *volumes, grave) < 0)
		return error_sys(err, "take its name");
	return lasting == FILE_VOLATILE || file_sync_dir(*volumes, ".", err);
}

bool volumedir_remove(int root, const char *name, enum file_lasting lasting, struct error *err)
{
	autofree char *grave = mem_printf(DEAD_PREFIX "%s", name);
	autoclose int volumes = -1, dead = -1;

	return (kill_volume(root, name, lasting, &volumes, &dead, err) &&
		path_remove_tree(volumes, grave, err)) ||
	       (err->kind != ERROR_NOT_FOUND && error_in(err, "remove volume %s", name));
}

bool volumedir_is_rubbish(int volumes, const char *entry)
{
	return strncmp(entry, DEAD_PREFIX, strlen(DEAD_PREFIX)) == 0 ||
	       (find_is_id(entry) && !has_data(volumes, entry));
}

void volumedir_bury(int volumes, const char *entry)
{
	autoclose int dead =
		openat(volumes, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct error ignored; /* it stays for the next one who looks */

	if (dead >= 0 && flock(dead, LOCK_EX | LOCK_NB) == 0 &&
	    !path_remove_tree(volumes, entry, &ignored))
		return;
}

/* Copying. ------------------------------------------------------------------------------------ */

bool volumedir_is_half_copied(int data)
{
	return faccessat(data, COPYING, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool volumedir_begin_copy(int data, struct error *err)
{
	autoclose int mark =
		openat(data, COPYING, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return mark >= 0 || error_sys(err, "mark the volume as half copied");
}

bool volumedir_end_copy(int data, enum file_lasting lasting, struct error *err)
{
	if (lasting == FILE_DURABLE && syncfs(data) < 0)
		return error_sys(err, "write the volume to the disk");
	if (unlinkat(data, COPYING, 0) < 0)
		return error_sys(err, "mark the volume as copied");
	/* Were the mark to come back, so would the image's files, over the container's. */
	return lasting == FILE_VOLATILE || file_sync_dir(data, "..", err);
}
