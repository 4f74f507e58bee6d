/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOGGING_H
#define ENGINE_LOGGING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"

/*
 * Log drivers. All but "none" have the monitor write container.log, within bounds. "syslog" and
 * "journald" have it passed on besides, by mooring-logger, as docker keeps what it passes on for
 * docker logs.
 */

#define LOGGING_FIELDS "{{.ID}} {{.FullID}} {{.Name}} {{.ImageID}} {{.ImageFullID}} {{.ImageName}}"

/* Takes them up: "KEY=VALUE" each, sorted; of a key that comes twice the last one counts. */
void logging_set_options(struct container *container, const struct texts *options,
			 struct arena *arena);

/* Checks log_driver (not "") and log_options, and reads the bounds among them. Docker's words. */
must_check bool logging_check(struct container *container, struct error *err);

/* Can docker logs show anything? */
bool logging_is_readable(const struct container *container);

/* The value of a log option; NULL if it was not given. */
const char *logging_option(const struct container *container, const char *name);

/* What the monitor has to be told; `path` is the container's directory. */
must_check bool logging_monitor_argv(const struct container *container, const char *path,
				     struct arena *arena, struct texts *argv, struct error *err);

/* The option tag, or `usual`, with what stands in braces filled in. */
must_check bool logging_tag(const struct container *container, const char *usual,
			    struct arena *arena, const char **tag, struct error *err);

/* The labels and variables that the options labels, env, labels-regex and env-regex name:
 * "KEY=VALUE" each, by name. The caller has done with them. */
must_check bool logging_attributes(const struct container *container, struct arena *arena,
				   struct texts *attributes, struct error *err);

/* Starts mooring-logger where the driver needs it; it ends after *end is closed, -1 where there is
 * none. `lock` is the container's directory. */
must_check bool logging_forward(const struct container *container, int lock, int *end,
				struct error *err);

#endif
