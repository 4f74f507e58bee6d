/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/definition.h"

#include <stdio.h>
#include <string.h>

#define SIZE_DEFAULT         (256LL << 20)
#define SIZE_MIN             1024
#define SEGMENT_SIZE_DEFAULT (16LL << 20)
#define SEGMENT_SIZE_MAX     INT32_MAX
#define MILLIS_MIN           60000 /* of a time to live and a batch interval */
#define PREFIX_MAX           32
#define STATUS_LEVEL_DEFAULT 2
#define STATUS_LEVEL_MAX     4

/* What differs between the kinds of export. */
static const struct {
	const char *list;   /* key of its array; the capital I is AWS' own */
	const char *target; /* NULL: has none */
	int64_t batch_max;  /* and default; 0: has no batches */
} kinds[EXPORT_KINDS] = {
	[EXPORT_HTTP] = { "http", "uri", 500 },
	[EXPORT_ANALYTICS] = { "iotAnalytics", "iotChannel", 100 },
	[EXPORT_KINESIS] = { "kinesis", "kinesisStreamName", 500 },
	[EXPORT_SITEWISE] = { "IotSitewise", NULL, 10 },
	[EXPORT_S3] = { "s3TaskExecutor", NULL, 0 },
};

bool definition_is_name(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_ ,.-");

	return length >= 1 && length <= DEFINITION_NAME_MAX && text[length] == '\0';
}

static bool read_name(struct arena *arena, const struct cbor *map, const char *key,
		      const char **name, struct error *err)
{
	if (!cbor_text(arena, map, key, name, err))
		return false;
	return definition_is_name(*name) ||
	       cbor_wrong(map, key, err,
			  "must be 1 to 255 letters, digits, spaces or any of _ , . -");
}

/* -- exports ------------------------------------------------------------------------------------
 */

static bool read_target(struct export_definition *export, struct arena *arena,
			const struct cbor *map, struct error *err)
{
	const char *key = kinds[export->kind].target;

	if (!key)
		return true;
	if (!cbor_text(arena, map, key, &export->target, err))
		return false;
	if (export->target[0] == '\0' || strlen(export->target) > DEFINITION_TARGET_MAX)
		return cbor_wrong(map, key, err, "must be 1 to %d bytes", DEFINITION_TARGET_MAX);
	return true;
}

static bool read_batches(struct export_definition *export, const struct cbor *map,
			 struct error *err)
{
	int64_t most = kinds[export->kind].batch_max;

	if (most == 0)
		return true;
	return cbor_int_or(map, "batchSize", most, 1, most, &export->batch_size, err) &&
	       cbor_int_or(map, "batchIntervalMillis", 0, MILLIS_MIN, DEFINITION_MILLIS_MAX,
			   &export->batch_interval, err) &&
	       cbor_int_or(map, "startSequenceNumber", 0, 0, INT64_MAX, &export->start, err);
}

static bool read_status(struct export_definition *export, struct arena *arena,
			const struct cbor *map, struct error *err)
{
	const struct cbor *status;

	if (!cbor_member_or_null(map, "statusConfig", CBOR_MAP, &status, err) ||
	    !cbor_int_or(status, "statusLevel", STATUS_LEVEL_DEFAULT, 0, STATUS_LEVEL_MAX,
			 &export->status_level, err))
		return false;
	return !cbor_get(status, "statusStreamName") ||
	       read_name(arena, status, "statusStreamName", &export->status_stream, err);
}

