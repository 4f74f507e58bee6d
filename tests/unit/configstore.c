/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/configstore.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static const char *directory;
static const char *const top[] = { NULL };
static const char *const value_a[] = { "services", "x", "configuration", "a", NULL };

static bool set(struct configstore *store, const char *text, int64_t time)
{
	autoarena struct arena arena = { 0 };
	struct configtree_merge merge = { .time = time };
	const struct json *value;
	struct error err;

	return json_parse(&arena, "test", text, strlen(text), &value, &err) &&
	       configtree_merge(&store->tree, &store->tree.root, top, value, &merge, &err);
}

static bool open_store(struct configstore *store, struct statedb **db)
{
	struct error err;

	return check(statedb_open(db, directory, &err), "open the file") &&
	       check(configstore_open(store, *db, &err), "read the configuration");
}

static void close_store(struct configstore *store, struct statedb *db)
{
	configstore_close(store);
	statedb_close(db);
}

static void check_a(const struct configstore *store, const char *wanted, const char *what)
{
	autoarena struct arena arena = { 0 };
	const char *got = configtree_text(&arena, &store->tree.root, value_a);

	check_text(got ? got : "(none)", wanted, "%s", what);
}

/* Ends as a killed process does: whatever is not on the disk by now is lost. */
static void in_killed_process(void (*work)(struct configstore *store))
{
	struct configstore store;
	struct statedb *db;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct error err;

		if (statedb_open(&db, directory, &err) && configstore_open(&store, db, &err))
			work(&store);
		_exit(0);
	}
	check(waitpid(child, NULL, 0) == child, "killed");
}

static void set_and_end(struct configstore *store)
{
	struct error err;

	if (configstore_begin(store, &err) &&
	    set(store, "{\"services\":{\"x\":{\"configuration\":{\"a\":1,\"b\":[1]}}}}", 5) &&
	    !configstore_end(store, &err))
		abort();
}

static void set_and_die(struct configstore *store)
{
	struct error err;

	if (configstore_begin(store, &err))
		set(store, "{\"services\":{\"x\":{\"configuration\":{\"a\":2}}}}", 6);
}

static void test_lasts(void)
{
	struct configstore store;
	struct statedb *db;

	in_killed_process(set_and_end);
	in_killed_process(set_and_die);
	if (!open_store(&store, &db))
		return;
	check_a(&store, "1", "the finished transaction lasts, the other one does not");
	close_store(&store, db);
}

struct heard {
	struct configstore *store;
	struct configstore_subscription subscription;
	int count;
	char last[64];
	bool is_once;
};

static void hear(void *context, const struct confignode *node)
{
	struct heard *heard = context;

	heard->count++;
	snprintf(heard->last, sizeof(heard->last), "%s", node->key);
	if (heard->is_once)
		configstore_unsubscribe(heard->store, &heard->subscription);
}

static void listen(struct heard *heard, struct configstore *store, const char *const *path)
{
	*heard = (struct heard){ .store = store };
	heard->subscription = (struct configstore_subscription){ .path = path,
								 .on_change = hear,
								 .context = heard };
	configstore_subscribe(store, &heard->subscription);
}

static void change(struct configstore *store, const char *text, int64_t time)
{
	struct error err;

	check(configstore_begin(store, &err) && set(store, text, time) &&
		      configstore_end(store, &err),
	      "%s", text);
}

static void test_subscribers(void)
{
	static const char *const other[] = { "services", "y", NULL };
	static const char *const x[] = { "services", "x", NULL };
	struct heard a, all, none;
	struct configstore store;
	struct statedb *db;
	struct error err;

	if (!open_store(&store, &db))
		return;
	listen(&a, &store, value_a);
	listen(&all, &store, x);
	listen(&none, &store, other);
	change(&store, "{\"services\":{\"x\":{\"configuration\":{\"a\":3,\"c\":1}}}}", 7);
	check_int(a.count, 1, "the leaf's own subscriber");
	check_int(all.count, 2, "one above hears of both");
	check_int(none.count, 0, "another one of nothing");
	change(&store, "{\"services\":{\"x\":{\"configuration\":{\"a\":3}}}}", 8);
	check_int(a.count, 1, "a mere time is no news");
	all.is_once = true;
	if (configstore_begin(&store, &err)) {
		configtree_remove(&store.tree, configtree_find(&store.tree.root, value_a));
		check(configstore_end(&store, &err), "removed");
	}
	check_int(a.count, 2, "what goes is news");
	check_text(a.last, "configuration", "of the nearest node that is left");
	change(&store, "{\"services\":{\"x\":{\"configuration\":{\"a\":4}}}}", 9);
	check_int(all.count, 3, "who unsubscribed hears no more");
	configstore_unsubscribe(&store, &a.subscription);
	configstore_unsubscribe(&store, &none.subscription);
	close_store(&store, db);
}

static void test_taken_back(void)
{
	struct configstore store;
	struct statedb *db;
	struct error err;

	if (!open_store(&store, &db))
		return;
	check(configstore_begin(&store, &err) && statedb_save_config(db, &err) &&
		      set(&store, "{\"services\":{\"x\":{\"configuration\":{\"a\":5}}}}", 10) &&
		      configstore_end(&store, &err),
	      "saved, then changed");
	check_a(&store, "5", "changed");
	check(configstore_begin(&store, &err) && configstore_restore(&store, &err) &&
		      configstore_end(&store, &err),
	      "restored");
	check_a(&store, "4", "as it was saved");
	check(configstore_begin(&store, &err) &&
		      set(&store, "{\"services\":{\"x\":{\"configuration\":{\"a\":6}}}}", 11),
	      "changed");
	configstore_abandon(&store);
	check_a(&store, "4", "abandoned");
	close_store(&store, db);
}

static void test_deployments(void)
{
	autoarena struct arena arena = { 0 };
	struct statedb_deployment one = { .id = "one", .document = "{}", .status = "QUEUED" };
	struct statedb_deployment *list;
	struct statedb *db;
	struct error err;
	size_t count = 0;

	check(statedb_open(&db, directory, &err) && statedb_add_deployment(db, &one, &err), "one");
	check(!statedb_add_deployment(db, &one, &err), "an id is used once");
	one.status = "SUCCEEDED";
	check(statedb_update_deployment(db, &one, &err), "it is done");
	for (int i = 0; i < STATEDB_DEPLOYMENTS_MAX + 5; i++) {
		struct statedb_deployment more = { .id = arena_printf(&arena, "n%d", i),
						   .status = "FAILED" };

		if (!statedb_add_deployment(db, &more, &err))
			check(false, "%s", err.text);
	}
	check(statedb_prune_deployments(db, &err) &&
		      statedb_list_deployments(db, &arena, &list, &count, &err),
	      "list");
	check_int((int)count, STATEDB_DEPLOYMENTS_MAX, "the last ones are kept");
	if (count)
		check_text(list[count - 1].id, "n54", "in their order");
	statedb_close(db);
}

static void test_damaged(void)
{
	autofree char *path = mem_printf("%s/config/nucleus.db", directory);
	struct statedb *db;
	struct error err;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0 && pwrite(fd, "garbage garbage!", 16, 0) == 16, "damage it");
	close(fd);
	check(!statedb_open(&db, directory, &err) && err.kind == ERROR_CORRUPT, "it is found: %s",
	      err.text);
}

int main(void)
{
	directory = tap_dir();
	test_lasts();
	test_subscribers();
	test_taken_back();
	test_deployments();
	test_damaged();
	return tap_done();
}
