/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_CALL_H
#define REGISTRY_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "registry/aws.h"
#include "registry/fetch_settings.h"
#include "registry/http.h"
#include "registry/limit.h"
#include "registry/sigv4.h"

/*
 * An HTTP request as its caller composed it, and the reply whatever its status: op "http" of the
 * control socket (docs/architecture.md). For what is neither an image nor an object of S3: IoT's
 * credentials, uploads, the APIs of AWS. Redirects are the caller's business.
 */

struct call_request {
	const char *method;
	const char *url;
	const char **headers; /* "Name: value", NULL-terminated */
	const char *text;     /* the body, or NULL */
	int64_t body_size;    /* of the body that comes from a descriptor; -1: there is none */
	int64_t limit;        /* of the reply's body */
	const char **wanted;  /* names of the reply's headers */
	size_t wanted_count;
	const char *service; /* sign for it; NULL: unsigned */
	const char *region;
	const char *payload_hash; /* NULL: to be found out */
	struct sigv4_keys keys;   /* access_key_id is NULL: those of `aws` */
	struct http_tls tls;
	bool is_direct;
	int64_t attempts;
	int64_t connect_seconds, stall_seconds, total_seconds; /* 0: as http_request has them */
};

/* Everything lives in `arena`. */
must_check bool call_request_read(struct arena *arena, const struct json *root,
				  struct call_request *request, struct error *err);

struct call_report {
	struct error error; /* if has_failed */
	bool has_failed;
	int status;
	int64_t received;                       /* bytes written to the descriptor */
	const char *headers[LIMIT_CALL_WANTED]; /* of the wanted ones; NULL: was not there */
	const struct call_request *request;     /* lives as long as the call */
};

struct call;

struct call_fds {
	int reply; /* the body goes there */
	int body;  /* -1: none */
};

/* What all calls share. */
struct call_means {
	struct http_client *client;
	const struct fetch_settings *settings;
	struct aws *aws;
};

/* Takes the arena of `request`, and the descriptors. False: nothing was taken. */
must_check bool call_start(const struct call_means *means, struct arena *arena,
			   const struct call_request *request, struct call_fds *fds,
			   struct call **call, struct error *err);
void call_free(struct call *call);

/* As in registry/transfer.h. */
void call_turn(struct call *call, int64_t now_ms);
bool call_is_over(const struct call *call);
int64_t call_due_ms(const struct call *call);
int call_full_fd(const struct call *call);
int call_hungry_fd(const struct call *call); /* must become readable before it goes on; -1 */
const struct call_report *call_report(const struct call *call);

#endif
