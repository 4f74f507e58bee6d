/* SPDX-License-Identifier: Apache-2.0 */
/* Image names: what is accepted prints as a name that is accepted and means the same. */
#include "registry/reference.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	autofree char *text = mem_printf("%.*s", (int)size, size ? (const char *)bytes : "");
	struct reference reference, again;
	struct error err;

	if (!reference_parse(&reference, text, &err))
		return 0;
	assert(reference.domain[0] && reference.path[0]);
	assert(!strstr(reference.path, "..") && reference.path[0] != '/');
	assert(reference.tag[0] == '\0' || reference_is_tag(reference.tag));

	autofree char *canonical = reference_text(&reference);
	bool is_ok = reference_parse(&again, canonical, &err);
	assert(is_ok);
	assert(strcmp(again.domain, reference.domain) == 0);
	assert(strcmp(again.path, reference.path) == 0);
	assert(strcmp(again.tag, reference.tag) == 0);
	assert(strcmp(again.digest.text, reference.digest.text) == 0);
	return 0;
}
