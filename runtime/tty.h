/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_TTY_H
#define RUNTIME_TTY_H

#include "runtime/mount.h"

/*
 * Terminals of containers. The pair is opened in the container's own devpts; the master goes out
 * through a socket, to the caller or to the foreground `run`.
 */

/* Inside: opens the pair and sends the master through `socket`; *slave is the container's terminal.
 * In init, before pivot, it is put on /dev/console too. */
must_check bool tty_open(const struct rootfs *rootfs, int socket, bool has_console, int *slave,
			 struct error *err);
/* In init: makes it the controlling terminal and 0, 1 and 2. */
must_check bool tty_adopt(int slave, struct error *err);

/* Outside: where init shall send the master: to the caller's socket, or else, without a path,
 * through a pair of which *ours is our end, to be received from without waiting. */
must_check bool tty_open_way(const char *path, int *theirs, int *ours, struct error *err);
/* Connects to the socket on which the caller waits for the master. */
must_check bool tty_connect(const char *path, int *socket, struct error *err);
/* Sends one descriptor with its name. */
must_check bool tty_send(int socket, int fd, const char *name, struct error *err);
/* Receives the master. */
must_check bool tty_receive(int socket, int *master, struct error *err);

#endif
