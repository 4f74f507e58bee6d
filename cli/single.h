/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SINGLE_H
#define CLI_SINGLE_H

#include "base/mem.h"
#include "cli/command.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * The one container that a verb is about, and the engine it was found in.
 */
struct single {
	struct engine engine;
	struct arena arena;
	struct container container;
};

#define autosingle __attribute__((cleanup(single_done)))

/* A single that single_done accepts. */
#define SINGLE_EMPTY                                                                               \
	(struct single)                                                                            \
	{                                                                                          \
		.engine = ENGINE_EMPTY                                                             \
	}

/* Finds it by what the user typed and reads its options. */
must_check bool single_open(const struct cli *cli, const char *name, struct single *single,
			    struct error *err);
void single_done(struct single *single);

#endif
