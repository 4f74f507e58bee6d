/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_CORE_H
#define LIFECYCLE_IPC_CORE_H

#include "base/jsonout.h"
#include "lifecycle/ipc/accesscontrol.h"
#include "lifecycle/ipc/connection.h"
#include "lifecycle/ipc/metric.h"
#include "lifecycle/ipc/server.h"
#include "lifecycle/ipc/topictree.h"

/*
 * The server as its own parts see it.
 */

#define SERVER_CONNECTIONS_MAX 1024
#define SERVER_STRANGERS_MAX   64 /* connections that have not said yet who they are */
#define SERVER_SCRATCH         (64 * 1024)
#define SERVER_EVENT_KEPT      (8 * 1024) /* a larger buffer is given back after the event */

/* The policies of one component, read when they are first asked for. */
struct access_cache {
	char *component;
	struct access_policies policies;
	struct access_cache *next;
};

struct ipc_server {
	struct loop *loop;
	const struct ipc_host *host;
	struct tokens *tokens;
	struct mqtt_proxy *mqtt;
	struct exchange *exchange;
	char *socket, *data;
	struct loop_watch listener;
	struct loop_timer listen_again; /* after descriptors had run out */
	struct loop_timer settling;     /* for what the nucleus has told */

	struct connection *connections; /* the newest first */
	size_t connection_count, stranger_count;
	struct connection *touched; /* to be flushed */
	struct topic_tree topics;   /* local publish/subscribe */
	struct topic_tree filters;  /* of the MQTT proxy */
	struct access_cache *access;
	struct metrics metrics;
	char *scratch;    /* SERVER_SCRATCH bytes to read into */
	struct buf event; /* what is being published; empty between two events */
};

/* Takes over a connected socket, or closes it where there are too many. */
void server_adopt(struct ipc_server *server, int fd);

/* Flushes what was touched and frees what has ended. */
void server_settle(struct ipc_server *server);

/* The same at the next step of the loop, for callers who are in the middle of something. */
void server_settle_later(struct ipc_server *server);

const struct access_policies *server_policies(struct ipc_server *server, const char *component);
void server_forget_policies(struct ipc_server *server, const char *component);

/* The next subscription after `last` (NULL: the first) whose operation this is. Subscriptions that
 * have ended are skipped. */
struct subscription *server_next(struct ipc_server *server, const char *operation,
				 struct subscription *last);

#endif
