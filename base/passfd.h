/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PASSFD_H
#define BASE_PASSFD_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Data with descriptors over a Unix socket (unix(7), SCM_RIGHTS).
 */

#define PASSFD_MAX 32

/* Sends all in one sendmsg(2), whose result it returns; `flags` are its flags, MSG_NOSIGNAL and
 * trying again after EINTR go without saying. The descriptors, at most PASSFD_MAX or none, stay the
 * caller's. */
ssize_t passfd_send(int socket, const void *data, size_t length, const int *fds, size_t count,
		    int flags);

/* Receives with one recvmsg(2), whose result it returns; `flags` are its flags, MSG_CMSG_CLOEXEC
 * and trying again after EINTR go without saying. Before, *count says how many descriptors `fds`
 * has room for, at most PASSFD_MAX; afterwards how many have come. Those are the caller's, the rest
 * of `fds` is -1. A sender can send as many as it likes: what has no room is closed, and *count is
 * then more than the room. After a failure *count is 0. */
ssize_t passfd_receive(int socket, void *data, size_t length, int *fds, size_t *count, int flags);

#endif
