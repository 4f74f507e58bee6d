/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUTPUTPATH_H
#define CLI_OUTPUTPATH_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/newfile.h"

/*
 * -o of save and export. A regular file appears whole or not at all: until then what was there
 * stays. A pipe is written as it is.
 */

/* Refuses, in docker's words, where no file can be written: before anything else is done. A pipe
 * will do, or a link to what will. By the caller's rights (base/caller.h). */
must_check bool outputpath_check(const char *path, struct error *err);

struct output {
	const char *path; /* borrowed; NULL: standard output */
	bool is_new;      /* it is `file` until it is finished, and otherwise what is there */
	struct newfile file;
	int fd; /* borrowed of `file` */
};

#define OUTPUT_EMPTY                                                                               \
	(struct output)                                                                            \
	{                                                                                          \
		.file = NEWFILE_EMPTY, .fd = -1                                                    \
	}
#define autooutput __attribute__((cleanup(output_drop)))

/* To be written to `fd`, by the caller's rights; mode 0600. NULL: standard output. */
must_check bool output_open(const char *path, struct output *output, struct error *err);

/* All is written: it is there now, under its name. */
must_check bool output_finish(struct output *output, struct error *err);

/* To a failure to write it adds, where the disk is full, which one it is. Always false. */
bool output_explain(const struct output *output, struct error *err);

/* Closes it; what was not finished is removed. */
void output_drop(struct output *output);

#endif
