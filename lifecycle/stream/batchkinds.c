/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "lifecycle/stream/batch.h"

#define KINESIS_RECORD_MAX (1 << 20) /* data and partition key */
#define UUID_SIZE          37
#define ENTRY_ID_MAX       64
#define ALIAS_MAX          2048
#define VALUES_MAX         10
#define SECONDS_MAX        31556889864403199
#define NANOS_MAX          999999999

static const char *region_of(const struct exporter *exporter)
{
	const char *region = exporter->set->exports->settings->region;

	return region ? region : "us-east-1";
}

static void add_base64(struct jsonout *out, const char *key, const struct buf *payload)
{
	autofree char *text = base64_encode(payload->data, payload->length);

	jsonout_text(out, key, text);
}

static enum batch_add pass_over(struct batch *batch, const struct record *record, const char *why)
{
	char text[EXPORT_ERROR_MAX];

	snprintf(text, sizeof(text), "message %lld is passed over: %.400s",
		 (long long)record->sequence, why);
	exporter_blame(batch->exporter, text);
	return BATCH_PASSED;
}

/* -- HTTP ---------------------------------------------------------------------------------------
 */

static bool is_raw(const struct batch *batch)
{
	return exporter_config(batch->exporter)->format == FORMAT_RAW;
}

static void begin_http(struct batch *batch)
{
	if (is_raw(batch))
		return;
	jsonout_init(&batch->out, &batch->body, false);
	jsonout_array(&batch->out, NULL);
}

static enum batch_add add_http(struct batch *batch, const struct record *record,
			       const struct buf *payload)
{
	struct jsonout *out = &batch->out;

	if (is_raw(batch)) {
		buf_add(&batch->body, payload->data, payload->length);
		return BATCH_ADDED;
	}
	jsonout_object(out, NULL);
	jsonout_text(out, "streamName", batch->exporter->set->stream->definition.name);
	jsonout_int(out, "sequenceNumber", record->sequence);
	jsonout_int(out, "ingestTime", record->time);
	add_base64(out, "payload", payload);
	jsonout_object_end(out);
	return BATCH_ADDED;
}

static void end_http(struct batch *batch)
{
	if (!is_raw(batch))
		jsonout_array_end(&batch->out);
}

static void address_http(struct batch *batch, struct arena *arena, struct fetch_request *request)
{
	const struct export_definition *config = exporter_config(batch->exporter);

	request->url = arena_strdup(arena, config->target);
	request->headers[0] =
		(struct fetch_header){ "Content-Type", is_raw(batch) ? "application/octet-stream"
								     : "application/json" };
}

static void on_http_reply(struct exporter *exporter, const struct fetch_reply *reply)
{
	char reason[EXPORT_ERROR_MAX];

	if (reply->status >= 200 && reply->status < 300) {
		batch_done(exporter);
		return;
	}
	batch_reason(reply, reason, sizeof(reason));
	exporter_postpone(exporter, reason);
}

const struct batch_kind batch_http = {
	.begin = begin_http,
	.add = add_http,
	.end = end_http,
	.address = address_http,
	.on_reply = on_http_reply,
};

/* -- Kinesis ------------------------------------------------------------------------------------
 */

static void begin_kinesis(struct batch *batch)
{
	jsonout_init(&batch->out, &batch->body, false);
	jsonout_object(&batch->out, NULL);
	jsonout_text(&batch->out, "StreamName", exporter_config(batch->exporter)->target);
	jsonout_array(&batch->out, "Records");
}

/* Version 4. */
static void make_uuid(char uuid[UUID_SIZE])
{
	unsigned char b[16] = { 0 };

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		memset(b, 0x5a, sizeof(b)); /* a poor key only puts all records on one shard */
	snprintf(uuid, UUID_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-4%x%02x-%x%x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6] & 15U, b[7], 8U | (b[8] & 3U), b[8] >> 4, b[9], b[10],
		 b[11], b[12], b[13], b[14], b[15]);
}

