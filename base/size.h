/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes as people write them: "512", "64k", "1.5GiB", powers of 1024; -1 is no limit. Messages in
 * docker's words. */
must_check bool size_parse(const char *text, int64_t *bytes, struct error *err);

#endif
