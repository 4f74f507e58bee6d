/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_GATE_H
#define ENGINE_GATE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * How members of the group docker use root's containers. `docker` of an ordinary user sends its
 * arguments, environment, working directory, file mode mask and standard streams over a Unix
 * socket; mooring-gate, which is started for that one connection (by systemd, or by a listener of
 * its own), looks who is there and runs the same command as root, for that person (base/caller.h).
 *
 *     docker (user) ──connect──► GATE_SOCKET, 0660 root:docker ──► mooring-gate ──fork, exec──►
 * docker (root) │ request: struct gate_request + 5 descriptors ────────────►│ │ 0 1 2 are the
 * user's │ signals: struct gate_signal ─────────────────────────────►│──kill──────────────────►│
 *         │◄─ struct gate_answer: how it ended ───────────────────────│◄─wait───────────────────┘
 *
 * A client that is killed hangs up, and the command is killed with it. The messages are small fixed
 * structs, not JSON, because here a privileged process reads what anybody in the group may send.
 */

#define GATE_SOCKET  "/run/mooring/gate.sock"
#define GATE_VERSION 1
#define GATE_TEXT_MAX                                                                              \
	(2 << 20) /* bytes of all arguments and variables: what Linux passes to a program at most  \
		     by default */
#define GATE_COUNT_MAX 65536 /* of arguments, of variables */

/* The descriptors of a request, in order. */
enum gate_fd {
	GATE_IN,
	GATE_OUT,
	GATE_ERRORS,
	GATE_DIRECTORY,
	GATE_TEXT, /* a memory file: the arguments, then the variables, each ended by NUL */
	GATE_FDS,
};

struct gate_request {
	uint32_t version;
	uint32_t mask;      /* umask */
	uint32_t arguments; /* argv[0], "docker" or "docker-compose", included */
	uint32_t variables;
};

/* `refused`, where neither root nor the caller's rights without his processes (FUSE) open his
 * working directory. */
#define GATE_NO_DIRECTORY ENOTDIR

struct gate_signal {
	int32_t number;
};

struct gate_answer {
	int32_t code;    /* as a shell sees it: 128+n for signal n */
	int32_t refused; /* errno: the command was not started; 0: it was. EACCES: not in the group
			  */
};

enum gate_outcome {
	GATE_CALLED, /* the command has run; *code is how it ended */
	GATE_ABSENT, /* nobody listens: Mooring's gate is not installed or not started */
	GATE_CLOSED, /* the caller is not in the group */
};

/* Runs `argv` through the gate at `socket` and waits for its end, passing signals on. Fails if the
 * connection breaks off or the gate refuses for another reason than who is there. */
must_check bool gate_call(const char *socket, const char *const *argv, enum gate_outcome *outcome,
			  int *code, struct error *err);

#endif
