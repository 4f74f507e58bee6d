/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NETLINK_H
#define BASE_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct nlmsghdr;

/*
 * A small netlink client (RFC 3549; linux/netlink.h): messages are built in one buffer, sent,
 * and each waits for the kernel's acknowledgement. A socket belongs to the network namespace in
 * which it was opened, whatever the process joins later.
 */

#define NETLINK_BATCH_MAX (160 << 10) /* what the kernel takes in one piece, with room to spare */

struct netlink {
	int fd;
	uint32_t sequence;
	size_t used;      /* bytes in buffer: one message, or several of a batch */
	size_t start;     /* where the message being built begins */
	uint32_t awaited; /* sequence number of the last message that asks for an answer */
	char *buffer;
	size_t room; /* bytes at buffer */
};

/* `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER. */
must_check bool netlink_open(struct netlink *netlink, int protocol, struct error *err);
/* Goes on with a socket of another process; it is closed like one's own. */
must_check bool netlink_adopt(struct netlink *netlink, int fd, struct error *err);
void netlink_close(struct netlink *netlink);

/* Begins a message with its fixed header (ifinfomsg, …). NLM_F_REQUEST is added to `flags`. */
void netlink_begin(struct netlink *netlink, uint16_t type, uint16_t flags, const void *header,
		   size_t size);
void netlink_put(struct netlink *netlink, uint16_t attribute, const void *value, size_t size);
void netlink_put_text(struct netlink *netlink, uint16_t attribute, const char *text);
void netlink_put_u32(struct netlink *netlink, uint16_t attribute, uint32_t value);
/* Plain bytes inside an attribute (a nested header). */
void netlink_put_raw(struct netlink *netlink, const void *value, size_t size);
/* Attributes between these two are nested in `attribute`; pass what begin returned to end. */
size_t netlink_nest(struct netlink *netlink, uint16_t attribute);
void netlink_nest_end(struct netlink *netlink, size_t nest);

/* The message being built is the one whose answer netlink_send waits for: for batches, of which the
 * kernel tells failures anyway. */
void netlink_await(struct netlink *netlink);

/* Sends what was built since the last send and waits until the kernel has done it, or fails with
 * the kernel's errno: "WHAT: File exists" (ERROR_EXISTS). */
must_check bool netlink_send(struct netlink *netlink, const char *what, struct error *err);

/* Sends the request that was built, whose flags include NLM_F_DUMP, and shows every message of the
 * answer to `visit` with its `context`. */
must_check bool netlink_dump(struct netlink *netlink,
			     void (*visit)(struct nlmsghdr *message, void *context), void *context,
			     const char *what, struct error *err);

/* An attribute of a message, behind the message's fixed header, or within another attribute: its
 * value, and *size of it; NULL (and 0) if there is none. */
const void *netlink_find(const struct nlmsghdr *message, size_t header, uint16_t attribute,
			 size_t *size);
const void *netlink_find_in(const void *attributes, size_t length, uint16_t attribute,
			    size_t *size);

#endif
