/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_XATTRS_H
#define BASE_XATTRS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

/*
 * Extended attributes (xattr(7)): file capabilities, access control lists, a user's own.
 */

#define XATTR_VALUE_MAX (64 << 10) /* the kernel's XATTR_SIZE_MAX */

enum xattrs_which {
	XATTRS_OF_FILES, /* what xattr_is_of_file says */
	XATTRS_ALL,
};

/* No: it says something to overlayfs, or to another file system below (trusted.*), or is the
 * security policy's word for a file at its place (security.selinux). */
bool xattr_is_of_file(const char *name);

/* Where the file system or the caller's rights have no such attribute, a file can be without;
 * `number` is errno. Not without a capability that it is meant to have. */
bool xattr_can_lack(const char *name, int number);

/* From one open file or directory to another. An owner that is set later takes capabilities away,
 * so it comes first. */
must_check bool xattrs_copy(int from, int to, enum xattrs_which which, struct error *err);

#endif
