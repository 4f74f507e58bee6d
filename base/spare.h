/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SPARE_H
#define BASE_SPARE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/file.h"

/*
 * Small files that have to be written although the disk is full: how a container ended, that it is
 * not to be started again, that an image has lost its name. Who has filled the disk could else be
 * neither seen to end nor stopped, and nothing could be removed to free it.
 */

#define SPARE_SIZE 4096 /* bytes that a spare keeps at least; a larger file is not overwritten */

/* Keeps the space of the next `name`, of at most `size` bytes, in "NAME.spare" beside it. One that
 * is there already is made that large. On a disk that is full already there is none: then it fails,
 * and nothing new is left. */
must_check bool spare_keep(int dir, const char *name, size_t size, struct error *err);

/* As file_replace. If there is no space for that, the spare is filled and renamed over the file; if
 * there is none either, the file that is there is overwritten by one write, and the rest of what it
 * was with ends of lines: readers of such files have to take these. */
must_check bool spare_replace(int dir, const char *name, const void *bytes, size_t count,
			      mode_t mode, enum file_lasting lasting, struct error *err);

/* The same for the first `name` there is: the spare, if there is one, is made it at once. That
 * costs less than a new file beside it. */
must_check bool spare_become(int dir, const char *name, const void *bytes, size_t count,
			     mode_t mode, enum file_lasting lasting, struct error *err);

#endif
