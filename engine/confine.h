/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONFINE_H
#define ENGINE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "engine/container.h"

/*
 * What a container may do: capabilities, and the system calls that go with them. The defaults equal
 * docker's.
 */
struct confinement {
	uint64_t capabilities; /* one bit per capability number */
	bool has_no_new_privileges;
	bool has_open_paths;        /* systempaths=unconfined, or privileged */
	bool is_seccomp_off;        /* seccomp=unconfined, or privileged */
	bool is_for_64_bits;        /* see profile.h */
	const struct json *seccomp; /* a profile of the user's own; NULL: the default */
	const char *apparmor;       /* NULL: none */
};

/* Puts the profiles themselves in place of the files that --security-opt seccomp=FILE names, read
 * by the caller's rights: what a container may do is settled when it is made, whatever becomes of
 * the file, and from wherever it is started later. Texts live in `arena`. */
must_check bool confine_take_profiles(struct arena *arena, struct container *container,
				      struct error *err);

/* From --privileged, --cap-add, --cap-drop and --security-opt. Docker's words for mistakes. */
must_check bool confine_read(struct arena *arena, const struct container *container,
			     struct confinement *confinement, struct error *err);

/* Writes process.capabilities. Only root has them from the start; others may gain them by
 * set-uid programs. */
void confine_write_capabilities(struct jsonout *out, const struct confinement *confinement,
				bool is_root);
/* Writes linux.seccomp, if there is to be a filter. */
void confine_write_seccomp(struct jsonout *out, const struct confinement *confinement);

#endif
