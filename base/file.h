/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Whole files: read with a limit, replaced atomically, locked. `dir` is a directory descriptor or
 * AT_FDCWD. Names given here are trusted (our own); untrusted ones go through base/path.h.
 */

/* Reads the file into `buf`, whose limit is the limit. */
must_check bool file_read(int dir, const char *name, struct buf *buf, struct error *err);
/* Reads from a descriptor until its end. `name` is for messages. */
must_check bool file_read_fd(int fd, const char *name, struct buf *buf, struct error *err);

/* Writes all bytes, over short writes and EINTR. */
must_check bool file_write(int fd, const char *name, const void *bytes, size_t count,
			   struct error *err);

/* Fails as error_sys(err, "VERB NAME") does. Where no room is left, the file system is read-only or
 * its disk fails it names the whole path, of `fd` or of NAME if `fd` is a directory, and the mount
 * point of what is full or read-only: a name alone ("hosts") tells nobody where. */
bool file_error(int fd, const char *verb, const char *name, struct error *err);

/* To a failure of the kernel's to find room for `path` (or what is below it), or to write there at
 * all, it adds the mount point of what is full or read-only, unless that is said already. Always
 * false. */
bool file_add_remedy(const char *path, struct error *err);

enum file_lasting {
	FILE_VOLATILE, /* on tmpfs, or not worth an fsync */
	FILE_DURABLE,  /* survives a power cut once the call returns */
};

/* Replaces (or makes) the file: written beside, renamed over. Readers see the old or the new one,
 * and so does the next boot. A crash leaves at most a "NAME.tmp-…" beside it. */
must_check bool file_replace(int dir, const char *name, const void *bytes, size_t count,
			     mode_t mode, enum file_lasting lasting, struct error *err);

/* The same in a directory that is not ours to sweep: a crash leaves nothing there, or what the next
 * one that replaces the file removes. */
must_check bool file_replace_outside(int dir, const char *name, const void *bytes, size_t count,
				     mode_t mode, enum file_lasting lasting, struct error *err);

/* Opens a directory ("." is `dir` itself) to read its entries, from the first one; NULL with errno.
 * The caller's to close (autodir). */
DIR *file_list(int dir, const char *name);

/* Removes what crashes left beside files in the directory. For who holds the lock of all that write
 * there with file_replace; best effort. */
void file_sweep(int dir);

/* The next entry of a directory but for "." and ".."; *entry is NULL behind the last one. What
 * readdir(3) alone would pass off as the end of the directory (a broken disk) is a failure here.
 * `name` is for messages. */
must_check bool file_next(DIR *dir, const char *name, struct dirent **entry, struct error *err);

/* The kernel's number of the mount that an open file lies on (mnt_id of fdinfo, proc(5)). */
must_check bool file_mount_number(int fd, int64_t *number, struct error *err);

/* fsync of a directory: makes renames and unlinks in it last. */
must_check bool file_sync_dir(int dir, const char *name, struct error *err);

enum file_lock_mode {
	FILE_LOCK_SHARED,
	FILE_LOCK_EXCLUSIVE,
	FILE_LOCK_TRY, /* exclusive, or fail with ERROR_EXISTS at once */
};

/* Opens (makes) the lock file and locks it; the lock lasts as long as *fd is open. Lock files are
 * never removed. */
must_check bool file_lock(int dir, const char *name, enum file_lock_mode mode, int *fd,
			  struct error *err);

/* The same by the directory itself, which needs no file: also on a disk that has no room for one
 * more. `name` is for errors. */
must_check bool file_lock_dir(int dir, const char *name, enum file_lock_mode mode, int *fd,
			      struct error *err);

#endif
