/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/backoff.h"

#include <sys/random.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

static const struct schedule {
	int attempts; /* 0: without end */
	int64_t first;
	int64_t longest;
} schedules[BACKOFF_KINDS] = {
	[BACKOFF_NEVER] = { 1, 0, 0 },
	[BACKOFF_NETWORK] = { 0, MINUTE, BACKOFF_LONGEST_MS },
	[BACKOFF_SERVICE] = { 30, 10 * SECOND, 32 * MINUTE },
	[BACKOFF_OBJECT] = { 0, MINUTE, MINUTE },
	[BACKOFF_DIGEST] = { 10, MINUTE, MINUTE },
	[BACKOFF_IN_USE] = { 5, 10 * SECOND, 2 * MINUTE },
};

int64_t backoff_pause(enum backoff kind, int attempts, int64_t longest, double jitter)
{
	const struct schedule *schedule = &schedules[kind];
	int64_t pause = schedule->first;

	if (schedule->attempts > 0 && attempts >= schedule->attempts)
		return -1;
	for (int i = 1; i < attempts && pause < schedule->longest; i++)
		pause *= 2;
	if (pause > schedule->longest)
		pause = schedule->longest;
	if (pause > longest)
		pause = longest;
	return pause / 2 + (int64_t)((double)(pause - pause / 2) * jitter);
}

double backoff_jitter(void)
{
	uint32_t random = UINT32_MAX / 2; /* without any to be had: the middle */

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		return 0.5;
	return (double)random / UINT32_MAX;
}
