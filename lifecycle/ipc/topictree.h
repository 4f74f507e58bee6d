/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_TOPICTREE_H
#define LIFECYCLE_IPC_TOPICTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Topics and topic filters as MQTT 3.1.1 has them (section 4.7): levels between slashes, '+' for
 * one level, '#' for the rest; and who has subscribed to what, as a tree of levels.
 */

#define TOPIC_MAX 256 /* bytes, as AWS IoT Core has it */

/* Fails with ERROR_INPUT: empty, too long, or with a wildcard in a wrong place. */
must_check bool topic_check_filter(const char *filter, struct error *err);
/* The same for a topic to publish to: no wildcards at all. */
must_check bool topic_check(const char *topic, struct error *err);

bool topic_has_wildcard(const char *filter);

/* One subscription's place in the tree; a field of its owner's struct. */
struct topic_entry {
	void *owner;
	struct topic_node *node; /* NULL: nowhere */
	struct topic_entry *next, *previous;
};

struct topic_tree {
	struct topic_node *root;
	bool has_parent_match; /* "a/#" also matches "a": MQTT says so, Greengrass' local topics not
				*/
};

/* `filter` has been checked. */
void topictree_add(struct topic_tree *tree, const char *filter, struct topic_entry *entry);
void topictree_remove(struct topic_tree *tree, struct topic_entry *entry);
/* Calls back for every entry whose filter matches; nothing may be added or removed meanwhile. */
void topictree_each(const struct topic_tree *tree, const char *topic,
		    void (*on_match)(void *context, struct topic_entry *entry), void *context);
/* Whether anybody has this very filter. */
bool topictree_has(const struct topic_tree *tree, const char *filter);
/* The entries are forgotten, not freed. */
void topictree_done(struct topic_tree *tree);

#endif
