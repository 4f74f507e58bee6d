/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DOWNLOAD_H
#define LIFECYCLE_DOWNLOAD_H

#include <stdbool.h>

#include "base/error.h"
#include "base/proc.h"
#include "lifecycle/settings.h"

/*
 * The nucleus' side of mooring-fetch, the only program that talks to the network (the contract is
 * in docs/architecture.md). It writes into a descriptor of ours and knows no file.
 */

/*
 * One mooring-fetch, with the device's credentials and places: AWS' credentials as its own programs
 * find them (registry/gather.h); networkProxy, or the environment's; rootCaPath, beside the
 * system's authorities.
 */
struct download_program {
	struct proc proc;
	int control; /* our end of its socket */
};

must_check bool download_start(struct download_program *program, const struct settings *settings,
			       struct error *err);

/* Fetches "s3://BUCKET/KEY" into `fd`. Without credentials the request goes out unsigned, which a
 * public bucket allows. Ends early, with ERROR_SYSTEM, when `cancel_fd` (or -1)
 * becomes readable. */
must_check bool download_s3(const char *uri, const struct settings *settings, int fd, int cancel_fd,
			    struct error *err);

#endif
