/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SETTINGS_H
#define LIFECYCLE_SETTINGS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/*
 * The configuration file: mooring.yaml, or a Greengrass config.yaml (the keys are Greengrass'). All
 * keys are optional, unknown ones are ignored.
 *
 *     system:
 *       thingName: MyDevice
 *     services:
 *       aws.greengrass.Nucleus:
 *         configuration:
 *           awsRegion: eu-central-1
 *           runWithDefault: { posixUser: "ggc_user:ggc_group", posixShell: sh }
 *           platformOverride: { architecture: amd64 }
 *     s3:                          # ours: an S3-compatible server in place of AWS
 *       endpoint: http://127.0.0.1:9000
 *       region: eu-central-1       # awsRegion if it is missing
 *       path_style: true
 */

#define SETTINGS_SIZE_MAX (256 * 1024)

struct settings {
	const char *thing_name; /* NULL: not known */
	const char *region;     /* NULL: not known */
	const char *user;       /* runWithDefault.posixUser, or NULL */
	const char *shell;      /* "sh" */
	const struct json *overrides;
	const char *s3_endpoint; /* NULL: AWS */
	const char *s3_region;   /* region if it is not given */
	bool has_path_style;
	bool path_style;
};

/* `path` NULL reads the default file, if there is one. All lives in `arena`. */
must_check bool settings_read(struct settings *settings, struct arena *arena, const char *path,
			      struct error *err);

/* MOORING_ROOT, MOORING_CONFIG and their defaults: where data and configuration live. */
const char *settings_data_directory(struct arena *arena) must_check;
const char *settings_config_directory(struct arena *arena) must_check;

#endif
