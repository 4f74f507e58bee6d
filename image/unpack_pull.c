/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker pull: name → manifest (→ manifest for this platform) → configuration → the layers that are
 * missing, two at a time, each unpacked while it arrives. Every byte is checked against the digest
 * that named it before anything is published.
 */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "image/fetcher.h"
#include "image/manifest.h"
#include "image/names.h"
#include "image/publish.h"
#include "image/report.h"
#include "image/room.h"
#include "registry/platform.h"
#include "registry/reference.h"

/* One layer being fetched and unpacked. */
struct download {
	struct stage *stage; /* NULL: this place is free */
	size_t index;
	int64_t id; /* of the request */
	bool is_answered;
	bool is_refused; /* err says why */
	bool is_kept;    /* not fetched at all */
	struct error err;
};

struct pull {
	const struct store *store;
	struct fetcher fetcher;
	struct arena arena;
	struct reference reference;
	char *text; /* canonical */
	struct platform platform;
	const struct texts *again;
	struct digest resolved; /* what the name led to: an index or a manifest */
	struct buf document;    /* the manifest's bytes */
	struct buf index;       /* of the index that led to it; none */
	struct buf config;      /* the configuration's bytes */
	struct manifest manifest;
	struct draft draft;
	struct download running[LAYERS_AT_ONCE];
	size_t running_count;
};

/* -- manifest -----------------------------------------------------------------------------------
 */

static bool check_manifest(const struct digest *wanted, const struct digest *got, struct error *err)
{
	if (digest_is_empty(wanted) || digest_is_equal(wanted, got))
		return true;
	return error_set(err, ERROR_CORRUPT, "manifest verification failed for digest %s: got %s",
			 wanted->text, got->text);
}

static bool read_manifest(struct pull *pull, const char *reference, const struct digest *wanted,
			  struct digest *got, struct error *err)
{
	struct fetch_reply reply;

	buf_clear(&pull->document);
	if (!fetcher_read_manifest(&pull->fetcher, reference, &pull->document, &reply, err))
		return false;

	const char *bytes = pull->document.data ? pull->document.data : "";

	hash_digest(bytes, pull->document.length, got);
	if (!check_manifest(wanted, got, err) || !check_manifest(&reply.digest, got, err))
		return false;
	return manifest_parse(&pull->arena, bytes, pull->document.length, reply.media_type,
			      &pull->manifest, err);
}

/* Perhaps it is here from an earlier pull: then only the tag is asked for. */
static bool find_manifest(struct pull *pull, const struct digest *wanted, const char *media_type)
{
	struct error ignored;
	struct digest got;

	buf_clear(&pull->document);
	if (!store_read_blob(pull->store, wanted, &pull->document, &ignored) ||
	    !pull->document.data)
		return false;
	hash_digest(pull->document.data, pull->document.length, &got);
	return digest_is_equal(&got, wanted) &&
	       manifest_parse(&pull->arena, pull->document.data, pull->document.length, media_type,
			      &pull->manifest, &ignored);
}

/* From an index to the manifest for this platform. */
static bool choose_manifest(struct pull *pull, struct error *err)
{
	autofree char *name = reference_name(&pull->reference);

	if (pull->manifest.kind == MANIFEST_INDEX)
		buf_add(&pull->index, pull->document.data, pull->document.length);
	for (int depth = 0; pull->manifest.kind == MANIFEST_INDEX; depth++) {
		const struct descriptor *chosen;
		struct digest got;

		if (depth >= LIMIT_INDEX_DEPTH)
			return error_set(err, ERROR_INPUT, "indexes are nested more than %d deep",
					 LIMIT_INDEX_DEPTH);
		if (!manifest_choose(&pull->manifest, &pull->platform, &chosen, err))
			return false;

		autofree char *reference = mem_printf("%s@%s", name, chosen->digest.text);

		if (!find_manifest(pull, &chosen->digest, chosen->media_type) &&
		    !read_manifest(pull, reference, &chosen->digest, &got, err))
			return false;
	}
	return true;
}

