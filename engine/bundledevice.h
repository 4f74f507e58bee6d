/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BUNDLEDEVICE_H
#define ENGINE_BUNDLEDEVICE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "engine/container.h"

/*
 * Devices in config.json: --device, all of the host's for --privileged, and the rules of the device
 * cgroup that go with them.
 */

/* linux.devices */
must_check bool device_write_nodes(struct jsonout *out, const struct container *container,
				   struct arena *arena, struct error *err);
/* linux.resources.devices */
must_check bool device_write_rules(struct jsonout *out, const struct container *container,
				   struct error *err);

/* For the command line: docker's words for a bad mode. */
/* The same for --device-cgroup-rule. */
bool device_check_rule(const char *text, struct error *err);
bool device_check(const char *text, struct error *err);

#endif
