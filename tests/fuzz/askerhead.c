/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the head of a request for credentials: it is in order, or there is a status for it; a
 * token is a piece of it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lifecycle/credentials/asker.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	autofree char *head = mem_printf("%.*s", (int)size, (const char *)data);
	size_t length = strlen(head);
	const char *token;
	int status = asker_read_head(head, &token);

	assert(status == 0 || status == 400 || status == 405);
	if (token)
		assert(token >= head && token + strlen(token) <= head + length);
	return 0;
}
