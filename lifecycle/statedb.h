/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STATEDB_H
#define LIFECYCLE_STATEDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * What the nucleus must not forget, in one SQLite file: ROOT/config/nucleus.db. Nobody else
 * includes sqlite3.h.
 *
 * The journal is a write-ahead log and every commit is synced (synchronous=FULL): after a power cut
 * the file is as it was after the last commit that returned. A commit writes each changed page
 * once, in sequence, where a rollback journal would write it twice and sync three times; that is
 * what flash likes.
 */

#define STATEDB_DEPLOYMENTS_MAX 50 /* finished ones; older are forgotten */

struct statedb;

/* Opens (makes) the file. One that is damaged fails with ERROR_CORRUPT and says what to do. */
must_check bool statedb_open(struct statedb **db, const char *root, struct error *err);
/* For looking only, beside a nucleus that may be running; *db is NULL if there is no file. */
must_check bool statedb_open_readonly(struct statedb **db, const char *root, struct error *err);
void statedb_close(struct statedb *db); /* NULL is fine */

/* What happens between the two lasts as a whole or not at all. They do not nest. */
must_check bool statedb_begin(struct statedb *db, struct error *err);
must_check bool statedb_commit(struct statedb *db, struct error *err);
void statedb_rollback(struct statedb *db);

/* -- configuration: one row for each leaf, by its JSON pointer ----------------------------------
 */

must_check bool statedb_put_config(struct statedb *db, const char *pointer, const char *value,
				   int64_t time, struct error *err);
must_check bool statedb_remove_config(struct statedb *db, const char *pointer, struct error *err);
must_check bool statedb_each_config(struct statedb *db,
				    bool (*visit)(void *context, const char *pointer,
						  const char *value, int64_t time,
						  struct error *err),
				    void *context, struct error *err);

/* One copy of all rows, for a deployment that may have to be taken back. */
must_check bool statedb_save_config(struct statedb *db, struct error *err);
must_check bool statedb_restore_config(struct statedb *db, struct error *err);

/* -- deployments, in the order they were asked for ----------------------------------------------
 */

struct statedb_deployment {
	const char *id;
	const char *document; /* JSON: what was asked for */
	int64_t created;      /* milliseconds since 1970 */
	const char *status;   /* QUEUED, IN_PROGRESS, SUCCEEDED, FAILED, CANCELED */
	const char *phase;    /* where an unfinished one goes on */
	const char *progress; /* JSON: what of the phase is done */
	const char *result;   /* JSON: details of the end */
};

must_check bool statedb_add_deployment(struct statedb *db, const struct statedb_deployment *added,
				       struct error *err);
/* All but document and created are set anew. */
must_check bool statedb_update_deployment(struct statedb *db,
					  const struct statedb_deployment *changed,
					  struct error *err);
/* All of them, oldest first, in `arena`. */
must_check bool statedb_list_deployments(struct statedb *db, struct arena *arena,
					 struct statedb_deployment **list, size_t *count,
					 struct error *err);
/* Forgets finished deployments beyond STATEDB_DEPLOYMENTS_MAX. */
must_check bool statedb_prune_deployments(struct statedb *db, struct error *err);

#endif
