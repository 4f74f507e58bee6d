/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_STORESETTINGS_H
#define CLI_STORESETTINGS_H

#include "base/error.h"
#include "image/store.h"

/*
 * What CONFIG/daemon.json says of the store, put into `store`:
 *
 *     "store-limit"    bytes that the layers of all images may have together
 *     "unpack-memory"  bytes that all processes of a pull or load may have together
 *     "unpack-ratio"   how many times a layer's compressed bytes it may unpack to, beyond a GiB
 *     "keep-blobs"     true: compressed layers are kept beside the unpacked ones
 *
 * Bytes are a number, or text with a unit ("500m", "2g": powers of 1024). What is not said is 0 and
 * false.
 */
must_check bool storesettings_read(const char *config, struct store *store, struct error *err);

#endif
