/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PRUNEFILTER_H
#define CLI_PRUNEFILTER_H

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "cli/command.h"

/*
 * The filters of a prune: what the command line says, and what `pruneFilters` of the user's
 * config.json always keeps. A label that both name, one to have it and one not to, is the command
 * line's. A file that cannot be read fails: it may say what must stay.
 */
must_check bool prunefilter_gather(const struct cli *cli, struct arena *arena,
				   const struct texts *given, struct texts *filters,
				   struct error *err);

#endif
