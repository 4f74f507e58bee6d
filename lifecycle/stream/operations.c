/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "lifecycle/stream/server.h"
#include "lifecycle/stream/wire.h"

/* What each request asks for. A request is checked as a whole before anything is done. */

#define MESSAGE_OVERHEAD 640 /* bytes of a message in an answer beside its payload, at most */

struct request {
	struct session *session;
	uint8_t operation;
	const char *id;
	const struct cbor *map;
	struct arena *arena;
};

/* -- answers ------------------------------------------------------------------------------------
 */

static void answer(const struct request *request, int status, const char *text)
{
	struct buf *out = session_answer(request->session, request->id);

	answer_status(out, wire_answer_to(request->operation), request->id, status, text);
}

static void answer_error(const struct request *request, const struct error *err)
{
	int status = WIRE_UNKNOWN_FAILURE;

	if (err->kind == ERROR_INPUT || err->kind == ERROR_EXISTS)
		status = WIRE_INVALID_REQUEST;
	else if (err->kind == ERROR_NOT_FOUND)
		status = WIRE_NOT_FOUND;
	else if (err->kind == ERROR_CORRUPT)
		status = WIRE_READ_ERROR;
	else if (err->kind == ERROR_NO_SPACE && err->sys == 0)
		status = WIRE_INVALID_REQUEST; /* the stream is full */
	else if (err->kind == ERROR_NO_SPACE && err->sys == ENOMEM)
		status = WIRE_OUT_OF_MEMORY;
	else
		log_error("%s", err->text);
	answer(request, status, err->text);
}

static struct stream *find_stream(const struct request *request, const char *key, struct error *err)
{
	const char *name;
	struct stream *stream;

	if (!cbor_text(request->arena, request->map, key, &name, err))
		return NULL;
	stream = depot_find(request->session->server->depot, name);
	if (!stream)
		error_set(err, ERROR_NOT_FOUND, "stream \"%.*s\" not found", DEFINITION_NAME_MAX,
			  name);
	return stream;
}

/* -- create, update, delete ---------------------------------------------------------------------
 */

static bool read_definition(const struct request *request, struct definition *definition,
			    struct error *err)
{
	int64_t part_size = request->session->server->part_size_min;

	if (!definition_parse(definition, request->arena, cbor_get(request->map, "definition"),
			      err))
		return false;
	for (size_t i = 0; i < definition->export_count; i++) {
		const struct export_definition *export = &definition->exports[i];

		if (export->kind == EXPORT_S3 && export->threshold < part_size)
			return error_set(err, ERROR_INPUT,
					 "sizeThresholdForMultipartUploadBytes: %lld is less than "
					 "the size of a part, %lld",
					 (long long)export->threshold, (long long)part_size);
	}
	return true;
}

static void create_stream(const struct request *request)
{
	struct server *server = request->session->server;
	struct definition definition;
	struct stream *stream;
	struct error err;

	if (!read_definition(request, &definition, &err) ||
	    !depot_create(server->depot, &definition, &stream, &err)) {
		answer_error(request, &err);
		return;
	}
	exports_define(server->exports, stream);
	answer(request, WIRE_SUCCESS, "");
}

static bool check_start(const struct stream *stream, const struct export_definition *export,
			struct error *err)
{
	const struct export_definition *old =
		definition_export(&stream->definition, export->identifier);

	if (export->start == (old ? old->start : 0) || export->start < stream_newest(stream))
		return true;
	return error_set(err, ERROR_INPUT,
			 "export \"%s\": startSequenceNumber: %lld is not below the newest, %lld",
			 export->identifier, (long long)export->start,
			 (long long)stream_newest(stream));
}

static bool check_sizes(const struct stream *stream, const struct definition *new,
			struct error *err)
{
	const struct definition *old = &stream->definition;

	if (new->size_max != old->size_max &&new->size_max < stream->stored)
		return error_set(err, ERROR_INPUT, "maxSize: %lld bytes are stored already",
				 (long long)stream->stored);
	if ((new->size_max != old->size_max || new->segment_size != old->segment_size) &&
	    new->segment_size > new->size_max)
		return error_set(err, ERROR_INPUT,
				 "streamSegmentSize: a segment may not be larger than the stream");
	return true;
}

