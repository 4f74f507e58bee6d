/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "lifecycle/artifactfile.h"
#include "lifecycle/download.h"
#include "lifecycle/interpolate.h"
#include "lifecycle/unarchive.h"

#define PULL_TEXT_MAX 65536 /* fits a pipe, so that docker never waits for us to read */

bool artifact_check(const struct recipe *recipe, struct error *err)
{
	for (size_t i = 0; i < recipe->artifact_count; i++) {
		const struct recipe_artifact *artifact = &recipe->artifacts[i];

		if (artifact->scheme == RECIPE_GREENGRASS)
			return error_set(err, ERROR_UNSUPPORTED,
					 "artifact %s: greengrass: artifacts come from AWS' "
					 "component service, which is not supported: use s3:// or "
					 "the artifact directory",
					 artifact->uri);
	}
	return true;
}

static bool forget_below(const char *root, const char *place, const char *name, const char *version,
			 struct error *err)
{
	autofree char *directory = mem_printf("%s/packages/%s/%s", root, place, name);
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT || error_sys(err, "open %s", directory);
	if (!path_remove_tree(dir, version, err))
		return false;
	if (rmdir(directory) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		return error_sys(err, "remove %s", directory);
	return true;
}

bool artifact_forget(const char *root, const char *name, const char *version, struct error *err)
{
	return forget_below(root, "artifacts", name, version, err) &&
	       forget_below(root, "artifacts-unarchived", name, version, err);
}

/* -- images -------------------------------------------------------------------------------------
 */

/* Waits for a command of ours; a cancelled one is told to end, and waited for. */
static bool wait_for(struct proc *proc, int cancel_fd, int *status, struct error *err)
{
	struct pollfd polls[] = { { .fd = proc->pidfd, .events = POLLIN },
				  { .fd = cancel_fd, .events = POLLIN } };
	bool is_cancelled = false;

	while (proc->pidfd >= 0 && !polls[0].revents && !is_cancelled) {
		if (poll(polls, COUNT_OF(polls), -1) < 0 && errno != EINTR)
			return error_sys(err, "poll");
		is_cancelled = polls[1].revents != 0;
	}
	if (is_cancelled)
		kill(proc->pid, SIGTERM);
	if (!proc_wait(proc, status, err))
		return false;
	return !is_cancelled || error_set(err, ERROR_SYSTEM, "interrupted");
}

/* Runs `docker ARGUMENTS`, of which only the exit code is of interest. */
static bool run_docker(const struct artifact_context *context, const char *const *argv, int *code,
		       struct error *err)
{
	struct proc proc;
	int status;

	if (!proc_spawn(&(struct proc_options){ .argv = argv, .parent_death_signal = SIGTERM },
			&proc, err) ||
	    !wait_for(&proc, context->cancel_fd, &status, err))
		return false;
	*code = proc_exit_code(status);
	return true;
}

/* Without a tag or with "latest" the image may have changed, so it is pulled each time. */
static bool is_fixed_name(const char *image)
{
	const char *slash = strrchr(image, '/');
	const char *colon = strrchr(slash ? slash : image, ':');

	return strchr(image, '@') || (colon && strcmp(colon, ":latest") != 0);
}

static const char bad_name[] = "invalid reference format";

/* What docker says where the network or the registry, not the image, is at fault: AWS's nucleus
 * goes by these words, whatever the exit code is. The first that is found decides. */
static enum backoff judge(const char *text)
{
	static const struct {
		const char *phrase;
		enum backoff kind;
	} signs[] = {
		{ bad_name, BACKOFF_NEVER }, /* whatever words the name consists of */
		{ "Service Unavailable", BACKOFF_SERVICE },
		{ "read: connection timed out", BACKOFF_NETWORK },
		{ "Temporary failure in name resolution", BACKOFF_NETWORK },
		{ "net/http", BACKOFF_NETWORK },
		{ "request canceled", BACKOFF_NETWORK },
		{ "timeout", BACKOFF_NETWORK },
		{ "no such host", BACKOFF_NETWORK },
		{ "dial tcp", BACKOFF_NETWORK },
	};

	for (size_t i = 0; i < COUNT_OF(signs); i++)
		if (strcasestr(text, signs[i].phrase))
			return signs[i].kind;
	return BACKOFF_NEVER;
}

/* Its last line, which says why. */
static const char *last_line(struct buf *text)
{
	char *line;

	while (text->length > 0 && text->data[text->length - 1] == '\n')
		text->data[--text->length] = '\0';
	line = text->data ? strrchr(text->data, '\n') : NULL;
	return line ? line + 1 : text->data ? text->data : "";
}

/* The first in the words of AWS' nucleus. */
static bool say_pull_failed(struct buf *text, int status, enum backoff again, struct error *err)
{
	const char *why = last_line(text);

	if (strstr(why, bad_name))
		return error_set(err, ERROR_INPUT,
				 "Invalid Docker image artifact uri. URI should follow the format "
				 "of `docker:registry/image_name[:tag]|[@digest]`: %.600s",
				 why);
	return error_set(err, again == BACKOFF_NEVER ? ERROR_SYSTEM : ERROR_NETWORK,
			 "docker pull failed with exit code %d: %.600s", proc_exit_code(status),
			 why);
}

/* Pulls, and hears what is said on stderr; progress is not wanted, as nobody may be watching. */
static bool pull_image(const struct artifact_context *context, const char *image,
		       enum backoff *again, struct error *err)
{
	const char *const argv[] = { context->docker, "pull", "--quiet", image, NULL };
	struct proc proc;
	autobuf struct buf text = { 0 };
	autoclose int reader = -1;
	int ends[2], status;
	bool is_good;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	reader = ends[0];

