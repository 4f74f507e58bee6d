/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_GZIP_H
#define IMAGE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "image/split.h"

/*
 * A gzip stream (RFC 1952) without name and time: the same bytes give the same stream. By ISA-L or
 * by zlib, as gunzip is.
 */
struct gzip;

/* `sink` is kept by reference; it is given what comes out. */
struct gzip *gzip_new(const struct split_sink *sink) must_check;
void gzip_free(struct gzip *gzip); /* NULL: nothing happens */

must_check bool gzip_add(struct gzip *gzip, const void *bytes, size_t count, struct error *err);
must_check bool gzip_finish(struct gzip *gzip, struct error *err);

#endif
