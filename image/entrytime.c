/* SPDX-License-Identifier: Apache-2.0 */
#include "image/entrytime.h"

#include <archive_entry.h>

int64_t entry_mtime(struct archive_entry *entry)
{
	return archive_entry_mtime(entry);
}
