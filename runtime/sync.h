/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SYNC_H
#define RUNTIME_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/container.h"

/*
 * The conversation between spawn (outside) and init (inside), in the only legal order. Steps in
 * brackets happen only where the config asks for them: an ordinary `run` needs one message, JOIN.
 */
enum sync_step {
	SYNC_CLONED,    /* [stage → spawn] namespaces are joined, init is this process */
	SYNC_MAPPED,    /* [spawn → init]  your user namespace's ids are mapped */
	SYNC_OPEN,      /* [init → spawn]  a mount's source is out of my reach: open it */
	SYNC_OPENED,    /* [spawn → init]  here it is */
	SYNC_IDMAP,     /* [init → spawn]  map the ids of this mount */
	SYNC_IDMAPPED,  /* [spawn → init]  they are mapped */
	SYNC_SOURCED,   /* [init → spawn]  the mounts are made: go on */
	SYNC_JOIN,      /* spawn → init    state is saved; the doors of your control groups */
	SYNC_NETWORK,   /* [init → spawn]  a netlink socket of mine: move network devices */
	SYNC_NETWORKED, /* [spawn → init]  they are there */
	SYNC_HOOKS,     /* [init → spawn]  mounts made, nothing pivoted: run the early hooks */
	SYNC_HOOKED,    /* [spawn → init]  they went well */
	SYNC_LIMITS,    /* [init → spawn]  my rlimits need rights that only you have */
	SYNC_LIMITED,   /* [spawn → init]  they are set */
	SYNC_LISTENER,  /* [init → spawn]  my filter has a listener: take it to its agent */
	SYNC_LISTENED,  /* [spawn → init]  the agent has it */
	SYNC_CREATED,   /* [init → spawn]  all is set up; the program waits for `start` */
	SYNC_CLOSED,    /* init → spawn    the end of the stream: the program was executed */
	SYNC_FAILED,    /* init → spawn    a struct error follows, I am gone */
};

#define SYNC_FDS_MAX 32

struct sync_message {
	enum sync_step step;
	pid_t pid;                  /* SYNC_CLONED */
	bool is_in_cgroup;          /* SYNC_CLONED: born in its group */
	enum container_fault fault; /* SYNC_FAILED */
	int listener;               /* SYNC_LISTENER: the sender's descriptor */
	size_t number;              /* SYNC_OPEN, SYNC_IDMAP: of the mount in the config */
	size_t fd_count;            /* SYNC_JOIN, SYNC_OPENED, SYNC_IDMAP, SYNC_NETWORK */
	int fds[SYNC_FDS_MAX];
	struct error error; /* SYNC_FAILED */
};

/* A pair of connected ends, both O_CLOEXEC. */
must_check bool sync_open(int ends[2], struct error *err);
must_check bool sync_send(int end, const struct sync_message *message, struct error *err);
/* The same by a plain write, for init once it is under the container's filter: every filter that
 * lets a program say anything allows that. */
must_check bool sync_report(int end, const struct sync_message *message, struct error *err);
/* Waits for that very step by a plain read, for the same reason. */
must_check bool sync_await(int end, enum sync_step step, struct error *err);
/* Waits for the next message. The end of the stream is SYNC_CLOSED. */
must_check bool sync_receive(int end, struct sync_message *message, struct error *err);
/* Waits for that very step; another is a failure, SYNC_FAILED the failure that it carries. */
must_check bool sync_expect(int end, enum sync_step step, struct sync_message *message,
			    struct error *err);

/* For a process and its clone that speak at the same end: the clone waits until its maker is gone,
 * and with that has said what must be heard first. A pipe; both ends O_CLOEXEC. */
must_check bool sync_turn_open(int turn[2], struct error *err);
void sync_turn_wait(const int turn[2]);

#endif