static bool read_rest(struct export_definition *export, struct arena *arena, const struct cbor *map,
		      struct error *err)
{
	switch (export->kind) {
	case EXPORT_HTTP:
		return cbor_int_or(map, "exportFormat", FORMAT_RAW, FORMAT_RAW, FORMAT_JSON,
				   &export->format, err);
	case EXPORT_ANALYTICS:
		if (!cbor_text_or_null(arena, map, "iotMsgIdPrefix", &export->prefix, err))
			return false;
		return !export->prefix || strlen(export->prefix) <= PREFIX_MAX ||
		       cbor_wrong(map, "iotMsgIdPrefix", err, "has more than %d characters",
				  PREFIX_MAX);
	case EXPORT_S3:
		return cbor_int_or(map, "sizeThresholdForMultipartUploadBytes",
				   DEFINITION_PART_SIZE_MIN, DEFINITION_PART_SIZE_MIN, INT64_MAX,
				   &export->threshold, err) &&
		       read_status(export, arena, map, err);
	case EXPORT_KINESIS:
	case EXPORT_SITEWISE:
		break;
	}
	return true;
}

static bool read_export(struct definition *definition, struct arena *arena, const struct cbor *map,
			enum export_kind kind, struct error *err)
{
	struct export_definition *export = &definition->exports[definition->export_count];

	*export = (struct export_definition){ .kind = kind };
	if (map->type != CBOR_MAP)
		return error_set(err, ERROR_INPUT, "%s: expected maps", kinds[kind].list);
	if (!read_name(arena, map, "identifier", &export->identifier, err) ||
	    !read_target(export, arena, map, err) || !read_batches(export, map, err) ||
	    !cbor_int_or(map, "priority", PRIORITY_LOWEST, 1, 10, &export->priority, err) ||
	    !cbor_bool_or(map, "disabled", false, &export->is_disabled, err) ||
	    !read_rest(export, arena, map, err))
		return error_in(err, "%s", kinds[kind].list);
	if (definition_export(definition, export->identifier))
		return error_set(err, ERROR_INPUT, "%s: identifier: \"%s\" is used twice",
				 kinds[kind].list, export->identifier);
	definition->export_count++;
	return true;
}

static bool read_exports(struct definition *definition, struct arena *arena, const struct cbor *map,
			 struct error *err)
{
	const struct cbor *exports, *list;

	definition->exports =
		arena_array(arena, DEFINITION_EXPORTS_MAX, sizeof(*definition->exports));
	if (!cbor_member_or_null(map, "exportDefinition", CBOR_MAP, &exports, err))
		return false;
	for (enum export_kind kind = 0; kind < EXPORT_KINDS; kind++) {
		if (!cbor_member_or_null(exports, kinds[kind].list, CBOR_ARRAY, &list, err))
			return false;
		for (const struct cbor *item = list ? list->child : NULL; item; item = item->next) {
			if (definition->export_count == DEFINITION_EXPORTS_MAX)
				return error_set(err, ERROR_INPUT,
						 "exportDefinition: more than %d exports",
						 DEFINITION_EXPORTS_MAX);
			if (!read_export(definition, arena, item, kind, err))
				return false;
		}
	}
	return true;
}

/* -- the stream ---------------------------------------------------------------------------------
 */

bool definition_parse(struct definition *definition, struct arena *arena, const struct cbor *map,
		      struct error *err)
{
	int64_t strategy, persistence;

	*definition = (struct definition){ 0 };
	if (!map || map->type != CBOR_MAP)
		return error_set(err, ERROR_INPUT, "definition: expected a map");
	if (!read_name(arena, map, "name", &definition->name, err) ||
	    !cbor_int_or(map, "maxSize", SIZE_DEFAULT, SIZE_MIN, INT64_MAX, &definition->size_max,
			 err) ||
	    !cbor_int_or(map, "streamSegmentSize", SEGMENT_SIZE_DEFAULT, SIZE_MIN, SEGMENT_SIZE_MAX,
			 &definition->segment_size, err) ||
	    !cbor_int_or(map, "timeToLiveMillis", 0, MILLIS_MIN, DEFINITION_MILLIS_MAX,
			 &definition->ttl, err) ||
	    !cbor_int(map, "strategyOnFull", STRATEGY_REJECT_NEW, STRATEGY_OVERWRITE_OLDEST,
		      &strategy, err) ||
	    !cbor_int_or(map, "persistence", PERSISTENCE_FILE, PERSISTENCE_FILE, PERSISTENCE_MEMORY,
			 &persistence, err) ||
	    !cbor_bool_or(map, "flushOnWrite", false, &definition->is_flushed, err))
		return false;
	definition->strategy = (enum strategy)strategy;
	definition->persistence = (enum persistence)persistence;
	return read_exports(definition, arena, map, err);
}

