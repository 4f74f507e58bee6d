/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SETTINGS_H
#define LIFECYCLE_SETTINGS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "lifecycle/logline.h"
#include "lifecycle/service.h"
#include "lifecycle/steps.h"

/*
 * The configuration file: mooring.yaml, or a Greengrass config.yaml (the keys are Greengrass'). All
 * keys are optional, unknown ones are ignored.
 *
 *     system:
 *       thingName: MyDevice
 *       certificateFilePath, privateKeyPath, rootCaPath, ipcSocketPath
 *     services:
 *       aws.greengrass.Nucleus:
 *         configuration:
 *           awsRegion: eu-central-1
 *           iotRoleAlias, iotDataEndpoint, iotCredEndpoint
 *           runWithDefault: { posixUser: "ggc_user:ggc_group", posixShell: sh,
 *                             systemResourceLimits: { memory: 65536, cpus: 0.5 } }
 *           networkProxy: { noProxyAddresses: "…", proxy: { url: "…", username, password } }
 *           logging: { level: INFO, format: TEXT, outputType: FILE, outputDirectory: /var/log/gg,
 *                      fileSizeKB: 1024, totalLogsSizeKB: 10240 }
 *           platformOverride: { architecture: amd64 }
 *       aws.greengrass.TokenExchangeService: { configuration: { port, linkDevice: mooring0 } }
 *       aws.greengrass.StreamManager: { configuration: { STREAM_MANAGER_SERVER_PORT: "8088" } }
 *     s3:                          # ours: an S3-compatible server in place of AWS
 *       endpoint: http://127.0.0.1:9000
 *       region: eu-central-1       # awsRegion if it is missing
 *       path_style: true
 *     retry:                       # ours: how patient deployments are
 *       longestPauseMs: 3840000    # the longest pause between two attempts to get an artifact
 *     setenv: { NAME: value }      # of all components' scripts; services.NAME.setenv: of one's
 */

#define SETTINGS_SIZE_MAX (256 * 1024)

struct settings_proxy {
	const char *url; /* scheme://[user:password@]host:port; NULL: none */
	const char *username;
	const char *password;
	const char *no_proxy; /* noProxyAddresses; NULL: none */
};

struct settings_logging {
	bool is_json;
	bool is_console;          /* outputType CONSOLE: to our standard output, and into no file */
	enum logline_level level; /* what is below it is not written */
	const char *directory;    /* outputDirectory; NULL: ROOT/logs */
	int64_t file_size;        /* bytes */
	int64_t total_size;       /* bytes, of one component */
};

/* services.NAME.setenv */
struct settings_service {
	const char *name;
	struct step_env env;
};

struct settings {
	const char *thing_name; /* NULL: not known */
	const char *region;     /* NULL: not known */
	const char *root_ca; /* system.rootCaPath, .certificateFilePath, .privateKeyPath; or NULL */
	const char *certificate;
	const char *private_key;
	const char *ipc_socket; /* system.ipcSocketPath, or NULL */
	const char *role_alias;
	const char *data_endpoint;
	const char *credential_endpoint;
	const char *user;             /* runWithDefault.posixUser, or NULL */
	const char *shell;            /* "sh" */
	struct service_limits limits; /* runWithDefault.systemResourceLimits */
	struct settings_proxy proxy;
	struct settings_logging logging;
	int64_t store_max; /* componentStoreMaxSizeBytes */
	bool interpolates_configuration;
	bool uses_fips;
	const struct json *overrides;
	const char *s3_endpoint; /* NULL: AWS */
	const char *s3_region;   /* region if it is not given */
	bool has_path_style;
	bool path_style;
	int64_t longest_pause; /* retry.longestPauseMs */
	struct step_env env;   /* setenv */
	struct settings_service *services;
	size_t service_count;
};

/* Reads the file into a tree; `path` NULL reads the default file. *document is NULL if that does
 * not exist. *time is when the file was changed, in milliseconds since 1970. All lives in `arena`.
 */
must_check bool settings_read(struct arena *arena, const char *path, const struct json **document,
			      int64_t *time, struct error *err);

/* What the tree says; NULL gives the defaults. The texts are the tree's; what is made of them is in
 * `arena`. */
must_check bool settings_parse(struct settings *settings, struct arena *arena,
			       const struct json *document, struct error *err);

/* The variables of one component; none is an empty list. */
const struct step_env *settings_service_env(const struct settings *settings, const char *name);

/* The proxy's URL with username and password in it, percent-encoded; a URL that has some of its own
 * stays as it is. NULL: no proxy. In `arena`. */
const char *settings_proxy_url(struct arena *arena, const struct settings_proxy *proxy) must_check;

/* services.aws.greengrass.Nucleus.configuration, or what AWS' lite nucleus calls it; NULL if there
 * is none. */
const struct json *settings_nucleus(const struct json *document);

/* MOORING_ROOT, MOORING_CONFIG, MOORING_RUN and their defaults: where data, configuration and what
 * does not survive a reboot live. */
const char *settings_data_directory(struct arena *arena) must_check;
const char *settings_config_directory(struct arena *arena) must_check;
const char *settings_run_directory(struct arena *arena) must_check;

#endif
