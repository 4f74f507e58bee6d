/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_INQUIRY_H
#define LIFECYCLE_INQUIRY_H

#include "base/error.h"

/*
 * `mooring component`: what the ledger says, printed in the words of greengrass-cli. Takes no lock,
 * so it answers while a deployment is running.
 */

/* `root` NULL: the machine's. */
must_check bool inquiry_list(const char *root, struct error *err);
must_check bool inquiry_details(const char *root, const char *name, struct error *err);

#endif