static enum batch_add add_kinesis(struct batch *batch, const struct record *record,
				  const struct buf *payload)
{
	char key[UUID_SIZE];

	if (payload->length + UUID_SIZE - 1 > KINESIS_RECORD_MAX)
		return pass_over(batch, record, "Kinesis takes 1 MiB at most");
	make_uuid(key);
	jsonout_object(&batch->out, NULL);
	add_base64(&batch->out, "Data", payload);
	jsonout_text(&batch->out, "PartitionKey", key);
	jsonout_object_end(&batch->out);
	return BATCH_ADDED;
}

static void end_kinesis(struct batch *batch)
{
	jsonout_array_end(&batch->out);
	jsonout_object_end(&batch->out);
}

static void address_kinesis(struct batch *batch, struct arena *arena, struct fetch_request *request)
{
	const struct exports *exports = batch->exporter->set->exports;
	const char *region = region_of(batch->exporter);

	request->url = arena_printf(
		arena, "%s/",
		aws_endpoint(arena, exports->settings->kinesis_endpoint, "kinesis", region));
	request->headers[0] = (struct fetch_header){ "Content-Type", "application/x-amz-json-1.1" };
	request->headers[1] =
		(struct fetch_header){ "X-Amz-Target", "Kinesis_20131202.PutRecords" };
	aws_keys_sign(&exports->keys, request, "kinesis", region);
}

/* The records that carry an error code. */
static bool read_failed(const struct exporter *exporter, const struct fetch_reply *reply,
			enum batch_outcome *outcomes, char *why, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root, *records;
	size_t i = 0;

	if (!json_parse(&arena, "reply", reply->body.data, reply->body.length, &root, err) ||
	    !json_array_or_null(root, "Records", &records, err))
		return false;
	for (const struct json *record = records ? records->child : NULL;
	     record && i < exporter->sent_count; record = record->next, i++) {
		const char *code, *text;

		if (!json_text_or(record, "ErrorCode", NULL, &code, err) ||
		    !json_text_or(record, "ErrorMessage", "", &text, err))
			return false;
		outcomes[i] = code ? BATCH_AGAIN : BATCH_DELIVERED;
		if (code)
			snprintf(why, EXPORT_ERROR_MAX, "%.100s: %.300s", code, text);
	}
	return i == exporter->sent_count ||
	       error_set(err, ERROR_CORRUPT, "the reply tells of %zu records, %zu were sent", i,
			 exporter->sent_count);
}

static void on_kinesis_reply(struct exporter *exporter, const struct fetch_reply *reply)
{
	autofree enum batch_outcome *outcomes = mem_array(exporter->sent_count, sizeof(*outcomes));
	char why[EXPORT_ERROR_MAX] = "";
	struct error err;

	exporter_hold_off(exporter, exporter->set->exports->settings->kinesis_delay);
	if (reply->status == 200 && read_failed(exporter, reply, outcomes, why, &err)) {
		batch_over(exporter, outcomes, why);
		return;
	}
	batch_reason(reply, why, sizeof(why));
	if (strstr(why, "ExpiredToken"))
		aws_keys_reject(&exporter->set->exports->keys);
	exporter_postpone(exporter, why);
}

const struct batch_kind batch_kinesis = {
	.needs_keys = true,
	.begin = begin_kinesis,
	.add = add_kinesis,
	.end = end_kinesis,
	.address = address_kinesis,
	.on_reply = on_kinesis_reply,
};

/* -- IoT SiteWise -------------------------------------------------------------------------------
 */

static void begin_sitewise(struct batch *batch)
{
	jsonout_init(&batch->out, &batch->body, false);
	jsonout_object(&batch->out, NULL);
	jsonout_array(&batch->out, "entries");
}

static bool check_value(const struct json *value, struct error *err)
{
	static const char *const kinds[] = { "stringValue", "integerValue", "doubleValue",
					     "booleanValue" };
	const struct json *timestamp = json_get(value, "timestamp");
	const struct json *variant = json_get(value, "value");
	int64_t seconds, nanos;
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		count += json_get(variant, kinds[i]) != NULL;
	if (count != 1)
		return json_wrong(value, err,
				  "value: expected one of stringValue, integerValue, "
				  "doubleValue, booleanValue");
	if (!timestamp || !json_int(timestamp, "timeInSeconds", &seconds, err) ||
	    !json_int_or(timestamp, "offsetInNanos", 0, &nanos, err))
		return json_wrong(value, err, "timestamp: expected timeInSeconds, offsetInNanos");
	if (seconds < 1 || seconds > SECONDS_MAX || nanos < 0 || nanos > NANOS_MAX)
		return json_wrong(value, err, "timestamp: out of range");
	return true;
}

