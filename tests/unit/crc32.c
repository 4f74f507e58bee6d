/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32.h"

#include "tap.h"

/* Bit by bit, as the polynomial is defined. */
static uint32_t slow_add(uint32_t crc, const unsigned char *bytes, size_t count)
{
	crc = ~crc;
	for (size_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* Every length up to a few blocks of whatever instructions do it, from every alignment. */
static void test_lengths(void)
{
	unsigned char bytes[16 + 700];
	size_t wrong = 0;
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		random = random * 1103515245 + 12345;
		bytes[i] = (unsigned char)(random >> 16);
	}
	for (size_t from = 0; from < 16; from++)
		for (size_t count = 0; count + 16 < sizeof(bytes); count++)
			wrong += crc32_add(count, bytes + from, count) !=
				 slow_add(count, bytes + from, count);
	check_int(wrong, 0, "lengths and places where the sum is another one");
}

int main(void)
{
	/* The check value of every catalogue of CRCs. */
	check_int(crc32_add(0, "123456789", 9), 0xcbf43926, "123456789");
	check_int(crc32_add(0, "", 0), 0, "nothing");
	check_int(crc32_add(crc32_add(0, "1234", 4), "56789", 5), 0xcbf43926, "in two parts");
	check_int(crc32_add(0, "\0\0\0\0", 4), 0x2144df1c, "four zeros");
	test_lengths();
	return tap_done();
}
