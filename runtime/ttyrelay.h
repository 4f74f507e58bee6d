/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_TTYRELAY_H
#define RUNTIME_TTYRELAY_H

#include "base/error.h"

/*
 * A process in the foreground with a terminal: our stdin and stdout and the terminal's master are
 * one. All signals are blocked in the caller; they go to the process. Ends when that does.
 */
must_check bool ttyrelay_run(int master, int pidfd, struct error *err);

#endif
