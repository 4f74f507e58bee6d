/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "lifecycle/artifact.h"
#include "lifecycle/artifactfile.h"

/*
 * How this works: the tree is walked by names relative to the artifact directory; each is opened
 * afresh beneath it (PATH_BENEATH), so a link may point inside the tree and nowhere else. In the
 * store no link is followed at all.
 */

#define COPY_SIZE (1024 * 1024)

struct merge {
	const struct artifact_context *context;
	int from;
	int to;
	size_t files;
	struct error *err;
};

static bool copy_bytes(int from, int to, struct error *err)
{
	autofree char *bytes = NULL;

	for (;;) {
		ssize_t copied = copy_file_range(from, NULL, to, NULL, SSIZE_MAX, 0);

		if (copied == 0)
			return true;
		if (copied < 0 && errno == EINTR)
			continue;
		if (copied < 0)
			break; /* another file system, or an old kernel: by hand */
	}
	bytes = mem_alloc(COPY_SIZE);
	for (;;) {
		ssize_t got = read(from, bytes, COPY_SIZE);

		if (got == 0)
			return true;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "read");
		if (!file_write(to, "the copy", bytes, (size_t)got, err))
			return false;
	}
}

static bool is_same(int dir, const char *name, const struct stat *source)
{
	struct stat status;

	return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
	       status.st_size == source->st_size &&
	       status.st_mtim.tv_sec == source->st_mtim.tv_sec &&
	       status.st_mtim.tv_nsec == source->st_mtim.tv_nsec;
}

static bool copy_file(const struct merge *merge, int source, const struct stat *status, int dir,
		      const char *name)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, status->st_mtim };
	mode_t mode = artifactfile_mode(RECIPE_OWNER, RECIPE_NOBODY);

	if (is_same(dir, name, status))
		return true;

	autoclose int copy = artifactfile_create(dir, merge->err);

	if (copy < 0 || !copy_bytes(source, copy, merge->err))
		return false;
	if (futimens(copy, times) < 0)
		return error_sys(merge->err, "set the time");
	return artifactfile_own(copy, merge->context->account, mode, merge->err) &&
	       artifactfile_publish(copy, dir, name, merge->err);
}

static bool merge_directory(struct merge *merge, int source, const char *name, int depth);

/* NAME at the first level must be a component's, so that no other place in the store is reached. */
static bool is_right_name(const char *name, int depth)
{
	return depth > 0 ? path_is_component(name) : recipe_is_component_name(name);
}

static bool merge_file(struct merge *merge, int source, const struct stat *status,
		       const char *parent, const char *name)
{
	autoclose int dir = -1;

	if (++merge->files > ARTIFACT_FILES_MAX)
		return error_set(merge->err, ERROR_INPUT, "more than %d files", ARTIFACT_FILES_MAX);
	if (!path_open(merge->to, parent, PATH_NO_LINKS, O_RDONLY | O_DIRECTORY, 0, &dir,
		       merge->err))
		return false;
	if (copy_file(merge, source, status, dir, name))
		return true;
	artifactfile_discard(dir);
	return false;
}

/* `parent` is "." at the top. depth counts directories above the entry. */
static bool merge_entry(struct merge *merge, const char *parent, const char *name, int depth)
{
	autofree char *path = depth > 0 ? mem_printf("%s/%s", parent, name) : mem_strdup(name);
	autoclose int source = -1;
	struct stat status;

	if (!path_open(merge->from, path, PATH_BENEATH, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
		       &source, merge->err))
		return false;
	if (fstat(source, &status) < 0)
		return error_sys(merge->err, "stat %s", path);
	if (S_ISDIR(status.st_mode))
		return is_right_name(name, depth)
			       ? merge_directory(merge, take_fd(&source), path, depth + 1)
			       : error_set(merge->err, ERROR_INPUT, "%s: not a component's name",
					   path);
	if (!S_ISREG(status.st_mode))
		return error_set(merge->err, ERROR_INPUT, "%s: neither a file nor a directory",
				 path);
	if (depth < 2)
		return true; /* beside the components or the versions: none of ours */
	return merge_file(merge, source, &status, parent, name) || error_in(merge->err, "%s", path);
}

/* Owns `source`. Recursion is bounded by ARTIFACT_DEPTH_MAX. */
static bool merge_directory(struct merge *merge, int source, const char *path, int depth)
{
	autodir DIR *dir = fdopendir(source);
	autoclose int made = -1;
	struct dirent *entry;

	if (!dir) {
		mem_cleanup_close(&source);
		return error_sys(merge->err, "read directory %s", path);
	}
	if (depth > ARTIFACT_DEPTH_MAX)
		return error_set(merge->err, ERROR_INPUT, "%s: nested too deeply", path);
	if (depth > 0 && !path_make_dirs(merge->to, path, 0755, &made, merge->err))
		return false;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && !merge_entry(merge, path, entry->d_name, depth))
			return false;
	return true;
}

/* A directory that holds the store would be copied into itself. */
static bool check_apart(const char *directory, const char *store, struct error *err)
{
	autofree char *from = realpath(directory, NULL);
	autofree char *to = realpath(store, NULL);
	size_t length;

	if (!from)
		return error_sys(err, "artifact directory %s", directory);
	if (!to)
		return error_sys(err, "%s", store);
	length = strlen(from);
	if (strncmp(from, to, length) == 0 &&
	    (to[length] == '/' || to[length] == '\0' || from[length - 1] == '/'))
		return error_set(err, ERROR_INPUT,
				 "the artifact directory %s must not hold the store %s", directory,
				 store);
	return true;
}

bool artifact_merge(const struct artifact_context *context, const char *directory,
		    struct error *err)
{
	autofree char *store = mem_printf("%s/packages/artifacts", context->root);
	struct merge merge = { .context = context, .err = err };
	autoclose int from = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = -1;

	if (from < 0)
		return error_sys(err, "artifact directory %s", directory);
	if (!path_make_own_dirs(store, 0755, err) || !check_apart(directory, store, err))
		return false;
	to = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return error_sys(err, "open %s", store);
	merge.from = from;
	merge.to = to;
	return merge_directory(&merge, dup(from), ".", 0) ||
	       error_in(err, "artifact directory %s", directory);
}
