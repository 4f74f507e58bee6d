/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/statedb.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

#define BUSY_MS      5000 /* a reader beside us is done long before */
#define VERSION      1
#define STRINGIFY(x) #x
#define TEXT_OF(x)   STRINGIFY(x)

enum query {
	BEGIN,
	COMMIT,
	ROLLBACK,
	PUT_CONFIG,
	REMOVE_CONFIG,
	ALL_CONFIG,
	CLEAR_CONFIG,
	CLEAR_SAVED,
	SAVE_CONFIG,
	RESTORE_CONFIG,
	ADD_DEPLOYMENT,
	UPDATE_DEPLOYMENT,
	LIST_DEPLOYMENTS,
	PRUNE_DEPLOYMENTS,
	QUERIES,
};

static const char *const queries[QUERIES] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[PUT_CONFIG] = "INSERT OR REPLACE INTO config (pointer, value, time) VALUES (?, ?, ?)",
	[REMOVE_CONFIG] = "DELETE FROM config WHERE pointer = ?",
	[ALL_CONFIG] = "SELECT pointer, value, time FROM config ORDER BY number",
	[CLEAR_CONFIG] = "DELETE FROM config",
	[CLEAR_SAVED] = "DELETE FROM saved",
	[SAVE_CONFIG] = "INSERT INTO saved SELECT * FROM config",
	[RESTORE_CONFIG] = "INSERT INTO config SELECT * FROM saved",
	[ADD_DEPLOYMENT] = "INSERT INTO deployments (id, document, created, status, phase, "
			   "progress, result) VALUES (?, ?, ?, ?, ?, ?, ?)",
	[UPDATE_DEPLOYMENT] = "UPDATE deployments SET status = ?, phase = ?, progress = ?, "
			      "result = ? WHERE id = ?",
	[LIST_DEPLOYMENTS] = "SELECT id, document, created, status, phase, progress, result "
			     "FROM deployments ORDER BY number",
	[PRUNE_DEPLOYMENTS] = "DELETE FROM deployments WHERE status NOT IN ('QUEUED', "
			      "'IN_PROGRESS') AND number NOT IN (SELECT number FROM deployments "
			      "WHERE status NOT IN ('QUEUED', 'IN_PROGRESS') ORDER BY number DESC "
			      "LIMIT " TEXT_OF(STATEDB_DEPLOYMENTS_MAX) ")",
};

