/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_FETCHPROGRAM_H
#define LIFECYCLE_FETCHPROGRAM_H

#include "base/buf.h"
#include "base/error.h"
#include "base/proc.h"

/*
 * A mooring-fetch, the only program that talks to the network, with an empty environment; it ends
 * with us. The contract of its settings and its socket is in docs/architecture.md.
 */

/* What the settings may have, in bytes: bundles of certificates are among them. */
#define FETCHPROGRAM_SETTINGS_MAX (1 << 20)

/*
 * Starts one with `settings`, a JSON text, which is wiped afterwards: there may be passwords in it.
 * *control: our end of its socket (SOCK_SEQPACKET), the caller's to close, also after a failure,
 * when it may be -1. Fails with ERROR_SYSTEM, or with ERROR_INPUT if `settings` was cut.
 */
must_check bool fetchprogram_start(struct buf *settings, int *control, struct proc *proc,
				   struct error *err);

#endif
