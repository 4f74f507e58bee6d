/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_S3UPLOAD_H
#define LIFECYCLE_STREAM_S3UPLOAD_H

#include "lifecycle/stream/exporter.h"

/*
 * The requests that bring one file to S3: in one piece, or in parts. exports3.c chooses the task
 * and opens its file; here the rest is done, up to the end of the task.
 */

void upload_free(struct upload *upload);

/* Does the next step of exporter->upload, whose file is open and whose key is known. */
void upload_go_on(struct exporter *exporter);

/* The task will never be carried out: parts that are in the bucket are removed, then it is said. */
void upload_fail(struct exporter *exporter, const char *reason);

/* Takes a multipart upload that nobody wants any more, and removes its parts; says nothing to
 * anybody but the log. */
void upload_abandon(struct exporter *exporter, struct upload *upload);

#endif