/* `number` keeps the order in which keys were set. */
static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS config (number INTEGER PRIMARY KEY, pointer TEXT NOT NULL "
	"UNIQUE, value TEXT NOT NULL, time INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS saved (number INTEGER PRIMARY KEY, pointer TEXT NOT NULL "
	"UNIQUE, value TEXT NOT NULL, time INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS deployments (number INTEGER PRIMARY KEY, id TEXT NOT NULL "
	"UNIQUE, document TEXT NOT NULL, created INTEGER NOT NULL, status TEXT NOT NULL, phase "
	"TEXT NOT NULL, progress TEXT NOT NULL, result TEXT NOT NULL);"
	"PRAGMA user_version = " TEXT_OF(VERSION) ";"
						  "COMMIT;";

struct statedb {
	sqlite3 *handle;
	char *path;
	sqlite3_stmt *statements[QUERIES]; /* NULL until it is needed */
};

/* -- failing ------------------------------------------------------------------------------------
 */

static bool fail(const struct statedb *db, struct error *err)
{
	int code = sqlite3_errcode(db->handle) & 0xff;

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return error_set(err, ERROR_CORRUPT,
				 "the record of deployments %s is damaged (remove it to start "
				 "anew): %s",
				 db->path, sqlite3_errmsg(db->handle));
	if (code == SQLITE_FULL)
		return error_set(err, ERROR_NO_SPACE, "%s: no space left on the disk", db->path);
	return error_set(err, ERROR_SYSTEM, "%s: %s", db->path, sqlite3_errmsg(db->handle));
}

/* -- statements ---------------------------------------------------------------------------------
 */

static sqlite3_stmt *prepare(struct statedb *db, enum query query, struct error *err)
{
	if (!db->statements[query] &&
	    sqlite3_prepare_v3(db->handle, queries[query], -1, SQLITE_PREPARE_PERSISTENT,
			       &db->statements[query], NULL) != SQLITE_OK) {
		fail(db, err);
		return NULL;
	}
	return db->statements[query];
}

static void bind(sqlite3_stmt *statement, int number, const char *text)
{
	sqlite3_bind_text(statement, number, text ? text : "", -1, SQLITE_STATIC);
}

/* One that returns no rows. */
static bool run(struct statedb *db, sqlite3_stmt *statement, struct error *err)
{
	bool is_good = sqlite3_step(statement) == SQLITE_DONE || fail(db, err);

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return is_good;
}

static bool run_plain(struct statedb *db, enum query query, struct error *err)
{
	sqlite3_stmt *statement = prepare(db, query, err);

	return statement && run(db, statement, err);
}

bool statedb_begin(struct statedb *db, struct error *err)
{
	return run_plain(db, BEGIN, err);
}

bool statedb_commit(struct statedb *db, struct error *err)
{
	return run_plain(db, COMMIT, err);
}

void statedb_rollback(struct statedb *db)
{
	struct error ignored;

	if (!sqlite3_get_autocommit(db->handle) && !run_plain(db, ROLLBACK, &ignored))
		return; /* SQLite has rolled back by itself */
}

/* -- opening ------------------------------------------------------------------------------------
 */

static bool execute(struct statedb *db, const char *text, struct error *err)
{
	return sqlite3_exec(db->handle, text, NULL, NULL, NULL) == SQLITE_OK || fail(db, err);
}

static bool check_version(struct statedb *db, bool *is_new, struct error *err)
{
	sqlite3_stmt *statement;
	int version = 0;

	if (sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &statement, NULL) !=
	    SQLITE_OK)
		return fail(db, err);
	if (sqlite3_step(statement) == SQLITE_ROW)
		version = sqlite3_column_int(statement, 0);
	if (sqlite3_finalize(statement) != SQLITE_OK)
		return fail(db, err);
	*is_new = version == 0;
	return version <= VERSION ||
	       error_set(err, ERROR_UNSUPPORTED, "%s was made by a newer version of this program",
			 db->path);
}

static bool open_file(struct statedb **result, const char *root, int flags, bool *is_new,
		      struct error *err)
{
	struct statedb *db = mem_alloc(sizeof(*db));

	db->path = mem_printf("%s/config/nucleus.db", root);
	*result = db;
	if (sqlite3_open_v2(db->path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail(db, err);
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	/* A nucleus reads its rows once and writes a few: a large cache would be memory for
	 * nothing. */
	return execute(db, "PRAGMA cache_size = -128", err) && check_version(db, is_new, err);
}

bool statedb_open(struct statedb **db, const char *root, struct error *err)
{
	autofree char *directory = mem_printf("%s/config", root);
	bool is_new;

	*db = NULL;
	if (path_make_own_dirs(directory, 0700, err) &&
	    open_file(db, root, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &is_new, err) &&
	    execute(*db,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
		    "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576",
		    err) &&
	    execute(*db, schema, err))
		return true;
	statedb_close(*db);
	*db = NULL;
	return false;
}

bool statedb_open_readonly(struct statedb **db, const char *root, struct error *err)
{
	autofree char *path = mem_printf("%s/config/nucleus.db", root);
	bool is_new = false;

	*db = NULL;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return true;
	if (access(path, R_OK | W_OK) < 0 && errno == EACCES)
		return error_set(err, ERROR_DENIED,
				 "%s is another user's: only that user may ask (for root's: sudo)",
				 path);
	if (open_file(db, root, SQLITE_OPEN_READWRITE, &is_new, err) && !is_new &&
	    execute(*db, "PRAGMA query_only = 1", err))
		return true;
	statedb_close(*db);
	*db = NULL;
	return is_new; /* somebody is about to make its tables: nothing is in it */
}

void statedb_close(struct statedb *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < QUERIES; i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->handle);
	free(db->path);
	free(db);
}

/* -- configuration ------------------------------------------------------------------------------
 */

bool statedb_put_config(struct statedb *db, const char *pointer, const char *value, int64_t time,
			struct error *err)
{
	sqlite3_stmt *statement = prepare(db, PUT_CONFIG, err);

