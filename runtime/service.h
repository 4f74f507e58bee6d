/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SERVICE_H
#define RUNTIME_SERVICE_H

#include "runtime/spec.h"

/*
 * A container as a service of systemd: sockets that were opened for it ($LISTEN_FDS), and the
 * message that it is ready ($NOTIFY_SOCKET), which goes through a socket of our own in the state
 * directory, so that a container can say nothing else to the host's manager.
 */

#define SERVICE_NOTIFY_DIR "notify"

struct service {
	const char *notify;        /* the manager's socket; NULL: none */
	unsigned int listen_count; /* descriptors from 3 on */
	const char *listen_names;  /* $LISTEN_FDNAMES, or NULL */
};

/* What our environment says. Descriptors that were meant for another process are not taken. */
must_check bool service_read(struct service *service, struct error *err);
/* Gives the container's program the variables and the mount; `state_dir` is ROOT/ID. */
void service_add(const struct service *service, const char *state_dir, struct arena *arena,
		 struct spec *spec);

/* Makes the directory of the socket in the state directory, and the socket, which is non-blocking.
 */
must_check bool service_make_dir(int state_dir, struct error *err);
must_check bool service_listen(int state_dir, int *socket, struct error *err);
/* Takes what has come and passes the first READY on, with `pid` as the main process; *is_ready says
 * that it was. The machine's manager is not for a container to keep busy. */
must_check bool service_pass_on(int socket, const char *notify, pid_t pid, bool *is_ready,
				struct error *err);
/* Waits until READY was passed on and read, or init (its pidfd) has ended. */
must_check bool service_await(int socket, const char *notify, pid_t pid, int init,
			      struct error *err);

#endif
