/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/file.h"
#include "base/path.h"
#include "cli/human.h"
#include "cli/single.h"
#include "cli/storesettings.h"
#include "cli/tarimage.h"
#include "engine/happening.h"
#include "engine/tree.h"

/*
 * docker cp. One side is in a container, the other is the caller's: a path, or a tar archive on
 * stdin or stdout. Which name what is copied gets is decided here, by docker's rules; the copying
 * itself goes by descriptors (engine/tree.h).
 */

#define LINKS_MAX 40 /* symlinks that lead to each other */

struct values {
	bool keeps_owner, follows_links, is_quiet;
};

static const struct opt opts[] = {
	{ "archive", 'a', OPT_BOOL, offsetof(struct values, keeps_owner), NULL,
	  "Archive mode (copy all uid/gid information)", NULL },
	{ "follow-link", 'L', OPT_BOOL, offsetof(struct values, follows_links), NULL,
	  "Always follow symbol link in SRC_PATH", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Suppress progress output during copy", NULL },
	{ .name = NULL },
};

/* One side: `root` is the container's, or -1 for the caller's own files. */
struct place {
	int root;
	const struct container *container; /* whose root it is */
	const char *store;                 /* the directory of the store that it lies in */
	const char *owner;                 /* the container as typed; NULL: the caller */
	const char *typed;                 /* the path, without the container */
	int dir;                           /* where it lies */
	const char *name;                  /* what it is called there; "." for the root */
	const char *as;                    /* the source: what its copy is called */
	struct stat info;
	bool is_there;
};

/* "CONTAINER:PATH"; NULL: a path of the caller's. */
static const char *container_of(struct arena *arena, const char *argument, const char **path)
{
	const char *colon = strchr(argument, ':');

	*path = argument;
	if (argument[0] == '/' || argument[0] == '.' || !colon || colon == argument)
		return NULL;
	*path = colon + 1;
	return arena_strndup(arena, argument, (size_t)(colon - argument));
}

/* Places. ------------------------------------------------------------------------------------- */

static int open_directory(const struct place *place, const char *path)
{
	struct error ignored;
	int dir = -1;

	if (place->root < 0)
		return caller_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (!path_open(place->root, path, PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, &dir,
		       &ignored)) {
		errno = ignored.sys;
		return -1;
	}
	return dir;
}

/* Finds the directory it lies in; `path` has no slash at its end. */
static bool look(struct place *place, struct arena *arena, const char *path)
{
	char *first = arena_strdup(arena, path);
	char *second = arena_strdup(arena, path);

	mem_cleanup_close(&place->dir);
	place->name = basename(first);
	if (strcmp(place->name, "/") == 0 || strcmp(place->name, "..") == 0) {
		place->name = ".";
		place->dir = open_directory(place, path);
	} else {
		place->dir = open_directory(place, dirname(second));
	}
	if (place->root < 0)
		caller_enter();
	place->is_there = place->dir >= 0 &&
			  fstatat(place->dir, place->name, &place->info, AT_SYMLINK_NOFOLLOW) == 0;
	if (place->root < 0)
		caller_leave();
	return place->is_there;
}

/* A link is followed by its text, which for a container's is taken below its root. */
static void follow(struct place *place, struct arena *arena, const char *path)
{
	for (int i = 0; look(place, arena, path) && S_ISLNK(place->info.st_mode) && i < LINKS_MAX;
	     i++) {
		char *target = arena_alloc(arena, 4097);
		ssize_t length = readlinkat(place->dir, place->name, target, 4096);

		if (length < 0)
			return;
		path = target[0] == '/' ? target
					: arena_printf(arena, "%s/%s",
						       dirname(arena_strdup(arena, path)), target);
	}
}

static const char *without_slashes(struct arena *arena, const char *path)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	return arena_strndup(arena, path, length);
}

static bool ends_in_dot(const char *path)
{
	size_t length = strlen(path);

	return strcmp(path, ".") == 0 || (length >= 2 && strcmp(path + length - 2, "/.") == 0);
}

/* Copying. ------------------------------------------------------------------------------------ */

static bool ends_in_slash(const char *path)
{
	size_t length = strlen(path);

	return length > 0 && path[length - 1] == '/';
}

static bool not_found(const struct place *place, const char *path, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND,
			 "Error response from daemon: Could not find the file %s in container %s",
			 path, place->owner);
}

/* As docker's messages name the caller's files: "PWD/PATH". */
static const char *absolute(struct arena *arena, const char *path)
{
	autofree char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	autofree char *whole = mem_printf("%s/%s", here ? here : "", path);
	autofree char *clean = path_clean(whole);

	return arena_printf(arena, "%s%s", clean,
			    ends_in_slash(path) && strcmp(clean, "/") != 0 ? "/" : "");
}

/* A link is what is copied, unless it is asked to be followed: by -L, or by a slash at its end.
 * What it leads to keeps the link's name. */
static bool find_source(struct place *place, struct arena *arena, bool follows_links,
			struct error *err)
{
	const char *path = without_slashes(arena, place->typed);
	char why[HUMAN_MAX];

