/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/definition.h"

#include "base/file.h"
#include "tap.h"

/* The map that `put` writes, read back. */
static bool parse(struct definition *definition, struct arena *arena, void (*put)(struct buf *out),
		  struct error *err)
{
	const struct cbor *map;
	struct buf out;
	char *bytes;

	buf_init(&out, DEFINITION_SIZE_MAX);
	put(&out);
	bytes = arena_alloc(arena, out.length);
	memcpy(bytes, out.data, out.length);

	bool is_read = cbor_parse(arena, bytes, out.length, &map, err);

	buf_done(&out);
	return is_read && definition_parse(definition, arena, map, err);
}

static void put_smallest(struct buf *out)
{
	cbor_put_map(out, 2);
	cbor_add_text(out, "name", "SomeStream");
	cbor_add_int(out, "strategyOnFull", 1);
}

static void test_defaults(void)
{
	autoarena struct arena arena = { 0 };
	struct definition definition;
	struct error err = { 0 };

	if (!check_ok(parse(&definition, &arena, put_smallest, &err), &err, "name and strategy"))
		return;
	check_text(definition.name, "SomeStream", "name");
	check_int(definition.size_max, 268435456, "maxSize");
	check_int(definition.segment_size, 16777216, "streamSegmentSize");
	check_int(definition.ttl, 0, "no timeToLiveMillis");
	check_int(definition.strategy, STRATEGY_OVERWRITE_OLDEST, "strategy");
	check_int(definition.persistence, PERSISTENCE_FILE, "persistence");
	check(!definition.is_flushed && definition.export_count == 0, "no flush, no exports");
}

static void put_exports(struct buf *out)
{
	cbor_put_map(out, 6);
	cbor_add_text(out, "name", "a-b_c, d.e");
	cbor_add_int(out, "strategyOnFull", 0);
	cbor_add_int(out, "timeToLiveMillis", 60000);
	cbor_add_bool(out, "flushOnWrite", true);
	cbor_add_int(out, "persistence", 1);
	cbor_put_text(out, "exportDefinition");
	cbor_put_map(out, 4);
	cbor_put_text(out, "s3TaskExecutor");
	cbor_put_array(out, 1);
	cbor_put_map(out, 2);
	cbor_add_text(out, "identifier", "s3");
	cbor_put_text(out, "statusConfig");
	cbor_put_map(out, 2);
	cbor_add_int(out, "statusLevel", 4);
	cbor_add_text(out, "statusStreamName", "status");
	cbor_put_text(out, "kinesis");
	cbor_put_array(out, 1);
	cbor_put_map(out, 6);
	cbor_add_text(out, "identifier", "k");
	cbor_add_text(out, "kinesisStreamName", "MyStream");
	cbor_add_int(out, "batchSize", 7);
	cbor_add_int(out, "batchIntervalMillis", 60000);
	cbor_add_int(out, "priority", 3);
	cbor_add_int(out, "startSequenceNumber", 12);
	cbor_put_text(out, "IotSitewise");
	cbor_put_array(out, 1);
	cbor_put_map(out, 2);
	cbor_add_text(out, "identifier", "w");
	cbor_add_bool(out, "disabled", true);
	cbor_put_text(out, "http");
	cbor_put_array(out, 0);
}

static struct definition again; /* what definition_put writes */

static void put_again(struct buf *out)
{
	definition_put(&again, out);
}

static void check_exports(const struct definition *definition, const char *which)
{
	const struct export_definition *s3 = definition_export(definition, "s3");
	const struct export_definition *kinesis = definition_export(definition, "k");
	const struct export_definition *sitewise = definition_export(definition, "w");

	if (!check(s3 && kinesis && sitewise && definition->export_count == 3, "%s: three exports",
		   which))
		return;
	check_int(definition->ttl, 60000, "%s: timeToLiveMillis", which);
	check(definition->is_flushed, "%s: flushed", which);
	check_int(definition->persistence, PERSISTENCE_MEMORY, "%s: persistence", which);
	check_text(s3->status_stream, "status", "%s: status stream", which);
	check_int(s3->status_level, 4, "%s: status level", which);
	check_int(s3->threshold, 5242880, "%s: threshold", which);
	check_int(s3->priority, PRIORITY_LOWEST, "%s: no priority", which);
	check_text(kinesis->target, "MyStream", "%s: kinesis stream", which);
	check_int(kinesis->batch_size, 7, "%s: batch size", which);
	check_int(kinesis->batch_interval, 60000, "%s: batch interval", which);
	check_int(kinesis->priority, 3, "%s: priority", which);
	check_int(kinesis->start, 12, "%s: start", which);
	check_int(sitewise->batch_size, 10, "%s: default batch size", which);
	check(sitewise->is_disabled && !kinesis->is_disabled, "%s: disabled", which);
}

static void test_exports(void)
{
	autoarena struct arena arena = { 0 };
	struct definition definition;
	struct error err = { 0 };

	if (!check_ok(parse(&definition, &arena, put_exports, &err), &err, "exports"))
		return;
	check_exports(&definition, "read");
	again = definition;
	if (check_ok(parse(&definition, &arena, put_again, &err), &err, "written and read"))
		check_exports(&definition, "written and read");
}

/* -- what must be refused -----------------------------------------------------------------------
 */

enum member_type {
	INT,
	TEXT,
	EXPORT_INT, /* in the only export, whose list is `list` */
	EXPORT_TEXT,
};

