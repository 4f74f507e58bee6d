/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/dockerconfig.h"

/*
 * What mooring-fetch is told on its descriptor 5 (docs/architecture.md), gathered from
 *
 *     DOCKER_AUTH_CONFIG, then docker's config.json      the logins for this host and its mirrors
 *     CONFIG/daemon.json                                 dockerd's settings, and some of ours: see
 *                                                        mooring-docker(1)
 *     CONFIG/certs.d, then docker's certs.d              certificates for this host and its mirrors
 *     AWS' environment and files                         for a host of ECR's (registry/gather.h)
 *     HTTP_PROXY, HTTPS_PROXY, NO_PROXY                  or in small letters
 *     SSL_CERT_FILE                                      more authorities, for everybody
 */
struct credentials_places {
	const char *docker_config; /* directory; NULL: none */
	const char *config;        /* /etc/mooring */
	const char *root;          /* the store's: ECR's passwords are kept there */
};

struct credentials {
	struct buf settings; /* the object as JSON */
	bool has_mirrors;    /* in the settings, of the host */
	int learnt_fd;       /* to be mooring-fetch's descriptor 6; -1 if it will learn nothing */
	char *principal;     /* whose it is what it learns */
};

/* `host` and `path` are those of a reference. No other host's secrets are passed on, but those of
 * its mirrors. A login that cannot be had is warned of on stderr, and done without. */
must_check bool credentials_gather(const struct credentials_places *places, const char *host,
				   const char *path, struct credentials *credentials,
				   struct error *err);

/* The same for a login that is not (yet) kept anywhere. What mooring-fetch learns may be an
 * identity token that stands for it. */
must_check bool credentials_gather_login(const struct credentials_places *places, const char *host,
					 const struct dockerconfig_login *login,
					 struct credentials *credentials, struct error *err);

/* For objects in S3: AWS' credentials, region and endpoint instead of logins. */
must_check bool credentials_gather_s3(const struct credentials_places *places,
				      struct credentials *credentials, struct error *err);

/* Forgets them; what mooring-fetch has learnt is kept for the next time. Empty ones are fine. */
void credentials_done(const struct credentials_places *places, struct credentials *credentials);

/* The login that a pull from `place`, a HOST or HOST/PATH, would use. */
must_check bool credentials_find(struct arena *arena, const char *docker_config, const char *place,
				 struct dockerconfig_login *login, bool *is_found,
				 struct error *err);

#endif