	if (!statement)
		return false;
	bind(statement, 1, pointer);
	bind(statement, 2, value);
	sqlite3_bind_int64(statement, 3, time);
	return run(db, statement, err);
}

bool statedb_remove_config(struct statedb *db, const char *pointer, struct error *err)
{
	sqlite3_stmt *statement = prepare(db, REMOVE_CONFIG, err);

	if (!statement)
		return false;
	bind(statement, 1, pointer);
	return run(db, statement, err);
}

static const char *column(sqlite3_stmt *statement, int number)
{
	const unsigned char *text = sqlite3_column_text(statement, number);

	return text ? (const char *)text : "";
}

bool statedb_each_config(struct statedb *db,
			 bool (*visit)(void *context, const char *pointer, const char *value,
				       int64_t time, struct error *err),
			 void *context, struct error *err)
{
	sqlite3_stmt *statement = prepare(db, ALL_CONFIG, err);
	bool is_good = true;
	int code = SQLITE_ROW;

	if (!statement)
		return false;
	while (is_good && (code = sqlite3_step(statement)) == SQLITE_ROW)
		is_good = visit(context, column(statement, 0), column(statement, 1),
				sqlite3_column_int64(statement, 2), err);
	if (is_good && code != SQLITE_DONE)
		is_good = fail(db, err);
	sqlite3_reset(statement);
	return is_good;
}

bool statedb_save_config(struct statedb *db, struct error *err)
{
	return run_plain(db, CLEAR_SAVED, err) && run_plain(db, SAVE_CONFIG, err);
}

bool statedb_restore_config(struct statedb *db, struct error *err)
{
	return run_plain(db, CLEAR_CONFIG, err) && run_plain(db, RESTORE_CONFIG, err);
}

/* -- deployments --------------------------------------------------------------------------------
 */

bool statedb_add_deployment(struct statedb *db, const struct statedb_deployment *added,
			    struct error *err)
{
	sqlite3_stmt *statement = prepare(db, ADD_DEPLOYMENT, err);

	if (!statement)
		return false;
	bind(statement, 1, added->id);
	bind(statement, 2, added->document);
	sqlite3_bind_int64(statement, 3, added->created);
	bind(statement, 4, added->status);
	bind(statement, 5, added->phase);
	bind(statement, 6, added->progress);
	bind(statement, 7, added->result);
	return run(db, statement, err);
}

bool statedb_update_deployment(struct statedb *db, const struct statedb_deployment *changed,
			       struct error *err)
{
	sqlite3_stmt *statement = prepare(db, UPDATE_DEPLOYMENT, err);

	if (!statement)
		return false;
	bind(statement, 1, changed->status);
	bind(statement, 2, changed->phase);
	bind(statement, 3, changed->progress);
	bind(statement, 4, changed->result);
	bind(statement, 5, changed->id);
	return run(db, statement, err);
}

bool statedb_list_deployments(struct statedb *db, struct arena *arena,
			      struct statedb_deployment **list, size_t *count, struct error *err)
{
	sqlite3_stmt *statement = prepare(db, LIST_DEPLOYMENTS, err);
	size_t capacity = 0;
	int code;

	*list = NULL;
	*count = 0;
	if (!statement)
		return false;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		if (*count == capacity) {
			struct statedb_deployment *grown =
				arena_array(arena, 2 * capacity + 16, sizeof(*grown));

			if (capacity > 0)
				memcpy(grown, *list, capacity * sizeof(*grown));
			capacity = 2 * capacity + 16;
			*list = grown;
		}
		(*list)[(*count)++] = (struct statedb_deployment){
			.id = arena_strdup(arena, column(statement, 0)),
			.document = arena_strdup(arena, column(statement, 1)),
			.created = sqlite3_column_int64(statement, 2),
			.status = arena_strdup(arena, column(statement, 3)),
			.phase = arena_strdup(arena, column(statement, 4)),
			.progress = arena_strdup(arena, column(statement, 5)),
			.result = arena_strdup(arena, column(statement, 6)),
		};
	}
	sqlite3_reset(statement);
	return code == SQLITE_DONE || fail(db, err);
}

bool statedb_prune_deployments(struct statedb *db, struct error *err)
{
	return run_plain(db, PRUNE_DEPLOYMENTS, err);
}
