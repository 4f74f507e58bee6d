/* SPDX-License-Identifier: Apache-2.0 */
#include "image/unpack.h"

bool unpack_save(const struct store *store, const char *const *names, size_t count, int fd,
		 struct error *err)
{
	(void)store;
	(void)names;
	(void)count;
	(void)fd;
	return error_set(err, ERROR_UNSUPPORTED, "save is not written yet");
}
