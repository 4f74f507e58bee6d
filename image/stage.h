/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_STAGE_H
#define IMAGE_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "image/checkpoint.h"
#include "image/dirs.h"
#include "image/layout.h"
#include "image/pump.h"
#include "image/store.h"
#include "image/worker.h"

/*
 * A layer on its way into the store:
 *
 *     blob ─► pump (hash, inflate, hash) ─pipe─► writer (tar → files) ─► staging/NAME/diff
 *
 * Two processes, so two cores. The directory is locked from its first moment until its user closes
 * it: whoever can lock a directory in staging/ has found rubbish.
 */
struct stage {
	const struct store *store;
	struct layout_path name; /* staging/NAME */
	struct layout_path home; /* of a model: where its stage is published; empty: nowhere */
	int dir;                 /* that directory, with our lock; -1: not open */
	int diff;
	int notes, split; /* see layer.h */
	int kept;         /* LAYOUT_KEPT, being written; -1: none */
	struct worker pump, writer;
	const struct digest *blob; /* of a pull, which can go on; NULL otherwise */
	struct checkpoint
		*checkpoint; /* of an earlier run: where to go on; NULL: at the beginning */
	struct dirs dirs;    /* of that run */
	struct checkpoint_shared *shared;
	bool is_kept;          /* cut off: what is there waits for the next run */
	struct worker flusher; /* of a large layer: keeps the disk busy meanwhile */
	struct worker joiner;  /* gives a pump that goes on what it has to be given again */

	/* set by stage_finish */
	struct digest blob_digest, diff_id;
	int64_t bytes, entries, tar_bytes, blob_bytes;
	bool is_published;
};

/* Makes staging/NAME, empty. Waits if another process is working there: check afterwards whether
 * what was wanted is done. With `is_patient` false: fails with ERROR_EXISTS instead of waiting. */
must_check bool stage_new(const struct store *store, const struct layout_path *name,
			  bool is_patient, struct stage **stage, struct error *err);

/* After stage_new, before stage_start: the layer is that of a blob, and can go on another time. If
 * an earlier run left a checkpoint, stage->checkpoint is set: fetch from its mark on. */
must_check bool stage_go_on(struct stage *stage, const struct digest *blob, struct error *err);
/* Stops what runs; removes the directory unless it was published. NULL: nothing happens. */
void stage_free(struct stage *stage);
/* Only closes what it has open: for parked.c. */
void stage_close(struct stage *stage);

/* Starts reading the layer. source->fd is not needed here any more afterwards. */
must_check bool stage_start(struct stage *stage, const struct pump_source *source,
			    struct error *err);
/* Waits for the end (stage->writer.result becomes readable) and checks the diff ID, if one is
 * given. */
must_check bool stage_finish(struct stage *stage, const struct digest *diff_id, struct error *err);

/* After a failure, if others go on: lets the pump end by itself, so that it gives back its memory
 * (allowance.h). Only when all that it reads has been sent. */
void stage_drain(struct stage *stage);

/* A finished stage in a directory that is locked itself waits there, without a descriptor and
 * without its own lock, and goes on as it was. While it waits, stage_free leaves what is there to
 * the owner of that directory. */
must_check bool stage_park(struct stage *stage, struct error *err);
must_check bool stage_take_up(struct stage *stage, struct error *err);

/* What a copy of a stage that was parked is made from, as long as the directory around it is there:
 * the stage's own directory or, once it is published, the layer `chain`. */
struct stage *stage_model(const struct stage *stage, const struct digest *chain);

/* Fills the stage with a copy of a layer that is finished already. */
must_check bool stage_clone(struct stage *stage, const struct stage *model, struct error *err);

#endif
