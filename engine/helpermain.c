/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/helpermain.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/resolverconfine.h"
#include "runtime/detach.h"

#define FIRST_FD 3

/* As many sockets as it may have. */
static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int helpermain(const struct helper *helper)
{
	int fds[HELPERMAIN_FDS] = { FIRST_FD, FIRST_FD + 1 };
	int *const kept[HELPERMAIN_FDS] = { &fds[0], &fds[1] };
	struct error err;
	pid_t child;

	if (!detach_keep_fds(kept, helper->fd_count, &err) || !detach_fork(&child, &err)) {
		log_error("%s: %s", helper->program, err.text);
		return 1;
	}
	if (child > 0)
		_exit(dprintf(STDOUT_FILENO, "%d\n", (int)child) < 0);
	prctl(PR_SET_NAME, helper->name, 0, 0, 0);
	raise_limit();
	if (!detach_settle(&err) || !resolver_confine(&err) || !helper->run(fds, &err))
		_exit(1); /* who is connected sees that we are gone */
	/* At once: what runs at a program's end, a sanitizer's search for leaks, may do nothing
	 * here. */
	_exit(0);
}
