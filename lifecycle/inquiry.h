/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_INQUIRY_H
#define LIFECYCLE_INQUIRY_H

#include "base/error.h"
#include "base/mem.h"

/*
 * `mooring component`: what the ledger says, printed in the words of greengrass-cli. Takes no lock,
 * so it answers while a deployment is running.
 */

/* `root` NULL: the machine's. */
must_check bool inquiry_list(const char *root, struct error *err);
must_check bool inquiry_details(const char *root, const char *name, struct error *err);

/* Where the logs are: ROOT/logs, unless the nucleus' configuration says otherwise. In `arena`. */
const char *inquiry_log_directory(struct arena *arena, const char *root) must_check;

#endif
