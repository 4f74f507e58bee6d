/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BUNDLE_H
#define ENGINE_BUNDLE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/texts.h"
#include "engine/confine.h"
#include "engine/container.h"
#include "engine/joint.h"
#include "engine/user.h"

/*
 * A container's options as an OCI config.json: the meeting point with the runtime. It names no
 * network namespace: the container is in the one its monitor is in.
 */
struct bundle {
	const struct container *container;
	const char *directory;  /* containers/ID, absolute */
	const char *host_files; /* where hosts, hostname and resolv.conf are: the same, or the
				   directory of the container whose network is shared */
	struct user user;
	struct confinement confinement;
	struct joint joint;
	struct texts link_env; /* of legacy links: linktarget.h */
	/* Where each of the container's mounts comes from: a path; parallel to container->mounts.
	 */
	const char *const *sources;
	bool is_rootless; /* in a user namespace that owns neither the machine's network nor devices
			   */
	bool has_no_groups; /* an ordinary user's: no control group is made, no limit kept */
};

must_check bool bundle_write(const struct bundle *bundle, struct arena *arena, struct buf *text,
			     struct error *err);

/* The process alone, as member "process" or, with `key` NULL, as a document of its own. */
must_check bool bundle_write_process(struct jsonout *out, const char *key,
				     const struct bundle *bundle, struct arena *arena,
				     struct error *err);

/* The environment as the container's program gets it, docker's order: PATH, HOSTNAME, TERM, what
 * links bring, the user's and the image's, HOME. Texts live in `arena`. */
void bundle_env(const struct bundle *bundle, struct arena *arena, struct texts *env);

/* What is hidden from every container, or cannot be written, unless it is privileged. The list
 * lives in `arena`. */
void bundle_masked_paths(struct arena *arena, struct texts *paths);
const char *const *bundle_readonly_paths(size_t *count);

/* For the command line. */
bool bundle_check_ulimit(const char *text, struct error *err);
bool bundle_check_sysctl(const char *text, struct error *err);

#endif
