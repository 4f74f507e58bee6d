/* SPDX-License-Identifier: Apache-2.0 */
/* A process object as `exec --process` reads it. */
#include <assert.h>
#include <string.h>

#include "runtime/spec.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	autoarena struct arena arena = { 0 };
	struct spec_process process;
	struct error err;

	if (!spec_parse_process(&arena, (const char *)data, size, &process, &err)) {
		assert(err.text[0] && !strchr(err.text, '\n'));
		return 0;
	}
	assert(process.args[0] && process.cwd[0] == '/' && !process.env[process.env_count]);
	if (process.scheduler)
		assert(process.scheduler->nice >= -20 && process.scheduler->nice <= 19);
	assert(process.io_priority == SPEC_UNSET || process.io_priority >> 13 > 0);
	assert(!process.affinity_final.words || process.affinity_final.size > 0);
	return 0;
}
