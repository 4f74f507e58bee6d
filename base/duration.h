/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdbool.h>

/* A span of time as Go's programs write it: "1m30s", "100ms", "0.5h". False if it is none. */
bool duration_parse(const char *text, double *seconds);

#endif
