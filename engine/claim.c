/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/claim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "engine/change.h"
#include "engine/door.h"
#include "engine/find.h"
#include "engine/health.h"
#include "engine/status.h"
#include "engine/volume.h"
#include "engine/words.h"

#define DEAD_PREFIX   ".dead-"
#define ID_ATTEMPTS   1000 /* each is lost only to a sweep at the very moment */
#define NAME_ATTEMPTS 20
#define LOCK_PATIENCE 10000 /* milliseconds that claim_lock waits */
#define READ_PATIENCE 5000  /* milliseconds that a removal waits for who reads the end */
#define INHERITED_MAX 64    /* descriptors above this are not looked at */
#define LOCK_STEP     5

/* Digits only would be a number for the hostname, which some programs mistake for an address. */
static bool is_usable_id(const char *id)
{
	return strspn(id, "0123456789") < CONTAINER_SHORT_ID;
}

static void random_hex(char *hex, size_t digits)
{
	static const char letters[] = "0123456789abcdef";
	unsigned char bytes[CONTAINER_ID_LENGTH / 2];

	hex[digits] = '\0';
	do {
		if (getrandom(bytes, digits / 2, 0) != (ssize_t)digits / 2)
			memset(bytes, 0, sizeof(bytes)); /* cannot happen for so few bytes */
		for (size_t i = 0; i < digits; i++)
			hex[i] = letters[bytes[i / 2] >> (i % 2 ? 0 : 4) & 0xf];
	} while (!is_usable_id(hex));
}

/* One try. *lock stays -1 where the directory, not locked yet, looked like rubbish to a sweep. */
static bool try_id(const struct engine *engine, const char *hex, int *lock, struct error *err)
{
	if (mkdirat(engine->containers, hex, 0710) < 0)
		return error_sys(err, "make container %s", hex);
	autoclose int dir = openat(engine->containers, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 ? errno != ENOENT : flock(dir, LOCK_EX) != 0)
		return error_sys(err, "lock container %s", hex);
	if (dir >= 0 && faccessat(engine->containers, hex, F_OK, 0) == 0)
		*lock = take_fd(&dir);
	return true;
}

bool claim_id(const struct engine *engine, struct arena *arena, const char **id, int *lock,
	      struct error *err)
{
	char hex[CONTAINER_ID_LENGTH + 1];
	int taken = -1;

	for (int attempt = 0; taken < 0; attempt++) {
		if (attempt == ID_ATTEMPTS)
			return error_set(err, ERROR_EXISTS,
					 "no container could be made: others "
					 "remove it at once");
		random_hex(hex, CONTAINER_ID_LENGTH);
		if (!try_id(engine, hex, &taken, err))
			return false;
	}
	*id = arena_strdup(arena, hex);
	*lock = taken;
	return true;
}

/* A directory that nobody holds and that is no container (any more). */
static bool is_rubbish(struct engine *engine, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	struct error err;
	bool is_dead = false;

	if (status_is_locked(engine, id))
		return false;
	if (!container_read(engine, &arena, id, &container, &err)) {
		is_dead = err.kind == ERROR_NOT_FOUND;
	} else if (container.is_removed_on_exit) {
		struct status status;

		status_read(engine, &arena, id, &status);
		is_dead = status.state == STATUS_EXITED;
	}
	container_done(&container);
	return is_dead;
}

static bool try_lock(const struct engine *engine, const char *id, int *lock)
{
	*lock = openat(engine->containers, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) == 0;
}

/* Removes the directory if it is rubbish still, once it is ours. */
static void sweep_one(struct engine *engine, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	autoclose int lock = -1;
	struct error ignored; /* it stays for the next sweep */

	if (!is_rubbish(engine, id) || !try_lock(engine, id, &lock) || claim_is_kept(engine, id))
		return;
	const char *name = NULL;
	bool is_done = true;
	if (container_read(engine, &arena, id, &container, &ignored)) {
		name = container.name;
		is_done = volume_remove_anonymous(engine, &container, &ignored);
	}
	door_remove(engine, id);
	health_forget(engine, id);
	if (is_done && !claim_release(engine, id, name, FILE_VOLATILE, &ignored))
		name = NULL;
	container_done(&container);
}

static bool holder_of(const struct engine *engine, const char *name,
		      char id[CONTAINER_ID_LENGTH + 1])
{
	ssize_t length = readlinkat(engine->names, name, id, CONTAINER_ID_LENGTH + 1);

	if (length != CONTAINER_ID_LENGTH)
		return false;
	id[length] = '\0';
	return find_is_id(id);
}

/* Under the lock of the directory of names, so that nobody takes the name between the look and the
 * removal. */
bool claim_drop_name(struct engine *engine, const char *name, const char *id, struct error *err)
{
	char holder[CONTAINER_ID_LENGTH + 1];
	autoclose int lock = -1;

	if (!file_lock_dir(engine->names, "names", FILE_LOCK_EXCLUSIVE, &lock, err))
		return false;
	if (!holder_of(engine, name, holder) || strcmp(holder, id) != 0)
		return true;
	if (unlinkat(engine->names, name, 0) < 0 && errno != ENOENT)
		return error_sys(err, "give up the name %s", name);
	return true;
}