static void update_stream(const struct request *request)
{
	struct server *server = request->session->server;
	struct definition definition;
	struct stream *stream = NULL;
	struct error err;
	bool is_good = read_definition(request, &definition, &err);

	if (is_good) {
		stream = depot_find(server->depot, definition.name);
		is_good = stream || error_set(&err, ERROR_NOT_FOUND, "stream \"%s\" not found",
					      definition.name);
	}
	if (is_good && definition.persistence != stream->definition.persistence) {
		answer(request, WIRE_UPDATE_NOT_ALLOWED, "persistence cannot be changed");
		return;
	}
	is_good = is_good && check_sizes(stream, &definition, &err);
	for (size_t i = 0; is_good && i < definition.export_count; i++)
		is_good = check_start(stream, &definition.exports[i], &err);
	if (!is_good) {
		answer_error(request, &err);
		return;
	}
	exports_prepare(server->exports, stream, &definition);
	if (!stream_redefine(stream, &definition, &err)) {
		exports_define(server->exports, stream);
		log_error("%s", err.text);
		answer(request, WIRE_UPDATE_FAILED, err.text);
		return;
	}
	exports_define(server->exports, stream);
	answer(request, WIRE_SUCCESS, "");
}

static void delete_stream(const struct request *request)
{
	struct server *server = request->session->server;
	struct error err;
	struct stream *stream = find_stream(request, "name", &err);
	const char *name;

	if (!stream) {
		answer_error(request, &err);
		return;
	}
	name = arena_strdup(request->arena, stream->definition.name);
	exports_remove(server->exports, stream);
	if (!depot_delete(server->depot, stream, &err)) {
		answer_error(request, &err);
		return;
	}
	answer(request, WIRE_SUCCESS, "");
	server_wake_readers(server, name);
}

/* -- list, describe -----------------------------------------------------------------------------
 */

static void list_streams(const struct request *request)
{
	const struct depot *depot = request->session->server->depot;
	struct buf *out = session_answer(request->session, request->id);
	size_t start = answer_begin(out, WIRE_LIST_ANSWER, request->id, WIRE_SUCCESS, "", 1);

	cbor_put_text(out, "streams");
	cbor_put_array(out, depot->count);
	for (const struct stream *stream = depot->streams; stream; stream = stream->next)
		cbor_put_text(out, stream->definition.name);
	answer_end(out, start);
}

static void put_export_status(struct buf *out, const struct exports *exports,
			      const struct stream *stream, const char *identifier)
{
	struct export_status status;

	exports_status(exports, stream, identifier, &status);
	cbor_put_map(out, status.last_time ? 6 : 5);
	cbor_add_text(out, "exportConfigIdentifier", identifier);
	cbor_add_int(out, "lastExportedSequenceNumber", status.last_sequence);
	if (status.last_time)
		cbor_add_int(out, "lastExportTime", status.last_time);
	cbor_add_text(out, "errorMessage", status.error);
	cbor_add_int(out, "exportedBytesFromStream", status.bytes);
	cbor_add_int(out, "exportedMessagesCount", status.messages);
}

static void describe_stream(const struct request *request)
{
	struct server *server = request->session->server;
	struct error err;
	const struct stream *stream = find_stream(request, "name", &err);

	if (!stream) {
		answer_error(request, &err);
		return;
	}

	struct buf *out = session_answer(request->session, request->id);
	size_t start = answer_begin(out, WIRE_DESCRIBE_ANSWER, request->id, WIRE_SUCCESS, "", 1);

	cbor_put_text(out, "messageStreamInfo");
	cbor_put_map(out, 3);
	cbor_put_text(out, "definition");
	definition_put(&stream->definition, out);
	cbor_put_text(out, "storageStatus");
	cbor_put_map(out, 3);
	cbor_add_int(out, "oldestSequenceNumber", stream_oldest(stream));
	cbor_add_int(out, "newestSequenceNumber", stream_newest(stream));
	cbor_add_int(out, "totalBytes", stream->stored);
	cbor_put_text(out, "exportStatuses");
	cbor_put_array(out, stream->definition.export_count);
	for (size_t i = 0; i < stream->definition.export_count; i++)
		put_export_status(out, server->exports, stream,
				  stream->definition.exports[i].identifier);
	answer_end(out, start);
}

