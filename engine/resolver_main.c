/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "engine/helpermain.h"
#include "engine/resolver.h"

/*
 * mooring-resolver: see resolver.h. Its socket is descriptor 3.
 */

static bool run(const int *fds, struct error *err)
{
	return resolver_run(mem_alloc(sizeof(struct resolver)), fds[0], err);
}

int main(void)
{
	static const struct helper resolver = {
		.program = "mooring-resolver", .name = "mooring-resolve", .fd_count = 1, .run = run
	};

	return helpermain(&resolver);
}
