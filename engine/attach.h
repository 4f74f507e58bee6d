/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ATTACH_H
#define ENGINE_ATTACH_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/launch.h"

/*
 * The foreground: streams between the caller's descriptors and a container, signals to it, until it
 * ends. Byte for byte, nothing is buffered here beyond what a pipe holds.
 */
struct attach {
	struct launched *launched; /* its pipes are closed on the way */
	int in, out, errors;       /* the caller's; -1: not connected */
	int signals;               /* a signalfd; -1: signals are not passed on */
};

/* *code is the container's exit code. Fails if the caller's output breaks (the container goes on,
 * detached) or the monitor vanishes. */
must_check bool attach_until_exit(const struct attach *attach, int *code, struct error *err);

/* Blocks every signal worth passing on and opens a signalfd for them: before the launch, so that
 * none is lost. */
must_check bool attach_open_signals(int *fd, struct error *err);

#endif
