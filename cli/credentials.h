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
 *     DOCKER_AUTH_CONFIG, then docker's config.json      the login for this one host, by its helper
 *     CONFIG/daemon.json                                 "insecure-registries", as dockerd has them
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     HTTP_PROXY, HTTPS_PROXY, NO_PROXY                  or in small letters
 */
struct credentials_places {
	const char *docker_config; /* directory; NULL: none */
	const char *config;        /* /etc/mooring */
};

/* `host` is the domain of a reference. No other host's secrets are passed on. */
must_check bool credentials_settings(const struct credentials_places *places, const char *host,
				     struct buf *settings, struct error *err);

/* The same with a login that is not (yet) kept anywhere; NULL: none. */
must_check bool credentials_settings_with(const struct credentials_places *places, const char *host,
					  const struct dockerconfig_login *login,
					  struct buf *settings, struct error *err);

/* The login that a pull from `host` would use. */
must_check bool credentials_find(struct arena *arena, const char *docker_config, const char *host,
				 struct dockerconfig_login *login, bool *is_found,
				 struct error *err);

#endif
