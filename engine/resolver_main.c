/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/resolver.h"
#include "engine/resolverconfine.h"
#include "runtime/detach.h"

/*
 * mooring-resolver: see resolver.h. Its socket is descriptor 3; who started it does not wait for
 * it.
 */

#define LISTENER 3

int main(void)
{
	struct resolver *resolver = mem_alloc(sizeof(*resolver));
	int listener = LISTENER;
	int *const kept[] = { &listener };
	struct error err;
	pid_t child;

	if (!detach_keep_fds(kept, COUNT_OF(kept), &err) || !detach_fork(&child, &err)) {
		log_error("mooring-resolver: %s", err.text);
		return 1;
	}
	if (child > 0)
		_exit(0);
	prctl(PR_SET_NAME, "mooring-resolve", 0, 0, 0);
	if (!detach_settle(&err) || !resolver_confine(&err) ||
	    !resolver_run(resolver, listener, &err))
		_exit(1); /* who is connected sees that we are gone */
	/* At once: what runs at a program's end, a sanitizer's search for leaks, may do nothing
	 * here. */
	_exit(0);
}