/* An image that has the name already is likely to be what the name still means. Then a HEAD says
 * so, which costs next to nothing and, at Docker Hub, no part of a quota; a digest means the same
 * for ever. *is_here: nothing else needs to be read. Fails only where asking for more would, too.
 */
static bool find_unchanged(struct pull *pull, bool *is_here, struct error *err)
{
	struct fetch_reply reply = { .digest = pull->reference.digest };
	autofree char *repository = reference_name(&pull->reference);
	struct names names;

	*is_here = false;
	if (!names_read(pull->store, &pull->arena, &names, err))
		return false;
	if (!names_find(&names, pull->text))
		return true;
	if (digest_is_empty(&reply.digest) &&
	    !fetcher_head_manifest(&pull->fetcher, pull->text, &reply, err))
		return reply.state == FETCH_FAILED && err->kind != ERROR_NETWORK;

	autofree char *by_digest = mem_printf("%s@%s", repository, reply.digest.text);

	pull->resolved = reply.digest;
	*is_here = names_find(&names, by_digest) &&
		   find_manifest(pull, &reply.digest, reply.media_type);
	return true;
}

static bool resolve(struct pull *pull, struct error *err)
{
	bool is_here;

	if (!find_unchanged(pull, &is_here, err) ||
	    (!is_here &&
	     !read_manifest(pull, pull->text, &pull->reference.digest, &pull->resolved, err)))
		return false;
	report_resolved(&pull->resolved);
	return choose_manifest(pull, err);
}

/* -- configuration ------------------------------------------------------------------------------
 */

/* Perhaps it is here already; what lies on disk is believed no more than what comes over the wire.
 */
static bool find_config(struct pull *pull)
{
	const struct descriptor *config = &pull->manifest.config;
	struct error ignored;
	struct digest got;

	if (store_read_blob(pull->store, &config->digest, &pull->config, &ignored) &&
	    pull->config.data) {
		hash_digest(pull->config.data, pull->config.length, &got);
		if (digest_is_equal(&got, &config->digest))
			return true;
	}
	buf_clear(&pull->config);
	return false;
}

static bool read_config(struct pull *pull, struct error *err)
{
	const struct descriptor *config = &pull->manifest.config;

	if (!find_config(pull) && !fetcher_read_blob(&pull->fetcher, pull->text, &config->digest,
						     config->size, &pull->config, err))
		return false;
	if (!draft_open(pull->store, pull->config.data ? pull->config.data : "",
			pull->config.length, &pull->draft, err))
		return false;
	if (pull->draft.layer_count != pull->manifest.layer_count)
		return error_set(err, ERROR_CORRUPT,
				 "the manifest has %zu layers, the image's configuration %zu",
				 pull->manifest.layer_count, pull->draft.layer_count);
	return true;
}

/* -- one layer ----------------------------------------------------------------------------------
 */

static void report(const struct pull *pull, size_t index, enum image_layer_state state,
		   int64_t bytes)
{
	const struct descriptor *layer = &pull->manifest.layers[index];

	report_layer(&layer->digest, state, bytes, layer->size);
}

/* The blob is here: a damaged layer's. If it is damaged, too, it is fetched after all. */
static bool read_kept(struct pull *pull, struct download *download, struct error *err)
{
	struct draft_layer *layer = &pull->draft.layers[download->index];
	const struct checkpoint *checkpoint = download->stage->checkpoint;
	struct pump_source source = { .fd = layer->kept,
				      .offset = checkpoint ? checkpoint->mark.in : 0,
				      .size = pull->manifest.layers[download->index].size };
	bool is_started = stage_start(download->stage, &source, err);

	download->is_answered = download->is_kept = true;
	mem_cleanup_close(&layer->kept);
	layer->kept = -1;
	return is_started;
}

/* The pipe's writing end goes to mooring-fetch, the other to the pump. A layer of which all had
 * come before, but was not unpacked, is not asked for: there is no such range. */
