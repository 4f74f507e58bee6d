/* SPDX-License-Identifier: Apache-2.0 */
#include "image/footing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "image/layout.h"

/* Whatever the umask says: it serves all containers from now on. */
static bool make_directory(int parent, const char *name, struct error *err)
{
	return (mkdirat(parent, name, 0755) == 0 && fchmodat(parent, name, 0755, 0) == 0) ||
	       error_sys(err, "make %s of " LAYOUT_FOOTING, name);
}

static bool make_file(int parent, const char *name, mode_t mode, struct error *err)
{
	autoclose int file =
		openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	return (file >= 0 && fchmod(file, mode) == 0) ||
	       error_sys(err, "make %s of " LAYOUT_FOOTING, name);
}

static bool fill(int dir, struct error *err)
{
	static const char *const directories[] = { "dev", "etc", "proc", "sys" };
	static const char *const files[] = { "etc/hostname", "etc/hosts", "etc/resolv.conf" };

	for (size_t i = 0; i < COUNT_OF(directories); i++) {
		if (!make_directory(dir, directories[i], err))
			return false;
	}
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		if (!make_file(dir, files[i], 0644, err))
			return false;
	}
	return make_file(dir, ".dockerenv", 0755, err) &&
	       (symlinkat("/proc/mounts", dir, "etc/mtab") == 0 ||
		error_sys(err, "make etc/mtab of " LAYOUT_FOOTING));
}

/* Elsewhere first, locked against who sweeps: it gets its name when it is whole. Who is later has
 * made one too many. */
static bool make_and_name(int root, const char *name, struct error *err)
{
	autoclose int dir = -1;

	if (!make_directory(root, name, err))
		return false;
	dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX) < 0)
		return error_sys(err, "open %s", name);
	return fill(dir, err) &&
	       (renameat(root, name, root, LAYOUT_FOOTING) == 0 || errno == ENOTEMPTY ||
		errno == EEXIST || error_sys(err, "rename %s", name));
}

bool footing_make(const struct store *store, struct error *err)
{
	char name[sizeof(LAYOUT_STAGING "/" LAYOUT_FOOTING "-") + 2 * sizeof(uint64_t)];
	uint64_t number;
	struct error ignored;

	if (faccessat(store->root, LAYOUT_FOOTING, F_OK, 0) == 0)
		return true;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return error_sys(err, "get random bytes");
	snprintf(name, sizeof(name), LAYOUT_STAGING "/" LAYOUT_FOOTING "-%016" PRIx64, number);

	bool is_made = make_and_name(store->root, name, err);

	return path_remove_tree(store->root, name, &ignored) && is_made;
}
