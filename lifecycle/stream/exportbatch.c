/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "lifecycle/stream/batch.h"

/*
 * Many messages in one request. A batch begins at the position; its records are read and formatted,
 * and the reply says which of them must go again. Those, in order, are the next request; the
 * position moves on when the whole batch is through. A record that can never be delivered is passed
 * over.
 */

#define BODY_MAX                                                                                   \
	(8 << 20) /* one record of Kinesis' largest size, and more than enough of others           \
		   */

static const struct batch_kind *const kinds[EXPORT_KINDS] = {
	[EXPORT_HTTP] = &batch_http,
	[EXPORT_KINESIS] = &batch_kinesis,
	[EXPORT_SITEWISE] = &batch_sitewise,
};

static void forget_again(struct exporter *exporter)
{
	free(exporter->again);
	exporter->again = NULL;
	exporter->again_count = 0;
}

void export_batch_stop(struct exporter *exporter)
{
	forget_again(exporter);
	free(exporter->sent);
	exporter->sent = NULL;
	exporter->sent_count = 0;
	exporter->batch_end = 0;
}

/* -- what goes into a request -------------------------------------------------------------------
 */

/* The batch's end, and how much of it there is. */
static bool add_record(struct batch *batch, struct stream *stream, struct cursor *cursor,
		       bool *is_full, struct error *err)
{
	struct exporter *exporter = batch->exporter;
	struct cursor start = *cursor;
	struct record record;
	struct buf payload;
	bool is_there, is_good;

	*is_full = true;
	if (!stream_peek(stream, cursor, &record, &is_there, err))
		return false;
	if (!is_there)
		return true;
	start = *cursor;
	if (exporter->sent_count > 0 && batch->bytes + record.length > EXPORT_BATCH_BYTES)
		return true;
	buf_init(&payload, record.length);
	is_good = stream_take(stream, cursor, &record, &payload, err);
	if (is_good) {
		enum batch_add added = batch->kind->add(batch, &record, &payload);

		*is_full = added == BATCH_FULL;
		if (added == BATCH_ADDED) {
			exporter->sent[exporter->sent_count++] = record.sequence;
			batch->bytes += record.length;
		} else if (added == BATCH_FULL) {
			*cursor = start;
		}
	}
	buf_done(&payload);
	return is_good;
}

/* The first request of a batch: from the position on. */
static bool fill_new(struct batch *batch, int64_t most, struct error *err)
{
	struct exporter *exporter = batch->exporter;
	struct stream *stream = exporter->set->stream;
	struct cursor cursor;
	bool is_full = false;

	if (!stream_seek(stream, exporter->position, &cursor, err))
		return false;
	while (!is_full && (int64_t)exporter->sent_count < most) {
		if (!add_record(batch, stream, &cursor, &is_full, err)) {
			if (exporter->sent_count > 0)
				break; /* the damaged one is the first of the next batch */
			exporter_blame(exporter, err->text);
			stream_skip_segment(stream, &cursor);
		}
	}
	exporter->batch_end = cursor.sequence;
	stream_remember(stream, &cursor);
	return true;
}

/* The next ones: what has failed. */
static bool fill_again(struct batch *batch, struct error *err)
{
	struct exporter *exporter = batch->exporter;
	struct stream *stream = exporter->set->stream;

	for (size_t i = 0; i < exporter->again_count; i++) {
		struct cursor cursor;
		bool is_full;

		if (exporter->again[i] < stream_oldest(stream))
			continue; /* dropped meanwhile */
		if (!stream_seek(stream, exporter->again[i], &cursor, err) ||
		    !add_record(batch, stream, &cursor, &is_full, err))
			return false;
	}
	return true;
}

/* -- replies ------------------------------------------------------------------------------------
 */

static void finish(struct exporter *exporter)
{
	int64_t end = exporter->batch_end;

	export_batch_stop(exporter);
	exporter_delivered(exporter, end, false);
}

void batch_over(struct exporter *exporter, const enum batch_outcome *outcomes, const char *why)
{
	int64_t each = exporter->sent_bytes / (int64_t)exporter->sent_count;
	int64_t *left = mem_array(exporter->sent_count, sizeof(*left));
	size_t count = 0, given_up = 0;

	for (size_t i = 0; i < exporter->sent_count; i++) {
		if (outcomes[i] == BATCH_AGAIN)
			left[count++] = exporter->sent[i];
		else if (outcomes[i] == BATCH_DELIVERED)
			exporter_count(exporter, exporter->sent[i], each);
		else
			given_up++;
	}
	forget_again(exporter);
	exporter->again = left;
	exporter->again_count = count;
	if (given_up > 0)
		exporter_blame(exporter, why);
	if (count > 0)
		exporter_postpone(exporter, why);
	else
		finish(exporter);
}

