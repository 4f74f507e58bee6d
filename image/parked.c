/* SPDX-License-Identifier: Apache-2.0 */
#include "image/parked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

bool parked_copy(int from, int to, struct error *err)
{
	char block[65536];
	ssize_t got;

	for (off_t at = 0; (got = pread(from, block, sizeof(block), at)) > 0; at += got)
		if (!file_write(to, "a layer's headers and notes", block, (size_t)got, err))
			return false;
	return got == 0 || error_sys(err, "read a layer's headers and notes");
}

/* "staging/load-7/3" → "staging/load-7/3.notes": beside the directory, as no layer has them. */
static char *notes_path(const struct stage *stage)
{
	return mem_printf("%s.notes", stage->name.text);
}

/* Only the few that have some get a file. */
static bool save_notes(const struct stage *stage, struct error *err)
{
	autofree char *path = notes_path(stage);
	struct stat info;

	if (unlinkat(stage->store->root, path, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", path);
	if (fstat(stage->notes, &info) == 0 && info.st_size == 0)
		return true;

	autoclose int to = openat(stage->store->root, path,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return to < 0 ? error_sys(err, "create %s", path) : parked_copy(stage->notes, to, err);
}

static bool open_notes(struct stage *stage, struct error *err)
{
	autofree char *path = notes_path(stage);

	stage->notes = openat(stage->store->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (stage->notes < 0 && errno == ENOENT)
		stage->notes = memfd_create("notes", MFD_CLOEXEC);
	return stage->notes >= 0 || error_sys(err, "open %s", path);
}

static int open_dir(const struct stage *stage)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int dir = stage->home.text[0] ? openat(stage->store->root, stage->home.text, flags) : -1;

	return dir >= 0 ? dir : openat(stage->store->root, stage->name.text, flags);
}

bool parked_open(struct stage *stage, struct error *err)
{
	stage->dir = open_dir(stage);
	if (stage->dir < 0)
		return error_sys(err, "open %s", stage->name.text);
	stage->diff = openat(stage->dir, "diff", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (stage->diff < 0)
		return error_sys(err, "open %s/diff", stage->name.text);
	stage->split = openat(stage->dir, LAYOUT_SPLIT, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (stage->split < 0)
		return error_sys(err, "open %s/%s", stage->name.text, LAYOUT_SPLIT);
	return open_notes(stage, err);
}

bool stage_park(struct stage *stage, struct error *err)
{
	struct worker_result ignored;
	struct error unheard;

	if (stage->flusher.result >= 0) /* it ends with the writer */
		(void)!worker_finish(&stage->flusher, &ignored, &unheard);
	if (!save_notes(stage, err))
		return false;
	stage_close(stage);
	return true;
}

bool stage_take_up(struct stage *stage, struct error *err)
{
	return parked_open(stage, err) &&
	       (flock(stage->dir, LOCK_EX) == 0 || error_sys(err, "lock %s", stage->name.text));
}

struct stage *stage_model(const struct stage *stage, const struct digest *chain)
{
	struct stage *model = mem_alloc(sizeof(*model));

	*model = *stage;
	model->home = layout_layer(chain);
	return model;
}
