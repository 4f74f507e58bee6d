/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_TTYRELAY_H
#define RUNTIME_TTYRELAY_H

#include "runtime/foreground.h"

/*
 * A process in the foreground that we have to do something for meanwhile: with a terminal our stdin
 * and stdout and the terminal's master are one; what a service says goes on to its manager. All
 * signals are blocked in the caller; they go to the process. Ends when that does, or when the keys
 * are typed with which the user leaves. Once nobody takes what the terminal shows it hangs up.
 */
must_check bool ttyrelay_run(const struct foreground *child, enum foreground_end *end,
			     struct error *err);

#endif