static bool check_property(const struct json *entry, struct error *err)
{
	const char *alias, *asset, *property;

	if (!json_text_or(entry, "propertyAlias", NULL, &alias, err) ||
	    !json_text_or(entry, "assetId", NULL, &asset, err) ||
	    !json_text_or(entry, "propertyId", NULL, &property, err))
		return false;
	if (alias ? asset || property : !asset || !property)
		return error_set(err, ERROR_INPUT,
				 "expected propertyAlias, or assetId and propertyId");
	if (alias && (!alias[0] || strlen(alias) > ALIAS_MAX))
		return error_set(err, ERROR_INPUT, "propertyAlias: must be 1 to %d bytes",
				 ALIAS_MAX);
	return true;
}

static bool check_entry(const struct json *entry, struct error *err)
{
	const struct json *values;
	const char *id;

	if (!json_text(entry, "entryId", &id, err) ||
	    !json_array_or_null(entry, "propertyValues", &values, err))
		return false;
	if (!id[0] || strlen(id) > ENTRY_ID_MAX)
		return error_set(err, ERROR_INPUT, "entryId: must be 1 to %d characters",
				 ENTRY_ID_MAX);
	for (const char *c = id; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return error_set(err, ERROR_INPUT,
					 "entryId: only letters, digits, _ and - are allowed");
	if (!check_property(entry, err))
		return false;
	if (!values || values->count < 1 || values->count > VALUES_MAX)
		return error_set(err, ERROR_INPUT, "propertyValues: expected 1 to %d", VALUES_MAX);
	for (const struct json *value = values->child; value; value = value->next)
		if (!check_value(value, err))
			return false;
	return true;
}

/* False if it was there: the service refuses a batch with the same property and time, or the same
 * entryId, twice. */
static bool note(struct batch *batch, char *text)
{
	for (size_t i = 0; i < batch->seen_count; i++)
		if (strcmp(batch->seen[i], text) == 0)
			return false;
	batch->seen = mem_resize(batch->seen, batch->seen_count + 1, sizeof(*batch->seen));
	batch->seen[batch->seen_count++] = text;
	return true;
}

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *member = json_get(object, key);

	return member && member->text ? member->text : "";
}

static bool is_new(struct batch *batch, const struct json *entry)
{
	struct arena *arena = &batch->arena;
	bool is_new = note(batch, arena_printf(arena, "id %s", text_of(entry, "entryId")));

	for (const struct json *value = json_get(entry, "propertyValues")->child; is_new && value;
	     value = value->next) {
		const struct json *time = json_get(value, "timestamp");

		is_new = note(batch,
			      arena_printf(arena, "%s %s %s %s %s", text_of(entry, "propertyAlias"),
					   text_of(entry, "assetId"), text_of(entry, "propertyId"),
					   text_of(time, "timeInSeconds"),
					   text_of(time, "offsetInNanos")));
	}
	return is_new;
}

static enum batch_add add_sitewise(struct batch *batch, const struct record *record,
				   const struct buf *payload)
{
	autoarena struct arena arena = { 0 };
	const struct json *entry;
	struct error err;

	if (!json_parse(&arena, "entry", payload->data, payload->length, &entry, &err) ||
	    !check_entry(entry, &err))
		return pass_over(batch, record, err.text);
	if (!is_new(batch, entry)) {
		if (batch->exporter->sent_count > 0)
			return BATCH_FULL;
		return pass_over(batch, record, "the same property and time twice");
	}
	jsonout_json(&batch->out, NULL, entry);
	return BATCH_ADDED;
}

static void end_sitewise(struct batch *batch)
{
	jsonout_array_end(&batch->out);
	jsonout_object_end(&batch->out);
}

