/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_PLATFORM_H
#define REGISTRY_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * os/arch/variant, normalised as containerd does (aarch64 → arm64, armhf → arm/v7, arm64/v8 →
 * arm64), and which of an index's entries runs here best. A plain value; nothing to free.
 */

#define PLATFORM_WORD_MAX 31

struct platform {
	char os[PLATFORM_WORD_MAX + 1];
	char arch[PLATFORM_WORD_MAX + 1];
	char variant[PLATFORM_WORD_MAX + 1]; /* "" if there is none */
	bool runs_32bit;                     /* wanted side only: 386 on amd64, arm on arm64 */
};

/* From three words of a manifest or config (any may be NULL or ""). Words too long to be real
 * become "". */
void platform_set(struct platform *platform, const char *os, const char *arch, const char *variant);

/* "linux/arm/v7", "linux/arm64", or one word alone: an os or an architecture. */
must_check bool platform_parse(struct platform *platform, const char *text, struct error *err);

/* This machine. */
void platform_host(struct platform *platform);

/* How well `offered` runs where `wanted` is: 0 is best, greater is worse, -1 not at all. */
int platform_rank(const struct platform *wanted, const struct platform *offered);

/* "linux/arm/v7"; the caller frees it. */
char *platform_text(const struct platform *platform) must_check;

#endif
