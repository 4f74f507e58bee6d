/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32.h"

#include "tap.h"

int main(void)
{
	/* The check value of every catalogue of CRCs. */
	check_int(crc32_add(0, "123456789", 9), 0xcbf43926, "123456789");
	check_int(crc32_add(0, "", 0), 0, "nothing");
	check_int(crc32_add(crc32_add(0, "1234", 4), "56789", 5), 0xcbf43926, "in two parts");
	check_int(crc32_add(0, "\0\0\0\0", 4), 0x2144df1c, "four zeros");
	return tap_done();
}
