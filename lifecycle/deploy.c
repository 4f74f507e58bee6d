/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/deploy.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/path.h"
#include "base/proc.h"
#include "lifecycle/artifact.h"
#include "lifecycle/console.h"
#include "lifecycle/deployment.h"
#include "lifecycle/orphans.h"

const char *deploy_root(struct arena *arena, const char *root)
{
	return root ? root : arena_printf(arena, "%s/components", settings_data_directory(arena));
}

/* Made if it is missing. An absolute path without links: scripts get to see it. */
static bool open_root(struct deployment *deployment, const char *root, struct error *err)
{
	root = deploy_root(&deployment->arena, root);
	if (!path_make_own_dirs(root, 0755, err))
		return false;
	deployment->root = realpath(root, NULL);
	return deployment->root || error_sys(err, "root directory %s", root);
}

/* What a deployment that was killed left beside the files it was replacing. We hold the lock, so
 * nobody is writing there. */
static void sweep(const char *root, const char *name)
{
	autofree char *path = mem_printf("%s/%s", root, name);
	autodir DIR *dir = opendir(path);

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		if (strstr(entry->d_name, ".tmp-"))
			unlinkat(dirfd(dir), entry->d_name, 0);
}

/* -- who runs the scripts -----------------------------------------------------------------------
 */

/*
 * runWithDefault.posixUser; without it, as root: ggc_user if the machine has one (what Greengrass'
 * installer makes), else root itself, which is said. Who is not root runs scripts as who they are.
 */
static bool choose_account(struct deployment *deployment, struct error *err)
{
	const char *user = deployment->settings.user;

	deployment->account = NULL;
	if (geteuid() != 0) {
		if (user)
			log_warning("runWithDefault.posixUser %s is ignored: only root can start "
				    "scripts as somebody else",
				    user);
		return true;
	}
	if (!user && getpwnam("ggc_user"))
		user = "ggc_user";
	if (!user) {
		console_say("Scripts run as root: there is no user ggc_user, and the configuration "
			    "names none (runWithDefault.posixUser).");
		return true;
	}
	if (!account_find(&deployment->account_found, user, err))
		return false;
	if (deployment->account_found.uid != 0)
		deployment->account = &deployment->account_found;
	return true;
}

/* -- what is asked for --------------------------------------------------------------------------
 */

static bool parse_root(struct deployment *deployment, const char *text, struct resolve_root *root,
		       struct error *err)
{
	const char *equals = strchr(text, '=');

	if (!equals)
		return error_set(err, ERROR_INPUT, "--merge %s: expected NAME=VERSION", text);
	root->name = arena_strndup(&deployment->arena, text, (size_t)(equals - text));
	root->requirement = equals + 1;
	if (!recipe_is_component_name(root->name))
		return error_set(err, ERROR_INPUT, "--merge %s: not a component's name", text);
	return semver_parse_range(&deployment->arena, root->requirement, &root->range, err) ||
	       error_in(err, "--merge %s", text);
}

static bool parse_requests(struct deployment *deployment, const struct deploy_options *options,
			   struct error *err)
{
	deployment->root_count = options->merges.count;
	deployment->roots =
		arena_array(&deployment->arena, deployment->root_count, sizeof(*deployment->roots));
	for (size_t i = 0; i < deployment->root_count; i++)
		if (!parse_root(deployment, options->merges.items[i], &deployment->roots[i], err))
			return false;
	for (size_t i = 0; i < options->removes.count; i++)
		if (!ledger_find(&deployment->before, options->removes.items[i]))
			return error_set(err, ERROR_NOT_FOUND, "--remove %s: it is not deployed",
					 options->removes.items[i]);
	return true;
}

/* -- the plan: nothing is changed here ----------------------------------------------------------
 */

static const char *active_version(const void *context, const char *name)
{
	const struct ledger_component *found = ledger_find(context, name);

	return found ? found->version : NULL;
}

static bool read_recipes(struct deployment *deployment, const struct deploy_options *options,
			 struct error *err)
{
	deployment->catalog.arena = &deployment->arena;
	deployment->catalog.device = &deployment->device;
	return (!options->recipe_dir ||
		catalog_add_directory(&deployment->catalog, options->recipe_dir, err)) &&
	       catalog_add_stored(&deployment->catalog, deployment->root, err);
}

static void warn_of_builtins(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct recipe *recipe = plan->components[i].recipe;

		for (size_t k = 0; k < recipe->dependency_count; k++) {
			const char *name = recipe->dependencies[k].name;

			if (strcmp(name, "aws.greengrass.TokenExchangeService") == 0 ||
			    strcmp(name, "aws.greengrass.StreamManager") == 0)
				log_warning("%s needs %s, which Mooring does not serve yet: what "
					    "uses it will fail",
					    recipe->name, name);
		}
	}
}

static bool make_plan(struct deployment *deployment, const struct deploy_options *options,
		      struct error *err)
{
	struct resolve_request request = { .catalog = &deployment->catalog,
					   .roots = deployment->roots,
					   .root_count = deployment->root_count,
					   .active_version = active_version,
					   .context = &deployment->before };
	struct plan_options plan_options = { .root = deployment->root,
					     .settings = &deployment->settings,
					     .roots = deployment->roots,
					     .root_count = deployment->root_count };
	struct resolve_result result = { 0 };