void batch_done(struct exporter *exporter)
{
	int64_t each = exporter->sent_bytes / (int64_t)exporter->sent_count;

	for (size_t i = 0; i < exporter->sent_count; i++)
		exporter_count(exporter, exporter->sent[i], each);
	finish(exporter);
}

void batch_pass_over(struct exporter *exporter, const char *why)
{
	exporter_blame(exporter, why);
	finish(exporter);
}

void batch_reason(const struct fetch_reply *reply, char *text, size_t size)
{
	if (reply->has_failed)
		snprintf(text, size, "%s", reply->text);
	else
		snprintf(text, size, "HTTP %d %.*s", reply->status,
			 (int)(reply->body.length < 300 ? reply->body.length : 300),
			 reply->body.data);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

static void on_reply(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct exporter *exporter = call->context;
	char reason[EXPORT_ERROR_MAX];

	if (!reply->has_failed && reply->status != 429 && reply->status < 500) {
		kinds[exporter->kind]->on_reply(exporter, reply);
		return;
	}
	batch_reason(reply, reason, sizeof(reason));
	exporter_postpone(exporter, reason);
}

/* -- sending ------------------------------------------------------------------------------------
 */

/* A body may be larger than a packet to mooring-fetch. */
static int body_file(const struct buf *body, struct error *err)
{
	autoclose int fd = memfd_create("batch", MFD_CLOEXEC);

	if (fd < 0) {
		error_sys(err, "memfd_create");
		return -1;
	}
	if (!file_write(fd, "a batch", body->data, body->length, err))
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0) {
		error_sys(err, "lseek");
		return -1;
	}
	return take_fd(&fd);
}

static bool send(struct batch *batch, struct error *err)
{
	struct exporter *exporter = batch->exporter;
	struct exports *exports = exporter->set->exports;
	struct fetch_request request = { .method = "POST", .body_fd = -1 };
	autoclose int body = -1;
	autoarena struct arena arena = { 0 };

	batch->kind->end(batch);
	if (!buf_check(&batch->body, "the batch", err))
		return false;
	body = body_file(&batch->body, err);
	if (body < 0)
		return false;
	request.body_fd = body;
	request.body_size = (int64_t)batch->body.length;
	batch->kind->address(batch, &arena, &request);
	exporter->call = (struct fetch_call){ .on_reply = on_reply, .context = exporter };
	exporter->sent_bytes = batch->bytes;
	if (!fetcher_send(&exports->fetcher, &exporter->call, &request, err))
		return false;
	exporter_spent(exporter, request.body_size);
	return true;
}

static bool fill(struct batch *batch, struct error *err)
{
	struct exporter *exporter = batch->exporter;
	const struct export_definition *config = exporter_config(exporter);
	int64_t most = config->batch_size;

	if (exporter->kind == EXPORT_HTTP && config->format == FORMAT_RAW)
		most = 1;
	free(exporter->sent);
	exporter->sent = mem_array((size_t)most + exporter->again_count, sizeof(*exporter->sent));
	exporter->sent_count = 0;
	batch->kind->begin(batch);
	return exporter->again ? fill_again(batch, err) : fill_new(batch, most, err);
}

static void on_keys(struct keys_waiter *waiter, const char *failure)
{
	struct exporter *exporter = waiter->context;
	struct batch batch = { .exporter = exporter, .kind = kinds[exporter->kind] };
	struct error err;

	if (failure) {
		exporter_postpone(exporter, failure);
		return;
	}
	buf_init(&batch.body, BODY_MAX);
	if (!fill(&batch, &err))
		exporter_postpone(exporter, err.text);
	else if (exporter->sent_count == 0)
		finish(exporter); /* all of it was passed over */
	else if (!send(&batch, &err))
		exporter_postpone(exporter, err.text);
	if (batch.out.gen)
		jsonout_done(&batch.out);
	buf_done(&batch.body);
	free(batch.seen);
	arena_done(&batch.arena);
}

void export_batch_begin(struct exporter *exporter)
{
	exporter->keys = (struct keys_waiter){ .on_keys = on_keys, .context = exporter };
	if (kinds[exporter->kind]->needs_keys)
		aws_keys_need(&exporter->set->exports->keys, &exporter->keys);
	else
		on_keys(&exporter->keys, NULL);
}
