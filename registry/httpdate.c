/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/httpdate.h"

#include <stddef.h>
#include <time.h>

#include "base/attr.h"

/* As they are written today; as they once were; as C's asctime writes them. */
static const char *const forms[] = {
	"%a, %d %b %Y %H:%M:%S GMT",
	"%A, %d-%b-%y %H:%M:%S GMT",
	"%a %b %e %H:%M:%S %Y",
};

int64_t http_date(const char *text)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct tm parts = { 0 };
		const char *end = strptime(text, forms[i], &parts);

		if (end && *end == '\0')
			return timegm(&parts);
	}
	return -1;
}