static bool connect_layer(struct pull *pull, struct download *download, struct error *err)
{
	const struct descriptor *layer = &pull->manifest.layers[download->index];
	int ends[2];

	if (!stage_go_on(download->stage, &layer->digest, err))
		return false;
	if (pull->draft.layers[download->index].kept >= 0)
		return read_kept(pull, download, err);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* a wish */

	const struct checkpoint *checkpoint = download->stage->checkpoint;
	struct pump_source source = { .fd = ends[0], .offset = -1, .size = layer->size };
	const struct fetch_blob blob = { .reference = pull->text,
					 .digest = &layer->digest,
					 .size = layer->size,
					 .offset = checkpoint ? checkpoint->mark.in : 0,
					 .to = ends[1] };

	download->is_answered = blob.offset > 0 && blob.offset >= blob.size;

	bool is_good = download->is_answered ||
		       fetcher_request_blob(&pull->fetcher, &blob, &download->id, err);

	/* Closed first: a pump that holds the writing end would wait for itself. */
	mem_cleanup_close(&ends[1]);
	is_good = is_good && stage_start(download->stage, &source, err);
	mem_cleanup_close(&ends[0]);
	return is_good;
}

/* Fails with ERROR_EXISTS if another process is at it and we have better to do than wait. */
static bool start_layer(struct pull *pull, size_t index, struct error *err)
{
	struct draft_layer *layer = &pull->draft.layers[index];
	struct layout_path name = layout_staged(&layer->chain);
	struct download *download = &pull->running[pull->running_count];

	*download = (struct download){ .index = index };
	if (layer->dir < 0 &&
	    !stage_new(pull->store, &name, pull->running_count == 0, &download->stage, err))
		return false;
	if (!draft_find_layer(&pull->draft, index, err)) {
		stage_free(download->stage);
		return false;
	}
	if (layer->dir >= 0) { /* it was there, or is by now */
		stage_free(download->stage);
		report(pull, index, LAYER_EXISTS, 0);
		return true;
	}
	pull->running_count++;
	return connect_layer(pull, download, err);
}

/* Which of the two failures came first? If mooring-fetch only lost its reader, the reader knows. */
static bool check_download(const struct pull *pull, const struct download *download,
			   bool is_unpacked, struct error *err)
{
	const struct descriptor *layer = &pull->manifest.layers[download->index];

	if (download->is_refused && (is_unpacked || download->err.kind != ERROR_SYSTEM))
		*err = download->err;
	else if (!is_unpacked && err->kind == ERROR_CORRUPT)
		error_in(err, "filesystem layer verification failed for digest %s",
			 layer->digest.text);
	else if (is_unpacked && !digest_is_equal(&download->stage->blob_digest, &layer->digest))
		error_set(err, ERROR_CORRUPT, "filesystem layer verification failed for digest %s",
			  layer->digest.text);
	else if (is_unpacked)
		return true;
	return error_in(err, "layer %.12s", digest_hex(&layer->digest));
}

static bool finish_layer(struct pull *pull, struct download *download, struct error *err)
{
	const struct digest *diff_id = &pull->draft.layers[download->index].diff_id;
	struct download done = *download;
	bool is_unpacked = stage_finish(done.stage, NULL, err);
	bool is_good = check_download(pull, &done, is_unpacked, err);

	*download = pull->running[--pull->running_count];
	if (is_good && !digest_is_equal(&done.stage->diff_id, diff_id))
		is_good = error_set(err, ERROR_CORRUPT,
				    "layer %zu: invalid diffID: expected %s, got %s",
				    done.index + 1, diff_id->text, done.stage->diff_id.text);
	if (!is_good) {
		/* Perhaps what it went on from was not what it should have been, whatever that led
		 * to: once more, whole. A full disk would only be full again. */
		bool is_doubtful = (done.stage->checkpoint && err->kind != ERROR_NETWORK &&
				    err->kind != ERROR_NO_SPACE) ||
				   (done.is_kept && err->kind == ERROR_CORRUPT);

		if (is_doubtful)
			stage_drain(done.stage);
		done.stage->is_kept = err->kind == ERROR_NETWORK;
		stage_free(done.stage);
		return is_doubtful && start_layer(pull, done.index, err);
	}
	report(pull, done.index, LAYER_DONE, done.stage->bytes);
	return draft_add_layer(&pull->draft, done.index, done.stage, err);
}

