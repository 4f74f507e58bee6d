/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/configstore.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define POINTER_MAX ((CONFIGTREE_KEY_MAX + 1) * CONFIGTREE_DEPTH_MAX * 2)

struct configstore_change {
	char *pointer;
	struct configstore_change *next;
};

/* -- following the tree -------------------------------------------------------------------------
 */

static void remember(struct configstore *store, char *pointer)
{
	struct configstore_change *change = mem_alloc(sizeof(*change)), **link = &store->changes;

	while (*link)
		link = &(*link)->next;
	*change = (struct configstore_change){ .pointer = pointer };
	*link = change;
}

static void forget_changes(struct configstore *store)
{
	while (store->changes) {
		struct configstore_change *change = store->changes;

		store->changes = change->next;
		free(change->pointer);
		free(change);
	}
}

static void on_change(void *context, const struct confignode *node, bool is_gone, bool is_same)
{
	struct configstore *store = context;
	autobuf struct buf pointer = { 0 };
	bool is_good;

	if (store->has_failed)
		return;
	buf_init(&pointer, POINTER_MAX);
	configtree_pointer(node, &pointer);
	is_good = is_gone ? statedb_remove_config(store->db, pointer.data, &store->why)
			  : statedb_put_config(store->db, pointer.data,
					       node->value ? node->value : "{}", node->time,
					       &store->why);
	store->has_failed = !is_good;
	if (!is_same)
		remember(store, buf_take(&pointer));
}

static bool load_row(void *context, const char *pointer, const char *value, int64_t time,
		     struct error *err)
{
	return configtree_restore(context, pointer, value, time, err);
}

static bool load(struct configstore *store, struct error *err)
{
	configtree_done(&store->tree);
	configtree_init(&store->tree);
	if (!statedb_each_config(store->db, load_row, &store->tree, err))
		return false;
	store->tree.watcher =
		(struct configtree_watcher){ .on_change = on_change, .context = store };
	return true;
}

bool configstore_open(struct configstore *store, struct statedb *db, struct error *err)
{
	*store = (struct configstore){ .db = db };
	return load(store, err);
}

void configstore_close(struct configstore *store)
{
	forget_changes(store);
	configtree_done(&store->tree);
}

/* -- transactions -------------------------------------------------------------------------------
 */

bool configstore_begin(struct configstore *store, struct error *err)
{
	store->has_failed = false;
	return statedb_begin(store->db, err);
}

void configstore_abandon(struct configstore *store)
{
	struct error err;

	statedb_rollback(store->db);
	forget_changes(store);
	if (!load(store, &err))
		log_error("%s", err.text);
}

bool configstore_restore(struct configstore *store, struct error *err)
{
	return statedb_restore_config(store->db, err) && load(store, err);
}

/* The node a pointer leads to, or the nearest above it. */
static const struct confignode *nearest(const struct configstore *store, const char *pointer)
{
	autofree char *path = mem_strdup(pointer);
	const struct confignode *node = configtree_find_pointer(&store->tree.root, path);

	while (!node) {
		*strrchr(path, '/') = '\0';
		node = configtree_find_pointer(&store->tree.root, path);
	}
	return node;
}

static void tell_subscribers(struct configstore *store, const char *pointer)
{
	struct configstore_subscription *next;

	for (struct configstore_subscription *s = store->subscriptions; s; s = next) {
		next = s->next;
		if (configtree_is_below(pointer, s->path))
			s->on_change(s->context, nearest(store, pointer));
	}
}

bool configstore_end(struct configstore *store, struct error *err)
{
	struct configstore_change *changes;

	if (store->has_failed || !statedb_commit(store->db, &store->why)) {
		*err = store->why;
		configstore_abandon(store);
		return false;
	}
	changes = store->changes;
	store->changes = NULL; /* a subscriber may begin a transaction of its own */
	while (changes) {
		struct configstore_change *change = changes;

		changes = change->next;
		tell_subscribers(store, change->pointer);
		free(change->pointer);
		free(change);
	}
	return true;
}

/* -- subscriptions ------------------------------------------------------------------------------
 */

void configstore_subscribe(struct configstore *store, struct configstore_subscription *subscription)
{
	subscription->next = store->subscriptions;
	store->subscriptions = subscription;
}

void configstore_unsubscribe(struct configstore *store,
			     struct configstore_subscription *subscription)
{
	for (struct configstore_subscription **link = &store->subscriptions; *link;
	     link = &(*link)->next) {
		if (*link == subscription) {
			*link = subscription->next;
			return;
		}
	}
}
