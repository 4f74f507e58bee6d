/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/* A span of time as Go's programs write it: "1m30s", "100ms", "0.5h", "300µs" (with either letter
 * mu); no sign, and "0" needs its unit. False if it is none. */
bool duration_parse(const char *text, double *seconds);

/* The other way, as Go prints one: "1m30s", "1.5s", "300ms", "0s". Returns `text`, which has room
 * for DURATION_TEXT_MAX. */
#define DURATION_TEXT_MAX 48
char *duration_text(int64_t nanoseconds, char *text);

#endif
