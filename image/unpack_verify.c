/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring image verify: what a power cut or worn flash did to the files of committed layers.
 */
#include "image/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/report.h"
#include "image/split.h"
#include "image/treecheck.h"
#include "image/unpack_confine.h"
#include "image/worker.h"

/* A layer put together again: hashed, and compared with the tree by another process. */
struct reading {
	struct hash hash;
	int to; /* -1: nobody reads on */
};

static bool on_bytes(void *context, const void *bytes, size_t count, struct error *err)
{
	struct reading *reading = context;
	struct error ignored;

	(void)err;
	hash_add(&reading->hash, bytes, count);
	if (reading->to >= 0 &&
	    !file_write(reading->to, "the layer", bytes, count, &ignored)) /* it knows enough */
		drop_fd(&reading->to);
	return true;
}

struct comparing {
	int from, diff;
};

static bool run_comparer(void *context, struct worker_result *result, struct error *err)
{
	const struct comparing *comparing = context;

	(void)result;
	return confine_to_layer(err) && treecheck_run(comparing->from, comparing->diff, err);
}

static bool start_comparer(int diff, struct worker *worker, int *to, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	struct comparing comparing = { .from = ends[0], .diff = diff };
	const int fds[] = { comparing.from, comparing.diff };
	struct worker_task task = { run_comparer, &comparing, fds, COUNT_OF(fds) };
	bool is_started = worker_start(&task, worker, err);

	mem_cleanup_close(&ends[0]);
	*to = ends[1];
	return is_started;
}

/* Contents first: where those are wrong, the rest says little. */
static bool compare(int split, int diff, const struct digest *diff_id, struct error *err)
{
	struct reading reading = { .to = -1 };
	const struct split_sink sink = { on_bytes, &reading };
	struct worker worker = { .result = -1 };
	struct worker_result result;
	struct digest digest;
	struct error own;

	if (!start_comparer(diff, &worker, &reading.to, err)) {
		drop_fd(&reading.to);
		return false;
	}
	hash_init(&reading.hash);

	bool is_good = split_join(split, diff, &sink, err);

	drop_fd(&reading.to);
	hash_finish(&reading.hash, &digest);
	hash_done(&reading.hash);
	if (!worker_finish(&worker, &result, &own))
		return is_good ? *err = own, false : false;
	if (!is_good)
		return false;
	if (!digest_is_equal(&digest, diff_id))
		return error_set(err, ERROR_CORRUPT, "its files are not what they were");
	if (!result.is_good)
		*err = result.err;
	return result.is_good;
}

/* Fails with what is wrong with it. */
static bool check_layer(const struct store *store, const struct digest *chain,
			const struct digest *diff_id, struct error *err)
{
	struct layout_path path = layout_layer(chain);
	autoclose int dir = openat(store->root, path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int diff = openat(dir, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int split = openat(dir, LAYOUT_SPLIT, O_RDONLY | O_CLOEXEC);

	if (dir < 0 || diff < 0 || split < 0)
		return error_sys(err, "open its files");
	return compare(split, diff, diff_id, err);
}

static bool check_config(const struct store *store, const struct digest *id, struct error *err)
{
	autobuf struct buf text;
	struct digest digest;

	buf_init(&text, LIMIT_IMAGE_JSON);
	if (!store_read_blob(store, id, &text, err))
		return false;
	hash_digest(text.data ? text.data : "", text.length, &digest);
	return digest_is_equal(&digest, id) ||
	       error_set(err, ERROR_CORRUPT, "it is not what it was");
}

static void check_image(const struct store *store, const struct store_image *image)
{
	struct error err;

	report_checked(&image->id, NULL, check_config(store, &image->id, &err) ? NULL : &err);
	for (size_t i = 0; i < image->layer_count; i++)
		report_checked(&image->id, &image->chains[i],
			       check_layer(store, &image->chains[i], &image->diff_ids[i], &err)
				       ? NULL
				       : &err);
}

bool unpack_verify(const struct store *store, const struct texts *names, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct store_image *images;
	size_t count;

	if (names->count == 0) {
		if (!store_list(store, &arena, &images, &count, err))
			return false;
	} else {
		count = names->count;
		images = arena_array(&arena, count, sizeof(*images));
		for (size_t i = 0; i < count; i++)
			if (!store_find(store, &arena, names->items[i], &images[i], err))
				return false;
	}
	for (size_t i = 0; i < count; i++)
		check_image(store, &images[i]);
	return true;
}
