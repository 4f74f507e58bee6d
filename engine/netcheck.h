/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NETCHECK_H
#define ENGINE_NETCHECK_H

#include "engine/network.h"

/* Whether a link may have this name: the kernel's rules for its length and characters. */
bool netcheck_is_device(const char *name);

/* What is asked of a new network's driver: values that it cannot have are refused in docker's
 * words, and what docker's drivers can and ours cannot by name. */
must_check bool netcheck_options(const struct network *network, struct error *err);

/* The rules of configuration networks (--config-only, --config-from), also in docker's words. */
must_check bool netcheck_config(const struct network *network, struct error *err);

#endif
