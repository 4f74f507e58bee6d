/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "engine/helpermain.h"
#include "engine/portproxy.h"

/*
 * mooring-portproxy: see portproxy.h. Its descriptors are 3, where the sockets come from, and 4,
 * with whose other end it ends.
 */

static bool run(const int *fds, struct error *err)
{
	return portproxy_run(mem_alloc(sizeof(struct portproxy)), fds[0], fds[1], err);
}

int main(void)
{
	static const struct helper portproxy = {
		.program = "mooring-portproxy", .name = "mooring-portpro", .fd_count = 2, .run = run
	};

	return helpermain(&portproxy);
}
