/* SPDX-License-Identifier: Apache-2.0 */
#include "image/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/assemble.h"
#include "image/layer.h"
#include "image/limits.h"
#include "image/parked.h"
#include "image/room.h"
#include "image/unpack_confine.h"

/* -- the directory ------------------------------------------------------------------------------
 */

/* Its former owner may have published or removed it while we waited for the lock. */
static bool is_still_named(const struct stage *stage, int dir)
{
	struct stat named, opened;

	return fstatat(stage->store->root, stage->name.text, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(dir, &opened) == 0 && named.st_ino == opened.st_ino;
}

static bool lock_dir(struct stage *stage, bool is_patient, struct error *err)
{
	for (;;) {
		if (mkdirat(stage->store->root, stage->name.text, 0700) < 0 && errno != EEXIST)
			return error_sys(err, "create %s", stage->name.text);

		autoclose int dir = openat(stage->store->root, stage->name.text,
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (dir < 0 && errno == ENOENT)
			continue; /* pruned between the two calls */
		if (dir < 0)
			return error_sys(err, "open %s", stage->name.text);
		if (flock(dir, LOCK_EX | (is_patient ? 0 : LOCK_NB)) < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EWOULDBLOCK)
				return error_set(err, ERROR_EXISTS, "%s is being worked on",
						 stage->name.text);
			return error_sys(err, "lock %s", stage->name.text);
		}
		if (!is_still_named(stage, dir))
			continue;
		stage->dir = take_fd(&dir);
		return true;
	}
}

static bool open_parts(struct stage *stage, int flags, struct error *err)
{
	stage->diff = openat(stage->dir, "diff", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (stage->diff < 0)
		return error_sys(err, "open %s/diff", stage->name.text);
	stage->notes = memfd_create("notes", MFD_CLOEXEC);
	if (stage->notes < 0)
		return error_sys(err, "make a file in memory");
	stage->split = openat(stage->dir, LAYOUT_SPLIT,
			      O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	if (stage->split < 0)
		return error_sys(err, "create %s/%s", stage->name.text, LAYOUT_SPLIT);
	return true;
}

static void close_parts(struct stage *stage)
{
	mem_cleanup_close(&stage->kept);
	mem_cleanup_close(&stage->split);
	mem_cleanup_close(&stage->notes);
	mem_cleanup_close(&stage->diff);
	stage->kept = stage->split = stage->notes = stage->diff = -1;
}

void stage_close(struct stage *stage)
{
	close_parts(stage);
	mem_cleanup_close(&stage->dir);
	stage->dir = -1;
}

/* Only a pull's blobs are kept. */
static bool open_kept(struct stage *stage, int flags, struct error *err)
{
	if (!stage->store->is_keeping_blobs || !stage->blob) {
		(void)unlinkat(stage->dir, LAYOUT_KEPT,
			       0); /* what a run with other settings left */
		return true;
	}
	stage->kept = openat(stage->dir, LAYOUT_KEPT,
			     O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	return stage->kept >= 0 || error_sys(err, "create %s/%s", stage->name.text, LAYOUT_KEPT);
}

static bool make_empty(struct stage *stage, struct error *err)
{
	/* What a killed predecessor left; layer.json cannot be there without its diff. */
	if (!path_remove_tree(stage->dir, "diff", err))
		return false;
	checkpoint_forget(stage->dir);
	if (!open_kept(stage, O_TRUNC, err))
		return false;
	if (mkdirat(stage->dir, "diff", 0755) < 0)
		return error_sys(err, "create %s/diff", stage->name.text);
	return open_parts(stage, O_TRUNC, err);
}

bool stage_new(const struct store *store, const struct layout_path *name, bool is_patient,
	       struct stage **stage, struct error *err)
{
	struct stage *made = mem_alloc(sizeof(*made));

	*made = (struct stage){ .store = store, .name = *name, .dir = -1, .diff = -1 };
	made->notes = made->split = made->kept = -1;
	made->pump.result = made->writer.result = made->flusher.result = made->joiner.result = -1;
	if (lock_dir(made, is_patient, err)) {
		*stage = made;
		return true;
	}
	stage_free(made);
	return false;
}

/* -- going on -----------------------------------------------------------------------------------
 */

/* The file goes on at `size`; one that was not kept so far cannot. */
static bool cut(int fd, const char *name, int64_t size, struct error *err)
{
	struct stat info;

	if (fstat(fd, &info) < 0 || ftruncate(fd, size) < 0 || lseek(fd, 0, SEEK_END) < 0)
		return error_sys(err, "cut %s", name);
	return info.st_size >= size || error_set(err, ERROR_CORRUPT, "%s is too short", name);
}

/* What an earlier run left, brought back to where its checkpoint was taken. */
static bool restore(struct stage *stage, struct error *err)
{
	const struct checkpoint *checkpoint = stage->checkpoint;

	return open_parts(stage, 0, err) && checkpoint_restore(stage->diff, &stage->dirs, err) &&
	       cut(stage->split, LAYOUT_SPLIT, checkpoint->split, err) &&
	       open_kept(stage, 0, err) &&
	       (stage->kept < 0 || cut(stage->kept, LAYOUT_KEPT, checkpoint->mark.in, err));
}

static void forget_checkpoint(struct stage *stage)
{
	free(take_pointer(&stage->checkpoint));
	dirs_done(&stage->dirs);
	close_parts(stage);
}

bool stage_go_on(struct stage *stage, const struct digest *blob, struct error *err)
{
	struct error ignored;

	stage->shared = mmap(NULL, sizeof(*stage->shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stage->shared == MAP_FAILED) {
		stage->shared = NULL;
		return error_sys(err, "share memory");
	}
	stage->blob = blob;
	stage->checkpoint = mem_alloc(sizeof(*stage->checkpoint));
	if (!checkpoint_read(stage->dir, blob, stage->checkpoint, &stage->dirs) ||
	    !restore(stage, &ignored))
		forget_checkpoint(stage); /* from the beginning, then */
	return true;
}

void stage_free(struct stage *stage)
{
	struct error ignored;

	if (!stage)
		return;
	worker_kill(&stage->writer);
	worker_kill(&stage->pump);
	worker_kill(&stage->flusher);
	worker_kill(&stage->joiner);
	if (stage->shared)
		munmap(stage->shared, sizeof(*stage->shared));
	free(stage->checkpoint);
	dirs_done(&stage->dirs);

	bool is_kept = stage->is_kept && stage->dir >= 0 && checkpoint_is_there(stage->dir);

	if (stage->dir >= 0 && !stage->is_published && !is_kept)
		(void)!path_remove_tree(stage->store->root, stage->name.text, &ignored);
	stage_close(stage);
	free(stage);
}

/* -- the two processes --------------------------------------------------------------------------
 */

/* These two keep every processor busy. What writes to the disk (threads of the kernel, the flusher)
 * has little to do, but often: where it waits for its turn, the disk waits. Containers come first,
 * too. */
static void step_back(void)
{
	(void)!nice(UNPACK_NICE);
}

static bool run_pump(void *context, struct worker_result *result, struct error *err)
{
	struct pump *pump = context;

	step_back();

	bool is_good = confine_to_pipes(err) && pump_run(pump, err);

	result->is_cut_off = pump->is_cut_off;
	result->in = pump->in;
	result->out = pump->out;
	result->in_digest = pump->in_digest;
	result->out_digest = pump->out_digest;
	return is_good;
}

struct writing {
	struct layer_files files;
	struct dirs dirs;
	int64_t entries, bytes; /* of an earlier run */
};

static bool run_writer(void *context, struct worker_result *result, struct error *err)
{
	struct writing *writing = context;
	struct pollfd first = { .fd = writing->files.from, .events = POLLIN };

	/* A pump may have to wait for memory: until then none is needed here either. */
	while (poll(&first, 1, -1) < 0)
		if (errno != EINTR)
			return error_sys(err, "wait for the layer");
	step_back();
	umask(0); /* files are made with the mode that they should have */
	result->in = writing->entries;
	result->out = writing->bytes;
	return confine_to_layer(err) &&
	       layer_extract(&writing->files, &writing->dirs, &result->in, &result->out, err);
}

struct joining {
	int split, diff, to;
	struct split_part part;
};

static bool give(void *context, const void *bytes, size_t count, struct error *err)
{
	const struct joining *joining = context;

	return file_write(joining->to, "what was unpacked", bytes, count, err);
}

/* Whatever goes wrong here, the pump gets too little or the wrong bytes, and says so. */
static bool run_joiner(void *context, struct worker_result *result, struct error *err)
{
	struct joining *joining = context;
	const struct split_sink sink = { give, joining };

	(void)result;
	return confine_to_layer(err) &&
	       split_join_part(joining->split, joining->diff, &joining->part, &sink, err);
}

/* *window: where the pump gets it; -1: it needs none. The bytes are on the disk already: headers
 * and files are put together again. */
static bool start_joiner(struct stage *stage, int *window, struct error *err)
{
	const struct pump_mark *mark = stage->checkpoint ? &stage->checkpoint->mark : NULL;
	int64_t bytes = mark ? pump_window(mark) : 0;
	int ends[2];

	*window = -1;
	if (bytes == 0)
		return true;

	/* Of its own: the writer goes on at the file's end. */
	autoclose int split = openat(stage->dir, LAYOUT_SPLIT, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (split < 0)
		return error_sys(err, "open %s/%s", stage->name.text, LAYOUT_SPLIT);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	struct joining joining = { split, stage->diff, ends[1], { mark->out - bytes, mark->out } };
	const int fds[] = { joining.split, joining.diff, joining.to };
	struct worker_task task = { run_joiner, &joining, fds, COUNT_OF(fds) };
	bool is_started = worker_start(&task, &stage->joiner, err);

	mem_cleanup_close(&ends[1]);
	*window = ends[0];
	return is_started;
}

static bool start_pump(struct stage *stage, const struct pump_source *source, struct ring *ring,
		       struct error *err)
{
	struct pump pump = {
		.source = *source, .to = -1, .ring = ring, .ratio = stage->store->ratio
	};
	autoclose int window = -1;

	if (!start_joiner(stage, &window, err))
		return false;

	if (stage->shared)
		pump.marks = &stage->shared->marks;
	if (stage->checkpoint) {
		pump.from = &stage->checkpoint->mark;
		pump.skip = stage->checkpoint->tar - pump.from->out;
	}
	const struct allowance *allowance = stage->store->allowance;
	int fds[7] = { source->fd, ring->told[1], ring->back[0] };
	struct worker_task task = { run_pump, &pump, fds, 3 };

	if (allowance) {
		pump.allowance = allowance;
		fds[task.fd_count++] = allowance->turn;
		fds[task.fd_count++] = allowance->spare;
	}
	if (window >= 0) {
		pump.window = &window;
		fds[task.fd_count++] = window;
	}
	if (stage->kept >= 0) {
		pump.copy = &stage->kept;
		fds[task.fd_count++] = stage->kept;
	}
	return worker_start(&task, &stage->pump, err);
}

struct flushing {
	int dir, from;
	struct checkpoint_shared *shared;
};

/* Until the writer is gone. Failures are seen by the sync at the end. */
static bool run_flusher(void *context, struct worker_result *result, struct error *err)
{
	const struct flushing *flushing = context;
	char told[64];
	ssize_t count;

	(void)result;
	if (!confine_to_layer(err))
		return false;
	while ((count = read(flushing->from, told, sizeof(told))) > 0) {
		if (syncfs(flushing->dir) < 0)
			return error_sys(err, "write out the layer");
		if (memchr(told, 'c', (size_t)count))
			checkpoint_settle(flushing->dir, flushing->shared);
	}
	return true;
}

/* *told is where the writer says that it is time; -1 if the layer is too small to care. */
static bool start_flusher(struct stage *stage, const struct pump_source *source, int *told,
			  struct error *err)
{
	int ends[2];

	*told = -1;
	if (source->size >= 0 && source->size < FLUSH_LAYER)
		return true;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	fcntl(ends[1], F_SETFL, O_NONBLOCK);

	struct flushing flushing = { stage->dir, ends[0], stage->shared };
	const int fds[] = { flushing.dir, flushing.from };
	struct worker_task task = { run_flusher, &flushing, fds, COUNT_OF(fds) };
	bool is_started = worker_start(&task, &stage->flusher, err);

	mem_cleanup_close(&ends[0]);
	*told = ends[1];
	return is_started;
}

static bool start_writer(struct stage *stage, struct ring *ring, int told, struct error *err)
{
	struct writing writing = { .files = { .from = ring->told[0],
					      .ring = ring,
					      .diff = stage->diff,
					      .notes = stage->notes,
					      .split = stage->split,
					      .flush = told,
					      .checkpointing = { .dir = -1 } },
				   .dirs = stage->dirs };
	const int fds[] = { ring->told[0], ring->back[1], stage->diff, stage->notes,
			    stage->split,  told,          stage->dir };
	/* The last two may be missing. */
	struct worker_task task = { run_writer, &writing, fds, COUNT_OF(fds) - (told < 0) * 2 };

	if (!room_of_limit(stage->store, &writing.files.room, err))
		return false;
	if (told >= 0 && stage->shared)
		writing.files.checkpointing = (struct checkpointing){ .dir = stage->dir,
								      .flush = told,
								      .shared = stage->shared,
								      .blob = stage->blob };
	if (stage->checkpoint) {
		writing.entries = stage->checkpoint->entries;
		writing.bytes = stage->checkpoint->bytes;
		writing.files.checkpoint = stage->checkpoint;
		writing.files.checkpointing.base = checkpoint_base(stage->checkpoint);
	}
	return worker_start(&task, &stage->writer, err);
}

bool stage_start(struct stage *stage, const struct pump_source *source, struct error *err)
{
	struct ring ring;
	int told = -1;

	if (!ring_make(&ring, err))
		return false;

	bool is_good = (stage->diff >= 0 || make_empty(stage, err)) &&
		       start_pump(stage, source, &ring, err) &&
		       start_flusher(stage, source, &told, err) &&
		       start_writer(stage, &ring, told, err);

	mem_cleanup_close(&told);
	ring_done(&ring);
	return is_good;
}

/* When one of the two fails, the other fails of it: which was first? */
static bool check_results(const struct worker_result *pumped, const struct worker_result *written,
			  struct error *err)
{
	if (pumped->is_good && written->is_good)
		return true;
	*err = !pumped->is_good && !pumped->is_cut_off ? pumped->err : written->err;
	return false;
}

bool stage_finish(struct stage *stage, const struct digest *diff_id, struct error *err)
{
	struct worker_result pumped, written;

	if (!worker_finish(&stage->writer, &written, err) ||
	    !worker_finish(&stage->pump, &pumped, err) || !check_results(&pumped, &written, err))
		return false;
	stage->blob_digest = pumped.in_digest;
	stage->diff_id = pumped.out_digest;
	stage->tar_bytes = pumped.out;
	stage->blob_bytes = pumped.in;
	stage->entries = written.in;
	stage->bytes = written.out;
	if (diff_id && !digest_is_equal(diff_id, &stage->diff_id))
		return error_set(err, ERROR_CORRUPT,
				 "invalid diffID: expected %s, the layer has %s", diff_id->text,
				 stage->diff_id.text);
	return true;
}

void stage_drain(struct stage *stage)
{
	struct worker_result ignored;
	struct error unheard;

	worker_kill(&stage->writer);
	if (stage->pump.result >= 0)
		(void)!worker_finish(&stage->pump, &ignored, &unheard);
}

bool stage_clone(struct stage *stage, const struct stage *model, struct error *err)
{
	struct stage opened = *model;
	bool is_good = make_empty(stage, err) && parked_open(&opened, err) &&
		       assemble_clone(opened.diff, stage->diff, err) &&
		       parked_copy(opened.split, stage->split, err) &&
		       parked_copy(opened.notes, stage->notes, err);

	stage_close(&opened);
	if (!is_good)
		return error_in(err, "copy a layer");
	stage->blob_digest = model->blob_digest;
	stage->diff_id = model->diff_id;
	stage->entries = model->entries;
	stage->bytes = model->bytes;
	stage->tar_bytes = model->tar_bytes;
	return true;
}
