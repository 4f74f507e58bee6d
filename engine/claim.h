/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CLAIM_H
#define ENGINE_CLAIM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * Who owns an ID and a name. Each step is one system call that either happened or did not, so that
 * kill -9 between any two of them leaves a container, or rubbish that claim_sweep knows:
 *
 *     claim_id      mkdir containers/ID, flock it            rubbish: no options.json, no lock
 *     claim_name    symlink names/NAME → ID                  as above
 *     container_write  options.json                          the container exists
 *     …
 *     claim_release rename containers/ID → .dead-ID          rubbish: its name; a link to nothing
 *                   unlink names/NAME, remove the tree
 */

/* Makes what was claimed, or given up, outlast a power cut. */
must_check bool claim_sync_names(const struct engine *engine, struct error *err);

/* A fresh random ID (in `arena`), its directory made and locked: *lock. */
must_check bool claim_id(const struct engine *engine, struct arena *arena, const char **id,
			 int *lock, struct error *err);

/* Takes the name for the ID; of many who try one wins. ERROR_EXISTS with docker's words
 * otherwise. A name that only rubbish holds is free. */
must_check bool claim_name(struct engine *engine, const char *name, const char *id,
			   struct error *err);

/* Gives the name up, if it still is that container's. */
must_check bool claim_drop_name(struct engine *engine, const char *name, const char *id,
				struct error *err);

/* Makes names until one is free, "adjective_surname"; *name lives in `arena`. */
must_check bool claim_any_name(struct engine *engine, struct arena *arena, const char *id,
			       const char **name, struct error *err);

/* Locks the container against everybody else: waits a while, then fails with ERROR_EXISTS. The
 * lock lasts as long as any duplicate of *lock is open; *lock is also the container's directory. */
must_check bool claim_lock(const struct engine *engine, const char *id, int *lock,
			   struct error *err);

/* The lock that a monitor hands on to what it executes: a descriptor of the container's directory
 * that we were started with; -1: none. */
int claim_inherited(const struct engine *engine, const char *id);

/* Waits for whoever holds the lock: returns when a running container's monitor has ended. */
void claim_wait(const struct engine *engine, const char *id);

/* For who waits for the container's end: while any such lock is held, whoever removes the container
 * waits for its end to be read, for a while. Closing lets go; -1: never started, or being removed.
 */
int claim_read_end(const struct engine *engine, const char *id);
/* Before the removal, with the container's lock held: waits for them. To be kept open until the
 * container is gone, so that nobody begins to read; -1: there is nothing to keep. */
int claim_await_readers(const struct engine *engine, const char *id);

/* For who ends a --rm container only to start it again: while this is held, its end does not remove
 * it. Closing lets go; -1: it could not be had. */
int claim_keep(const struct engine *engine, const char *id);
/* Hold the container's lock. */
bool claim_is_kept(const struct engine *engine, const char *id);

/* What only its processes needed: the bundle's files, the kernel's part of the writable layer. Hold
 * the container's lock. */
void claim_drop_bundle(const struct engine *engine, const char *id);
/* The container is no more, and its name is free. Hold its lock. `name` NULL: not known. Durable:
 * it does not come back after a power cut. */
must_check bool claim_release(struct engine *engine, const char *id, const char *name,
			      enum file_lasting lasting, struct error *err);

/* Removes what crashes left. Cheap where there is nothing; never waits. */
void claim_sweep(struct engine *engine);
/* Whether there is something for claim_sweep that shows by names alone: containers only half
 * removed, names of none. Two directories are read, nothing else. */
bool claim_has_rubbish(const struct engine *engine);

#endif