/* The name of a container that has another by now: a rename was killed between its steps. Nobody is
 * renaming while we hold the lock. */
static bool is_left_behind(struct engine *engine, const char *name, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	autoclose int lock = -1;
	struct error ignored;
	bool is_left =
		file_lock_dir(engine->containers, "containers", FILE_LOCK_TRY, &lock, &ignored) &&
		container_read(engine, &arena, id, &container, &ignored) &&
		strcmp(container.name, name) != 0;

	container_done(&container);
	return is_left;
}

bool claim_name(struct engine *engine, const char *name, const char *id, struct error *err)
{
	char holder[CONTAINER_ID_LENGTH + 1] = "";

	for (int attempt = 0; attempt < 2; attempt++) {
		if (symlinkat(id, engine->names, name) == 0)
			return true;
		if (errno != EEXIST)
			return error_sys(err, "take the name %s", name);
		if (!holder_of(engine, name, holder))
			continue;            /* gone this moment */
		if (strcmp(holder, id) == 0) /* a rename was killed there, and goes on */
			return true;
		sweep_one(engine, holder);
		bool is_free = faccessat(engine->containers, holder, F_OK, 0) != 0 ||
			       is_left_behind(engine, name, holder);
		if (is_free && !claim_drop_name(engine, name, holder, err))
			return false;
	}
	return error_set(
		err, ERROR_EXISTS,
		"Conflict. The container name \"/%s\" is already in use by container \"%s\". "
		"You have to remove (or rename) that container to be able to reuse that name.",
		name, holder);
}

bool claim_sync_names(const struct engine *engine, struct error *err)
{
	return file_sync_dir(engine->names, ".", err);
}

bool claim_any_name(struct engine *engine, struct arena *arena, const char *id, const char **name,
		    struct error *err)
{
	for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
		unsigned int dice[2] = { 0 };

		if (getrandom(dice, sizeof(dice), 0) != sizeof(dice))
			dice[0] = dice[1] = (unsigned int)attempt;
		*name = words_name(arena, dice[0], dice[1], attempt);
		if (claim_name(engine, *name, id, err))
			return true;
		if (err->kind != ERROR_EXISTS)
			return false;
	}
	return false;
}

bool claim_lock(const struct engine *engine, const char *id, int *lock, struct error *err)
{
	autoclose int dir = -1;
	const struct timespec step = { .tv_nsec = LOCK_STEP * 1000000L };

	if (!container_open(engine, id, &dir, err))
		return false;
	for (int waited = 0; flock(dir, LOCK_EX | LOCK_NB) != 0; waited += LOCK_STEP) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(err, "lock container %.12s", id);
		if (waited >= LOCK_PATIENCE)
			return error_set(err, ERROR_EXISTS,
					 "container %.12s is in use by another command", id);
		nanosleep(&step, NULL); /* flock(2) has no time limit of its own */
	}
	if (faccessat(engine->containers, id, F_OK, 0) != 0)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", id);
	*lock = take_fd(&dir);
	return true;
}