/* -- all layers ---------------------------------------------------------------------------------
 */

static bool take_reply(struct pull *pull, struct error *err)
{
	struct fetch_reply reply;

	if (!fetcher_receive(&pull->fetcher, &reply, err))
		return false;
	for (size_t i = 0; i < pull->running_count; i++) {
		struct download *download = &pull->running[i];

		if (download->id != reply.id)
			continue;
		download->is_answered = reply.state != FETCH_PROGRESS;
		download->is_refused = reply.state == FETCH_FAILED;
		download->err = reply.err;
		report(pull, download->index, LAYER_DOWNLOADING, reply.bytes);
	}
	return true;
}

static bool finish_ready(struct pull *pull, const bool *is_written, struct error *err)
{
	for (size_t i = pull->running_count; i-- > 0;)
		if (pull->running[i].is_answered && is_written[i] &&
		    !finish_layer(pull, &pull->running[i], err))
			return false;
	return true;
}

/* Waits until something happens: an answer, or a layer that is written. Those that were written
 * before are published meanwhile. */
static bool step(struct pull *pull, struct error *err)
{
	struct pollfd polls[1 + LAYERS_AT_ONCE];
	bool is_written[LAYERS_AT_ONCE] = { false };
	size_t count = pull->running_count;
	bool is_waiting = false; /* for an answer */

	if (!draft_settle(&pull->draft, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct download *download = &pull->running[i];

		is_waiting = is_waiting || !download->is_answered;
		polls[1 + i] =
			(struct pollfd){ .fd = download->stage->writer.result, .events = POLLIN };
		/* Written before it is answered: only the answer is worth waking up for. */
		if (!download->is_answered)
			polls[1 + i].fd = -1;
	}
	polls[0] =
		(struct pollfd){ .fd = is_waiting ? pull->fetcher.socket : -1, .events = POLLIN };
	if (poll(polls, 1 + count, -1) < 0)
		return errno == EINTR ? true : error_sys(err, "wait");
	for (size_t i = 0; i < count; i++)
		is_written[i] = polls[1 + i].revents != 0;
	if (polls[0].revents && !take_reply(pull, err))
		return false;
	return finish_ready(pull, is_written, err);
}

/* What is there is not good enough: these layers are fetched again, and take the place of the old.
 */
static bool forget_damaged(struct pull *pull)
{
	for (size_t i = 0; i < pull->draft.layer_count; i++)
		if (texts_has(pull->again, pull->draft.layers[i].chain.text))
			draft_forget_layer(&pull->draft, i, &pull->manifest.layers[i].digest);
	return true;
}

/* A layer unpacked is hardly ever smaller than it comes: less space than that is certainly too
 * little. */
static bool check_room(const struct pull *pull, struct error *err)
{
	int64_t wanted = 0, copies = pull->store->is_keeping_blobs ? 2 : 1;

	for (size_t i = 0; i < pull->manifest.layer_count; i++)
		if (pull->draft.layers[i].dir < 0)
			wanted += pull->manifest.layers[i].size * copies;
	return wanted == 0 || room_check(pull->store, wanted, err);
}

/* Parents before children, in every process: so waiting for another's layer cannot be mutual. */
static bool read_layers(struct pull *pull, struct error *err)
{
	for (size_t i = 0; i < pull->manifest.layer_count;) {
		if (pull->running_count == LAYERS_AT_ONCE) {
			if (!step(pull, err))
				return false;
			continue;
		}
		if (start_layer(pull, i, err)) {
			i++;
			continue;
		}
		if (err->kind != ERROR_EXISTS || pull->running_count == 0 || !step(pull, err))
			return false;
	}
	while (pull->running_count > 0)
		if (!step(pull, err))
			return false;
	return true;
}

/* -- publication --------------------------------------------------------------------------------
 */

/* The tag, if there is one, and what it led to: both are names of the image. */
static bool publish(struct pull *pull, struct error *err)
{
	autofree char *repository = reference_name(&pull->reference);
	autofree char *by_digest = mem_printf("%s@%s", repository, pull->resolved.text);
	bool has_tag = digest_is_empty(&pull->reference.digest);
	const char *names[] = { by_digest, pull->text };
	struct name_change changes[COUNT_OF(names)] = { 0 };
	struct publication publication = {
		.config = pull->config.data,
		.config_length = pull->config.length,
		.manifest = pull->document.data,
		.manifest_length = pull->document.length,
		.index = pull->index.length > 0 ? pull->index.data : NULL,
		.index_length = pull->index.length,
		.names = names,
		.name_count = has_tag ? 2 : 1,
		.is_repair = pull->again->count > 0,
	};
	const struct digest *before = &changes[publication.name_count - 1].before;
	bool is_new;

	if (!draft_publish(&pull->draft, &publication, changes, &is_new, err))
		return false;
	report_image(&pull->draft.id, names[publication.name_count - 1], before,
		     !digest_is_equal(before, &pull->draft.id));
	return true;
}

static bool start(struct pull *pull, const char *reference, const char *platform, struct error *err)
{
	buf_init(&pull->document, LIMIT_IMAGE_JSON);
	buf_init(&pull->index, LIMIT_IMAGE_JSON);
	buf_init(&pull->config, LIMIT_IMAGE_JSON);
	platform_host(&pull->platform);
	if (platform && !platform_parse(&pull->platform, platform, err))
		return false;
	if (!reference_parse(&pull->reference, reference, err))
		return false;
	if (!digest_is_empty(&pull->reference.digest))
		pull->reference.tag[0] = '\0'; /* the digest decides */
	pull->text = reference_text(&pull->reference);
	return true;
}

/* What was cut off by the network waits for the next pull; nothing else does. */
static void finish(struct pull *pull, bool is_cut_off)
{
	for (size_t i = 0; i < pull->running_count; i++) {
		pull->running[i].stage->is_kept = is_cut_off;
		stage_free(pull->running[i].stage);
	}
	draft_close(&pull->draft);
	buf_done(&pull->document);
	buf_done(&pull->index);
	buf_done(&pull->config);
	free(pull->text);
	arena_done(&pull->arena);
}

/* Requests of an earlier run may still be answered: the numbers of `fetcher` go on. */
static bool run(const struct store *store, const struct unpack_pull *what, struct fetcher *fetcher,
		struct error *err)
{
	autofree struct pull *pull = mem_alloc(sizeof(*pull));

	*pull = (struct pull){ .store = store, .fetcher = *fetcher, .again = what->again };
	if (store->allowance)
		allowance_reset(store->allowance); /* an earlier run's pumps are gone */

	bool is_good = start(pull, what->reference, what->platform, err) && resolve(pull, err) &&
		       read_config(pull, err) && forget_damaged(pull) && check_room(pull, err) &&
		       read_layers(pull, err) && publish(pull, err);

	finish(pull, !is_good && err->kind == ERROR_NETWORK);
	*fetcher = pull->fetcher;
	return is_good;
}

/* A mirror that sends something wrong is no reason to fail: the registry itself is asked, for all
 * of it. Layers that are finished are found in the store. */
bool unpack_pull(const struct store *store, const struct unpack_pull *what, struct error *err)
{
	struct fetcher fetcher = { .socket = what->fetch };

	bool is_good = run(store, what, &fetcher, err);

	if (!is_good && what->is_mirrored && err->kind == ERROR_CORRUPT) {
		fetcher.is_from_origin = true;
		is_good = run(store, what, &fetcher, err);
	}
	fetcher_done(&fetcher);
	return is_good;
}
