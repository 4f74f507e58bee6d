/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/s3upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "lifecycle/stream/s3reply.h"

#define LIST_MAX      (2 << 20) /* of ten thousand parts */
#define REASON_MAX    512
#define ETAG_MAX      128
#define UPLOAD_ID_MAX 1024

static const char *const wanted[] = { "ETag", "x-amz-bucket-region", NULL };

/* -- an upload's life ---------------------------------------------------------------------------
 */

void upload_free(struct upload *upload)
{
	drop_fd(&upload->fd);
	arena_done(&upload->arena);
	free(upload);
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
	upload_free(upload);
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
	upload_free(abandoned->upload);
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

void upload_abandon(struct exporter *exporter, struct upload *upload)
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
	upload_free(upload);
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

void upload_fail(struct exporter *exporter, const char *reason)
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
		upload_go_on(exporter);
		return false;
	case S3_IS_LOST:
		upload->id = NULL;
		upload->part_count = 0;
		exporter_postpone(exporter, text);
		return false;
	case S3_IS_REFUSED:
		break;
	}
	upload_fail(exporter, text);
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
		upload_fail(exporter, "the file cannot be read");
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
		upload_fail(exporter, "S3 gave no UploadId");
		return;
	}
	upload->id = arena_strdup(&upload->arena, id);
	upload->part_size = (upload->size + EXPORT_PARTS_MAX - 1) / EXPORT_PARTS_MAX;
	if (upload->part_size < least)
		upload->part_size = least;
	upload->part_count = 0;
	upload->etags = arena_array(&upload->arena, EXPORT_PARTS_MAX, sizeof(*upload->etags));
	export_state_save(exporter->set);
	upload_go_on(exporter);
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
		upload_fail(exporter, "S3 gave no ETag of a part");
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
		upload_fail(exporter, "the file cannot be read");
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

	buf_init(&text, LIST_MAX);
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

void upload_go_on(struct exporter *exporter)
{
	exporter->keys = (struct keys_waiter){ .on_keys = on_keys, .context = exporter };
	aws_keys_need(&exporter->set->exports->keys, &exporter->keys);
}
