/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_TREECHECK_H
#define IMAGE_TREECHECK_H

#include "base/error.h"

/*
 * Is a layer's directory what its archive says? Reads the archive to its end and looks at every
 * entry: kind, owner, mode, targets of links, user.* attributes, whiteouts. Contents are what the
 * archive was read from, and not looked at; nor are times, and devices, which a rootless store
 * cannot have. Fails with the first that is different.
 */
must_check bool treecheck_run(int archive, int diff, struct error *err);

#endif
