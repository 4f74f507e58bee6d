/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/retry.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/word.h"
#include "registry/httpdate.h"
#include "registry/limit.h"

bool retry_is_worth(int status)
{
	/* Whoever cannot do it at all will not do it later: "not implemented" and its like. */
	static const int final[] = { 501, 505, 506, 508, 510, 511 };

	for (size_t i = 0; i < COUNT_OF(final); i++)
		if (status == final[i])
			return false;
	return status == 408 || status == 429 || status == 499 || (status >= 500 && status < 600);
}

int retry_after_seconds(const char *field, int64_t now)
{
	int64_t seconds;

	if (word_is_digits(field)) {
		seconds = strlen(field) > 9 ? LIMIT_RETRY_AFTER_S : atoll(field);
	} else {
		int64_t date = http_date(field);

		if (date == -1)
			return -1;
		seconds = date > now ? date - now : 0;
	}
	return seconds > LIMIT_RETRY_AFTER_S ? LIMIT_RETRY_AFTER_S : (int)seconds;
}

int retry_asked_seconds(const struct http_response *response)
{
	char field[64];

	if (!http_header(response, "Retry-After", 0, field, sizeof(field)))
		return -1;
	return retry_after_seconds(field, time(NULL));
}

int64_t retry_delay_ms(int attempt, int first_ms, double jitter)
{
	int64_t delay = first_ms;

	for (int i = 2; i < attempt && delay < LIMIT_BACK_OFF_S * 1000; i++)
		delay *= 2;
	if (delay > LIMIT_BACK_OFF_S * 1000)
		delay = LIMIT_BACK_OFF_S * 1000;
	return delay / 2 + (int64_t)((double)(delay - delay / 2) * jitter);
}

double retry_jitter(void)
{
	uint16_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		return 1;
	return (double)random / UINT16_MAX;
}
