/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "image/events.h"

/*
 * What a pull or a load is doing, layer by layer: lines that are redrawn in place on a terminal,
 * and one line per change of state elsewhere.
 */

#define PROGRESS_LAYERS_MAX 128 /* layers beyond are not shown */

struct progress_layer {
	char id[13];
	enum image_layer_state state;
	bool is_shown;
};

enum progress_kind {
	PROGRESS_PULL,
	PROGRESS_LOAD,
	PROGRESS_PUSH,
};

struct progress {
	FILE *out;
	bool is_terminal;
	enum progress_kind kind;
	bool shows_existing; /* what is there already is shown once something else happened */
	struct progress_layer layers[PROGRESS_LAYERS_MAX];
	size_t count;
};

/* `event` is an IMAGE_LAYER. */
void progress_layer(struct progress *progress, const struct image_event *event);

/* `event` is an IMAGE_NOTICE: a line of its own, on stderr where that is not the terminal that is
 * drawn on. */
void progress_notice(struct progress *progress, const struct image_event *event);

/* Shows the layers that were there already, if that has not been done: the image is a new one. */
void progress_show_existing(struct progress *progress);

#endif
