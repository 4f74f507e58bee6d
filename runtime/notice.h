/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_NOTICE_H
#define RUNTIME_NOTICE_H

#include "base/buf.h"
#include "runtime/container.h"

/*
 * What the monitor tells its clients of a container's life, as docs/architecture.md has it: one
 * JSON object a message. `text` is empty, with the limit NOTICE_MAX.
 */

#define NOTICE_MAX 4096

/* {"event":"started","pid":N} */
void notice_started(struct buf *text, int pid);
/* {"event":"exited","code":N} */
void notice_exited(struct buf *text, int code);
/* {"event":"failed","kind":"…","text":"…"}: it never ran, and why. */
void notice_failed(struct buf *text, enum container_fault fault, const struct error *why);

#endif
