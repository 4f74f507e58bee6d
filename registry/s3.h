/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_S3_H
#define REGISTRY_S3_H

#include <stdbool.h>

#include "base/error.h"
#include "registry/fetch_settings.h"
#include "registry/source.h"

/*
 * Objects of S3 and of servers that speak like it: GetObject, signed if there are credentials.
 */

/* `uri` is "s3://BUCKET/KEY"; the key is taken as it is, without percent-decoding. */
must_check bool s3_object(const struct fetch_settings *settings, struct aws *aws, const char *uri,
			  struct source *source, struct error *err);

/* The URL it is asked for at, for tests: virtual-hosted, or path style where the settings say so,
 * the bucket has a dot, or the endpoint is an address. In `arena`. */
must_check bool s3_url(struct arena *arena, const struct fetch_settings *settings, const char *uri,
		       const char *region, const char **url, struct error *err);

#endif
