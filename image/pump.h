/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PUMP_H
#define IMAGE_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/hash.h"

/*
 * Reads a blob to its very end, decompresses it, writes what comes out, and hashes both sides: the
 * two digests are all that an image promises about a layer. Runs in a process of its own that can
 * do nothing but read, write and compute.
 */

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD,
	COMPRESSION_XZ,
	COMPRESSION_BZIP2,
};

/* What the first bytes say. Media types and file names are only hints, these are facts. */
enum compression compression_sniff(const void *bytes, size_t count);
#define COMPRESSION_SNIFF 6 /* bytes that are enough */

struct pump_source {
	int fd;
	int64_t offset; /* where to read, for a file others read too; -1: just read on */
	int64_t size;   /* bytes to read, no more and no less; -1: to the end, whatever there is */
	const void *prefix; /* what was already taken from fd, to sniff */
	size_t prefix_length;
};

struct pump {
	struct pump_source source;
	int to;        /* -1: nowhere, just hash */
	bool is_plain; /* pass everything on as it is, whatever it looks like */
	int64_t in, out;
	struct digest in_digest, out_digest;
	bool is_cut_off; /* the reader of `to` went away: its own error says why */

	/* private */
	char *buffer;
	struct hash in_hash, out_hash;
};

/* Fills in `in`, `out` and the digests. */
must_check bool pump_run(struct pump *pump, struct error *err);

/* For decompressors: the next bytes of the source (*count is 0 at its end), and somewhere to put
 * what they make of them. */
must_check bool pump_read(struct pump *pump, unsigned char **bytes, size_t *count,
			  struct error *err);
must_check bool pump_write(struct pump *pump, const void *bytes, size_t count, struct error *err);

/* The decompressors: the source to its end. gzip: every member. zstd: every frame. */
must_check bool pump_gzip(struct pump *pump, struct error *err);
must_check bool pump_zstd(struct pump *pump, struct error *err);
must_check bool pump_rare(struct pump *pump, struct error *err); /* xz, bzip2 */

#define PUMP_BLOCK (256 << 10) /* ISA-L is fast only with buffers of this size */

#endif
