/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DEVICE_H
#define LIFECYCLE_DEVICE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/*
 * What a recipe's Platform is compared with: attributes of this device.
 */

struct device {
	const char *os;               /* "linux" */
	const char *architecture;     /* amd64, x86, arm, aarch64, or uname's word */
	const char *detail;           /* armv7l and the like; NULL where the device is not ARM */
	const char *runtime;          /* "aws_nucleus_lite": recipes ask for it by this name */
	const struct json *overrides; /* platformOverride of the configuration, or NULL */
};

/* The texts live in `arena`. */
must_check bool device_detect(struct device *device, struct arena *arena, struct error *err);

/* Compares all attributes a manifest's Platform names; NULL or empty matches. Fails only where the
 * platform is malformed, a regular expression included. */
must_check bool device_matches(const struct device *device, const struct json *platform,
			       bool *is_match, struct error *err);

#endif