const struct export_definition *definition_export(const struct definition *definition,
						  const char *identifier)
{
	for (size_t i = 0; i < definition->export_count; i++)
		if (strcmp(definition->exports[i].identifier, identifier) == 0)
			return &definition->exports[i];
	return NULL;
}

/* -- writing ------------------------------------------------------------------------------------
 */

static void put_status(const struct export_definition *export, struct buf *out)
{
	cbor_put_text(out, "statusConfig");
	cbor_put_map(out, 2);
	cbor_add_int(out, "statusLevel", export->status_level);
	cbor_add_text(out, "statusStreamName", export->status_stream);
}

static void put_export(const struct export_definition *export, struct buf *out)
{
	bool has_batches = kinds[export->kind].batch_max > 0;
	bool is_s3 = export->kind == EXPORT_S3;

	cbor_put_map(out, 2 + (size_t)(export->target != NULL) + (has_batches ? 2 : 0) +
				  (size_t)(export->batch_interval > 0) +
				  (size_t)(export->priority != PRIORITY_LOWEST) +
				  (size_t)(export->prefix != NULL) +
				  (size_t)(export->kind == EXPORT_HTTP) + (size_t)is_s3 +
				  (size_t)(export->status_stream != NULL));
	cbor_add_text(out, "identifier", export->identifier);
	cbor_add_bool(out, "disabled", export->is_disabled);
	if (export->target)
		cbor_add_text(out, kinds[export->kind].target, export->target);
	if (has_batches) {
		cbor_add_int(out, "batchSize", export->batch_size);
		cbor_add_int(out, "startSequenceNumber", export->start);
	}
	if (export->batch_interval > 0)
		cbor_add_int(out, "batchIntervalMillis", export->batch_interval);
	if (export->priority != PRIORITY_LOWEST)
		cbor_add_int(out, "priority", export->priority);
	if (export->prefix)
		cbor_add_text(out, "iotMsgIdPrefix", export->prefix);
	if (export->kind == EXPORT_HTTP)
		cbor_add_int(out, "exportFormat", export->format);
	if (is_s3)
		cbor_add_int(out, "sizeThresholdForMultipartUploadBytes", export->threshold);
	if (export->status_stream)
		put_status(export, out);
}

static void put_exports(const struct definition *definition, struct buf *out)
{
	cbor_put_text(out, "exportDefinition");
	cbor_put_map(out, EXPORT_KINDS);
	for (enum export_kind kind = 0; kind < EXPORT_KINDS; kind++) {
		size_t count = 0;

		for (size_t i = 0; i < definition->export_count; i++)
			count += definition->exports[i].kind == kind;
		cbor_put_text(out, kinds[kind].list);
		cbor_put_array(out, count);
		for (size_t i = 0; i < definition->export_count; i++)
			if (definition->exports[i].kind == kind)
				put_export(&definition->exports[i], out);
	}
}

void definition_put(const struct definition *definition, struct buf *out)
{
	cbor_put_map(out, definition->ttl ? 8 : 7);
	cbor_add_text(out, "name", definition->name);
	cbor_add_int(out, "maxSize", definition->size_max);
	cbor_add_int(out, "streamSegmentSize", definition->segment_size);
	if (definition->ttl)
		cbor_add_int(out, "timeToLiveMillis", definition->ttl);
	cbor_add_int(out, "strategyOnFull", definition->strategy);
	cbor_add_int(out, "persistence", definition->persistence);
	cbor_add_bool(out, "flushOnWrite", definition->is_flushed);
	put_exports(definition, out);
}
