/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "lifecycle/stream/exporter.h"
#include "lifecycle/stream/s3upload.h"

/*
 * One task after the other:
 *
 *     read the task ─► the nucleus opens the file ─► keys ─► PUT ────────────────────────────► done
 *                                                      └───► create ─► part, part, … ─► complete ┘
 *
 * After each part the turn is given back, so that what is more urgent goes between, and the part is
 * noted on disk: the next start goes on behind it. Trouble with the network begins the step again;
 * a refusal is the end of the task, not of the export.
 */

#define CLOCK_IS_SET 1704067200000

/* -- one task -----------------------------------------------------------------------------------
 */

void export_s3_stop(struct exporter *exporter)
{
	if (exporter->upload)
		upload_free(exporter->upload);
	exporter->upload = NULL;
}

/* Of an upload that was begun before a restart, parts of the same file may be there already. */
static bool is_same_file(const struct upload *upload, const struct stat *status)
{
	return upload->size == status->st_size && upload->inode == (int64_t)status->st_ino &&
	       upload->mtime ==
		       (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

static void forget_parts(struct exporter *exporter)
{
	struct upload *upload = exporter->upload;
	struct upload *old = mem_alloc(sizeof(*old));

	old->fd = -1;
	old->task.bucket = arena_strdup(&old->arena, upload->task.bucket);
	old->key = arena_strdup(&old->arena, upload->key);
	old->region = arena_strdup(&old->arena, upload->region);
	old->id = arena_strdup(&old->arena, upload->id);
	upload_abandon(exporter, old);
	upload->id = NULL;
	upload->part_count = 0;
	upload->key = NULL;
}

static void take_file(struct exporter *exporter, int fd)
{
	struct exports *exports = exporter->set->exports;
	struct upload *upload = exporter->upload;
	struct stat status;
	struct error err;

	upload->fd = fd;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		upload_fail(exporter, "inputUrl: not a regular file");
		return;
	}
	if (upload->id && !is_same_file(upload, &status))
		forget_parts(exporter);
	upload->size = status.st_size;
	upload->inode = (int64_t)status.st_ino;
	upload->mtime = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	if (!upload->key &&
	    !s3_key_resolve(&upload->arena, upload->task.key, stream_clock_wall(exports->clock),
			    &upload->key, &err)) {
		upload_fail(exporter, err.text);
		return;
	}
	if (!upload->has_said_in_progress) {
		upload->has_said_in_progress = true;
		export_s3_report(exporter, upload->task.json, upload->sequence, S3_IN_PROGRESS,
				 "In progress");
	}
	upload_go_on(exporter);
}

/* A file that is not there, or not his, will not get better; trouble of the nucleus may. */
static void on_opened(struct link_call *opening, struct link_answer *answer)
{
	struct exporter *exporter = opening->context;

	if (answer->is_ok && answer->fd >= 0)
		take_file(exporter, take_fd(&answer->fd));
	else if (answer->is_ok || answer->kind == ERROR_SYSTEM)
		exporter_postpone(exporter,
				  answer->is_ok ? "the nucleus gave no file" : answer->text);
	else
		upload_fail(exporter, answer->text);
}

static void open_file(struct exporter *exporter, uint32_t author)
{
	struct exports *exports = exporter->set->exports;
	struct error err;

	exporter->opening = (struct link_call){ .on_answer = on_opened, .context = exporter };
	if (!link_ask_open(exports->link, &exporter->opening,
			   authors_name(&exports->depot->authors, author),
			   exporter->upload->task.path, &err))
		exporter_postpone(exporter, err.text);
}

/* Keeps what is known of an upload of this very task. */
static struct upload *upload_for(struct exporter *exporter, int64_t sequence)
{
	struct upload *upload = exporter->upload;

	if (upload && upload->sequence == sequence)
		return upload;
	export_s3_stop(exporter);
	upload = mem_alloc(sizeof(*upload));
	upload->sequence = sequence;
	upload->fd = -1;
	exporter->upload = upload;
	return upload;
}

static bool is_too_old(const struct exporter *exporter, const struct record *record)
{
	int64_t ttl = exporter->set->stream->definition.ttl;

	return ttl > 0 && record->time >= CLOCK_IS_SET &&
	       stream_clock_wall(exporter->set->exports->clock) - record->time > ttl;
}

/* The message at the position. False: it cannot be read, and the export goes on behind it. */
static bool read_message(struct exporter *exporter, struct record *record, struct buf *text)
{
	struct stream *stream = exporter->set->stream;
	struct cursor cursor;
	bool is_there = false;
	struct error err;

	if (stream_seek(stream, exporter->position, &cursor, &err) &&
	    stream_peek(stream, &cursor, record, &is_there, &err) && is_there &&
	    stream_take(stream, &cursor, record, text, &err)) {
		stream_remember(stream, &cursor);
		exporter->position = record->sequence;
		return true;
	}
	if (!is_there && cursor.sequence >= stream->next_sequence) {
		exporter_delivered(exporter, stream->next_sequence, false);
		return false;
	}
	exporter_blame(exporter, err.text);
	if (err.kind == ERROR_INPUT) {
		export_s3_report(exporter, NULL, record->sequence, S3_FAILURE,
				 "S3 task: larger than 64 KiB");
		exporter_delivered(exporter, record->sequence + 1, true);
	} else {
		stream_skip_segment(stream, &cursor);
		exporter_delivered(exporter, cursor.sequence, true);
	}
	return false;
}

void export_s3_begin(struct exporter *exporter)
{
	autobuf struct buf text;
	struct record record;
	struct upload *upload;
	struct error err;

	buf_init(&text, S3_TASK_SIZE_MAX + 1);
	if (exporter->upload && exporter->upload->fd >= 0 &&
	    exporter->upload->sequence == exporter->position) {
		upload_go_on(exporter); /* between two parts, or once more */
		return;
	}
	if (!read_message(exporter, &record, &text))
		return;
	upload = upload_for(exporter, record.sequence);
	if (is_too_old(exporter, &record)) {
		export_s3_cancel(exporter, record.sequence + 1);
		exporter_delivered(exporter, record.sequence + 1, true);
		return;
	}
	if (s3_task_parse(&upload->task, &upload->arena, text.data, text.length, &err))
		open_file(exporter, record.author);
	else
		upload_fail(exporter, err.text);
}

/* -- giving up on many --------------------------------------------------------------------------
 */

static void cancel_one(struct exporter *exporter, const struct record *record, struct buf *text)
{
	autoarena struct arena arena = { 0 };
	struct s3_task task;
	struct error err;

	/* Whether it is a task does not matter any more, only what it says. */
	if (!s3_task_parse(&task, &arena, text->data, text->length, &err))
		log_debug("%s", err.text);
	export_s3_report(exporter, task.json, record->sequence, S3_CANCELED,
			 "Canceled: the task was dropped before it was carried out");
}

/* What is on its way is taken back first; only then is anybody told. */
static void take_back(struct exporter *exporter)
{
	struct exports *exports = exporter->set->exports;
	struct upload *upload = exporter->upload;

	fetcher_forget(&exports->fetcher, &exporter->call);
	aws_keys_forget(&exports->keys, &exporter->keys);
	link_forget(exports->link, &exporter->opening);
	exporter->upload = NULL;
	if (upload->id && upload->key && upload->task.bucket)
		upload_abandon(exporter, upload);
	else
		upload_free(upload);
	exporter_rest(exporter);
}

void export_s3_cancel(struct exporter *exporter, int64_t end)
{
	struct stream *stream = exporter->set->stream;
	int64_t from = exporter->position;
	struct cursor cursor;
	struct record record;
	struct error err;
	bool is_there, is_readable;
	autobuf struct buf text;

	buf_init(&text, S3_TASK_SIZE_MAX + 1);
	if (exporter->upload && exporter->upload->sequence < end)
		take_back(exporter);
	if (exporter->position < end)
		exporter->position = end;
	is_readable = stream_seek(stream, from, &cursor, &err);
	while (is_readable && cursor.sequence < end &&
	       stream_peek(stream, &cursor, &record, &is_there, &err) && is_there) {
		buf_clear(&text);
		is_readable = stream_take(stream, &cursor, &record, &text, &err);
		if (is_readable)
			cancel_one(exporter, &record, &text);
	}
}
