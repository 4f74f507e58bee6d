/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STATUS_H
#define ENGINE_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"

/*
 * What a container is doing, worked out afresh each time from what is on disk and which processes
 * live: nobody stores "running", so a killed monitor or a power cut cannot leave a lie.
 */
enum status_state {
	STATUS_CREATED, /* never started, or all starts failed */
	STATUS_RUNNING,
	STATUS_PAUSED,     /* running, but its processes are frozen */
	STATUS_RESTARTING, /* ended; its monitor will start it again after a pause */
	STATUS_EXITED,
};

struct status {
	enum status_state state;
	pid_t pid;                     /* of the container's init; 0 unless running (or paused) */
	unsigned long long start_time; /* of that process */
	int exit_code;                 /* of the last run; 0 while it is running */
	int64_t restart_count;         /* restarts since the last start by somebody */
	bool is_oom_killed;
	const char *started_at, *finished_at; /* RFC 3339; STATUS_NEVER */
	const char *error;                    /* why it could not be started; "" */
};

#define STATUS_NEVER     "0001-01-01T00:00:00Z"
#define STATUS_LOST_CODE 137 /* the machine or the monitor went down with it: as docker has it */

/* Texts live in `arena`. A container that is not there counts as never started. */
void status_read(const struct engine *engine, struct arena *arena, const char *id,
		 struct status *status);
/* The last end alone, as it was recorded, whatever came after it. */
void status_read_record(const struct engine *engine, struct arena *arena, const char *id,
			struct status *status);
/* Running or restarting: somebody looks after it. */
bool status_is_running(const struct engine *engine, const char *id);

/* Its program is there: running or paused. */
bool status_has_process(const struct status *status);

/* The runtime had a process for it, alive or dead, and still keeps its state. */
bool status_had_process(const struct engine *engine, const char *id);

/* "created", "running", "paused", "exited" */
const char *status_name(enum status_state state);

/* A pidfd of the container's init, checked to be that very process; -1 if it is not running. */
int status_open_process(const struct engine *engine, const char *id);

/* True while somebody creates, starts, supervises or removes the container. */
bool status_is_locked(const struct engine *engine, const char *id);

#endif
