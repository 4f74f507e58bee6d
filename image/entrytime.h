/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_ENTRYTIME_H
#define IMAGE_ENTRYTIME_H

#include <stdint.h>

struct archive_entry;

/*
 * When the file was modified, in seconds since 1970. Apart, because it is compiled with
 * libarchive's notion of time_t: where that has 32 bits (Debian 12 on 32-bit machines) ours has 64
 * all the same. There what the archive says of times after 2038 is lost in the library.
 */
int64_t entry_mtime(struct archive_entry *entry);

#endif
