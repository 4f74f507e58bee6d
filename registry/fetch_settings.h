/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_FETCH_SETTINGS_H
#define REGISTRY_FETCH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "registry/auth.h"
#include "registry/http.h"
#include "registry/sigv4.h"

/*
 * What mooring-fetch is told on descriptor 5, once, before it gives up its privileges. The object's
 * form is in docs/architecture.md.
 */

struct fetch_login {
	const char *host; /* as in docker's config.json: "HOST[:PORT]" or "https://HOST/v1/" */
	struct auth_credentials credentials;
};

struct fetch_settings {
	struct fetch_login *logins;
	size_t login_count;
	const char **insecure; /* HOST[:PORT] where plain http or an unknown certificate will do */
	size_t insecure_count;
	const char *s3_endpoint; /* NULL: AWS itself */
	const char *s3_region;
	bool s3_is_path_style;
	struct sigv4_keys aws; /* access_key_id is NULL without credentials */
	struct http_settings http;
	int attempts;    /* of one request in a row without progress */
	int back_off_ms; /* before the second one; doubles */
};

/* Everything lives in `arena`. */
must_check bool fetch_settings_read(struct arena *arena, int fd, struct fetch_settings *settings,
				    struct error *err);
must_check bool fetch_settings_parse(struct arena *arena, const char *text, size_t length,
				     struct fetch_settings *settings, struct error *err);

/* Credentials for a registry's domain ("docker.io" finds docker's "https://index.docker.io/v1/");
 * NULL if there are none. */
const struct auth_credentials *fetch_settings_login(const struct fetch_settings *settings,
						    const char *domain);

#endif
