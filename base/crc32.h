/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32 as zlib, gzip and Ethernet have it (polynomial 0xEDB88320, reflected). Detects accidents,
 * not attackers.
 */

/* Goes on from `crc`, which is 0 at the start: crc32_add(crc32_add(0, a), b) is that of "ab". */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t count);

#endif
