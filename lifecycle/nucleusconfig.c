/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/nucleusconfig.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "lifecycle/nucleus.h"

/* -- who runs the scripts -----------------------------------------------------------------------
 */

/*
 * runWithDefault.posixUser; without it, as root: ggc_user if the machine has one (what Greengrass'
 * installer makes), else root itself, which is said. Who is not root runs scripts as who they are.
 */
static bool choose_account(struct nucleus *nucleus, struct error *err)
{
	const char *user = nucleus->settings.user;

	nucleus->user = arena_strdup(&nucleus->arena, user);
	nucleus->account = NULL;
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
		nucleus_say(nucleus,
			    "Scripts run as root: there is no user ggc_user, and the configuration "
			    "names none (runWithDefault.posixUser).");
		return true;
	}
	if (!account_find(&nucleus->account_found, user, "runWithDefault.posixUser", err))
		return false;
	if (nucleus->account_found.uid != 0)
		nucleus->account = &nucleus->account_found;
	return true;
}

/* -- the configuration file ---------------------------------------------------------------------
 */

/* Of what the nucleus brings along itself, and what no recipe has defaults for. */
static bool merge_built_in(struct nucleus *nucleus, const struct json *document,
			   struct configtree_merge *merge, struct error *err)
{
	static const char *const names[] = { "aws.greengrass.TokenExchangeService",
					     "aws.greengrass.StreamManager" };
	struct configtree *tree = &nucleus->config.tree;
	const struct json *services = json_get_fold(document, "services");

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const char *const path[] = { "services", names[i], "configuration", NULL };
		const struct json *configuration =
			json_get_fold(json_get_fold(services, names[i]), "configuration");

		if (configuration &&
		    !configtree_merge(tree, &tree->root, path, configuration, merge, err))
			return false;
	}
	return true;
}

/* What the file says has the time at which it was written: a later deployment to the nucleus wins
 * over it, and it wins again when somebody edits it. */
static bool merge_file(struct nucleus *nucleus, const struct json *document, int64_t time,
		       struct error *err)
{
	static const char *const system[] = { "system", NULL };
	static const char *const own[] = { "services", "aws.greengrass.Nucleus", "configuration",
					   NULL };
	struct configtree *tree = &nucleus->config.tree;
	const struct json *configuration = settings_nucleus(document);
	const struct json *device = json_get_fold(document, "system");
	struct configtree_merge merge = { .time = time };

	return (!device || configtree_merge(tree, &tree->root, system, device, &merge, err)) &&
	       (!configuration ||
		configtree_merge(tree, &tree->root, own, configuration, &merge, err)) &&
	       merge_built_in(nucleus, document, &merge, err);
}

/* A deployment to the nucleus may name another user for those components that have none of their
 * own: their next scripts run as that one. */
static bool change_account(struct nucleus *nucleus, struct error *err)
{
	const char *before = nucleus->user ? nucleus->user : "";
	const char *now = nucleus->settings.user ? nucleus->settings.user : "";

	if (strcmp(before, now) == 0)
		return true;
	if (!choose_account(nucleus, err))
		return false;
	nucleus->supervisor.options.account = nucleus->account;
	return true;
}

/* What the nucleus is tied to the world by: it opens that once, when it begins. */
static const char *const ties[] = { "awsRegion",       "iotRoleAlias", "iotDataEndpoint",
				    "iotCredEndpoint", "networkProxy", "mqtt",
				    "fipsMode" };

static bool is_as_begun(const struct nucleus *nucleus)
{
	const struct json *now = settings_nucleus(nucleus->document);

	for (size_t i = 0; i < COUNT_OF(ties); i++)
		if (!json_is_equal(json_get_fold(settings_nucleus(nucleus->begun), ties[i]),
				   json_get_fold(now, ties[i])))
			return false;
	return json_is_equal(json_get_fold(nucleus->begun, "system"),
			     json_get_fold(nucleus->document, "system"));
}

/* These sections are the file's alone: no deployment changes them. */
static void copy_file(const struct json *file, struct arena *arena, struct json *all,
		      struct json *services)
{
	static const char *const sections[] = { "s3", "retry", "setenv" };
	const struct json *from = json_get_fold(file, "services");