	look(place, arena, path);
	place->as = place->name;
	if (follows_links || ends_in_slash(place->typed))
		follow(place, arena, path);
	if (place->is_there && S_ISREG(place->info.st_mode) && ends_in_slash(place->typed))
		return error_set(err, ERROR_INPUT, "lstat %s: not a directory",
				 place->owner ? place->typed : absolute(arena, place->typed));
	if (place->is_there)
		return true;
	if (place->owner)
		return not_found(place, place->typed, err);
	return error_set(err, ERROR_NOT_FOUND, "lstat %s: %s", absolute(arena, path),
			 human_errno(errno ? errno : ENOENT, why));
}

/* Nothing has the directory in which the target would lie. */
static bool no_parent(const struct place *to, const char *path, struct arena *arena,
		      struct error *err)
{
	const char *parent = dirname(arena_strdup(arena, path));
	bool is_file = errno == ENOTDIR;

	if (to->owner && is_file)
		return error_set(err, ERROR_INPUT,
				 "Error response from daemon: extraction point is not a directory");
	if (to->owner)
		return not_found(to, parent, err);
	if (is_file)
		return error_set(err, ERROR_INPUT, "stat %s: not a directory",
				 absolute(arena, to->typed));
	return error_set(err, ERROR_NOT_FOUND,
			 "invalid output path: directory \"%s\" does not exist",
			 absolute(arena, parent));
}

/* Something that is no directory is where a copy is to be: only a file may take its place. */
static bool check_file_target(const struct place *to, bool is_directory, struct arena *arena,
			      struct error *err)
{
	bool is_device = S_ISCHR(to->info.st_mode) || S_ISBLK(to->info.st_mode);

	if (is_device && to->owner)
		return error_set(err, ERROR_INPUT,
				 "destination \"%s:%s\" must be a directory or a regular file: got "
				 "a device",
				 to->owner, to->typed);
	if (is_device)
		return error_set(err, ERROR_INPUT,
				 "invalid output path: \"%s\" must be a directory or a regular "
				 "file: got a device",
				 absolute(arena, to->typed));
	if (ends_in_slash(to->typed) && !to->owner)
		return error_set(err, ERROR_INPUT, "stat %s: not a directory",
				 absolute(arena, to->typed));
	if (ends_in_slash(to->typed) && is_directory)
		return error_set(err, ERROR_INPUT,
				 "Error response from daemon: cannot overwrite non-directory "
				 "\"%s\" with a directory",
				 without_slashes(arena, to->typed));
	if (ends_in_slash(to->typed))
		return error_set(err, ERROR_NOT_FOUND, "no such directory");
	return !is_directory || error_set(err, ERROR_INPUT, "cannot copy directory");
}

/* By docker's rules: into a directory that is there, or under a new name. */
static bool find_target(struct place *to, const struct place *from, struct arena *arena,
			struct error *err)
{
	const char *path = without_slashes(arena, to->typed);
	bool is_directory = S_ISDIR(from->info.st_mode);

	errno = 0;
	follow(to, arena, path);
	if (to->dir < 0)
		return no_parent(to, path, arena, err);
	if (to->is_there && S_ISDIR(to->info.st_mode)) {
		int below =
			openat(to->dir, to->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (below < 0)
			return error_sys(err, "open %s", path);
		mem_cleanup_close(&to->dir);
		to->dir = below;
		to->name = is_directory && ends_in_dot(from->typed) ? "." : from->as;
		return true;
	}
	if (to->is_there)
		return check_file_target(to, is_directory, arena, err);
	if (ends_in_slash(to->typed) && !is_directory)
		return error_set(err, ERROR_NOT_FOUND, "no such directory");
	return true;
}

/* Where room is to be made, if it is that: on the caller's file system, the store's, or on one that
 * is mounted in the container. */
static bool explain(const struct place *from, const struct place *to, struct error *err)
{
	struct stat root, dir;

	if (to->root < 0) {
		file_add_remedy(to->typed, err);
		return error_in(err, "copy from %s:%s", from->owner, from->typed);
	}
	if (fstat(to->root, &root) == 0 && fstat(to->dir, &dir) == 0 && root.st_dev == dir.st_dev)
		file_add_remedy(to->store, err);
	else if (err->kind == ERROR_NO_SPACE)
		error_behind(err, " (make room in what is mounted there: see df in the container)");
	return error_in(err, "Error response from daemon: copy to %s:%s", to->owner, to->typed);
}

static bool copy(const struct values *values, const struct place *from, const struct place *to,
		 struct error *err)
{
	struct tree_copy wishes = { .from = from->dir,
				    .to = to->dir,
				    .from_name = from->name,
				    .to_name = to->name,
				    .is_from_callers = from->root < 0,
				    .is_to_callers = to->root < 0,
				    .keeps_owner = values->keeps_owner };

