/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_LOGVIEW_H
#define LIFECYCLE_LOGVIEW_H

#include <stdint.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * `greengrass-cli logs`: the lines of all logs that match, in the order of their times.
 */

#define LOGVIEW_CONTEXT_MAX 10000

struct logview_options {
	const char *root;      /* NULL: the machine's */
	const char *directory; /* NULL: ROOT/logs */
	struct texts files;    /* none: all of the directory */
	struct texts filters;  /* all must hold; each is a list with commas, of which one must */
	int64_t begin, end;    /* milliseconds since 1970, `end` not with it; 0: no bound */
	size_t before, after;  /* lines of context, at most LOGVIEW_CONTEXT_MAX */
	bool follows;          /* goes on until somebody stops it */
};

must_check bool logview_get(const struct logview_options *options, struct error *err);
must_check bool logview_list_files(const struct logview_options *options, struct error *err);
void logview_list_keywords(void);

#endif
