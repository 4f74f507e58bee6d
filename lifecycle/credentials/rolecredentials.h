/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CREDENTIALS_ROLECREDENTIALS_H
#define LIFECYCLE_CREDENTIALS_ROLECREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Temporary credentials of a role, as the IoT credentials provider gives them and as SDKs read
 * them.
 */

struct role_credentials {
	char *access_key_id, *secret_access_key, *session_token, *expiration; /* NULL: none */
	int64_t fetched, expires; /* seconds since the epoch */
};

/* Reads {"credentials":{"accessKeyId":…,"secretAccessKey":…,"sessionToken":…,"expiration":…}}. */
must_check bool rolecredentials_read(struct role_credentials *credentials, const char *text,
				     int64_t now, struct error *err);
/* Writes {"AccessKeyId":…,"SecretAccessKey":…,"Token":…,"Expiration":…}. */
void rolecredentials_write(const struct role_credentials *credentials, struct buf *text);
void rolecredentials_done(struct role_credentials *credentials);

/* RFC 3339 in UTC, with a fraction or without. */
must_check bool rolecredentials_read_time(const char *text, int64_t *seconds);

#endif
