/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>

#include "base/error.h"
#include "image/store.h"

/*
 * Where containers live. No daemon: what is on disk, and which processes are alive, is the truth.
 *
 *     ROOT/containers/ID/   one container: see container.h
 *     ROOT/names/NAME       a symlink to its ID; making it is taking the name
 *     ROOT/volumes/NAME/    named volumes
 *     RUN/runc/ID/          the runtime's state while it runs
 */
struct engine {
	struct store store;
	char *root;     /* absolute */
	char *run;      /* absolute */
	int containers; /* ROOT/containers */
	int names;      /* ROOT/names */
};

#define autoengine __attribute__((cleanup(engine_close)))

/* An engine that engine_close accepts. */
#define ENGINE_EMPTY                                                                               \
	(struct engine)                                                                            \
	{                                                                                          \
		.store.root = -1, .containers = -1, .names = -1                                    \
	}

/* Opens (and makes what is missing). Paths may be relative to the working directory. */
must_check bool engine_open(const char *root, const char *run, struct engine *engine,
			    struct error *err);
void engine_close(struct engine *engine);

/* Containers that use an image; for store_remove and prune_images. Keeps a pointer to `engine`. */
struct store_usage engine_usage(struct engine *engine);

#endif
