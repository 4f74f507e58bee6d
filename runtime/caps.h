/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CAPS_H
#define RUNTIME_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/spec.h"

/*
 * Capability names and sets, by the kernel's own calls.
 */

/* The bit of "CAP_CHOWN", or 0 for a name this program does not know. */
uint64_t caps_bit(const char *name);

/* The i-th known name, as in config.json; NULL after the last. */
const char *caps_name(size_t i);

/* Tells in the log what the config asks for and nobody will get. */
void caps_warn(const struct spec_process *process);

/* The calling process' permitted set: what it could grant at all. */
uint64_t caps_available(void);

/* First half, while still privileged: shrinks the bounding set for good and asks the kernel to keep
 * the permitted set across the change of user. */
must_check bool caps_limit(const struct spec_capabilities *wanted, struct error *err);
/* Makes all that is still permitted effective, after a change of user took it away. */
must_check bool caps_regain(struct error *err);
/* Second half, after the user is set: exactly the configured sets, of those that are available. */
must_check bool caps_apply(const struct spec_capabilities *wanted, uint64_t available,
			   struct error *err);

#endif