static const struct refused {
	enum member_type type;
	const char *key;
	long long number;
	const char *text;
	const char *list;
	const char *part;
} refused[] = {
	{ TEXT, "name", 0, "", NULL, "name: must be 1 to 255" },
	{ TEXT, "name", 0, "a/b", NULL, "name: must be" },
	{ TEXT, "name", 0, "ä", NULL, "name: must be" },
	{ TEXT, "name", 0, "a\nb", NULL, "name: must be" },
	{ INT, "name", 5, NULL, NULL, "name: expected text, found an integer" },
	{ INT, "maxSize", 1023, NULL, NULL, "maxSize: 1023 is not between" },
	{ INT, "maxSize", -1, NULL, NULL, "maxSize: -1" },
	{ INT, "streamSegmentSize", 1023, NULL, NULL, "streamSegmentSize: 1023" },
	{ INT, "streamSegmentSize", 2147483648, NULL, NULL, "streamSegmentSize: 2147483648" },
	{ INT, "timeToLiveMillis", 59999, NULL, NULL, "timeToLiveMillis: 59999" },
	{ INT, "timeToLiveMillis", 9223372036855, NULL, NULL, "timeToLiveMillis" },
	{ INT, "strategyOnFull", 2, NULL, NULL, "strategyOnFull: 2" },
	{ INT, "persistence", 2, NULL, NULL, "persistence: 2" },
	{ INT, "flushOnWrite", 1, NULL, NULL, "flushOnWrite: expected a boolean" },
	{ INT, "exportDefinition", 1, NULL, NULL, "exportDefinition: expected a map" },
	{ EXPORT_TEXT, "identifier", 0, "", "s3TaskExecutor", "s3TaskExecutor: identifier: must" },
	{ EXPORT_INT, "batchSize", 0, NULL, "kinesis", "kinesis: batchSize: 0" },
	{ EXPORT_INT, "batchSize", 501, NULL, "kinesis", "kinesis: batchSize: 501" },
	{ EXPORT_INT, "batchSize", 11, NULL, "IotSitewise", "batchSize: 11" },
	{ EXPORT_INT, "batchIntervalMillis", 59999, NULL, "http", "batchIntervalMillis: 59999" },
	{ EXPORT_INT, "priority", 0, NULL, "s3TaskExecutor", "priority: 0" },
	{ EXPORT_INT, "priority", 11, NULL, "s3TaskExecutor", "priority: 11" },
	{ EXPORT_INT, "startSequenceNumber", -1, NULL, "kinesis", "startSequenceNumber: -1" },
	{ EXPORT_INT, "exportFormat", 2, NULL, "http", "exportFormat: 2" },
	{ EXPORT_TEXT, "uri", 0, "", "http", "uri: must be 1" },
	{ EXPORT_INT, "sizeThresholdForMultipartUploadBytes", 5242879, NULL, "s3TaskExecutor",
	  "sizeThresholdForMultipartUploadBytes: 5242879" },
	{ EXPORT_INT, "statusConfig", 1, NULL, "s3TaskExecutor", "statusConfig: expected a map" },
	{ EXPORT_TEXT, "iotMsgIdPrefix", 0, "123456789012345678901234567890123", "iotAnalytics",
	  "iotMsgIdPrefix: has more than 32" },
};

static const struct refused *current;

static void put_current_member(struct buf *out)
{
	if (current->type == TEXT || current->type == EXPORT_TEXT)
		cbor_add_text(out, current->key, current->text);
	else
		cbor_add_int(out, current->key, current->number);
}

/* Right but for one member, which comes last and so counts. */
static void put_refused(struct buf *out)
{
	bool is_export = current->type == EXPORT_INT || current->type == EXPORT_TEXT;

	cbor_put_map(out, 3);
	cbor_add_text(out, "name", "SomeStream");
	cbor_add_int(out, "strategyOnFull", 1);
	if (!is_export) {
		put_current_member(out);
		return;
	}
	cbor_put_text(out, "exportDefinition");
	cbor_put_map(out, 1);
	cbor_put_text(out, current->list);
	cbor_put_array(out, 1);
	cbor_put_map(out, 5);
	cbor_add_text(out, "identifier", "x");
	cbor_add_text(out, "uri", "http://127.0.0.1:1/");
	cbor_add_text(out, "kinesisStreamName", "x");
	cbor_add_text(out, "iotChannel", "x");
	put_current_member(out);
}

static void put_twice(struct buf *out)
{
	cbor_put_map(out, 3);
	cbor_add_text(out, "name", "SomeStream");
	cbor_add_int(out, "strategyOnFull", 1);
	cbor_put_text(out, "exportDefinition");
	cbor_put_map(out, 1);
	cbor_put_text(out, "s3TaskExecutor");
	cbor_put_array(out, 2);
	for (int i = 0; i < 2; i++) {
		cbor_put_map(out, 1);
		cbor_add_text(out, "identifier", "same");
	}
}

int main(void)
{
	autoarena struct arena arena = { 0 };
	struct definition definition;
	struct error err = { 0 };

	test_defaults();
	test_exports();
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		current = &refused[i];
		check_error(parse(&definition, &arena, put_refused, &err), &err, ERROR_INPUT,
			    current->part, "%s of %s", current->key,
			    current->list ? current->list : "the stream");
	}
	check_error(parse(&definition, &arena, put_twice, &err), &err, ERROR_INPUT,
		    "\"same\" is used twice", "an identifier twice");
	return tap_done();
}
