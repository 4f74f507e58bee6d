/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DOCUMENT_H
#define LIFECYCLE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

/*
 * A deployment as it was asked for. It is kept as one JSON document, so that it can be carried out,
 * or taken back, after whatever happened to the one who began.
 */

#define DOCUMENT_SIZE_MAX    (4 * 1024 * 1024)
#define DOCUMENT_CHANGES_MAX 1024
#define DOCUMENT_LOCAL_GROUP "LOCAL_DEPLOYMENT"

struct document_change {
	const char *name;
	const char *version;      /* becomes a root of the group in this version; NULL: not named */
	const struct json *merge; /* an object, or NULL */
	const char *const
		*resets; /* JSON pointers, NULL-terminated; "" is the whole configuration */
	const struct json *run_with; /* {posixUser, systemResourceLimits}, or NULL */
};

struct document {
	const char *id;  /* a UUID */
	int64_t created; /* milliseconds since 1970 */
	const char *group;
	struct document_change *changes;
	size_t change_count;
	const char *const *removes;     /* roots of the group to be taken away; NULL-terminated */
	const char *recipe_directory;   /* NULL: none */
	const char *artifact_directory; /* NULL: none */
	bool does_rollback;
	int64_t validation_timeout; /* milliseconds */
};

/* Sets id, created, group and the timeout to what they are for a local deployment. */
must_check bool document_begin(struct document *document, struct arena *arena, struct error *err);

void document_write(const struct document *document, struct buf *text);
/* All lives in `arena`. */
must_check bool document_read(struct document *document, struct arena *arena, const char *text,
			      struct error *err);

/* Names and version requirements of one that was filled by hand. */
must_check bool document_check(const struct document *document, struct arena *arena,
			       struct error *err);

const struct document_change *document_find(const struct document *document, const char *name);

/* Reads {"NAME": {"MERGE": {…}, "RESET": ["/pointer"]}}, greengrass-cli's --update-config, into the
 * document's changes; {"NAME": {"cpus": …}} and NAME:posixUser=USER are --systemLimits and
 * --runWith. `what` is what messages call it. */
must_check bool document_add_updates(struct document *document, struct arena *arena,
				     const struct json *updates, struct error *err);
must_check bool document_add_limits(struct document *document, struct arena *arena,
				    const struct json *limits, struct error *err);
must_check bool document_add_user(struct document *document, struct arena *arena, const char *text,
				  struct error *err);
/* NAME=VERSION. */
must_check bool document_add_root(struct document *document, struct arena *arena, const char *text,
				  struct error *err);

#endif
