/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_VOLUME_H
#define ENGINE_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * Named volumes:
 *
 *	ROOT/volumes/NAME/_data         what containers see
 *	                  volume.json   labels and the driver's options; absent if there are none
 *
 * A volume without a name has one of 64 hexadecimal digits and no volume.json. The one driver is
 * docker's `local`: with -o type=…,device=…,o=… something is mounted on _data for as long as a
 * container uses it.
 */
struct volume {
	const char *name;
	const char *created;          /* RFC 3339 */
	const char *path;             /* of its data, absolute */
	struct texts options, labels; /* "KEY=VALUE" */
	bool is_anonymous;
};

/* Docker's grammar of names, and its words. */
must_check bool volume_check_name(const char *name, struct error *err);
/* The options that driver `local` knows. */
must_check bool volume_check_options(const struct texts *options, struct error *err);

/* Makes it, with its options and labels; one that is there stays what it is. */
must_check bool volume_create(const struct engine *engine, const struct volume *volume,
			      struct error *err);
/* ERROR_NOT_FOUND: "get NAME: no such volume". Texts and lists live in `arena`. */
must_check bool volume_read(const struct engine *engine, struct arena *arena, const char *name,
			    struct volume *volume, struct error *err);
must_check bool volume_list(const struct engine *engine, struct arena *arena, struct texts *names,
			    struct error *err);
/* Whoever uses it. */
must_check bool volume_remove(const struct engine *engine, const char *name,
			      enum file_lasting lasting, struct error *err);

/* The volumes of a new container that are missing. */
must_check bool volume_create_all(const struct engine *engine, const struct container *container,
				  struct error *err);
/* Makes the volume if it is missing. *path (in `arena`) is its data directory; *is_empty tells that
 * it is empty, or that a copy was cut short, so that the image's files may be copied in. */
must_check bool volume_use(const struct engine *engine, struct arena *arena, const char *name,
			   const char **path, bool *is_empty, struct error *err);
/* Copies what the image has at `target` (below `root`), with owner and mode, into the volume's
 * directory. Nothing there is success. Cut short by whatever, it is done again by who uses the
 * volume next (engine/volumedir.h). */
must_check bool volume_copy_up(int root, const char *target, const char *path,
			       enum file_lasting lasting, struct error *err);

/* In the host's mount namespace: mounts what the options of the container's volumes ask for.
 * *has_any tells that something is mounted. */
must_check bool volume_mount_all(const struct engine *engine, const struct container *container,
				 bool *has_any, struct error *err);
/* The container has ended: unmounts what no other one that runs uses. */
must_check bool volume_unmount_all(const struct engine *engine, const struct container *container,
				   struct error *err);

/* A fresh name of 64 hex digits. */
const char *volume_anonymous_name(struct arena *arena);
/* Those that were made for this container, unless another one has them too. Before the container
 * itself goes: a crash in between must leave somebody who knows of them. */
must_check bool volume_remove_anonymous(const struct engine *engine,
					const struct container *container, struct error *err);

struct volume_query {
	const char *name;
	const char *except; /* a container that does not count; NULL: all do */
	bool is_running;    /* only those that run */
};

/* Finds the ID (in `arena`) of a container that has the volume; *user is NULL if there is none.
 * Fails where nobody can tell, since a container that may have it cannot be read: then it is not
 * to be removed. */
must_check bool volume_user(const struct engine *engine, struct arena *arena,
			    const struct volume_query *query, const char **user, struct error *err);

#endif
