/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/depot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/path.h"

static bool open_dir(int parent, const char *name, int *fd, struct error *err)
{
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return error_sys(err, "make %s", name);
	*fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd >= 0 || error_sys(err, "open %s", name);
}

static void insert(struct depot *depot, struct stream *stream)
{
	struct stream **link = &depot->streams;

	while (*link && strcmp((*link)->definition.name, stream->definition.name) < 0)
		link = &(*link)->next;
	stream->next = *link;
	*link = stream;
	depot->count++;
}

/* Drafts and what was being removed when we were interrupted have names no stream has. */
static bool is_rubbish(const char *name)
{
	return name[0] == '%' && strcmp(name, "%.") != 0 && strcmp(name, "%..") != 0;
}

static bool read_streams(struct depot *depot, struct error *err)
{
	autodir DIR *dir = file_list(depot->streams_dir, ".");
	const struct dirent *entry;

	if (!dir)
		return error_sys(err, "list the streams");
	while ((entry = readdir(dir)) && depot->count < DEPOT_STREAMS_MAX) {
		struct stream *stream;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    is_rubbish(entry->d_name))
			continue;
		if (stream_open(&stream, depot->streams_dir, entry->d_name, &depot->budget, err))
			insert(depot, stream);
		else
			log_error("%s", err->text);
	}
	return true;
}

bool depot_open(struct depot *depot, const char *path, int64_t memory_limit, struct error *err)
{
	*depot = (struct depot){ .root = -1, .streams_dir = -1, .trash_dir = -1, .lock = -1 };
	depot->budget.limit = memory_limit;
	depot->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (depot->root < 0)
		return error_sys(err, "open the store of streams %s", path);
	if (!file_lock(depot->root, "%lock", FILE_LOCK_TRY, &depot->lock, err) ||
	    !path_remove_tree(depot->root, "%trash", err) ||
	    !open_dir(depot->root, "%trash", &depot->trash_dir, err) ||
	    !open_dir(depot->root, "streams", &depot->streams_dir, err) ||
	    !authors_open(&depot->authors, depot->root, err) || !read_streams(depot, err)) {
		depot_close(depot);
		return error_in(err, "%s", path);
	}
	return true;
}

void depot_close(struct depot *depot)
{
	while (depot->streams) {
		struct stream *stream = depot->streams;

		depot->streams = stream->next;
		stream_free(stream);
	}
	authors_done(&depot->authors);
	drop_fd(&depot->streams_dir);
	drop_fd(&depot->trash_dir);
	drop_fd(&depot->lock);
	drop_fd(&depot->root);
}

struct stream *depot_find(const struct depot *depot, const char *name)
{
	for (struct stream *stream = depot->streams; stream; stream = stream->next)
		if (strcmp(stream->definition.name, name) == 0)
			return stream;
	return NULL;
}

bool depot_create(struct depot *depot, const struct definition *definition, struct stream **stream,
		  struct error *err)
{
	if (depot_find(depot, definition->name))
		return error_set(err, ERROR_EXISTS, "stream \"%s\" already exists",
				 definition->name);
	if (depot->count == DEPOT_STREAMS_MAX)
		return error_set(err, ERROR_INPUT, "there are %d streams already",
				 DEPOT_STREAMS_MAX);
	if (!stream_create(stream, depot->streams_dir, definition, &depot->budget, err))
		return false;
	insert(depot, *stream);
	return true;
}

bool depot_delete(struct depot *depot, struct stream *stream, struct error *err)
{
	if (!stream_destroy(stream, depot->streams_dir, depot->trash_dir, err))
		return false;
	for (struct stream **link = &depot->streams; *link; link = &(*link)->next) {
		if (*link == stream) {
			*link = stream->next;
			break;
		}
	}
	depot->count--;
	stream_free(stream);
	return true;
}
