/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_FETCH_CONFINE_H
#define REGISTRY_FETCH_CONFINE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * For good, and for every thread to come: user nobody (if we were root), no capabilities, no new
 * privileges, no core, and only the system calls that fetching needs. Files can still be opened for
 * reading, for name resolution and CA certificates; nothing can be opened for writing, executed,
 * traced or listened on.
 */
must_check bool fetch_confine(struct error *err);

#endif
