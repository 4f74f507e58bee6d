/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IMAGECHANGE_H
#define CLI_IMAGECHANGE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "image/config.h"

/*
 * --change of commit and import: lines of a Dockerfile that change an image's configuration.
 */

/* For the `check` of the option: a line that names an instruction that can be applied. */
bool imagechange_check(const char *line, struct error *err);
/* CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR.
 * What is new lives in `arena`. */
must_check bool imagechange_apply(const struct texts *lines, struct arena *arena,
				  struct image_config *config, struct error *err);

#endif