	/* What comes out is the caller's; what goes in is root's, as with docker. */
	if (to->root < 0) {
		caller_enter();
		wishes.uid = (uid_t)-1;
		wishes.gid = (gid_t)-1;
		caller_leave();
	}
	const char *refusal =
		to->root < 0 ? NULL : tree_refusal(to->container, to->root, to->dir, to->name);
	if (refusal)
		return error_set(err, ERROR_INPUT, "Error response from daemon: %s", refusal);
	return tree_copy(&wishes, err) || explain(from, to, err);
}

/* Names in the archive are those of the files, but where a slash stands for what a link leads to.
 */
static bool copy_to_stdout(const struct place *from, struct error *err)
{
	const struct tree_archive archive = { .from = from->dir,
					      .to = STDOUT_FILENO,
					      .prefix = ends_in_slash(from->typed) ? from->as
										   : from->name };

	return tree_write_one(&archive, from->name, err);
}

/* The archive is unpacked into the store, as an image's layer would be, and copied from there. */
static bool copy_from_stdin(struct single *single, const struct values *values, struct place *to,
			    struct error *err)
{
	struct tarimage image;
	struct place from = { .root = 0, .dir = -1, .name = ".", .as = ".", .typed = "." };

	follow(to, &single->arena, without_slashes(&single->arena, to->typed));
	if (!to->is_there || !S_ISDIR(to->info.st_mode))
		return error_set(err, ERROR_INPUT, "destination \"%s:%s\" must be a directory",
				 to->owner, to->typed);
	if (!tarimage_open(&single->engine, STDIN_FILENO, &image, err))
		return false;
	from.dir = image.files;
	from.info.st_mode = S_IFDIR;
	bool is_done = find_target(to, &from, &single->arena, err);
	if (is_done) {
		to->name = ".";
		is_done = copy(values, &from, to, err);
	}
	tarimage_close(&single->engine, &image);
	return is_done;
}

struct job {
	const struct values *values;
	const char *container, *from, *to; /* one of the paths is the container's */
	bool is_out;
};

static bool run_job(const struct cli *cli, const struct job *job, struct error *err)
{
	autosingle struct single single = SINGLE_EMPTY;
	struct place from = { .root = -1, .typed = job->from, .dir = -1 };
	struct place to = { .root = -1, .typed = job->to, .dir = -1 };
	autoclose int lock = -1;
	autoclose int root = -1;
	bool is_done;

	if (!single_open(cli, job->container, &single, err) ||
	    (strcmp(job->from, "-") == 0 &&
	     !storesettings_read(cli->config, &single.engine.store, err)) ||
	    !tree_open(&single.engine, &single.container, TREE_VOLUMES, &root, &lock, err))
		return error_in(err, "Error response from daemon");
	struct place *inside = job->is_out ? &from : &to;
	inside->root = root;
	inside->store = single.engine.root;
	inside->container = &single.container;
	inside->owner = job->container;
	if (!job->is_out && strcmp(job->from, "-") == 0)
		is_done = copy_from_stdin(&single, job->values, &to, err);
	else if (!find_source(&from, &single.arena, job->values->follows_links, err))
		is_done = false;
	else if (job->is_out && strcmp(job->to, "-") == 0)
		is_done = copy_to_stdout(&from, err);
	else
		is_done = find_target(&to, &from, &single.arena, err) &&
			  copy(job->values, &from, &to, err);
	mem_cleanup_close(&from.dir);
	mem_cleanup_close(&to.dir);
	if (is_done)
		happening_container(&single.engine, &single.container,
				    job->is_out ? "archive-path" : "extract-to-dir", NULL);
	return is_done;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	autoarena struct arena arena = { 0 };
	struct job job = { .values = of };
	const char *source = container_of(&arena, arguments->items[0], &job.from);
	const char *target = container_of(&arena, arguments->items[1], &job.to);
	struct error err;

	for (size_t i = 0; i < 2; i++) {
		if (*arguments->items[i])
			continue;
		error_set(&err, ERROR_INPUT, "%s can not be empty",
			  i == 0 ? "source" : "destination");
		return command_failed_plainly(&err);
	}
	job.container = source ? source : target;
	job.is_out = source != NULL;
	if (source && target) {
		error_set(&err, ERROR_INPUT, "copying between containers is not supported");
		return command_failed_plainly(&err);
	}
	if (!job.container) {
		error_set(&err, ERROR_INPUT, "must specify at least one container source");
		return command_failed_plainly(&err);
	}
	if (!*(job.is_out ? job.from : job.to)) {
		error_set(
			&err, ERROR_INPUT, "%s",
			job.is_out
				? "Error response from daemon: bad parameter: path cannot be empty"
				: "no such directory");
		return command_failed_plainly(&err);
	}
	if (!run_job(cli, &job, &err))
		return command_failed_plainly(&err);
	if (!job.values->is_quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "Successfully copied to %s\n", arguments->items[1]);
	return 0;
}

const struct command cmd_cp = {
	.name = "docker cp",
	.usage = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tdocker cp [OPTIONS] SRC_PATH|- "
		 "CONTAINER:DEST_PATH",
	.summary = "Copy files/folders between a container and the local filesystem",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 2,
	.most = 2,
	.run = run,
};
