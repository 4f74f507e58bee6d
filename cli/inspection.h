/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INSPECTION_H
#define CLI_INSPECTION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "image/store.h"

/*
 * What `inspect` and its like say.
 */

/* `docker image inspect` and its like: one kind of things, by name. */
struct inspection {
	const char *format; /* see inspection_finish */
	/* Adds what is said of the thing with this name; false, and err, if there is none. */
	bool (*add)(struct engine *engine, struct arena *arena, struct json *objects,
		    const void *values, const char *name, struct error *err);
	const void *values; /* of the command, for `add` */
};

/* Of verbs that take --format and nothing else. */
struct inspection_values {
	const char *format;
};
extern const struct opt inspection_opts[];

/* Prints what is there, and tells what is not. Returns the exit code. */
int inspection_run(const struct cli *cli, const struct inspection *inspection,
		   const struct texts *names);

/* Prints an array of objects as docker does: whole, with --format json in one line, with a template
 * one line each. The exit code: `code`, or docker's for what fails, which has been told. */
int inspection_finish(const char *format, struct json *objects, int code);

/* The same of one object of which Go knows the type, as `info` and `version` have it; `name` is the
 * template's in messages. */
int inspection_finish_one(const char *format, const char *name, const char *type,
			  const struct json *objects);

/* Adds what `inspect` says about an image to an array. */
void inspection_add_image(struct arena *arena, struct json *objects, const struct store *store,
			  const struct store_image *image);

#endif
