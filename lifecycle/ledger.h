/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_LEDGER_H
#define LIFECYCLE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"

/*
 * What is known of the components on this device, in one file replaced atomically:
 * ROOT/deployments/state.json. It is written before a deployment changes anything, and again at
 * every change of a state, so that `mooring component` and the next deployment can read it whatever
 * happened to this one.
 */

#define LEDGER_SIZE_MAX       (4 * 1024 * 1024)
#define LEDGER_COMPONENTS_MAX 4096
#define LEDGER_SESSIONS       2 /* of a component: main and side */

struct ledger_component {
	const char *name;
	const char *version;
	const char *state;
	const char *status; /* why it is ERRORED or BROKEN: "RUN_ERROR"; NULL: nothing is wrong */
	int64_t exit_code;  /* of the last script that ended; -1: none did */
	bool is_root;
	int64_t sessions[LEDGER_SESSIONS]; /* of its living scripts: 0 is none */
};

enum ledger_status {
	LEDGER_IN_PROGRESS,
	LEDGER_SUCCEEDED,
	LEDGER_FAILED,
};

struct ledger {
	const char *deployment; /* its id; NULL: there was none yet */
	const char *created_at; /* RFC 3339 */
	enum ledger_status status;
	const char *reason; /* of a failure, or NULL */
	const char *boot;   /* the kernel's boot id: pids mean nothing in another one */
	int64_t supervisor; /* pid and start time of the nucleus */
	int64_t supervisor_start;
	struct ledger_component *components;
	size_t count;
};

/* An absent file is an empty ledger. All lives in `arena`. */
must_check bool ledger_read(struct ledger *ledger, struct arena *arena, const char *root,
			    struct error *err);
/* It survives a power cut. */
must_check bool ledger_write(const struct ledger *ledger, const char *root, struct error *err);

struct ledger_component *ledger_find(const struct ledger *ledger, const char *name);
/* Finds or appends; the name is kept by reference. */
struct ledger_component *ledger_add(struct ledger *ledger, struct arena *arena, const char *name);
void ledger_remove(struct ledger *ledger, const char *name);

/* True while the nucleus that wrote it is alive: states such as RUNNING are then true. */
bool ledger_is_supervised(const struct ledger *ledger);
/* Fills deployment (a new id), created_at, boot and supervisor with ours. */
must_check bool ledger_begin(struct ledger *ledger, struct arena *arena, struct error *err);
/* Same boot as now: sessions may still be alive. */
bool ledger_is_this_boot(const struct ledger *ledger);

const char *ledger_status_name(enum ledger_status status);

#endif
