/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_STREAMSETTINGS_H
#define LIFECYCLE_STREAM_STREAMSETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/json.h"
#include "base/log.h"

/*
 * What the nucleus hands to this program: one JSON object (docs/architecture.md), part of which is
 * the component's configuration with the parameters of AWS' stream manager.
 */

#define STREAM_SETTINGS_SIZE_MAX (64 * 1024)

struct stream_settings {
	const char *root;    /* of the store */
	const char *control; /* path of the socket for people's commands; NULL: none */
	bool has_user;       /* become this one */
	uid_t uid;
	gid_t gid;
	const char *region;            /* NULL: not known */
	const char *credentials_uri;   /* of the token exchange; NULL: mooring-fetch has keys */
	const char *credentials_token; /* to be shown there */
	const char *s3_endpoint;       /* NULL: AWS'; and so on */
	const char *kinesis_endpoint;
	const char *sitewise_endpoint;
	bool is_path_style;
	int64_t memory_limit; /* bytes of all streams in memory */

	/* STREAM_MANAGER_…, LOG_LEVEL */
	int port;
	bool does_authenticate;
	int64_t bandwidth; /* kilobits a second; 0: no limit */
	int64_t parallel;  /* exports at a time */
	int64_t part_size_min;
	int64_t kinesis_delay; /* milliseconds between calls */
	enum log_level log_level;
};

/* Everything lives in `arena`. */
must_check bool stream_settings_parse(struct stream_settings *settings, struct arena *arena,
				      const char *text, size_t length, struct error *err);

#endif
