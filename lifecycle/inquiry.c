/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/inquiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lifecycle/configstore.h"
#include "lifecycle/interpolate.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/runstate.h"

struct inquiry {
	struct arena arena;
	const char *root;
	struct statedb *db;
	struct configstore config;
	struct runstate run;
};

static bool open_inquiry(struct inquiry *inquiry, const char *root, struct error *err)
{
	autofree char *real = NULL;

	*inquiry = (struct inquiry){ 0 };
	inquiry->root = nucleus_root(&inquiry->arena, root);
	real = realpath(inquiry->root, NULL); /* one that is not there yet holds nothing */
	if (real)
		inquiry->root = arena_strdup(&inquiry->arena, real);
	runstate_read(&inquiry->run, &inquiry->arena,
		      runstate_path(&inquiry->arena, inquiry->root));
	return statedb_open_readonly(&inquiry->db, inquiry->root, err) &&
	       (!inquiry->db || configstore_open(&inquiry->config, inquiry->db, err));
}

static void close_inquiry(struct inquiry *inquiry)
{
	configstore_close(&inquiry->config);
	statedb_close(inquiry->db);
	arena_done(&inquiry->arena);
}

/* A state is only true while somebody supervises: of a nucleus that was killed, what it wrote last
 * is history. */
static const char *truth(const struct inquiry *inquiry, const char *state)
{
	bool is_final = strcmp(state, "FINISHED") == 0 || strcmp(state, "BROKEN") == 0;

	return is_final || runstate_is_supervised(&inquiry->run)
		       ? ""
		       : " (nobody supervises it: start the nucleus, or deploy it again)";
}

static const char *log_directory(struct inquiry *inquiry)
{
	static const char *const path[] = { "services", "aws.greengrass.Nucleus", "configuration",
					    "logging",  "outputDirectory",        NULL };
	static const char *const itself[] = { NULL };
	const struct confignode *node = configtree_find(&inquiry->config.tree.root, path);
	const char *chosen = node ? configtree_text(&inquiry->arena, node, itself) : NULL;

	return chosen && *chosen ? chosen : arena_printf(&inquiry->arena, "%s/logs", inquiry->root);
}

static void print_configuration(struct inquiry *inquiry, const struct confignode *node)
{
	const struct confignode *configuration = configtree_child(node, "configuration");
	struct interpolate_component self = { .name = node->key };
	struct interpolate_scope scope = { .root = inquiry->root, .self = &self };
	const char *text;
	struct error ignored;

	if (configuration && !configtree_read(&inquiry->arena, configuration, node->key,
					      &self.configuration, &ignored))
		return;
	if (interpolate(&scope, &inquiry->arena, "{configuration:}", &text, &ignored))
		printf("    Configuration: %s\n", text);
}

static void print_component(struct inquiry *inquiry, const struct confignode *node)
{
	static const char *const version[] = { "version", NULL };
	const struct runstate_component *found = runstate_find(&inquiry->run, node->key);
	const char *state = found ? found->state : "NEW";

	printf("Component Name: %s\n    Version: %s\n    State: %s%s\n", node->key,
	       configtree_text(&inquiry->arena, node, version), state, truth(inquiry, state));
	if (found && found->status)
		printf("    Status: %s\n", found->status);
	print_configuration(inquiry, node);
}

static const struct confignode *services_of(const struct inquiry *inquiry)
{
	return configtree_child(&inquiry->config.tree.root, "services");
}

/* Whoever names no place and has never deployed anything means root's components, most likely. */
static bool check_place(const struct inquiry *inquiry, const char *root, struct error *err)
{
	return root || inquiry->db || geteuid() == 0 ||
	       error_set(err, ERROR_NOT_FOUND,
			 "nothing was ever deployed in %s (for root's components: sudo)",
			 inquiry->root);
}

bool inquiry_list(const char *root, struct error *err)
{
	struct inquiry inquiry;
	bool is_good = open_inquiry(&inquiry, root, err) && check_place(&inquiry, root, err);
	const struct confignode *services = is_good ? services_of(&inquiry) : NULL;

	if (is_good)
		puts("Components currently running in Greengrass:");
	for (const struct confignode *node = services ? services->child : NULL; node;
	     node = node->next)
		if (configtree_child(node, "version"))
			print_component(&inquiry, node);
	close_inquiry(&inquiry);
	return is_good;
}

static bool print_last_deployment(struct inquiry *inquiry, struct error *err)
{
	struct statedb_deployment *rows;
	size_t count;

	if (!statedb_list_deployments(inquiry->db, &inquiry->arena, &rows, &count, err))
		return false;
	if (count > 0)
		printf("    Deployment: %s, %s\n", rows[count - 1].id, rows[count - 1].status);
	return true;
}

bool inquiry_details(const char *root, const char *name, struct error *err)
{
	struct inquiry inquiry;
	const struct confignode *node = NULL;
	bool is_good = open_inquiry(&inquiry, root, err);

	if (is_good) {
		node = configtree_child(services_of(&inquiry), name);
		is_good = (node && configtree_child(node, "version")) ||
			  error_set(err, ERROR_NOT_FOUND, "%s is not deployed", name);
	}
	if (is_good) {
		const struct runstate_component *found = runstate_find(&inquiry.run, name);

		print_component(&inquiry, node);
		printf("    Log: %s/%s.log\n", log_directory(&inquiry), name);
		if (found && found->exit_code >= 0)
			printf("    Last exit code: %lld\n", (long long)found->exit_code);
		is_good = print_last_deployment(&inquiry, err);
	}
	close_inquiry(&inquiry);
	return is_good;
}

const char *inquiry_log_directory(struct arena *arena, const char *root)
{
	struct inquiry inquiry;
	struct error ignored;
	const char *found = open_inquiry(&inquiry, root, &ignored)
				    ? arena_strdup(arena, log_directory(&inquiry))
				    : arena_printf(arena, "%s/logs", nucleus_root(arena, root));

	close_inquiry(&inquiry);
	return found;
}