	const struct proc_fd fds[] = { { ends[1], STDERR_FILENO } };

	is_good = proc_spawn(&(struct proc_options){ .argv = argv,
						     .fds = fds,
						     .fd_count = COUNT_OF(fds),
						     .parent_death_signal = SIGTERM },
			     &proc, err);
	close(ends[1]);
	if (!is_good || !wait_for(&proc, context->cancel_fd, &status, err))
		return false;
	buf_init(&text, PULL_TEXT_MAX);
	fcntl(reader, F_SETFL, O_NONBLOCK); /* what it has written is there; nobody else may be */
	for (char *room; (room = buf_reserve(&text, 1024)) != NULL;) {
		ssize_t got = read(reader, room, 1024);

		if (got <= 0)
			break;
		buf_commit(&text, (size_t)got);
	}
	*again = judge(text.data ? text.data : "");
	return proc_exit_code(status) == 0 || say_pull_failed(&text, status, *again, err);
}

static bool get_image(const struct artifact_context *context, const char *image,
		      enum backoff *again, struct error *err)
{
	const char *const inspect[] = { context->docker, "image", "inspect", image, NULL };
	int code;

	if (is_fixed_name(image)) {
		if (!run_docker(context, inspect, &code, err))
			return false;
		if (code == 0)
			return true;
	}
	return pull_image(context, image, again, err);
}

bool artifact_remove_image(const struct artifact_context *context, const char *image, bool *is_gone,
			   struct error *err)
{
	const char *const inspect[] = { context->docker, "image", "inspect", image, NULL };
	const char *const remove[] = { context->docker, "rmi", image, NULL };
	struct artifact_context patient = *context;
	int code;

	if (!run_docker(context, inspect, &code, err))
		return false;
	*is_gone = code != 0;
	if (*is_gone)
		return true;
	patient.cancel_fd =
		-1; /* half of it leaves an image without a name, which nobody removes */
	if (!run_docker(&patient, remove, &code, err))
		return false;
	*is_gone = code == 0;
	return true;
}

/* -- files --------------------------------------------------------------------------------------
 */

static bool has_digest(int fd, const char *name, const struct recipe_artifact *artifact,
		       bool *is_right, struct error *err)
{
	struct digest got, wanted;
	char hex[2 * HASH_SIZE + 1];

	*is_right = true;
	if (!artifact->has_digest)
		return true;
	hash_hex(artifact->digest, HASH_SIZE, hex);
	if (!digest_parse_hex(&wanted, hex, err) || !artifactfile_digest(fd, name, &got, err))
		return false;
	*is_right = digest_is_equal(&got, &wanted);
	return true;
}

/* *is_there: the file is in place and is the one the recipe means. */
static bool find_local(const struct artifact_context *context, int dir,
		       const struct recipe_artifact *artifact, bool *is_there, struct error *err)
{
	autoclose int fd =
		openat(dir, artifact->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	*is_there = false;
	if (fd < 0)
		return errno == ENOENT || error_sys(err, "open %s", artifact->file);
	if (!has_digest(fd, artifact->file, artifact, is_there, err))
		return false;
	return !*is_there ||
	       artifactfile_own(fd, context->account,
				artifactfile_mode(artifact->read, artifact->execute), err);
}

static bool fetch(const struct artifact_context *context, int dir,
		  const struct recipe_artifact *artifact, enum backoff *again, struct error *err)
{
	bool is_right;
	autoclose int fd = artifactfile_create(dir, err);

	if (fd < 0)
		return false;
	if (!download_s3(artifact->uri, context->settings, fd, context->cancel_fd, err)) {
		if (err->kind == ERROR_NETWORK)
			*again = BACKOFF_OBJECT;
		return false;
	}
	if (!has_digest(fd, artifact->file, artifact, &is_right, err))
		return false;
	if (!is_right) {
		*again = BACKOFF_DIGEST;
		return error_set(err, ERROR_CORRUPT,
				 "the object is not what the recipe's digest promises");
	}
	return artifactfile_own(fd, context->account,
				artifactfile_mode(artifact->read, artifact->execute), err) &&
	       artifactfile_publish(fd, dir, artifact->file, err);
}

static bool take_apart(const struct artifact_context *context, int dir, const struct recipe *recipe,
		       const struct recipe_artifact *artifact, struct error *err)
{
	autoclose int fd = openat(dir, artifact->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "open %s", artifact->file);
	return unarchive(context, recipe, artifact, fd, err);
}

static bool get_file(const struct artifact_context *context, const struct recipe *recipe,
		     const struct recipe_artifact *artifact, enum backoff *again, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *path =
		interpolate_artifacts(&arena, context->root, recipe->name, recipe->version_text);
	autoclose int dir = -1;
	bool is_there;

	if (!path_make_own_dirs(path, 0755, err))
		return false;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open %s", path);
	if (!find_local(context, dir, artifact, &is_there, err))
		return false;
	if (is_there || fetch(context, dir, artifact, again, err))
		return !artifact->is_zip || take_apart(context, dir, recipe, artifact, err);
	artifactfile_discard(dir);
	return false;
}

bool artifact_get(const struct artifact_context *context, const struct recipe *recipe,
		  const struct recipe_artifact *artifact, enum backoff *again, struct error *err)
{
	*again = BACKOFF_NEVER;
	bool is_good = artifact->scheme == RECIPE_DOCKER
			       ? get_image(context, artifact->rest, again, err)
			       : get_file(context, recipe, artifact, again, err);

	return is_good || error_in(err, "%s: artifact %s", recipe->name, artifact->uri);
}
