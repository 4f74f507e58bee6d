/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_CHECKPOINT_H
#define IMAGE_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/digest.h"
#include "base/error.h"
#include "image/dirs.h"
#include "image/limits.h"
#include "image/pump.h"
#include "image/split.h"

/*
 * Where the unpacking of a layer stands, so that a pull that was cut off, killed or lost to a power
 * cut goes on by Range, from files that are unpacked already: nothing is kept twice.
 *
 *     writer   at the end of an entry, or inside of a large file: cuts split.zst there, writes
 * "resume.new", tells the flusher
 *     flusher  syncfs: all that "resume.new" speaks of is on the disk, itself included; renames it
 * to "resume"
 *
 * Whoever goes on throws away the directories made since, and unpacks what follows once more over
 * what there is. The digests cover every byte of the stream, as ever.
 */
/* The file that `tar` lies in: its headers as they stand in the archive, so that it can be begun
 * once more, and how much of its content is there. At the end of an entry: none of either. */
struct checkpoint_file {
	int64_t done;
	uint32_t header_length;
	char header[CHECKPOINT_HEADER];
};

struct checkpoint {
	struct digest blob;
	int64_t tar;            /* bytes of the archive that are unpacked */
	int64_t split;          /* bytes of split.zst */
	int64_t entries, bytes; /* of what is whole */
	struct checkpoint_file file;
	struct pump_mark mark; /* not behind `tar` */
};

/* What pump, writer and flusher of a layer share. */
struct checkpoint_shared {
	struct pump_marks marks;
	int is_pending; /* "resume.new" is the flusher's */
};

/* The writer's side. */
struct checkpointing {
	int dir; /* the stage's; -1: no checkpoints */
	int flush;
	struct checkpoint_shared *shared;
	const struct digest *blob;
	int64_t base; /* bytes of the archive in front of the writer's first entry */
	time_t last;
	bool is_own; /* there is one of this run */
};

/* Where a writer is: `tar` counts from its first entry. `file` is the one inside of which that is,
 * or NULL. */
struct checkpoint_place {
	int64_t tar, entries, bytes;
	const struct checkpoint_file *file;
};

/* Takes one if it is time and there is a mark. */
must_check bool checkpoint_take(struct checkpointing *state, const struct checkpoint_place *place,
				struct split *split, const struct dirs *dirs, struct error *err);
/* Bytes of the archive in front of the first entry that is begun, once more or anew. */
int64_t checkpoint_base(const struct checkpoint *checkpoint);
/* No going back behind this point: an entry replaced an earlier one. */
void checkpoint_drop(struct checkpointing *state);

/* The flusher's side, when all is on the disk. */
void checkpoint_settle(int dir, struct checkpoint_shared *shared);

/* False if there is none for this blob. Fills `dirs`, if given. */
bool checkpoint_read(int dir, const struct digest *blob, struct checkpoint *checkpoint,
		     struct dirs *dirs);
bool checkpoint_is_there(int dir);
void checkpoint_forget(int dir);

/* Makes diff/ what it was, as far as that matters: what is not in `dirs` goes. */
must_check bool checkpoint_restore(int diff, const struct dirs *dirs, struct error *err);

#endif
