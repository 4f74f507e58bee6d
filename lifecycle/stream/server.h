/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_SERVER_H
#define LIFECYCLE_STREAM_SERVER_H

#include "lifecycle/stream/depot.h"
#include "lifecycle/stream/exports.h"
#include "lifecycle/stream/link.h"
#include "lifecycle/stream/streamclock.h"

/*
 * Clients: who listens, who is connected, and what all of them together may hold of our memory.
 */

#define SERVER_SESSIONS_MAX    256
#define SERVER_SCRATCH_SIZE    (64 * 1024)
#define SERVER_BIG_FRAME       (256 * 1024) /* bytes; a larger request needs a reservation */
#define SERVER_RESERVED_MAX    (64LL << 20) /* bytes of larger requests at a time */
#define SERVER_BACKLOG_MAX     (64LL << 20) /* answers that nobody fetches: no more reading then */
#define SESSION_BACKLOG_MAX    (1 << 20)    /* the same for one client: no more requests of his */
#define SESSION_PENDING_MAX    256          /* waiting reads of one client */
#define SERVER_PATIENCE_MS     30000        /* for a greeting, and for a large frame to come */
#define SERVER_PATIENCE_OUT_MS 120000       /* for an answer to be fetched */

enum session_stage {
	SESSION_GREETING, /* the version byte is to come */
	SESSION_CONNECT,  /* the first frame is to come */
	SESSION_CHECKING, /* the nucleus is asked about the token */
	SESSION_OPEN,
	SESSION_CLOSING, /* he is told why, and to go */
};

/* A read that waits for messages, or an answer that waits because an earlier request of the same id
 * does: a client that gives all its requests one id must get its answers in order. */
struct pending {
	char *id;
	struct pending *next;
	struct session *session;
	struct loop_timer timer;
	char *stream; /* NULL: an answer, which is ... */
	struct buf frame;
	int64_t start; /* a read: ReadMessages' options */
	int64_t least, most;
};

struct session {
	struct server *server;
	struct session *next;
	struct loop_watch watch;
	enum session_stage stage;
	bool is_local; /* came by the control socket: needs no token */
	uint32_t author;
	struct buf in;           /* a frame that is not whole, or not due yet */
	uint32_t discard;        /* bytes of a frame that was too large, still to come */
	int64_t reserved;        /* of SERVER_RESERVED_MAX */
	bool is_starved;         /* its next frame must wait for memory */
	bool is_at_end;          /* the client sends no more */
	bool is_dead;            /* to be closed */
	struct buf out;          /* whole answers */
	size_t sent;             /* bytes of out that are gone */
	int64_t counted;         /* what the server's backlog has of ours */
	struct pending *pending; /* oldest first */
	size_t pending_count;
	int64_t since; /* when the greeting or the large frame began, or output last moved */
	struct link_call token_call;
	char *connect_id; /* while SESSION_CHECKING: of the Connect request ... */
	char *version;    /* ... and the version it gets */
};

struct server {
	struct stream_clock *clock;
	struct depot *depot;
	struct link *link;
	struct exports *exports;
	bool does_authenticate;
	int64_t part_size_min; /* of S3 uploads: no threshold may be smaller */
	struct loop_watch listener, control;
	struct loop_timer sweep, reaper;
	struct session *sessions;
	size_t session_count;
	int64_t reserved, backlog;
	char *scratch; /* what a client has just sent, if nothing of before is left */
};

/* Listens on 127.0.0.1:`port` (0: any; *port is the one it became) and, unless `control` is NULL,
 * on the Unix socket of that name, mode 0600. The other members are set. */
must_check bool server_open(struct server *server, int *port, const char *control,
			    struct error *err);
void server_close(struct server *server);
/* The part of server_open that listens to nobody. */
void server_start(struct server *server);

/* -- session.c ----------------------------------------------------------------------------------
 */

void session_open(struct server *server, int fd, bool is_local);
void session_close(struct session *session);
/* Ends it soon: whoever calls us may still be using it. */
void session_abandon(struct session *session);
bool session_is_over(const struct session *session);
/* Goes on with what has come already. */
void session_resume(struct session *session);
/* Sends what can be sent. */
void session_flush(struct session *session);
/* Once in a while: closes who keeps us waiting. */
void session_sweep(struct session *session);

/* -- waiting.c ----------------------------------------------------------------------------------
 */

/* Where the answer to the request `id` must be written: what answer_begin to answer_end do. */
struct buf *session_answer(struct session *session, const char *id);

/* Makes a read wait; it is answered by itself. */
void session_wait(struct session *session, const char *id, const char *stream,
		  const struct pending *options, int64_t milliseconds);
/* The stream has grown (or is gone): whom that concerns gets an answer. */
void server_wake_readers(struct server *server, const char *stream);
void session_wake(struct session *session, const char *stream); /* NULL: any stream */
void session_forget_pending(struct session *session);

/* -- operations.c -------------------------------------------------------------------------------
 */

/* Does what one whole frame asks for. */
void operation_run(struct session *session, uint8_t operation, const char *payload, size_t length);
/* Answers a read that waited: with messages, or with why not. */
void operation_answer_read(struct session *session, struct pending *read, struct buf *out);

/* -- answer.c -----------------------------------------------------------------------------------
 */

/* An answer of `extra` members beyond requestId, status and errorMessage; they come next, then
 * answer_end. The result goes to answer_end. */
size_t answer_begin(struct buf *out, uint8_t operation, const char *id, int status,
		    const char *text, size_t extra);
void answer_end(struct buf *out, size_t start);
/* All of an answer that says only how it went. */
void answer_status(struct buf *out, uint8_t operation, const char *id, int status,
		   const char *text);

#endif
