/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_DBUS_H
#define RUNTIME_DBUS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/dbusmessage.h"

/*
 * A connection to a D-Bus message bus, or to a single program that speaks its protocol (systemd's
 * private socket): just enough to call methods and to wait for a signal. Nothing the peer does can
 * make it wait longer than a call's time, or take more than DBUS_MESSAGE_MAX of memory.
 */

#define DBUS_WAIT_MS 30000 /* for one answer or signal */

struct dbus {
	int fd;
	bool is_direct; /* no bus in between: no names, no Hello */
	uint32_t serial;
	struct buf in; /* what was received; the message handed out last is at its front */
	size_t used;   /* bytes of that message */
};

/* An empty one, which dbus_close accepts. */
void dbus_init(struct dbus *bus);
/* Connects to the first address that answers of a list as in $DBUS_SYSTEM_BUS_ADDRESS:
 * "unix:path=/run/bus;unix:abstract=name". Says hello, unless is_direct is set. */
must_check bool dbus_open(struct dbus *bus, const char *addresses, struct error *err);
void dbus_close(struct dbus *bus);

/* Calls and waits for the answer, which lasts until the next use of the bus. Other messages that
 * come meanwhile are dropped. An error answer is a failure: "NAME: TEXT". */
must_check bool dbus_call(struct dbus *bus, const struct dbus_call *call,
			  struct dbus_message *answer, struct error *err);
/* Sends a call to which no answer comes. */
must_check bool dbus_tell(struct dbus *bus, const struct dbus_call *call, struct error *err);

/* The next message of any kind, until the monotonic clock shows `deadline` (ms). */
must_check bool dbus_next(struct dbus *bus, int64_t deadline, struct dbus_message *message,
			  struct error *err);
int64_t dbus_deadline(void);

/* "unix:path=…" for a socket's path. The caller frees it. */
char *dbus_address(const char *path) must_check;

#endif
