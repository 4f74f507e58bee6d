/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/backoff.h"

#include "tests/unit/tap.h"

#define MINUTE 60000

static const struct {
	enum backoff kind;
	int attempts;
	int64_t longest;
	int64_t least, most;
	const char *name;
} pauses[] = {
	{ BACKOFF_NEVER, 1, BACKOFF_LONGEST_MS, -1, -1, "what is final" },
	{ BACKOFF_NETWORK, 1, BACKOFF_LONGEST_MS, 30000, MINUTE, "network, first" },
	{ BACKOFF_NETWORK, 3, BACKOFF_LONGEST_MS, 2 * MINUTE, 4 * MINUTE, "network, doubled" },
	{ BACKOFF_NETWORK, 1000, BACKOFF_LONGEST_MS, 32 * MINUTE, 64 * MINUTE,
	  "network, for ever" },
	{ BACKOFF_NETWORK, 1000, 100, 50, 100, "network, limited" },
	{ BACKOFF_SERVICE, 1, BACKOFF_LONGEST_MS, 5000, 10000, "service, first" },
	{ BACKOFF_SERVICE, 29, BACKOFF_LONGEST_MS, 16 * MINUTE, 32 * MINUTE, "service, last" },
	{ BACKOFF_SERVICE, 30, BACKOFF_LONGEST_MS, -1, -1, "service, over" },
	{ BACKOFF_OBJECT, 9, BACKOFF_LONGEST_MS, 30000, MINUTE, "object" },
	{ BACKOFF_DIGEST, 9, BACKOFF_LONGEST_MS, 30000, MINUTE, "digest, last" },
	{ BACKOFF_DIGEST, 10, BACKOFF_LONGEST_MS, -1, -1, "digest, over" },
	{ BACKOFF_IN_USE, 4, BACKOFF_LONGEST_MS, 40000, 80000, "in use, last" },
	{ BACKOFF_IN_USE, 5, 1, -1, -1, "in use, over" },
};

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(pauses); i++) {
		check_int(backoff_pause(pauses[i].kind, pauses[i].attempts, pauses[i].longest, 0),
			  pauses[i].least, "%s: at least", pauses[i].name);
		check_int(backoff_pause(pauses[i].kind, pauses[i].attempts, pauses[i].longest, 1),
			  pauses[i].most, "%s: at most", pauses[i].name);
	}
	for (int i = 0; i < 1000; i++) {
		double jitter = backoff_jitter();

		if (jitter < 0 || jitter > 1)
			check(false, "jitter %f", jitter);
	}
	return tap_done();
}
