/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/topictree.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

static void count_match(void *context, struct topic_entry *entry)
{
	++*(int *)entry->owner;
	++*(int *)context;
}

static bool matches(const char *filter, const char *topic, bool has_parent_match)
{
	struct topic_tree tree = { .has_parent_match = has_parent_match };
	int calls = 0, total = 0;
	struct topic_entry entry = { .owner = &calls };

	topictree_add(&tree, filter, &entry);
	topictree_each(&tree, topic, count_match, &total);
	topictree_remove(&tree, &entry);
	if (tree.root)
		check(false, "the tree is empty again");
	return calls == 1 && total == 1;
}

static void test_match(void)
{
	static const struct {
		const char *filter, *topic;
		bool local, mqtt;
	} table[] = {
		{ "a", "a", true, true },           { "a", "b", false, false },
		{ "a/b", "a/b", true, true },       { "a/b", "a", false, false },
		{ "a", "a/b", false, false },       { "+", "a", true, true },
		{ "+", "a/b", false, false },       { "a/+", "a/b", true, true },
		{ "a/+", "a/", true, true },        { "a/+", "a", false, false },
		{ "+/b", "a/b", true, true },       { "+/+", "a/b", true, true },
		{ "#", "a", true, true },           { "#", "a/b/c", true, true },
		{ "a/#", "a/b", true, true },       { "a/#", "a/b/c", true, true },
		{ "a/#", "a", false, true },        { "a/+/#", "a/b", false, true },
		{ "+/#", "a", false, true },        { "/a", "/a", true, true },
		{ "/a", "a", false, false },        { "+/a", "/a", true, true },
		{ "a//b", "a//b", true, true },     { "a/+/b", "a//b", true, true },
		{ "$aws/#", "$aws/x", true, true }, { "#", "$aws/x", true, true },
		{ "a/b", "a/bb", false, false },    { "a/bb", "a/b", false, false },
	};

	for (size_t i = 0; i < COUNT_OF(table); i++) {
		check_int(matches(table[i].filter, table[i].topic, false), table[i].local,
			  "%s against %s", table[i].filter, table[i].topic);
		check_int(matches(table[i].filter, table[i].topic, true), table[i].mqtt,
			  "MQTT: %s against %s", table[i].filter, table[i].topic);
	}
}

static void test_checks(void)
{
	static const char *const good[] = {
		"a", "/", "a/+/b", "+", "#", "a/#", "+/#", "$share/g/a"
	};
	static const char *const bad[] = {
		"", "a+", "+a/b", "a/b+/c", "a#", "#/a", "a/#/b", "a/##"
	};
	char longest[TOPIC_MAX + 2];
	struct error err;

	for (size_t i = 0; i < COUNT_OF(good); i++)
		check_ok(topic_check_filter(good[i], &err), &err, "filter %s", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_error(topic_check_filter(bad[i], &err), &err, ERROR_INPUT, "topic filter",
			    "filter %s", bad[i]);
	check_ok(topic_check("a/b", &err), &err, "topic");
	check_error(topic_check("a/+", &err), &err, ERROR_INPUT, "wildcard", "a wildcard");
	check_error(topic_check("", &err), &err, ERROR_INPUT, "empty", "empty");
	memset(longest, 'a', sizeof(longest));
	longest[TOPIC_MAX] = '\0';
	check_ok(topic_check(longest, &err), &err, "the longest");
	longest[TOPIC_MAX] = 'a';
	longest[TOPIC_MAX + 1] = '\0';
	check_error(topic_check(longest, &err), &err, ERROR_INPUT, "longer", "one more");
}

/* Thousands of subscriptions, in and out in any order. */
static void test_many(void)
{
	enum {
		COUNT = 3000
	};
	struct topic_tree tree = { 0 };
	struct topic_entry *entries = calloc(COUNT, sizeof(*entries));
	int *calls = calloc(COUNT, sizeof(*calls));
	char filter[32];
	int total = 0;

	for (int i = 0; i < COUNT; i++) {
		entries[i].owner = &calls[i];
		snprintf(filter, sizeof(filter), "%d/%d/%s", i % 7, (i * 7919) % COUNT,
			 i % 3 == 0   ? "#"
			 : i % 3 == 1 ? "+"
				      : "x");
		topictree_add(&tree, filter, &entries[i]);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(filter, sizeof(filter), "%d/%d/x", i % 7, (i * 7919) % COUNT);
		topictree_each(&tree, filter, count_match, &total);
	}
	check_int(total, COUNT, "each topic finds its one subscriber");
	check(topictree_has(&tree, "0/0/#") && !topictree_has(&tree, "0/0/+") &&
		      !topictree_has(&tree, "0/0"),
	      "who has which filter");
	for (int i = 0; i < COUNT; i++)
		topictree_remove(&tree, &entries[(i * 1201) % COUNT]);
	check(!tree.root, "nothing is left");
	topictree_remove(&tree, &entries[0]);
	topictree_add(&tree, "a/b", &entries[0]);
	topictree_add(&tree, "a/b", &entries[1]);
	topictree_remove(&tree, &entries[1]);
	total = 0;
	topictree_each(&tree, "a/b", count_match, &total);
	check_int(total, 1, "two of one filter, one removed");
	topictree_done(&tree);
	check(!entries[0].node, "an entry knows that its tree is gone");
	free(entries);
	free(calls);
}

int main(void)
{
	test_match();
	test_checks();
	test_many();
	return tap_done();
}
