/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_SERVER_H
#define LIFECYCLE_IPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/texts.h"
#include "lifecycle/ipc/host.h"
#include "lifecycle/token.h"

/*
 * The Greengrass IPC server: event-stream RPC on a Unix socket, for the AWS SDKs in components and
 * for our own command lines.
 */

struct ipc_server;
struct mqtt_proxy;
struct exchange;

struct ipc_options {
	struct loop *loop;
	const struct ipc_host *host;
	struct tokens *tokens;     /* the nucleus issues and revokes, the server looks up */
	const char *socket;        /* an absolute path of at most 107 bytes */
	const char *data;          /* the nucleus' root: shadows and secrets are below it */
	struct mqtt_proxy *mqtt;   /* NULL: no connection to the cloud is configured */
	struct exchange *exchange; /* for MooringStatus only; NULL: there is none */
};

/* Listens on the socket, mode 0666: the token is the secret. A socket that is there from before
 * keeps working for nobody and is replaced. The texts of `options` are copied. */
must_check bool ipc_server_open(struct ipc_server **server, const struct ipc_options *options,
				struct error *err);

/* Ends all connections and removes the socket. */
void ipc_server_close(struct ipc_server *server);

/* -- what the nucleus tells ---------------------------------------------------------------------
 */

/* The value at `path` of the component's configuration, or something below it, is another one now;
 * a changed time alone is not told. Once per changed node is enough, and leaves may be told one by
 * one. Subscribers are told, and policies read anew. */
void ipc_configuration_changed(struct ipc_server *server, const char *component,
			       const char *const *path, size_t count);

/* Components are going to be updated by the deployment, if its subscribers agree. All components
 * that are subscribed are asked; their names, each once and in `arena`, are added to `asked`, and
 * each answers by host->defer_update or not at all. */
void ipc_pre_update(struct ipc_server *server, const char *deployment, bool is_restarting,
		    struct arena *arena, struct texts *asked);
/* The same for one component whose time to ask again has come; false: it is no longer subscribed.
 */
bool ipc_pre_update_one(struct ipc_server *server, const char *component, const char *deployment,
			bool is_restarting);
void ipc_post_update(struct ipc_server *server, const char *deployment);

/* Asks the component whether it takes `configuration`, the whole that is proposed. False: it is
 * not subscribed, and there is nothing to wait for. The answer comes by host->validity_report. */
bool ipc_validate(struct ipc_server *server, const char *component, const char *deployment,
		  const struct json *configuration);

/* The component's token is no longer valid: what it has connected is closed. */
void ipc_component_gone(struct ipc_server *server, const char *component);

#endif
