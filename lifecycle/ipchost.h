/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPCHOST_H
#define LIFECYCLE_IPCHOST_H

#include <stdbool.h>

#include "base/error.h"
#include "lifecycle/configstore.h"
#include "lifecycle/environment.h"
#include "lifecycle/ipc/host.h"
#include "lifecycle/token.h"
#include "lifecycle/unit.h"

/*
 * The nucleus as the IPC server sees it (ipc/host.h), and the server's place in the nucleus: its
 * socket, the components' tokens, and a token for the command lines of this machine's root in
 * ROOT/cli_ipc_info.
 */

struct nucleus;
struct ipc_server;

struct ipchost {
	struct nucleus *nucleus;
	struct ipc_host host;
	struct ipc_server *server; /* NULL: it is not open */
	struct tokens tokens;      /* the token exchange reads them, too: they outlive the server */
	char *socket;
	struct configstore_subscription changes; /* of any service */
};

must_check bool ipchost_open(struct ipchost *ipc, struct nucleus *nucleus, struct error *err);
void ipchost_close(struct ipchost *ipc);

/* SVCUID, the socket and what else a script needs to speak to us. */
void ipchost_add_environment(struct ipchost *ipc, const char *component,
			     struct environment *environment);

/* The component is no more: its token is no longer valid. */
void ipchost_forget(struct ipchost *ipc, const char *component);

#endif
