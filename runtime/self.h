/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SELF_H
#define RUNTIME_SELF_H

#include "base/error.h"

/*
 * Makes sure that the program we run is not one a container could overwrite (CVE-2019-5736): if it
 * lies on a writable mount, executes it once more from a read-only view of itself. Call it first
 * thing, single-threaded; it returns in the process that may go on.
 */
must_check bool self_protect(char **argv, struct error *err);

/*
 * For who starts mooring-runc: executes `program` from such a view at once, which spares it doing
 * so itself; where none can be made, as it is. Comes back only if that fails; errno says why.
 */
void self_execute(const char *program, char **argv);

/*
 * A container's init is our process until `start`, and who looks into it shall not read there what
 * our caller has in its environment, nor paths of the host's. A copy of `argv`, for all of our
 * life, to be used instead: call it before anything keeps an argument or changes the environment.
 */
char **self_take_arguments(int argc, char **argv);
/* Overwrites what the kernel shows of both. What getenv gave before is lost. */
void self_forget_caller(void);

/* Ends this process. A container's filter that holds by now may refuse even that, and every
 * library's _exit goes on trying: then a fault ends it. */
_Noreturn void self_end(int status);

#endif
