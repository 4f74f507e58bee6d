/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_FETCH_SETTINGS_H
#define REGISTRY_FETCH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "registry/auth.h"
#include "registry/aws.h"
#include "registry/http.h"
#include "registry/sigv4.h"

/*
 * What mooring-fetch is told on descriptor 5, once, before it gives up its privileges. The object's
 * form is in docs/architecture.md.
 */

#define FETCH_CONTROL_FD  3
#define FETCH_SETTINGS_FD 5
#define FETCH_LEARNT_FD   6 /* if the settings say that it is there */

struct fetch_login {
	const char *host; /* as in docker's config.json: "HOST[:PORT]" or "https://HOST/v1/" */
	struct auth_credentials credentials;
};

/* PEM texts for one registry: docker's certs.d. */
struct fetch_certs {
	const char *host; /* HOST[:PORT] */
	struct http_tls tls;
};

/* Where to look before the registry itself. */
struct fetch_mirrors {
	const char *domain;
	const char **urls; /* NULL-terminated */
};

/* ECR: other endpoints than AWS' own, and a password that an earlier process got. */
struct fetch_ecr {
	const char *endpoint, *public_endpoint; /* or NULL */
	const char *host;                       /* whose password `login` has; or NULL */
	struct auth_credentials login;
	int64_t expires; /* Unix time */
};

struct fetch_settings {
	struct fetch_login *logins;
	size_t login_count;
	const char **insecure; /* HOST[:PORT] where plain http or an unknown certificate will do */
	size_t insecure_count;
	const char **local; /* HOST[:PORT], the same, of this machine: never by way of a proxy */
	size_t local_count;
	struct fetch_certs *certs;
	size_t cert_count;
	struct fetch_mirrors *mirrors;
	size_t mirror_count;
	const char *s3_endpoint; /* NULL: AWS itself */
	const char *s3_region;
	bool s3_is_path_style;
	bool s3_is_fips, s3_is_dual_stack; /* which of AWS' own */
	struct aws_settings aws;
	struct fetch_ecr ecr;
	int learnt_fd; /* new passwords of ECR go there; -1 */
	struct http_settings http;
	bool is_metered; /* one body at a time, and nothing twice */
	int parallel;    /* bodies of blobs and objects at once */
	int attempts;    /* of one request in a row without progress */
	int back_off_ms; /* before the second one; doubles */
};

/* Everything lives in `arena`. */
must_check bool fetch_settings_read(struct arena *arena, int fd, struct fetch_settings *settings,
				    struct error *err);
must_check bool fetch_settings_parse(struct arena *arena, const char *text, size_t length,
				     struct fetch_settings *settings, struct error *err);

/* Certificates for HOST[:PORT], exactly; empty if there are none. */
struct http_tls fetch_settings_tls(const struct fetch_settings *settings, const char *host);

/* URLs of a domain's mirrors, NULL-terminated; NULL if there are none. */
const char **fetch_settings_mirrors(const struct fetch_settings *settings, const char *domain);

/* Credentials for a registry's domain ("docker.io" finds docker's "https://index.docker.io/v1/");
 * NULL if there are none. */
const struct auth_credentials *fetch_settings_login(const struct fetch_settings *settings,
						    const char *domain);

#endif
