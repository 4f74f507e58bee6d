/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonout.h"
#include "base/log.h"
#include "lifecycle/stream/exporter.h"
#include "lifecycle/stream/server.h"

/* What became of an S3 task, for the stream that its export names (StatusMessage of the SDKs). */

#define STATUS_SIZE_MAX (S3_TASK_SIZE_MAX * 2)
#define EVENT_S3_TASK   0

enum status_level {
	LEVEL_ERROR,
	LEVEL_WARN,
	LEVEL_INFO,
	LEVEL_DEBUG,
	LEVEL_TRACE,
};

static enum status_level level_of(enum s3_status status)
{
	switch (status) {
	case S3_FAILURE:
		return LEVEL_ERROR;
	case S3_WARNING:
	case S3_CANCELED:
		return LEVEL_WARN;
	default:
		return LEVEL_INFO;
	}
}

static void put_context(struct jsonout *out, const struct exporter *exporter,
			const struct json *json, int64_t sequence)
{
	jsonout_object(out, "statusContext");
	if (json) {
		jsonout_json(out, "s3ExportTaskDefinition", json);
	} else { /* clients expect one */
		jsonout_object(out, "s3ExportTaskDefinition");
		jsonout_object_end(out);
	}
	jsonout_text(out, "exportIdentifier", exporter->identifier);
	jsonout_text(out, "streamName", exporter->set->stream->definition.name);
	jsonout_int(out, "sequenceNumber", sequence);
	jsonout_object_end(out);
}

static void make_message(struct buf *text, const struct exporter *exporter, const struct json *json,
			 int64_t sequence, enum s3_status status, const char *reason)
{
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "eventType", EVENT_S3_TASK);
	jsonout_int(&out, "statusLevel", level_of(status));
	jsonout_int(&out, "status", status);
	put_context(&out, exporter, json, sequence);
	jsonout_text(&out, "message", reason);
	jsonout_int(&out, "timestampEpochMs", stream_clock_wall(exporter->set->exports->clock));
	jsonout_object_end(&out);
	jsonout_done(&out);
}

void export_s3_report(struct exporter *exporter, const struct json *json, int64_t sequence,
		      enum s3_status status, const char *text)
{
	const struct export_definition *config = exporter_config(exporter);
	struct exports *exports = exporter->set->exports;
	autobuf struct buf message;
	struct stream *stream;
	struct error err;
	int64_t number;

	buf_init(&message, STATUS_SIZE_MAX);
	log_info("stream \"%s\", export \"%s\", task %lld: %s",
		 exporter->set->stream->definition.name, exporter->identifier, (long long)sequence,
		 text);
	if (!config || !config->status_stream || (int64_t)level_of(status) > config->status_level)
		return;
	stream = depot_find(exports->depot, config->status_stream);
	if (!stream || stream == exporter->set->stream) {
		log_warning("there is no stream \"%s\" for the status of tasks",
			    config->status_stream);
		return;
	}
	make_message(&message, exporter, json, sequence, status, text);
	if (!buf_check(&message, "the status", &err) ||
	    !stream_could_hold(stream, message.length) ||
	    !stream_append(stream, 0, message.data, message.length,
			   stream_clock_wall(exports->clock), &number, &err)) {
		log_warning("the status of a task is lost: stream \"%s\" is full",
			    config->status_stream);
		return;
	}
	exports_appended(exports, stream);
	if (exports->server)
		server_wake_readers(exports->server, stream->definition.name);
}
