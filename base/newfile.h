/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NEWFILE_H
#define BASE_NEWFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"

/*
 * A file in the making: under its name it appears whole, in the place of what is there, or not at
 * all. By the rights of who calls: about another person's files, between caller_enter and
 * caller_leave (base/caller.h). Names are as in base/file.h.
 */

enum newfile_way {
	NEWFILE_BRIEF,  /* has a name from the start: it is written at once, by one who sweeps
			 * (file_sweep) what crashes left */
	NEWFILE_UNSEEN, /* has none where the file system can do that: however we end, nothing is
			 * left of it, or what the next one under that name removes */
};

struct newfile {
	int dir;          /* borrowed, as is `name` */
	const char *name; /* that it is to have */
	char *beside;     /* that it has until then; NULL: none, it goes with its descriptor */
	enum newfile_way way;
	int fd; /* to be written to */
};

#define NEWFILE_EMPTY                                                                              \
	(struct newfile)                                                                           \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* In the name of what is beside the file that it is to replace. */
#define NEWFILE_BESIDE ".tmp-"

/* `mode` is that of open(2). */
must_check bool newfile_open(int dir, const char *name, enum newfile_way way, mode_t mode,
			     struct newfile *file, struct error *err);

/* It is there now, and a directory never is replaced. Nothing is flushed to the disk. The file
 * stays open, and is left beside if this fails: newfile_drop. */
must_check bool newfile_publish(struct newfile *file, struct error *err);

/* Closes it; one that was not published is removed. */
void newfile_drop(struct newfile *file);

#endif
