/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVERCONFINE_H
#define ENGINE_RESOLVERCONFINE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * What the resolver gives up before it reads anything of a container's: root, every capability,
 * files and programs. It keeps its descriptors, and may open sockets to ask others.
 */
must_check bool resolver_confine(struct error *err);

#endif