static void address_sitewise(struct batch *batch, struct arena *arena,
			     struct fetch_request *request)
{
	const struct exports *exports = batch->exporter->set->exports;
	const char *region = region_of(batch->exporter);

	request->url = arena_printf(arena, "%s/properties",
				    aws_endpoint(arena, exports->settings->sitewise_endpoint,
						 "data.iotsitewise", region));
	request->headers[0] = (struct fetch_header){ "Content-Type", "application/json" };
	aws_keys_sign(&exports->keys, request, "iotsitewise", region);
}

/* Errors of the service's own, which pass. */
static bool will_pass(const char *code)
{
	static const char *const codes[] = { "InternalFailureException",
					     "ServiceUnavailableException", "ThrottlingException",
					     "LimitExceededException",
					     "ConflictingOperationException" };

	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

/* An entry's errors: whether it goes again, or why it never will. */
static void read_entry_errors(const struct json *entry, enum batch_outcome *outcome, char *why)
{
	const struct json *errors = json_get(entry, "errors");

	for (const struct json *error = errors ? errors->child : NULL; error; error = error->next) {
		const char *code = text_of(error, "errorCode");

		if (*outcome != BATCH_AGAIN)
			*outcome = will_pass(code) ? BATCH_AGAIN : BATCH_GIVEN_UP;
		snprintf(why, EXPORT_ERROR_MAX, "entry %.64s: %.80s: %.300s",
			 text_of(entry, "entryId"), code, text_of(error, "errorMessage"));
	}
}

/* The service names entries by their own ids: read again, which record each was. */
static bool entry_id(struct exporter *exporter, int64_t sequence, struct arena *arena,
		     const char **id)
{
	struct stream *stream = exporter->set->stream;
	const struct json *entry;
	struct cursor cursor;
	struct record record;
	struct error err;
	struct buf payload;
	bool is_there, is_good;

	if (!stream_seek(stream, sequence, &cursor, &err) ||
	    !stream_peek(stream, &cursor, &record, &is_there, &err) || !is_there)
		return false;
	buf_init(&payload, record.length);
	is_good = stream_take(stream, &cursor, &record, &payload, &err) &&
		  json_parse(arena, "entry", payload.data, payload.length, &entry, &err) &&
		  json_text(entry, "entryId", id, &err);
	buf_done(&payload);
	return is_good;
}

static void apply_errors(struct exporter *exporter, const struct json *entries)
{
	autofree enum batch_outcome *outcomes = mem_array(exporter->sent_count, sizeof(*outcomes));
	char why[EXPORT_ERROR_MAX] = "";

	for (size_t i = 0; i < exporter->sent_count; i++) {
		autoarena struct arena arena = { 0 };
		const char *id;

		if (!entry_id(exporter, exporter->sent[i], &arena, &id))
			continue;
		for (const struct json *entry = entries ? entries->child : NULL; entry;
		     entry = entry->next)
			if (strcmp(text_of(entry, "entryId"), id) == 0)
				read_entry_errors(entry, &outcomes[i], why);
	}
	batch_over(exporter, outcomes, why);
}

static void on_sitewise_reply(struct exporter *exporter, const struct fetch_reply *reply)
{
	autoarena struct arena arena = { 0 };
	const struct json *root = NULL, *entries = NULL;
	char why[EXPORT_ERROR_MAX];
	struct error err;

	batch_reason(reply, why, sizeof(why));
	if (reply->status == 200 &&
	    json_parse(&arena, "reply", reply->body.data, reply->body.length, &root, &err) &&
	    json_array_or_null(root, "errorEntries", &entries, &err)) {
		apply_errors(exporter, entries);
	} else if (strstr(why, "InvalidRequestException")) {
		batch_pass_over(exporter, why);
	} else {
		if (strstr(why, "ExpiredToken"))
			aws_keys_reject(&exporter->set->exports->keys);
		exporter_postpone(exporter, why);
	}
}

const struct batch_kind batch_sitewise = {
	.needs_keys = true,
	.begin = begin_sitewise,
	.add = add_sitewise,
	.end = end_sitewise,
	.address = address_sitewise,
	.on_reply = on_sitewise_reply,
};
