/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TAGLIST_H
#define CLI_TAGLIST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "cli/command.h"
#include "registry/reference.h"

/*
 * The tags that a repository has, asked of its registry, page by page (OCI distribution
 * specification, "Content Discovery"). `root` is the store's. The texts live in `arena`, each is a
 * well-formed tag; `tags` is the caller's to free, whatever happens.
 */
must_check bool taglist_read(const struct cli *cli, const char *root,
			     const struct reference *repository, struct arena *arena,
			     struct texts *tags, struct error *err);

#endif
