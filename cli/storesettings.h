/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_STORELIMIT_H
#define CLI_STORELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* "store-limit" of CONFIG/daemon.json: how many bytes the layers of all images may have together,
 * as a number or as text with a unit ("500m", "2g": powers of 1024). *bytes is 0 if nothing is
 * said. */
must_check bool storelimit_read(const char *config, int64_t *bytes, struct error *err);

#endif