int claim_inherited(const struct engine *engine, const char *id)
{
	struct stat wanted;
	struct stat status;

	if (fstatat(engine->containers, id, &wanted, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++) {
		if (fstat(fd, &status) == 0 && status.st_dev == wanted.st_dev &&
		    status.st_ino == wanted.st_ino)
			return fd;
	}
	return -1;
}

void claim_wait(const struct engine *engine, const char *id)
{
	autoclose int dir = openat(engine->containers, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (dir >= 0 && flock(dir, LOCK_SH) != 0 && errno == EINTR)
		continue;
}

static int open_in(const struct engine *engine, const char *id, const char *name, int flags)
{
	char path[CONTAINER_ID_LENGTH + 32];

	snprintf(path, sizeof(path), "%.64s/%s", id, name);
	return openat(engine->containers, path, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int claim_read_end(const struct engine *engine, const char *id)
{
	autoclose int file = open_in(engine, id, CONTAINER_STARTED, O_RDONLY);

	return file >= 0 && flock(file, LOCK_SH | LOCK_NB) == 0 ? take_fd(&file) : -1;
}

int claim_await_readers(const struct engine *engine, const char *id)
{
	autoclose int file = open_in(engine, id, CONTAINER_STARTED, O_RDONLY);
	const struct timespec step = { .tv_nsec = LOCK_STEP * 1000000L };

	/* One that was stopped itself must not keep the container for ever. */
	for (int waited = 0; file >= 0 && waited < READ_PATIENCE; waited += LOCK_STEP) {
		if (flock(file, LOCK_EX | LOCK_NB) == 0)
			return take_fd(&file);
		nanosleep(&step, NULL);
	}
	return -1;
}

int claim_keep(const struct engine *engine, const char *id)
{
	autoclose int file = open_in(engine, id, CONTAINER_KEPT, O_RDONLY | O_CREAT);

	return file >= 0 && flock(file, LOCK_SH | LOCK_NB) == 0 ? take_fd(&file) : -1;
}

bool claim_is_kept(const struct engine *engine, const char *id)
{
	autoclose int file = open_in(engine, id, CONTAINER_KEPT, O_RDONLY);

	return file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/* A monitor may just be ending, and its root file system with it. To remove a directory on which
 * something is mounted still means to wait for the kernel: so rootfs comes after what takes long by
 * itself. */
static bool remove_dead(const struct engine *engine, const char *dead, struct error *err)
{
	static const char *const first[] = { "upper", "work" };

	for (size_t i = 0; i < COUNT_OF(first); i++) {
		char path[sizeof(DEAD_PREFIX) + CONTAINER_ID_LENGTH + sizeof("/upper")];

		snprintf(path, sizeof(path), "%s/%s", dead, first[i]);
		if (!path_remove_tree(engine->containers, path, err))
			return false;
	}
	return path_remove_tree(engine->containers, dead, err);
}

/* What the kernel leaves of a volatile overlay is known, and need not be listed. */
static void drop_overlay_mark(const struct engine *engine, const char *id)
{
	static const char *const names[] = { "work/incompat/volatile/dirty",
					     "work/incompat/volatile", "work/incompat", "work" };
	char path[CONTAINER_ID_LENGTH + 48];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%.64s/work/%s", id, names[i]);
		if (unlinkat(engine->containers, path, i == 0 ? 0 : AT_REMOVEDIR) < 0)
			return; /* a lasting one, or a kernel that leaves more */
	}
}

void claim_drop_bundle(const struct engine *engine, const char *id)
{
	static const char *const names[] = { "work", CONTAINER_CONFIG, "hosts", "hostname",
					     "resolv.conf" };
	char path[CONTAINER_ID_LENGTH + 32];
	struct error ignored; /* it goes with the rest */

	drop_overlay_mark(engine, id);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%.64s/%s", id, names[i]);
		if (!path_remove_tree(engine->containers, path, &ignored))
			return;
	}
}

bool claim_release(struct engine *engine, const char *id, const char *name,
		   enum file_lasting lasting, struct error *err)
{
	char dead[sizeof(DEAD_PREFIX) + CONTAINER_ID_LENGTH];

	snprintf(dead, sizeof(dead), DEAD_PREFIX "%.64s", id);
	if (renameat(engine->containers, id, engine->containers, dead) < 0 && errno != ENOENT)
		return error_sys(err, "remove container %.12s", id);
	if (lasting == FILE_DURABLE && !file_sync_dir(engine->containers, ".", err))
		return false;
	if (name && *name && !claim_drop_name(engine, name, id, err))
		return false;
	return remove_dead(engine, dead, err) || error_in(err, "remove container %.12s", id);
}

/* How many entries there are, but for those that begin with a dot; *has_dead: with DEAD_PREFIX. */
static size_t count_entries(int at, bool *has_dead)
{
	autodir DIR *dir = file_list(at, ".");
	size_t count = 0;

	if (!dir)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		count += entry->d_name[0] != '.';
		*has_dead |= strncmp(entry->d_name, DEAD_PREFIX, strlen(DEAD_PREFIX)) == 0;
	}
	return count;
}

static bool has_more_names(const struct engine *engine, bool *has_dead)
{
	size_t containers = count_entries(engine->containers, has_dead);

	return count_entries(engine->names, has_dead) > containers;
}

bool claim_has_rubbish(const struct engine *engine)
{
	bool has_dead = false;

	return has_more_names(engine, &has_dead) || has_dead;
}

/* Drops names of containers that are no more (`renamed`: that have another name by now, for which
 * each has to be read) and returns how many stay. Whoever wanted such a name took it anyway. */
static size_t sweep_names(struct engine *engine, bool renamed)
{
	autodir DIR *dir = file_list(engine->names, ".");
	char holder[CONTAINER_ID_LENGTH + 1];
	struct error ignored; /* it stays for the next sweep */
	size_t count = 0;

	if (!dir)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *name = entry->d_name;

		if (name[0] == '.' || !holder_of(engine, name, holder))
			continue;
		bool is_dead = renamed ? is_left_behind(engine, name, holder)
				       : faccessat(engine->containers, holder, F_OK, 0) != 0;
		if (!is_dead)
			count++;
		else if (!claim_drop_name(engine, name, holder, &ignored))
			break;
	}
	return count;
}

void claim_sweep(struct engine *engine)
{
	autodir DIR *dir = file_list(engine->containers, ".");
	struct error ignored; /* what cannot be removed stays rubbish */
	size_t containers = 0;

	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));) {
		autoclose int lock = -1;

		if (find_is_id(entry->d_name)) {
			sweep_one(engine, entry->d_name);
			containers += faccessat(engine->containers, entry->d_name, F_OK, 0) == 0;
		} else if (strncmp(entry->d_name, DEAD_PREFIX, strlen(DEAD_PREFIX)) == 0 &&
			   try_lock(engine, entry->d_name, &lock) &&
			   !path_remove_tree(engine->containers, entry->d_name, &ignored))
			continue;
	}
	if (sweep_names(engine, false) > containers)
		sweep_names(engine, true);
}
