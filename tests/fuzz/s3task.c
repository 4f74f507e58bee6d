/* SPDX-License-Identifier: Apache-2.0 */
/* An S3 export task: what is taken has a path, a bucket and a key that can be sent. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lifecycle/stream/s3task.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const int64_t times[] = { 0, 1583571904123, 1798243200000, 253402300799999 };
	autoarena struct arena arena = { 0 };
	struct s3_task task;
	struct error err = { 0 };

	if (!s3_task_parse(&task, &arena, (const char *)bytes, size, &err)) {
		assert(err.text[0] && !strchr(err.text, '\n'));
		return 0;
	}
	assert(task.path[0] == '/' && strlen(task.bucket) >= 3 && strlen(task.bucket) <= 63);
	assert(!strpbrk(task.bucket, "/?#%: \n\r"));
	for (size_t i = 0; i < task.metadata_count; i++)
		assert(!strpbrk(task.metadata[i].name, "\r\n: ") &&
		       !strpbrk(task.metadata[i].value, "\r\n"));
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		const char *key;

		if (s3_key_resolve(&arena, task.key, times[i], &key, &err))
			assert(strlen(key) <= S3_KEY_MAX && !strpbrk(key, "{}?#\r\n"));
	}
	return 0;
}
