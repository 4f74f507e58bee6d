/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_FETCHER_H
#define IMAGE_FETCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * Our end of mooring-fetch's control socket (docs/architecture.md). Nothing it says is believed:
 * sizes and digests are checked here or by the pump.
 */
struct fetcher {
	int socket;
	int64_t last_id;
	bool is_from_origin;    /* past all mirrors, from here on */
	int64_t waits_until_ms; /* as was told last */
	struct texts told;      /* warnings of the registry's, in the arena */
	struct arena arena;
};

void fetcher_done(struct fetcher *fetcher);

#define MEDIA_TYPE_MAX 255

enum fetch_state {
	FETCH_PROGRESS,
	FETCH_DONE,
	FETCH_FAILED,
};

struct fetch_reply {
	int64_t id;
	enum fetch_state state;
	int64_t bytes;
	int64_t whole; /* bytes of all there is, whatever part was asked for; 0: not said */
	char media_type[MEDIA_TYPE_MAX + 1];
	struct digest digest; /* empty if the server did not say */
	bool is_mounted;      /* the answer to a look */
	struct error err;     /* FETCH_FAILED */
};

/* The next reply to any request; waits. Fails if mooring-fetch is gone. */
must_check bool fetcher_receive(struct fetcher *fetcher, struct fetch_reply *reply,
				struct error *err);

/* Asks for a blob, from `offset` on, to be written into `to`, which is the caller's to close. */
struct fetch_blob {
	const char *reference;
	const struct digest *digest;
	int64_t size, offset;
	int to;
};

must_check bool fetcher_request_blob(struct fetcher *fetcher, const struct fetch_blob *blob,
				     int64_t *id, struct error *err);

/* The same of an object in a bucket. */
struct fetch_object {
	const char *uri;        /* "s3://BUCKET/KEY" */
	int64_t offset, length; /* length -1: to the end */
	int to;
};

must_check bool fetcher_request_object(struct fetcher *fetcher, const struct fetch_object *object,
				       int64_t *id, struct error *err);

/* Small things, whole. No other request may be running. `body` has the limit. */
must_check bool fetcher_read_manifest(struct fetcher *fetcher, const char *reference,
				      struct buf *body, struct fetch_reply *reply,
				      struct error *err);
/* Only what the manifest's digest is; empty if the registry does not say. */
must_check bool fetcher_head_manifest(struct fetcher *fetcher, const char *reference,
				      struct fetch_reply *reply, struct error *err);
must_check bool fetcher_read_blob(struct fetcher *fetcher, const char *reference,
				  const struct digest *digest, int64_t size, struct buf *body,
				  struct error *err);

/* Pushing. Does the registry have the blob, or did it take it over from its repository `from` (or
 * NULL)? */
enum fetch_look {
	FETCH_ABSENT,
	FETCH_THERE,
	FETCH_MOUNTED
};

must_check bool fetcher_look(struct fetcher *fetcher, const char *reference,
			     const struct digest *digest, const char *from, enum fetch_look *found,
			     struct error *err);
/* `size` bytes of the file `body` from its position on; it stays the caller's. */
struct fetch_push {
	const char *reference;
	const struct digest *digest;
	int64_t size;
	int body;
	void (*on_sent)(void *context, int64_t bytes); /* as they go out; or NULL */
	void *context;
};

must_check bool fetcher_push_blob(struct fetcher *fetcher, const struct fetch_push *push,
				  struct error *err);
must_check bool fetcher_push_manifest(struct fetcher *fetcher, const char *reference,
				      const char *media_type, int64_t size, int body,
				      struct error *err);

#endif
