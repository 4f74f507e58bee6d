/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/retry.h"

#include "registry/limit.h"
#include "tests/unit/tap.h"

#define NOW 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

static const struct {
	const char *field;
	int seconds;
} fields[] = {
	{ "0", 0 },
	{ "2", 2 },
	{ "899", 899 },
	{ "901", LIMIT_RETRY_AFTER_S },
	{ "1000000000", LIMIT_RETRY_AFTER_S },
	{ "99999999999999999999999", LIMIT_RETRY_AFTER_S },
	{ "Tue, 14 Nov 2023 22:13:50 GMT", 30 },
	{ "Tue, 14 Nov 2023 22:13:00 GMT", 0 },
	{ "Tuesday, 14-Nov-23 22:13:50 GMT", 30 },
	{ "Tue Nov 14 22:13:50 2023", 30 },
	{ "Tue, 14 Nov 2023 22:13:50 GMT, or so", -1 },
	{ "Tue, 14 Nov 2023", -1 },
	{ "Fri, 14 Nov 2053 22:13:20 GMT", LIMIT_RETRY_AFTER_S },
	{ "", -1 },
	{ "-1", -1 },
	{ "soon", -1 },
	{ "1.5", -1 },
};

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		check_int(retry_after_seconds(fields[i].field, NOW), fields[i].seconds,
			  "Retry-After: %s", fields[i].field);

	check_int(retry_delay_ms(2, 250, 1), 250, "the first pause");
	check_int(retry_delay_ms(3, 250, 1), 500, "doubles");
	check_int(retry_delay_ms(4, 250, 0), 500, "half of it is chance");
	check_int(retry_delay_ms(50, 250, 1), LIMIT_BACK_OFF_S * 1000, "and ends somewhere");

	check(retry_is_worth(429) && retry_is_worth(503) && retry_is_worth(408), "may pass");
	check(retry_is_worth(500) && retry_is_worth(522) && retry_is_worth(499), "may pass, too");
	check(!retry_is_worth(404) && !retry_is_worth(401) && !retry_is_worth(501), "will not");
	check(!retry_is_worth(511) && !retry_is_worth(600) && !retry_is_worth(200), "will not");
	return tap_done();
}
