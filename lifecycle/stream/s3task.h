/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_S3TASK_H
#define LIFECYCLE_STREAM_S3TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * A message of a stream that goes to S3: which file, and what it is called there
 * (S3ExportTaskDefinition of the clients' SDKs, as JSON).
 */

#define S3_TASK_SIZE_MAX      65536
#define S3_TASK_METADATA_MAX  20   /* entries */
#define S3_TASK_METADATA_SIZE 2048 /* bytes of names and values together: S3's own limit */
#define S3_KEY_MAX            1024

struct s3_metadata {
	const char *name; /* lower case */
	const char *value;
};

struct s3_task {
	const struct json *json; /* the task as it was appended */
	const char *path;        /* absolute */
	const char *bucket;
	const char *key; /* with placeholders */
	struct s3_metadata metadata[S3_TASK_METADATA_MAX];
	size_t metadata_count;
};

/* Everything lives in `arena`. ERROR_INPUT: no task, or one that can never be carried out;
 * task->json is set if it is JSON at all. */
must_check bool s3_task_parse(struct s3_task *task, struct arena *arena, const char *text,
			      size_t length, struct error *err);

/* Fills in !{timestamp:PATTERN} by Unix milliseconds, in UTC; PATTERN as Java's DateTimeFormatter
 * has it. The key lives in `arena`. */
must_check bool s3_key_resolve(struct arena *arena, const char *key, int64_t milliseconds,
			       const char **resolved, struct error *err);

#endif