	for (size_t i = 0; i < COUNT_OF(sections); i++) {
		const struct json *section = json_get_fold(file, sections[i]);

		if (section)
			json_copy(arena, all, sections[i], section);
	}
	for (const struct json *one = from ? from->child : NULL; one; one = one->next) {
		const struct json *setenv = json_get_fold(one, "setenv");

		if (setenv)
			json_copy(arena, json_new(arena, services, one->key, JSON_OBJECT, NULL),
				  "setenv", setenv);
	}
}

static bool copy_part(const struct nucleus *nucleus, struct arena *arena, struct json *parent,
		      const char *key, const char *const *path, struct error *err)
{
	const struct confignode *node = configtree_find(&nucleus->config.tree.root, path);
	const struct json *part = NULL;

	if (!node)
		return true;
	if (!configtree_read(arena, node, key, &part, err))
		return false;
	json_copy(arena, parent, key, part);
	return true;
}

/* What the file and the deployments together say, as one document. */
static bool gather(const struct nucleus *nucleus, struct arena *arena, const struct json **document,
		   struct error *err)
{
	static const char *const device[] = { "system", NULL };
	static const char *const own[] = { "services", "aws.greengrass.Nucleus", "configuration",
					   NULL };
	struct json *all = json_new(arena, NULL, "configuration", JSON_OBJECT, NULL);
	struct json *services = json_new(arena, all, "services", JSON_OBJECT, NULL);
	struct json *inner = json_new(arena, services, "aws.greengrass.Nucleus", JSON_OBJECT, NULL);

	*document = all;
	if (!copy_part(nucleus, arena, all, "system", device, err) ||
	    !copy_part(nucleus, arena, inner, "configuration", own, err))
		return false;
	copy_file(nucleus->file, arena, all, services);
	return true;
}

/* Who has a terminal in front of them sees all there, and reads it again in a file. */
static void place_logs(struct nucleus *nucleus)
{
	struct settings_logging *logging = &nucleus->settings.logging;

	if (!logging->directory)
		logging->directory =
			arena_printf(&nucleus->settings_arena, "%s/logs", nucleus->root);
	if (nucleus->options.is_foreground)
		logging->is_console = false;
}

static bool reread(struct nucleus *nucleus, struct error *err)
{
	arena_done(&nucleus->settings_arena);
	nucleus->settings_arena = (struct arena){ 0 };
	if (!gather(nucleus, &nucleus->settings_arena, &nucleus->document, err) ||
	    !settings_parse(&nucleus->settings, &nucleus->settings_arena, nucleus->document, err))
		return false;
	nucleus->device.overrides = nucleus->settings.overrides;
	place_logs(nucleus);
	return true;
}

bool nucleusconfig_check(const struct nucleus *nucleus, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *document;
	struct settings settings;
	struct account account;

	if (!gather(nucleus, &arena, &document, err) ||
	    !settings_parse(&settings, &arena, document, err))
		return false;
	return geteuid() != 0 || !settings.user ||
	       account_find(&account, settings.user, "runWithDefault.posixUser", err);
}

bool nucleusconfig_reread(struct nucleus *nucleus, bool *needs_restart, struct error *err)
{
	*needs_restart = false;
	if (!reread(nucleus, err) || !change_account(nucleus, err))
		return false;
	*needs_restart = !is_as_begun(nucleus);
	return true;
}

static bool read_file(struct nucleus *nucleus, struct error *err)
{
	int64_t time;

	/* First by itself, so that a mistake is said to be in the file. */
	if (!settings_read(&nucleus->arena, nucleus->options.config, &nucleus->file, &time, err) ||
	    !settings_parse(&nucleus->settings, &nucleus->arena, nucleus->file, err))
		return false;
	if (!configstore_begin(&nucleus->config, err))
		return false;
	/* What no nucleus could begin with is not kept: it would hold when the file has it no more.
	 */
	if (nucleus->file && (!merge_file(nucleus, nucleus->file, time, err) ||
			      !nucleusconfig_check(nucleus, err))) {
		configstore_abandon(&nucleus->config);
		return false;
	}
	return configstore_end(&nucleus->config, err);
}

bool nucleusconfig_open(struct nucleus *nucleus, struct error *err)
{
	if (!read_file(nucleus, err) || !reread(nucleus, err))
		return false;
	nucleus->begun = json_copy(&nucleus->arena, NULL, "configuration", nucleus->document);
	return choose_account(nucleus, err);
}