/* -- append -------------------------------------------------------------------------------------
 */

static void append_message(const struct request *request)
{
	struct server *server = request->session->server;
	const struct cbor *payload = NULL;
	struct error err;
	struct stream *stream = find_stream(request, "name", &err);
	int64_t sequence;

	if (!stream || !cbor_member_or_null(request->map, "payload", CBOR_BYTES, &payload, &err)) {
		answer_error(request, &err);
		return;
	}
	if (!payload || payload->length == 0) {
		answer(request, WIRE_INVALID_REQUEST, "payload: must have at least one byte");
		return;
	}
	if (!stream_could_hold(stream, payload->length)) {
		answer(request, WIRE_REQUEST_TOO_LARGE, "the message is larger than the stream");
		return;
	}
	if (!stream_append(stream, request->session->author, payload->bytes, payload->length,
			   stream_clock_wall(server->clock), &sequence, &err)) {
		answer_error(request, &err);
		return;
	}

	struct buf *out = session_answer(request->session, request->id);
	size_t start = answer_begin(out, WIRE_APPEND_ANSWER, request->id, WIRE_SUCCESS, "", 1);

	cbor_add_int(out, "sequenceNumber", sequence);
	answer_end(out, start);
	exports_appended(server->exports, stream);
	server_wake_readers(server, stream->definition.name);
}

/* -- read ---------------------------------------------------------------------------------------
 */

/* How many messages from the cursor on make an answer that fits. */
static bool count_fitting(struct stream *stream, struct cursor cursor, int64_t most, int64_t *count,
			  struct error *err)
{
	struct record record;
	size_t size = WIRE_ID_MAX + 256;
	bool is_there;

	for (*count = 0; *count < most; ++*count) {
		if (!stream_peek(stream, &cursor, &record, &is_there, err))
			return *count > 0; /* those before it can be read */
		if (!is_there)
			break;
		size += record.length + MESSAGE_OVERHEAD;
		if (size > WIRE_ANSWER_MAX)
			break;
		cursor.offset += RECORD_HEAD_SIZE + (int64_t)record.length;
		cursor.sequence++;
	}
	return true;
}

static bool put_message(struct stream *stream, struct cursor *cursor, struct buf *out,
			struct error *err)
{
	struct record record;
	bool is_there;

	if (!stream_peek(stream, cursor, &record, &is_there, err))
		return false;
	cbor_put_map(out, 4);
	cbor_add_text(out, "streamName", stream->definition.name);
	cbor_add_int(out, "sequenceNumber", record.sequence);
	cbor_add_int(out, "ingestTime", record.time);
	cbor_put_text(out, "payload");
	cbor_put_bytes_head(out, record.length);
	return stream_take(stream, cursor, &record, out, err);
}

/* Takes back what was written if a message turns out to be damaged. */
static bool put_messages(struct stream *stream, const char *id, struct cursor cursor, int64_t count,
			 struct buf *out, struct error *err)
{
	size_t start = answer_begin(out, WIRE_READ_ANSWER, id, WIRE_SUCCESS, "", 1);
	bool is_good = true;

	cbor_put_text(out, "messages");
	cbor_put_array(out, (size_t)count);
	for (int64_t i = 0; is_good && i < count; i++)
		is_good = put_message(stream, &cursor, out, err);
	if (!is_good) {
		out->length = start;
		return false;
	}
	answer_end(out, start);
	stream_remember(stream, &cursor);
	return true;
}

