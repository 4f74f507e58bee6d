/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_GATHER_H
#define REGISTRY_GATHER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/jsonout.h"
#include "base/mem.h"

/*
 * What mooring-fetch has to be told (docs/architecture.md, descriptor 5), gathered from this user's
 * environment and files, as members of the object that `out` is writing. mooring-fetch itself opens
 * no file that is private to anybody. No network here.
 */

/*
 * Credentials of AWS, in the order of AWS' own programs:
 *
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     the profile AWS_PROFILE (default) of ~/.aws/credentials and ~/.aws/config: keys, a role with
 *         its source_profile or credential_source, a web identity, a credential_process
 *     AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE
 *     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with AWS_CONTAINER_AUTHORIZATION_TOKEN
 *         or _TOKEN_FILE
 *     `iot`, an IoT role alias
 *     the instance's metadata, unless AWS_EC2_METADATA_DISABLED
 */
struct gather_iot {
	const char *endpoint;          /* "PREFIX.credentials.iot.REGION.amazonaws.com" */
	const char *role_alias;        /* NULL: none of this */
	const char *thing;             /* or NULL */
	const char *certificate, *key; /* files */
	const char *ca;                /* a file, or NULL: the system's */
};

/* Could a registry of that name be ECR's, which takes AWS' credentials? */
bool gather_is_ecr(const char *domain);

/* Writes "aws" or "aws_providers", and "ecr" without its end: the caller adds members of its own,
 * and jsonout_object_end. `iot` may be NULL. *principal says whose they are, for caches; in
 * `arena`. */
must_check bool gather_aws(struct jsonout *out, struct arena *arena, const struct gather_iot *iot,
			   const char **principal, struct error *err);

/* What the caller knows of S3 beside the environment. */
struct gather_s3 {
	const char *endpoint; /* NULL: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, or AWS' own */
	const char *region;   /* NULL: gather_region */
	bool has_path_style;
	bool is_path_style; /* if it has; else so is every server that is not AWS' own */
	bool is_fips;       /* else as AWS_USE_FIPS_ENDPOINT or the profile says */
};

/* Writes "s3". */
must_check bool gather_s3(struct jsonout *out, struct arena *arena, const struct gather_s3 *known,
			  struct error *err);

/* AWS_REGION, AWS_DEFAULT_REGION, or the profile's; NULL: nothing says so. In `arena`. */
must_check bool gather_region(struct arena *arena, const char **region, struct error *err);

/* AWS_ENDPOINT_URL_SERVICE ("S3", "ECR"), or AWS_ENDPOINT_URL; NULL: AWS' own. */
const char *gather_endpoint(struct arena *arena, const char *service) must_check;

/* Is this the file of all the system's authorities, which libcurl knows anyway? As it is a quarter
 * of a megabyte, nobody needs to be told. */
bool gather_is_systems_bundle(const char *path);

/*
 * Certificates for one registry, as a member named `host`, out of the first of `directories`
 * (NULL-terminated) that has a subdirectory of that name: every *.crt is an authority, every
 * NAME.cert with its NAME.key is ours (docker's certs.d). Nothing is written where there is none.
 */
must_check bool gather_certs(struct jsonout *out, struct arena *arena,
			     const char *const *directories, const char *host, struct error *err);

/* HTTP_PROXY, HTTPS_PROXY and NO_PROXY, also in small letters; what the environment leaves out is
 * as `fallback` has it (members "http-proxy", "https-proxy", "no-proxy"; or NULL). NULL: none. */
struct gather_proxies {
	const char *http, *https, *no_proxy; /* the environment's, or the tree's */
};
must_check bool gather_proxies(const struct json *fallback, struct gather_proxies *proxies,
			       struct error *err);

/* The same, as a member "proxy". */
must_check bool gather_proxy(struct jsonout *out, const struct json *fallback, struct error *err);

/* The environment's value; NULL if it is unset or empty. */
const char *gather_variable(const char *name);

/* A small file's text, at most a mebibyte; in `arena`. Read by our own rights: what the system's
 * administrator named. */
must_check bool gather_file(struct arena *arena, const char *path, const char **text,
			    struct error *err);
/* The same by the rights of who called us (base/caller.h): what the environment named. */
must_check bool gather_callers_file(struct arena *arena, const char *path, const char **text,
				    struct error *err);

#endif
