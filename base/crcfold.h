/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CRCFOLD_H
#define BASE_CRCFOLD_H

#include <stddef.h>
#include <stdint.h>

/*
 * The long part of a CRC-32 by the processor's own instructions, where it has them: several times
 * as fast as any table. A part of crc32; which processor it is, is asked at run time.
 */

/* Brings the first `count` bytes, a multiple of 16 of which the result tells how many were taken,
 * into `crc` (as it is between bytes, not inverted). 0: this processor has no instruction for it,
 * or `count` is too small to be worth it. */
size_t crcfold_add(uint32_t *crc, const unsigned char *bytes, size_t count);

#endif