	if (!read_recipes(deployment, options, err) ||
	    !resolve(&request, &deployment->arena, &result, err) ||
	    !plan_make(&deployment->plan, &deployment->arena, &plan_options, &result, err))
		return false;
	warn_of_builtins(&deployment->plan);
	return true;
}

/* -- fetching -----------------------------------------------------------------------------------
 */

static bool get_artifacts(const struct deployment *deployment,
			  const struct artifact_context *context, struct error *err)
{
	for (size_t i = 0; i < deployment->plan.count; i++) {
		const struct recipe *recipe = deployment->plan.components[i].recipe;

		if (!catalog_store(recipe, deployment->root, err))
			return false;
		for (size_t k = 0; k < recipe->artifact_count; k++) {
			console_say("%s: artifact %s", recipe->name, recipe->artifacts[k].uri);
			if (!artifact_get(context, recipe, &recipe->artifacts[k], err))
				return false;
		}
	}
	return true;
}

static bool fetch(const struct deployment *deployment, const struct deploy_options *options,
		  struct error *err)
{
	autofree char *docker = mem_printf("%s/docker", deployment->bin);
	struct artifact_context context = { .root = deployment->root,
					    .settings = &deployment->settings,
					    .account = deployment->account,
					    .docker = docker,
					    .cancel_fd = deployment->stop_fd };

	return (!options->artifact_dir || artifact_merge(&context, options->artifact_dir, err)) &&
	       get_artifacts(deployment, &context, err);
}

/* -- the whole ----------------------------------------------------------------------------------
 */

/* A nucleus that was killed this moment may have left a child which has our lock until it executes
 * its program; so one that is taken is asked for again, for half a second. */
static bool lock(struct deployment *deployment, struct error *err)
{
	autofree char *path = mem_printf("%s/lock", deployment->root);

	for (int attempt = 0; attempt < 10; attempt++) {
		if (file_lock(AT_FDCWD, path, FILE_LOCK_TRY, &deployment->lock, err))
			return true;
		if (err->kind != ERROR_EXISTS)
			return false;
		poll(NULL, 0, 50);
	}
	return error_in(err, "another deployment is running in %s", deployment->root);
}

static bool open_deployment(struct deployment *deployment, const struct deploy_options *options,
			    struct error *err)
{
	static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP, 0 };
	static const int child_signals[] = { SIGCHLD, 0 };

	if (!settings_read(&deployment->settings, &deployment->arena, options->config, err) ||
	    !device_detect(&deployment->device, &deployment->arena, err) ||
	    !proc_helper("bin", &deployment->bin, err) ||
	    !open_root(deployment, options->root, err))
		return false;
	deployment->device.overrides = deployment->settings.overrides;
	deployment->logs = mem_printf("%s/logs", deployment->root);
	if (!lock(deployment, err))
		return false;
	sweep(deployment->root, "deployments");
	sweep(deployment->root, "packages/recipes");
	return choose_account(deployment, err) &&
	       loop_open_signals(stop_signals, &deployment->stop_fd, err) &&
	       loop_open_signals(child_signals, &deployment->child_fd, err) &&
	       ledger_read(&deployment->before, &deployment->arena, deployment->root, err);
}

static void close_deployment(struct deployment *deployment)
{
	catalog_done(&deployment->catalog);
	mem_cleanup_close(&deployment->stop_fd);
	mem_cleanup_close(&deployment->child_fd);
	mem_cleanup_close(&deployment->lock);
	free(deployment->root);
	free(deployment->logs);
	free(deployment->bin);
	arena_done(&deployment->arena);
}

/* The components that were there before are what is there now. */
static void take_back(struct deployment *deployment, const struct error *why)
{
	struct ledger *ledger = &deployment->ledger;
	struct error err;

	ledger->components = deployment->before.components;
	ledger->count = deployment->before.count;
	ledger->status = LEDGER_FAILED;
	ledger->reason = why->text;
	if (!ledger_write(ledger, deployment->root, &err))
		log_error("%s", err.text);
}

static bool carry_out(struct deployment *deployment, const struct deploy_options *options,
		      enum deploy_outcome *outcome, int *signal, struct error *err)
{
	if (deployment->before.status == LEDGER_IN_PROGRESS && deployment->before.deployment)
		console_say("Deployment %s was interrupted; this one takes its place.",
			    deployment->before.deployment);
	if (!deployment_write_plan(deployment, err))
		return false;
	orphans_end(&deployment->before);
	if (!fetch(deployment, options, err)) {
		take_back(deployment, err);
		*signal = loop_next_signal(deployment->stop_fd);
		*outcome = DEPLOY_INTERRUPTED;
		return *signal != 0;
	}
	if (deployment_supervise(deployment, &options->removes, outcome, signal, err))
		return true;
	take_back(deployment, err);
	return false;
}

bool deploy_run(const struct deploy_options *options, enum deploy_outcome *outcome, int *signal,
		struct error *err)
{
	struct deployment deployment = { .lock = -1, .stop_fd = -1, .child_fd = -1 };
	bool is_good = open_deployment(&deployment, options, err) &&
		       parse_requests(&deployment, options, err) &&
		       make_plan(&deployment, options, err) &&
		       carry_out(&deployment, options, outcome, signal, err);

	close_deployment(&deployment);
	return is_good;
}
