/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PULLING_H
#define CLI_PULLING_H

#include <stdbool.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/texts.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "image/store.h"
#include "registry/reference.h"

/*
 * A pull as the user sees it: credentials gathered, progress shown, the outcome told. For `pull`
 * and for `run` and `create` of an image that is missing.
 */
struct pulling {
	const char *reference; /* as the user typed it */
	const char *platform;  /* "linux/arm64"; NULL: this machine's */
	struct texts again;    /* layers to be fetched though they are there: see image/pull.h */
	FILE *out;             /* where progress and outcome are shown; NULL: nowhere */
	bool *has_news; /* of many pulls, this is one: set if it brought a newer image, and the
			   status is left to the caller; else NULL */
};

/* Fails as image_pull does. *id is the image's. */
must_check bool pulling_run(const struct cli *cli, const struct store *store,
			    const struct pulling *pulling, struct digest *id, struct error *err);
/* "Status: Downloaded newer image for NAME" */
void pulling_tell_status(FILE *out, bool has_news, const char *name);
/* For docker events. */
void pulling_tell(const struct engine *engine, const struct reference *reference);

#endif
