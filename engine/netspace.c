/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/netspace.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/passfd.h"
#include "engine/hostns.h"
#include "engine/network.h"

bool netspace_is_own(const struct container *container)
{
	const char *network = container->network;

	return strcmp(network, NETWORK_HOST) != 0 &&
	       strncmp(network, NETWORK_CONTAINER, strlen(NETWORK_CONTAINER)) != 0;
}

/* -1: the other side is to do it. Whoever could not go back, as in a user namespace which the
 * host's network does not belong to, stays. */
static int make(int host)
{
	struct error err;
	int made = -1;

	if (setns(host, CLONE_NEWNET) < 0 || unshare(CLONE_NEWNET) < 0)
		return -1;
	if (!hostns_open(&made, &err))
		made = -1;
	if (setns(host, CLONE_NEWNET) < 0) {
		perror("mooring: go back to the host's network");
		_exit(125);
	}
	return made;
}

void netspace_send(int socket, int host)
{
	autoclose int made = make(host);

	/* A descriptor takes more room than the word does; and who waits for a word that cannot be
	 * sent must not wait for ever. One that has ended meanwhile has said why. */
	if (made < 0 || passfd_send(socket, "n", 1, &made, 1, 0) < 0)
		if (passfd_send(socket, "n", 1, NULL, 0, 0) < 0)
			shutdown(socket, SHUT_WR);
}

bool netspace_enter(int socket, struct error *err)
{
	autoclose int made = -1;
	char letter;
	size_t count = 1;
	ssize_t got = passfd_receive(socket, &letter, sizeof(letter), &made, &count, 0);

	if (got <= 0)
		return got < 0 ? error_sys(err, "wait for the container's network namespace")
			       : error_set(err, ERROR_SYSTEM, "the command is gone");
	return (made < 0 ? unshare(CLONE_NEWNET) : setns(made, CLONE_NEWNET)) == 0 ||
	       error_sys(err, "make a network namespace for the container");
}
