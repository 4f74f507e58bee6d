/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CONFIGTREE_H
#define LIFECYCLE_CONFIGTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

/*
 * Configuration as Greengrass has it: a tree whose leaves know when they were set. A newer value
 * wins over an older one whatever the order in which they arrive; a recipe's default has the time
 * 1, so that anything else wins.
 *
 * A leaf is a scalar or a whole list. Keys are found in any case and keep their spelling. A path is
 * a NULL-terminated vector of keys; an empty one is the node itself.
 */

#define CONFIGTREE_DEPTH_MAX    64
#define CONFIGTREE_KEY_MAX      1024
#define CONFIGTREE_LEAF_MAX     (256 * 1024) /* bytes of one value as JSON */
#define CONFIGTREE_DEFAULT_TIME 1

struct confignode {
	char *key;                 /* NULL at the root */
	struct confignode *parent; /* NULL at the root */
	struct confignode *child;
	struct confignode *next;
	char *value;  /* of a leaf: compact JSON; NULL: an object */
	int64_t time; /* of a leaf, or of an object that is empty: milliseconds since 1970 */
};

/* Is told of each leaf (or empty object) that appears, changes, gets another time, or goes. */
struct configtree_watcher {
	/* `is_gone`: the node is about to be freed. `is_same`: only its time is another. */
	void (*on_change)(void *context, const struct confignode *node, bool is_gone, bool is_same);
	void *context;
};

struct configtree {
	struct confignode root;
	struct configtree_watcher watcher; /* on_change NULL: nobody wants to know */
};

void configtree_init(struct configtree *tree);
void configtree_done(struct configtree *tree);

/* NULL if there is none. */
struct confignode *configtree_find(const struct confignode *node, const char *const *path);
/* The same from a JSON pointer (RFC 6901): "" is the node itself. */
struct confignode *configtree_find_pointer(const struct confignode *node, const char *pointer);
const struct confignode *configtree_child(const struct confignode *node, const char *key);

/* The text of a scalar leaf, or NULL. In `arena`. */
const char *configtree_text(struct arena *arena, const struct confignode *node,
			    const char *const *path) must_check;

struct configtree_merge {
	int64_t time;
	bool is_default; /* only what is not there yet is set */
	bool is_forced;  /* times do not matter */
	size_t older;    /* out: leaves that were newer than `time` and therefore kept */
};

/* Merges `value`, an object or a leaf, into the place `path` below `node`, which is made if it is
 * missing. A leaf is replaced if `time` is not older than its own, also by an object and the other
 * way round. Fails, with nothing changed, only for what exceeds a limit. */
must_check bool configtree_merge(struct configtree *tree, struct confignode *node,
				 const char *const *path, const struct json *value,
				 struct configtree_merge *merge, struct error *err);

/* Makes the place `path` hold exactly `value`, whatever the times are: what `value` lacks is
 * removed, and what is as it should be is left alone. */
must_check bool configtree_replace(struct configtree *tree, struct confignode *node,
				   const char *const *path, const struct json *value, int64_t time,
				   struct error *err);

/* Removes the node and all below it. Parents stay. The root is only emptied. */
void configtree_remove(struct configtree *tree, struct confignode *node);

/* The node as a JSON tree in `arena`; `key` names the root of it in messages. */
must_check bool configtree_read(struct arena *arena, const struct confignode *node, const char *key,
				const struct json **value, struct error *err);

/* Where a node is, as a JSON pointer from its root: "/services/com.example.X/version". */
void configtree_pointer(const struct confignode *node, struct buf *pointer);

/* True if what the pointer means is at or below the path. */
bool configtree_is_below(const char *pointer, const char *const *path);

/* Sets one leaf (or empty object, `value` "{}") at a JSON pointer from the root, without a watcher
 * being told: how a tree comes back from disk. */
must_check bool configtree_restore(struct configtree *tree, const char *pointer, const char *value,
				   int64_t time, struct error *err);

#endif
