/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/*
 * The few compiler attributes the house uses, by name.
 */

/* The result is the only sign of failure: ignoring it is a mistake. */
#define must_check __attribute__((warn_unused_result))

/* A printf-like function: TEXT is the number of its format argument, FIRST of the first value. */
#define printf_like(text, first) __attribute__((format(printf, text, first)))

#define COUNT_OF(array)          (sizeof(array) / sizeof((array)[0]))

/* Defined where the program is built with AddressSanitizer, which needs more of the kernel than a
 * confined program of ours has. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#endif
