/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_BACKOFF_H
#define LIFECYCLE_BACKOFF_H

#include <stdint.h>

/*
 * How soon and how often a deployment tries again to get what it needs. The schedules are those of
 * AWS's nucleus (DockerImageDownloader, S3Downloader, RetryUtils): pauses double from the first to
 * the longest, and of each only half is certain, so that a fleet does not come back all at once.
 */

enum backoff {
	BACKOFF_NEVER,   /* what was said is final */
	BACKOFF_NETWORK, /* an image's registry is out of reach: for ever, 1 minute to 64 */
	BACKOFF_SERVICE, /* a registry is unavailable: 30 attempts, 10 seconds to 32 minutes */
	BACKOFF_OBJECT,  /* S3 is out of reach, or busy: for ever, each minute */
	BACKOFF_DIGEST,  /* a file from S3 is not what its recipe promises: 10 attempts, each minute
			  */
	BACKOFF_IN_USE,  /* an image that is to go is in use: 5 attempts, 10 seconds to 2 minutes */
	BACKOFF_KINDS,
};

/* The longest pause of all of them, milliseconds. */
#define BACKOFF_LONGEST_MS (64 * 60000)

/* Milliseconds to wait when so many attempts (1 or more) have failed, at most `longest`; -1: that
 * was the last one. `jitter`, 0 to 1, is how much of the uncertain half is waited. */
int64_t backoff_pause(enum backoff kind, int attempts, int64_t longest, double jitter);

/* A random number for it. */
double backoff_jitter(void);

#endif
