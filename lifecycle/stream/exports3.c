/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "lifecycle/stream/exporter.h"
#include "lifecycle/stream/s3reply.h"

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

#define TEXT_MAX      (1 << 20) /* the list of ten thousand parts */
#define REASON_MAX    512
#define ETAG_MAX      128
#define UPLOAD_ID_MAX 1024
#define REDIRECTS_MAX 1 /* to another region */
#define CLOCK_IS_SET  1704067200000

static const char *const wanted[] = { "ETag", "x-amz-bucket-region", NULL };

static void go_on(struct exporter *exporter);

/* -- an upload's life ---------------------------------------------------------------------------
 */

static void free_upload(struct upload *upload)
{
	drop_fd(&upload->fd);
	arena_done(&upload->arena);
	free(upload);
}

void export_s3_stop(struct exporter *exporter)
{
	if (exporter->upload)
		free_upload(exporter->upload);
	exporter->upload = NULL;
}

/* The task is over, for better or worse. */
static void end_task(struct exporter *exporter, enum s3_status status, const char *text)
{
	struct upload *upload = exporter->upload;
	int64_t next = upload->sequence + 1;

	exporter->upload = NULL;
	if (status == S3_SUCCESS)
		exporter_count(exporter, upload->sequence, upload->size);
	else
		exporter_blame(exporter, text);
	export_s3_report(exporter, upload->task.json, upload->sequence, status, text);
	free_upload(upload);
	exporter_delivered(exporter, next, true);
}

/* -- aborting -----------------------------------------------------------------------------------
 */

/* A multipart upload nobody wants any more. It belongs to no exporter: that may be gone. */
struct abandoned {
	struct exports *exports;
	struct upload *upload;
	struct fetch_call call;
};

static void on_aborted(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct abandoned *abandoned = call->context;
	struct s3_reply answer;

	s3_reply_read(&answer, reply);
	if (answer.verdict != S3_IS_GOOD && answer.verdict != S3_IS_LOST)
		log_warning("parts of s3://%s/%s may be left in the bucket: %s",
			    abandoned->upload->task.bucket, abandoned->upload->key, answer.reason);
	free_upload(abandoned->upload);
	free(abandoned);
}

static const char *region_of(const struct exports *exports, const struct upload *upload)
{
	if (upload->region)
		return upload->region;
	return exports->settings->region ? exports->settings->region : "us-east-1";
}

static const char *encode_id(struct arena *arena, const char *id)
{
	char *encoded = arena_alloc(arena, strlen(id) * 3 + 1), *to = encoded;

	for (; *id; id++)
		to += sprintf(to,
			      strchr("-._~", *id) || (*id >= '0' && *id <= '9') ||
					      (*id >= 'A' && *id <= 'Z') ||
					      (*id >= 'a' && *id <= 'z')
				      ? "%c"
				      : "%%%02X",
			      (unsigned char)*id);
	return encoded;
}

/* A query that ends with "=" is for this upload's id. */
static bool send_for(struct exports *exports, const struct upload *upload, struct fetch_call *call,
		     struct fetch_request *request, const char *query, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *region = region_of(exports, upload);
	bool has_metadata = query[0] == '\0' || strcmp(query, "?uploads") == 0;
	size_t length = strlen(query);

	if (length > 0 && query[length - 1] == '=')
		query = arena_printf(&arena, "%s%s", query, encode_id(&arena, upload->id));
	for (size_t i = 0; has_metadata && i < upload->task.metadata_count; i++)
		request->headers[i] =
			(struct fetch_header){ arena_printf(&arena, "x-amz-meta-%s",
							    upload->task.metadata[i].name),
					       upload->task.metadata[i].value };
	request->url = aws_object_url(&arena, exports->settings, region, upload->task.bucket,
				      upload->key, query);
	request->wanted = wanted;
	aws_keys_sign(&exports->keys, request, "s3", region);
	return fetcher_send(&exports->fetcher, call, request, err);
}

/* Takes the upload; says nothing to anybody. */
static void abandon(struct exporter *exporter, struct upload *upload)
{
	struct abandoned *abandoned = mem_alloc(sizeof(*abandoned));
	struct fetch_request request = { .method = "DELETE", .body_fd = -1 };
	struct error err;

	abandoned->exports = exporter->set->exports;
	abandoned->upload = upload;
	abandoned->call = (struct fetch_call){ .on_reply = on_aborted, .context = abandoned };
	if (send_for(abandoned->exports, upload, &abandoned->call, &request, "?uploadId=", &err))
		return;
	log_warning("%s", err.text);
	free_upload(upload);
	free(abandoned);
}

