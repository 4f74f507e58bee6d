/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_REPORT_H
#define IMAGE_REPORT_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "image/events.h"

/*
 * mooring-unpack's side of the events: one JSON object per line on descriptor 4. Nobody listening
 * is no failure.
 */
#define REPORT_FD 4

void report_resolved(const struct digest *manifest);
void report_pushed(const struct digest *manifest, int64_t size);
void report_layer(const struct digest *layer, enum image_layer_state state, int64_t bytes,
		  int64_t total);
void report_mounted(const struct digest *layer, const char *from);
/* `reference` and `before` may be NULL. */
void report_image(const struct digest *id, const char *reference, const struct digest *before,
		  bool is_new);
/* `chain` NULL: the configuration; `damage` NULL: it is whole. */
void report_checked(const struct digest *id, const struct digest *chain,
		    const struct error *damage);
void report_failure(const struct error *err);
void report_notice(const char *text); /* for people */

/* "waiting", "downloading", "exists", "mounted", "done" */
const char *report_state_word(enum image_layer_state state);

#endif
