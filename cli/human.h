/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HUMAN_H
#define CLI_HUMAN_H

#include <stdint.h>

/*
 * Numbers as docker shows them to people. `text` has room for HUMAN_MAX bytes and is returned.
 */

#define HUMAN_MAX 64

/* "0B", "1.98MB": powers of 1000 and this many significant digits (3 in lists, 4 in totals). */
char *human_size(int64_t bytes, int digits, char *text);

/* "988KiB", "23.54GiB": powers of 1024, four significant digits. */
char *human_binary_size(int64_t bytes, char *text);

/* "Less than a second", "About an hour", "2 weeks". */
char *human_duration(int64_t seconds, char *text);

/* "no such file or directory": errno's words as docker (Go) has them, which scripts look for. */
char *human_errno(int sys, char *text);

#endif
