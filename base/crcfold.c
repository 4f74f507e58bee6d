/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crcfold.h"

#include <string.h>

#include "base/crc32.h"

#if defined(__x86_64__)

#include <immintrin.h>

/*
 * The bytes are a polynomial over GF(2), of which the CRC is the remainder. Its front may be
 * replaced by anything that has the same remainder: 128 bits that stand n bits further to the front
 * are multiplied, in two halves, by the remainders of x^(n+32) and x^(n-32), and added to the 128
 * bits n bits behind them (Gopal and others, "Fast CRC Computation for Generic Polynomials Using
 * PCLMULQDQ", Intel 2009; the constants are those of its section for reflected bits). What is left
 * in the end are 16 bytes with the remainder of all, which the table turns into the CRC.
 */

#define BLOCK   16
#define LANES   4 /* that are folded side by side: one multiplication takes several cycles */
#define WORTH   (2 * LANES * BLOCK)
#define folding __attribute__((target("pclmul,sse4.1")))

folding static __m128i load(const unsigned char *bytes)
{
	return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

/* `front`, moved back by as many bits as the factors say, and `behind`. */
folding static __m128i fold(__m128i front, __m128i factors, __m128i behind)
{
	__m128i low = _mm_clmulepi64_si128(front, factors, 0x00);
	__m128i high = _mm_clmulepi64_si128(front, factors, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), behind);
}

folding static size_t fold_all(uint32_t *crc, const unsigned char *bytes, size_t count)
{
	const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
	const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
	unsigned char rest[BLOCK];
	__m128i lanes[LANES];
	size_t at = LANES * BLOCK;

	for (size_t i = 0; i < LANES; i++)
		lanes[i] = load(bytes + i * BLOCK);
	lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)*crc));
	for (; count - at >= LANES * BLOCK; at += LANES * BLOCK)
		for (size_t i = 0; i < LANES; i++)
			lanes[i] = fold(lanes[i], by_512, load(bytes + at + i * BLOCK));
	for (size_t i = 1; i < LANES; i++)
		lanes[0] = fold(lanes[0], by_128, lanes[i]);
	for (; count - at >= BLOCK; at += BLOCK)
		lanes[0] = fold(lanes[0], by_128, load(bytes + at));
	_mm_storeu_si128((__m128i *)(void *)rest, lanes[0]);
	*crc = ~crc32_add(~0U, rest, sizeof(rest));
	return at;
}

size_t crcfold_add(uint32_t *crc, const unsigned char *bytes, size_t count)
{
	if (count < WORTH || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("sse4.1"))
		return 0;
	return fold_all(crc, bytes, count);
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

#define HAS_CRC32 (1UL << 7) /* HWCAP_CRC32 of <asm/hwcap.h> */
#define WORTH     16

size_t crcfold_add(uint32_t *crc, const unsigned char *bytes, size_t count)
{
	uint64_t eight[2];
	size_t at = 0;

	if (count < WORTH || !(getauxval(AT_HWCAP) & HAS_CRC32))
		return 0;
	for (; count - at >= sizeof(eight); at += sizeof(eight)) {
		memcpy(eight, bytes + at, sizeof(eight));
		__asm__(".arch_extension crc\n\t"
			"crc32x %w0, %w0, %x1\n\t"
			"crc32x %w0, %w0, %x2"
			: "+r"(*crc)
			: "r"(eight[0]), "r"(eight[1]));
	}
	return at;
}

#else

size_t crcfold_add(uint32_t *crc, const unsigned char *bytes, size_t count)
{
	(void)crc;
	(void)bytes;
	(void)count;
	return 0;
}

#endif