static void on_abort_reply(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct exporter *exporter = call->context;
	struct upload *upload = exporter->upload;
	struct s3_reply answer;
	char text[REASON_MAX];

	s3_reply_read(&answer, reply);
	if (answer.verdict != S3_IS_GOOD && answer.verdict != S3_IS_LOST) {
		snprintf(text, sizeof(text), "parts may be left in the bucket: %s", answer.reason);
		export_s3_report(exporter, upload->task.json, upload->sequence, S3_WARNING, text);
	}
	snprintf(text, sizeof(text), "%s", exporter->error);
	end_task(exporter, S3_FAILURE, text);
}

/* -- requests -----------------------------------------------------------------------------------
 */

static bool send(struct exporter *exporter, struct fetch_request *request, const char *query,
		 void (*on_reply)(struct fetch_call *call, const struct fetch_reply *reply))
{
	struct error err;

	exporter->call = (struct fetch_call){ .on_reply = on_reply, .context = exporter };
	if (send_for(exporter->set->exports, exporter->upload, &exporter->call, request, query,
		     &err))
		return true;
	exporter_postpone(exporter, err.text);
	return false;
}

static void fail(struct exporter *exporter, const char *reason)
{
	struct fetch_request request = { .method = "DELETE", .body_fd = -1 };
	struct upload *upload = exporter->upload;

	if (!upload->id) {
		end_task(exporter, S3_FAILURE, reason);
		return;
	}
	exporter_blame(exporter, reason); /* kept until the parts are gone */
	send(exporter, &request, "?uploadId=", on_abort_reply);
}

/* True if the reply is good. Else what it needs has been done. */
static bool is_good(struct exporter *exporter, const struct fetch_reply *reply)
{
	struct upload *upload = exporter->upload;
	struct s3_reply answer;
	char text[REASON_MAX];

	s3_reply_read(&answer, reply);
	snprintf(text, sizeof(text), "s3://%.63s/%.200s: %.240s", upload->task.bucket, upload->key,
		 answer.reason);
	if (answer.are_keys_bad)
		aws_keys_reject(&exporter->set->exports->keys);
	switch (answer.verdict) {
	case S3_IS_GOOD:
		return true;
	case S3_IS_TO_RETRY:
		exporter_postpone(exporter, text);
		return false;
	case S3_IS_ELSEWHERE:
		if (upload->region)
			break;
		upload->region = arena_strdup(&upload->arena, answer.region);
		go_on(exporter);
		return false;
	case S3_IS_LOST:
		upload->id = NULL;
		upload->part_count = 0;
		exporter_postpone(exporter, text);
		return false;
	case S3_IS_REFUSED:
		break;
	}
	fail(exporter, text);
	return false;
}

/* -- in one piece -------------------------------------------------------------------------------
 */

static void on_put(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct exporter *exporter = call->context;

	if (is_good(exporter, reply))
		end_task(exporter, S3_SUCCESS, "Success");
}

static void put_object(struct exporter *exporter)
{
	struct upload *upload = exporter->upload;
	struct fetch_request request = { .method = "PUT",
					 .body_fd = upload->fd,
					 .body_size = upload->size };

	if (lseek(upload->fd, 0, SEEK_SET) < 0)
		fail(exporter, "the file cannot be read");
	else if (send(exporter, &request, "", on_put))
		exporter_spent(exporter, upload->size);
}

/* -- in parts -----------------------------------------------------------------------------------
 */

static int64_t parts_in_all(const struct upload *upload)
{
	return (upload->size + upload->part_size - 1) / upload->part_size;
}

static void on_created(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct exporter *exporter = call->context;
	struct upload *upload = exporter->upload;
	int64_t least = exporter->set->exports->settings->part_size_min;
	char id[UPLOAD_ID_MAX];

	if (!is_good(exporter, reply))
		return;
	if (!s3_xml_text(&reply->body, "UploadId", id, sizeof(id))) {
		fail(exporter, "S3 gave no UploadId");
		return;
	}
	upload->id = arena_strdup(&upload->arena, id);
	upload->part_size = (upload->size + EXPORT_PARTS_MAX - 1) / EXPORT_PARTS_MAX;
	if (upload->part_size < least)
		upload->part_size = least;
	upload->part_count = 0;
	upload->etags = arena_array(&upload->arena, EXPORT_PARTS_MAX, sizeof(*upload->etags));
	export_state_save(exporter->set);
	go_on(exporter);
}

