/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CREDENTIALS_EXCHANGE_H
#define LIFECYCLE_CREDENTIALS_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/jsonout.h"
#include "base/loop.h"
#include "lifecycle/token.h"

/*
 * The token exchange service: a component shows its token, over HTTP on the loopback, and gets
 * temporary AWS credentials of the device's role. Nothing but this one request is served, so there
 * is no HTTP library: libmicrohttpd of Debian brings GnuTLS with it, three times the memory of the
 * whole nucleus, for the two headers that matter here.
 *
 * SDKs wait one or two seconds. So credentials are fetched before somebody asks, and anew long
 * before they expire; whoever asks is answered from memory.
 */

#define EXCHANGE_PATH         "/2016-11-01/credentialprovider/"
#define EXCHANGE_REQUEST_MAX  4096 /* bytes of a request's head */
#define EXCHANGE_CLIENTS_MAX  64
#define EXCHANGE_CLIENT_MS    10000 /* for a client to send its request and read the answer */
#define EXCHANGE_WAIT_MS      2000  /* a client waits so long for a fetch that is under way */
#define EXCHANGE_LINK_ADDRESS "169.254.170.2" /* where SDKs in containers look by themselves */

struct exchange;

struct exchange_options {
	struct loop *loop;
	const struct tokens *tokens;
	const char *endpoint;    /* iotCredEndpoint: HOST or HOST:PORT */
	const char *role_alias;  /* iotRoleAlias */
	const char *thing;       /* system.thingName */
	const char *certificate; /* system.certificateFilePath */
	const char *key;         /* system.privateKeyPath */
	const char *root_ca;     /* system.rootCaPath */
	const char *proxy;       /* http://…, with its login; NULL: none */
	const char *no_proxy;
	int port;                  /* 0: any */
	const char *link_device;   /* also EXCHANGE_LINK_ADDRESS port 80, for who comes in by this
				    * network device (a bridge with containers); NULL: not */
	int client_error_seconds;  /* credentialRetryInSec.clientError: 120 */
	int server_error_seconds;  /* credentialRetryInSec.serverError: 60 */
	int unknown_error_seconds; /* credentialRetryInSec.unknownError: 300 */
	/* May this component have credentials? NULL: every component may, as in Greengrass. */
	bool (*may_have)(void *context, const char *component);
	void *context;
};

/* The defaults above, with nothing else set. */
void exchange_options_init(struct exchange_options *options);

/* Listens on 127.0.0.1 and, where there is IPv6, on ::1. Texts are copied. Fails for what is
 * missing in the options, and where the port is taken. */
must_check bool exchange_open(struct exchange **exchange, const struct exchange_options *options,
			      struct error *err);
void exchange_close(struct exchange *exchange);

int exchange_port(const struct exchange *exchange);
/* For AWS_CONTAINER_CREDENTIALS_FULL_URI; lives as long as the exchange. */
const char *exchange_uri(const struct exchange *exchange);

/* Somebody is going to ask: credentials are kept ready from now on. */
void exchange_prefetch(struct exchange *exchange);

/* What is served now, for the nucleus' own use; false: there is nothing (yet). */
struct exchange_credentials {
	const char *access_key_id, *secret_access_key, *session_token;
	int64_t expires; /* seconds since the epoch */
};
bool exchange_peek(const struct exchange *exchange, struct exchange_credentials *credentials);

/* An object for people: state, when they expire, what is wrong. */
void exchange_write_state(const struct exchange *exchange, struct jsonout *out, const char *key);

#endif
