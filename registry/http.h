/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "registry/feed.h"

/*
 * HTTP by libcurl: many exchanges at once, one thread, callbacks. One exchange is one request and
 * one reply; redirects, retries and credentials are the caller's business (registry/transfer.h),
 * because they are decisions about trust.
 *
 * HTTP/1.1 only, on purpose: with it a slow reader holds up the sender by TCP itself, while an
 * HTTP/2 window may have to be buffered here, up to 32 MiB a stream.
 */

struct http_settings {
	const char *http_proxy;  /* URL, or NULL */
	const char *https_proxy; /* URL, or NULL */
	const char *no_proxy;    /* comma-separated, or NULL; loopback never goes through a proxy */
	const char *ca; /* PEM: may sign for anybody, beside those of the system; or NULL */
	int64_t bytes_per_second; /* of all that is received together; 0: no limit */
	long connect_seconds;
	long stall_seconds; /* less than a byte a second for so long counts as broken */
};

/* A certificate of ours with the chain behind it, and its key: PEM texts. */
struct http_identity {
	const char *name; /* for messages */
	const char *certificate, *key;
};
struct http_identities {
	const struct http_identity *items;
	size_t count;
};

/* PEM texts, each NULL if there is none. */
struct http_tls {
	const char
		*ca; /* who may have signed the server's certificate, beside those of the system */
	const char *certificate; /* ours, with the chain behind it */
	const char *key;
	/* Instead: the server chooses (registry/identity.h). Not copied: they last as long as the
	 * client does. NULL: none. */
	const struct http_identities *identities;
	bool is_ca_alone; /* nobody but `ca`, where there is one */
};

struct http_request {
	const char *method; /* NULL: GET, or POST where there is a form */
	const char *url;
	const char *authorization;  /* value of the Authorization header, or NULL */
	const char *const *headers; /* "Name: value", NULL-terminated; or NULL */
	const char *form; /* application/x-www-form-urlencoded: makes it a POST; or NULL */
	struct feed
		*body; /* sent as it is, or NULL; stays the caller's, who keeps it until the end */
	bool is_unverified;  /* take any certificate: a registry that the user marked insecure */
	bool is_direct;      /* through no proxy */
	bool is_decoded;     /* a Content-Encoding is undone, though none is asked for */
	bool is_public_only; /* to no private address, whatever its name says; through a proxy, the
				proxy decides */
	struct http_tls tls;
	long connect_seconds; /* 0: as in the settings; so with the next */
	long stall_seconds;
	long total_seconds; /* for all of it; 0: no limit */
};

struct http_response {
	int status;
	struct buf headers; /* "Name: value\n" each */
	/* From on_end on. */
	const char *url;   /* that answered */
	bool is_private;   /* at an address that is no public one; a proxy's, where there is one */
	bool is_connected; /* to whoever it was, and it did not just stay silent */
};

enum http_verdict {
	HTTP_TAKEN, /* go on */
	HTTP_LATER, /* nothing taken: give me the same again after http_resume */
	HTTP_STOP,  /* no more of this exchange; on_end follows */
};

struct http_events {
	/* Status and headers are complete; false stops. */
	bool (*on_head)(void *context, const struct http_response *response);
	enum http_verdict (*on_body)(void *context, const char *bytes, size_t count);
	/* Called once, last. `problem` is NULL when the whole reply arrived; its kind is
	 * ERROR_NETWORK where trying again may help. */
	void (*on_end)(void *context, const struct http_response *response,
		       const struct error *problem);
};

struct http_client;
struct http_exchange;

must_check bool http_client_new(const struct http_settings *settings, struct http_client **client,
				struct error *err);
void http_client_free(struct http_client *client); /* cancels what is running */

/* Texts of the request are copied. The exchange lives until its on_end returns. An exchange whose
 * feed is waiting goes on after http_resume. */
struct http_exchange *http_start(struct http_client *client, const struct http_request *request,
				 const struct http_events *events, void *context) must_check;
void http_resume(struct http_exchange *exchange);
/* Ends it without on_end. Not from within a callback. */
void http_cancel(struct http_exchange *exchange);

/* Has anybody answered yet? If not, this machine is more likely offline than its peers are busy. */
bool http_has_heard(const struct http_client *client);

/* Waits at most `timeout_ms` for traffic, or for one of `others`, then runs callbacks. */
must_check bool http_turn(struct http_client *client, const struct pollfd *others, size_t count,
			  int timeout_ms, struct error *err);

/* The `nth` header (from 0) of that name, letters of any case: copied into `value` without blanks
 * around it. False if there is none, or if it does not fit. */
bool http_header(const struct http_response *response, const char *name, size_t nth, char *value,
		 size_t size);

#endif