static void create_upload(struct exporter *exporter)
{
	struct fetch_request request = { .method = "POST", .body_fd = -1, .text = "" };

	send(exporter, &request, "?uploads", on_created);
}

static void on_part(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct exporter *exporter = call->context;
	struct upload *upload = exporter->upload;
	const char *etag = NULL;
	struct error err;

	if (!is_good(exporter, reply))
		return;
	if (!json_text_or(reply->headers, "ETag", NULL, &etag, &err) || !etag ||
	    strlen(etag) > ETAG_MAX || strpbrk(etag, "<>&")) {
		fail(exporter, "S3 gave no ETag of a part");
		return;
	}
	upload->etags[upload->part_count++] = arena_strdup(&upload->arena, etag);
	exporter->last_time = stream_clock_wall(exporter->set->exports->clock);
	exporter_delivered(exporter, exporter->position, true);
}

static void put_part(struct exporter *exporter)
{
	struct upload *upload = exporter->upload;
	int64_t offset = upload->part_count * upload->part_size;
	struct fetch_request request = { .method = "PUT", .body_fd = upload->fd };
	char query[64];

	request.body_size = upload->size - offset < upload->part_size ? upload->size - offset
								      : upload->part_size;
	snprintf(query, sizeof(query),
		 "?partNumber=%lld&uploadId=", (long long)upload->part_count + 1);
	if (lseek(upload->fd, offset, SEEK_SET) < 0)
		fail(exporter, "the file cannot be read");
	else if (send(exporter, &request, query, on_part))
		exporter_spent(exporter, request.body_size);
}

static void on_completed(struct fetch_call *call, const struct fetch_reply *reply)
{
	struct exporter *exporter = call->context;

	if (is_good(exporter, reply))
		end_task(exporter, S3_SUCCESS, "Success");
}

static int make_list(const struct upload *upload, struct error *err)
{
	autobuf struct buf text;
	autoclose int fd = memfd_create("parts", MFD_CLOEXEC);

	buf_init(&text, TEXT_MAX * 2);
	buf_add_text(&text, "<CompleteMultipartUpload>");
	for (int64_t i = 0; i < upload->part_count; i++)
		buf_printf(&text, "<Part><PartNumber>%lld</PartNumber><ETag>%s</ETag></Part>",
			   (long long)i + 1, upload->etags[i]);
	buf_add_text(&text, "</CompleteMultipartUpload>");
	if (fd < 0) {
		error_sys(err, "memfd_create");
		return -1;
	}
	if (!buf_check(&text, "the list of parts", err) ||
	    !file_write(fd, "the list of parts", text.data, text.length, err) ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return take_fd(&fd);
}

static void complete_upload(struct exporter *exporter)
{
	struct upload *upload = exporter->upload;
	struct error err = { 0 };
	autoclose int fd = make_list(upload, &err);
	struct fetch_request request = { .method = "POST", .body_fd = fd };
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0) {
		exporter_postpone(exporter, err.text);
		return;
	}
	request.body_size = status.st_size;
	send(exporter, &request, "?uploadId=", on_completed);
}

/* -- step by step -------------------------------------------------------------------------------
 */

static void on_keys(struct keys_waiter *waiter, const char *failure)
{
	struct exporter *exporter = waiter->context;
	const struct export_definition *config = exporter_config(exporter);
	struct upload *upload = exporter->upload;

	if (failure)
		exporter_postpone(exporter, failure);
	else if (!upload->id && upload->size <= config->threshold)
		put_object(exporter);
	else if (!upload->id)
		create_upload(exporter);
	else if (upload->part_count < parts_in_all(upload))
		put_part(exporter);
	else
		complete_upload(exporter);
}

static void go_on(struct exporter *exporter)
{
	exporter->keys = (struct keys_waiter){ .on_keys = on_keys, .context = exporter };
	aws_keys_need(&exporter->set->exports->keys, &exporter->keys);
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
	abandon(exporter, old);
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
		fail(exporter, "inputUrl: not a regular file");
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
		fail(exporter, err.text);
		return;
	}
	if (!upload->has_said_in_progress) {
		upload->has_said_in_progress = true;
		export_s3_report(exporter, upload->task.json, upload->sequence, S3_IN_PROGRESS,
				 "In progress");
	}
	go_on(exporter);
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
		fail(exporter, answer->text);
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
		go_on(exporter); /* between two parts, or once more */
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
		fail(exporter, err.text);
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
		abandon(exporter, upload);
	else
		free_upload(upload);
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
