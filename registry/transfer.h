/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_TRANSFER_H
#define REGISTRY_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/fetch_settings.h"
#include "registry/http.h"
#include "registry/limit.h"
#include "registry/source.h"

/*
 * One body on its way from a source to a descriptor, through redirects, refusals, broken
 * connections and slow readers. Transfers overlap; each is a small state machine turned by the main
 * loop.
 */

struct transfer_request {
	struct source source; /* owned by the transfer from here on */
	int fd;               /* so is the descriptor */
	int64_t size;         /* of the whole body, as promised elsewhere; -1: unknown */
	int64_t offset;       /* begin here */
	int64_t length;       /* and take so many bytes; -1: all there are */
	int64_t held_limit;   /* > 0: keep the body here until it is whole, if it is no larger */
	bool is_mutable; /* its name may come to mean other bytes: resume only the same version */
	bool is_queued;  /* begins with transfer_begin */
	bool may_be_encoded; /* a Content-Encoding is part of the object, not of the way */
};

struct transfer_report {
	struct error error; /* if has_failed */
	bool has_failed;
	int64_t received; /* bytes written or about to be; counts from the offset */
	int64_t sent;     /* of a request's body, where the source has one */
	int64_t total;    /* to be received; -1 as long as it is unknown */
	int64_t whole;    /* bytes of all there is, whatever part was asked for; 0: unknown */
	char media_type[256];
	char digest[128];             /* Docker-Content-Digest as it came: not verified */
	char link[LIMIT_LINK];        /* Link as it came; empty: none, or too long a one */
	char warnings[LIMIT_WARNING]; /* what the server wants people to know, a line each */
};

struct transfer;

struct transfer *transfer_start(struct http_client *client, const struct fetch_settings *settings,
				const struct transfer_request *request) must_check;
void transfer_begin(struct transfer *transfer);
bool transfer_is_queued(const struct transfer *transfer);
void transfer_free(struct transfer *transfer);

/* Does what is due at `now_ms` (monotonic). */
void transfer_turn(struct transfer *transfer, int64_t now_ms);

bool transfer_is_over(const struct transfer *transfer); /* and its descriptor is closed */
const struct transfer_report *transfer_report(const struct transfer *transfer);

/* When to call transfer_turn next if nothing else happens; INT64_MAX: no hurry. */
int64_t transfer_due_ms(const struct transfer *transfer);
/* The descriptor that must become writable before it goes on; -1: none. */
int transfer_full_fd(const struct transfer *transfer);
/* Why it is waiting to try again; NULL if it is not. */
const char *transfer_waiting_for(const struct transfer *transfer);

#endif
