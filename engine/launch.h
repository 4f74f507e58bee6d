/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LAUNCH_H
#define ENGINE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * Starting a container: a child of ours prepares the bundle and becomes `mooring-runc monitor`,
 * which leaves us for good. What remains is a socket to it, and the pipes we asked for.
 */
struct launch {
	struct engine *engine;
	const struct container *container;
	int lock;         /* the container's directory, locked by claim_lock or create_container */
	bool is_made_now; /* it was made for this start, and has never run */

	/* Which streams we want to be at the other end of; the rest goes to the log alone. */
	bool wants_stdin, wants_stdout, wants_stderr;
};

/* A container that has been started, seen from the command that did. */
struct launched {
	int client; /* messages of the monitor; closing it without a detach stops the container */
	int in, out, errors; /* our ends of the pipes; -1: not wanted */
	char warning[ERROR_TEXT_MAX];
};

void launched_init(struct launched *launched);
void launched_close(struct launched *launched);

/* The exit code docker's `run` gives for a container that could not be started. */
enum launch_fault {
	LAUNCH_FAULT_OTHER = 125,
	LAUNCH_FAULT_NOT_EXECUTABLE = 126,
	LAUNCH_FAULT_NOT_FOUND = 127,
};

/* Returns once the container's program has been executed. On failure the container is as it was
 * before, and knows why (failure.json). */
must_check bool launch_container(const struct launch *launch, struct launched *launched,
				 enum launch_fault *fault, struct error *err);

/* What the monitor says. */
enum launch_event {
	LAUNCH_STARTED,
	LAUNCH_FAILED,
	LAUNCH_ENDED, /* its processes are gone; the monitor cleans up, and LAUNCH_EXITED follows */
	LAUNCH_EXITED,
	LAUNCH_WARNED,
	LAUNCH_LOST, /* the monitor is gone without a word */
};

struct launch_message {
	enum launch_event event;
	int code; /* LAUNCH_EXITED: the exit code; LAUNCH_FAILED: an enum launch_fault */
	char text[ERROR_TEXT_MAX];
};

/* Waits for the next message. */
void launch_receive(int client, struct launch_message *message);
/* To the monitor. A monitor that is gone hears nothing. */
void launch_send_signal(int client, int signal);
/* The size of the container's terminal. */
void launch_send_size(int client, unsigned short rows, unsigned short columns);
/* We go away, the container stays. False if its monitor has told us before that it has ended, or
 * not heard of us any more: then *last is what it told, and what we would have done at the end is
 * ours to do, since the monitor relies on us. */
bool launch_detach(int client, struct launch_message *last);

#endif
