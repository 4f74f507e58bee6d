/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_MOUNTSPEC_H
#define ENGINE_MOUNTSPEC_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * The text of --mount: fields of comma-separated values, "KEY=VALUE" or "KEY"; docker's keys and
 * words.
 */
enum mountspec_recursion {
	MOUNTSPEC_ENABLED,  /* mounts below the source come along, read-only if it is */
	MOUNTSPEC_DISABLED, /* they stay away */
	MOUNTSPEC_WRITABLE, /* they come along as they are */
	MOUNTSPEC_READONLY, /* they come along and are made read-only, or it is an error */
};

struct mountspec {
	const char *type; /* "bind", "volume", "tmpfs", "image" */
	const char *source, *target;
	const char *propagation; /* "" */
	const char *tmpfs_size, *tmpfs_mode;
	const char *image_subpath, *subpath, *driver;
	struct texts options, labels; /* in the arena */
	enum mountspec_recursion recursion;
	bool is_readonly, is_without_copy;
	/* Not docker's: the source is an anonymous volume that another container leaves to this
	 * one, and will go with it. Compose says so of those it carries over. */
	bool is_anonymous;
};

/* Texts live in `arena`. */
must_check bool mountspec_parse(struct arena *arena, const char *text, struct mountspec *spec,
				struct error *err);

#endif
