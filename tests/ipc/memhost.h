/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IPC_MEMHOST_H
#define TESTS_IPC_MEMHOST_H

#include "lifecycle/configtree.h"
#include "lifecycle/ipc/host.h"
#include "lifecycle/ipc/server.h"

/*
 * A nucleus in memory for the tests of the IPC server: real configuration trees, components that
 * are only names with a state, deployments that are only remembered. What it is asked to do is
 * noted in `calls`, one line each.
 */

#define MEMHOST_COMPONENTS_MAX 256

struct memhost {
	struct ipc_host host;
	struct ipc_server *server; /* set once it is open: changes are told to it */
	struct configtree tree;    /* COMPONENT/… */
	struct ipc_component components[MEMHOST_COMPONENTS_MAX];
	size_t count;
	struct ipc_deployment deployments[16];
	size_t deployment_count;
	struct buf calls;
	void (*on_call)(struct memhost *host, const char *line); /* may be NULL */
	void *context;
	struct arena arena;
};

void memhost_init(struct memhost *host);
void memhost_done(struct memhost *host);

/* Adds a component that is RUNNING; `configuration` is a JSON object. False: it is none. */
bool memhost_add(struct memhost *host, const char *name, const char *configuration);

/* As a deployment would: merges JSON into the configuration, whatever the times are. */
bool memhost_merge(struct memhost *host, const char *name, const char *configuration);

#endif
