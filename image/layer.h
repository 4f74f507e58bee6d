/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_LAYER_H
#define IMAGE_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/checkpoint.h"
#include "image/place.h"
#include "image/untar.h"

/*
 * A layer's tar archive into an overlay directory. Nothing is written outside the directory,
 * whatever the archive says.
 *
 * What the layers below decide, or what needs more privilege than this process has, is left as
 * notes: NUL-terminated texts, "o" + path for an opaque directory, "i" + path for a directory that
 * no entry described. assemble_layer acts on them.
 */
struct layer {
	struct place place;
	struct untar *tar;
	int64_t bytes;     /* of files */
	int64_t room;      /* bytes it may have; fewer if the disk has less */
	int64_t unchecked; /* bytes since the disk's free space was looked at */
	struct checkpointing checkpointing;
	int64_t at;                  /* where the next entry begins; -1: not known */
	struct checkpoint_file file; /* that is being written; no header: a small one */
	int64_t done;                /* bytes of its content that an earlier run wrote */
	int64_t unflushed;           /* bytes since the flusher was told */
	int flush;
};

struct layer_files {
	int from;          /* the archive, read to its end: a pipe */
	struct ring *ring; /* or this, in place of it; NULL: none */
	int diff;          /* an empty directory */
	int notes;         /* a file, for the notes */
	int split;         /* a file, for what is not in the directory: see split.h */
	int64_t room;      /* bytes the files may have together; layer_extract fails beyond */
	struct checkpointing checkpointing;
	const struct checkpoint *checkpoint; /* of an earlier run; NULL: none */
	int flush; /* a pipe that does not block, told by a byte that much was written; -1: nobody
		    */
};

/* `dirs` of an earlier run: taken over. *entries and *bytes hold what it had. */
must_check bool layer_extract(const struct layer_files *files, struct dirs *dirs, int64_t *entries,
			      int64_t *bytes, struct error *err);

#endif
