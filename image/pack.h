/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PACK_H
#define IMAGE_PACK_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * A directory as a tar archive (PAX): owners, modes, extended attributes, hard links, devices,
 * fifos, and times to the second, as docker does it; sockets are left out. Entries are sorted by
 * name, so the same tree gives the same bytes. Whoever changes the tree meanwhile can spoil the
 * archive but not lead the reader out of the directory.
 */
struct pack {
	int dir;          /* not kept, not closed */
	const char *only; /* one entry of `dir`, with what is below it; NULL: all, without `dir` */
	const char *as;   /* the name `only` has in the archive; NULL: its own */
	bool is_upper;    /* overlay's upper side: whiteouts become ".wh." entries */
	const struct texts *bare; /* left out as long as it is empty, or a link; NULL: nothing */
};

must_check bool pack_tree(const struct pack *pack, int to, struct error *err);

#endif
