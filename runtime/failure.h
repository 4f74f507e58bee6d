/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FAILURE_H
#define RUNTIME_FAILURE_H

#include "runtime/verb.h"

/*
 * How a failure is told: to --log, where callers read the whole file and want exactly one record on
 * failure and none on success, and on standard error.
 */

/* Creates the log, so that a caller finds it, and a wrong path is a failure before anything is. */
must_check bool failure_open_log(const struct globals *globals, struct error *err);
/* Returns `status`. */
int failure_report(const struct globals *globals, const struct error *err, int status);

#endif
