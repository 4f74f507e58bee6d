/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TARIMAGE_H
#define CLI_TARIMAGE_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "engine/engine.h"

/*
 * A tar archive of the user's, unpacked: only mooring-unpack reads archives, into the store that it
 * is confined to. So the archive becomes an image without a name for as long as its files are
 * wanted.
 */
struct tarimage {
	struct digest id;
	int files; /* the directory */
};

must_check bool tarimage_open(struct engine *engine, int archive, struct tarimage *image,
			      struct error *err);
void tarimage_close(struct engine *engine, struct tarimage *image);

#endif