void operation_answer_read(struct session *session, struct pending *read, struct buf *out)
{
	struct stream *stream = depot_find(session->server->depot, read->stream);
	int status = WIRE_READ_ERROR;
	struct cursor cursor;
	struct error err;
	int64_t count;

	if (!stream) {
		error_set(&err, ERROR_NOT_FOUND, "stream \"%s\" not found", read->stream);
		status = WIRE_NOT_FOUND;
	} else if (stream_seek(stream, read->start, &cursor, &err)) {
		if (stream->next_sequence - cursor.sequence < read->least) {
			error_set(&err, ERROR_INPUT, "%lld messages are there, %lld are wanted",
				  (long long)(stream->next_sequence - cursor.sequence),
				  (long long)read->least);
			status = WIRE_NOT_ENOUGH_MESSAGES;
		} else if (count_fitting(stream, cursor, read->most, &count, &err)) {
			if (count >= read->least &&
			    put_messages(stream, read->id, cursor, count, out, &err))
				return;
			if (count < read->least) {
				error_set(&err, ERROR_INPUT,
					  "%lld messages do not fit into one answer",
					  (long long)read->least);
				status = WIRE_ANSWER_TOO_LARGE;
			}
		}
	}
	answer_status(out, WIRE_READ_ANSWER, read->id, status, err.text);
}

/* How many there are, without a look at the disk. */
static bool has_enough(const struct stream *stream, const struct pending *read)
{
	int64_t start = read->start > stream_oldest(stream) ? read->start : stream_oldest(stream);

	return stream->next_sequence - start >= read->least;
}

static void read_messages(const struct request *request)
{
	struct session *session = request->session;
	struct pending read = { .session = session };
	const struct cbor *options;
	struct error err;
	struct stream *stream = find_stream(request, "streamName", &err);
	int64_t timeout;

	if (!stream ||
	    !cbor_member_or_null(request->map, "readMessagesOptions", CBOR_MAP, &options, &err) ||
	    !cbor_int_or(options, "desiredStartSequenceNumber", 0, 0, INT64_MAX, &read.start,
			 &err) ||
	    !cbor_int_or(options, "minMessageCount", 1, 1, INT32_MAX, &read.least, &err) ||
	    !cbor_int_or(options, "maxMessageCount", read.least, 1, INT32_MAX, &read.most, &err) ||
	    !cbor_int_or(options, "readTimeoutMillis", 0, 0, DEFINITION_MILLIS_MAX, &timeout,
			 &err)) {
		answer_error(request, &err);
		return;
	}
	if (read.most < read.least) {
		answer(request, WIRE_INVALID_REQUEST,
		       "maxMessageCount: must not be less than minMessageCount");
		return;
	}
	if (timeout > 0 && !has_enough(stream, &read)) {
		session_wait(session, request->id, stream->definition.name, &read, timeout);
		return;
	}
	read.id = arena_strdup(request->arena, request->id);
	read.stream = arena_strdup(request->arena, stream->definition.name);
	operation_answer_read(session, &read, session_answer(session, request->id));
}

/* -- which of them ------------------------------------------------------------------------------
 */

static void run(const struct request *request)
{
	switch (request->operation) {
	case WIRE_CREATE:
		create_stream(request);
		break;
	case WIRE_DELETE:
		delete_stream(request);
		break;
	case WIRE_APPEND:
		append_message(request);
		break;
	case WIRE_READ:
		read_messages(request);
		break;
	case WIRE_LIST:
		list_streams(request);
		break;
	case WIRE_DESCRIBE:
		describe_stream(request);
		break;
	case WIRE_UPDATE:
		update_stream(request);
		break;
	case WIRE_CONNECT:
		answer(request, WIRE_UNEXPECTED_OPERATION, "connected already");
		break;
	default:
		answer(request, WIRE_UNKNOWN_OPERATION, "unknown operation");
		break;
	}
}

void operation_run(struct session *session, uint8_t operation, const char *payload, size_t length)
{
	autoarena struct arena arena = { 0 };
	struct request request = { .session = session, .operation = operation, .arena = &arena };
	autofree char *early = NULL;
	struct error err;

	if (cbor_parse(&arena, payload, length, &request.map, &err) &&
	    cbor_text(&arena, request.map, "requestId", &request.id, &err) &&
	    (definition_is_name(request.id) ||
	     error_set(&err, ERROR_INPUT,
		       "requestId: must be 1 to 255 letters, digits, spaces or "
		       "any of _ , . -"))) {
		run(&request);
		return;
	}
	/* Whose answer would it be? With an id he waits for one, without he never could. */
	early = wire_early_id(payload, length);
	request.id = request.id ? request.id : early;
	if (request.id && strlen(request.id) <= WIRE_ID_MAX)
		answer(&request, WIRE_INVALID_REQUEST, err.text);
	else
		session_abandon(session);
}
