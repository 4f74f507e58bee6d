/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_HELPER_H
#define IMAGE_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/proc.h"
#include "base/texts.h"
#include "image/events.h"
#include "image/store.h"

/*
 * Running mooring-unpack and listening to what it reports.
 */
struct helper {
	const char *command;       /* "pull" */
	const struct store *store; /* its --root and --limit */
	struct texts arguments;    /* what follows them; the caller's to free */
	struct proc_fd fds[4];     /* without the report's */
	size_t fd_count;
	bool is_reading; /* what it writes does not go to the store: a full disk is another's */
	const struct image_watcher *watcher; /* NULL: nobody */
};

/* Until it ends. *id is the last image it published. A failure it reports is the error. `fds` are
 * closed here once it has them. */
must_check bool helper_run(struct helper *helper, struct digest *id, struct error *err);

#endif
