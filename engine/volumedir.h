/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_VOLUMEDIR_H
#define ENGINE_VOLUMEDIR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

/*
 * How a volume's directory comes and goes, whatever ends us in between: it appears with all that it
 * is, by one rename, and is gone by another.
 *
 *     ROOT/volumes/.lock        who makes or removes one; a lock, never removed
 *     ROOT/volumes/.new         one that is being made; the lock's holder removes another's
 *     ROOT/volumes/.dead-NAME   one whose files are being removed, flocked by who does it
 *     ROOT/volumes/NAME/copying while the image's files are copied into its data
 *
 * `root` is the directory ROOT.
 */
#define VOLUMEDIR_ALL        "volumes"
#define VOLUMEDIR_DATA       "_data"
#define VOLUMEDIR_DEFINITION "volume.json"

/* Makes the volume, unless it is there. `definition` NULL: it has none, and need not outlast a
 * power cut, since its containers make it again. *is_new tells whether it was made. */
must_check bool volumedir_make(int root, const char *name, const struct buf *definition,
			       bool *is_new, struct error *err);

/* ERROR_NOT_FOUND if it is not there. What is mounted there has to be unmounted before. */
must_check bool volumedir_remove(int root, const char *name, enum file_lasting lasting,
				 struct error *err);

/* `entry` is a name in `volumes`, the directory of all. Rubbish: what is left of a removal that was
 * killed, or of one without a name that the power cut before its data was there. To bury it goes on
 * with the removal, unless somebody else does. */
bool volumedir_is_rubbish(int volumes, const char *entry);
void volumedir_bury(int volumes, const char *entry);

/* Whether copying the image's files was begun and not ended: then it has to be done again, over
 * what is there. `data` is the volume's directory of data. */
bool volumedir_is_half_copied(int data);
must_check bool volumedir_begin_copy(int data, struct error *err);
/* The copies outlast a power cut first; FILE_VOLATILE: the container goes away with its process,
 * and the volume with it. */
must_check bool volumedir_end_copy(int data, enum file_lasting lasting, struct error *err);

#endif
