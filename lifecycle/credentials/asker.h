/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CREDENTIALS_ASKER_H
#define LIFECYCLE_CREDENTIALS_ASKER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/loop.h"
#include "lifecycle/credentials/exchange.h"
#include "lifecycle/credentials/rolecredentials.h"

/*
 * The HTTP side of the token exchange: as much of HTTP/1.1 (RFC 9112) as one GET of one path needs.
 * Each connection serves one request and is closed.
 */

struct asker_server;

struct asker_options {
	struct loop *loop;
	int port;                /* 0: any */
	const char *link_device; /* see exchange_options; kept by reference */
	/* The answer to a well-formed request with this Authorization (NULL: none). False: not yet;
	 * it is asked again by asker_server_answer, and after EXCHANGE_WAIT_MS the client gets 500.
	 */
	bool (*reply)(void *context, const char *token, int *status, struct buf *body);
	void *context;
};

must_check bool asker_server_open(struct asker_server **server, const struct asker_options *options,
				  struct error *err);
void asker_server_close(struct asker_server *server); /* NULL: nothing happens */
int asker_server_port(const struct asker_server *server);
/* Those who wait are asked for again. */
void asker_server_answer(struct asker_server *server);

/* What a request's head says; for asker itself and its tests. `head` ends with an empty line. The
 * status is 0 for a request that is in order, else what it is to be answered with. *token lives in
 * `head`, which is changed. */
int asker_read_head(char *head, const char **token);

#endif
