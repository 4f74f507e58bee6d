/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_CONTROL_H
#define REGISTRY_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "registry/call.h"
#include "registry/push.h"
#include "registry/registry.h"
#include "registry/transfer.h"

/*
 * The control socket of mooring-fetch: one JSON object per packet, a request with one descriptor
 * (or two). The messages are in docs/architecture.md.
 */

enum control_op {
	CONTROL_MANIFEST,
	CONTROL_BLOB,
	CONTROL_TAGS,
	CONTROL_LOGIN,
	CONTROL_S3,
	CONTROL_HTTP,
	CONTROL_LOOK,
	CONTROL_PUSH_BLOB,
	CONTROL_PUSH_MANIFEST,
};

struct control_request {
	int64_t id; /* -1 where the packet was too broken to say */
	enum control_op op;
	struct registry_request image;
	const char *uri; /* in the caller's arena */
	int64_t size;    /* -1: unknown */
	int64_t offset;
	int64_t length; /* -1: to the end */
	struct call_request call;
	struct push_request push; /* without its descriptor */
	struct call_fds fds;      /* owned by the caller; -1 where none came */
};

enum control_result {
	CONTROL_REQUEST,
	CONTROL_NOTHING, /* no packet is waiting */
	CONTROL_WRONG,   /* a packet that makes no sense: err says why, request->id whose it was */
	CONTROL_CLOSED,
};

enum control_result control_receive(int socket, struct arena *arena,
				    struct control_request *request, struct error *err);

/* False if the socket takes no more now (try again when it is writable). A peer that is gone counts
 * as sent: control_receive will tell. */
bool control_send_report(int socket, int64_t id, const struct transfer_report *report,
			 bool is_mounted);
bool control_send_call(int socket, int64_t id, const struct call_report *report);
bool control_send_failure(int socket, int64_t id, const struct error *problem);
/* May get lost when the socket is full. `why` is NULL unless the transfer waits, `wait_ms` long. */
void control_send_progress(int socket, int64_t id, const struct transfer_report *report,
			   const char *why, int64_t wait_ms);

#endif
