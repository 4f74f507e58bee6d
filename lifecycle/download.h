/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DOWNLOAD_H
#define LIFECYCLE_DOWNLOAD_H

#include <stdbool.h>

#include "base/error.h"
#include "lifecycle/settings.h"

/*
 * The nucleus' side of mooring-fetch, the only program that talks to the network (the contract is
 * in docs/architecture.md). It writes into a descriptor of ours and knows no file.
 */

/* Fetches "s3://BUCKET/KEY" into `fd`. Credentials are those of the environment: AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Ends early, with ERROR_SYSTEM, when `cancel_fd` (or -1)
 * becomes readable. */
must_check bool download_s3(const char *uri, const struct settings *settings, int fd, int cancel_fd,
			    struct error *err);

#endif
