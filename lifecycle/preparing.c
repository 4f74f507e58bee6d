/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/preparing.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "lifecycle/backoff.h"
#include "lifecycle/interpolate.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/recipeunknown.h"

#define ROOM_MIN       20000000 /* bytes that a disk must have for a deployment to begin */
#define CREDENTIALS_MS 30000    /* for the token exchange to get them */
#define LOOK_AGAIN_MS  100

/* -- what is asked for --------------------------------------------------------------------------
 */

struct roots {
	struct arena *arena;
	struct resolve_root *items;
	size_t count;
};

static bool add_root(struct roots *roots, const char *name, const char *version, struct error *err)
{
	struct resolve_root *grown;

	if (roots->count >= RESOLVE_COMPONENTS_MAX)
		return error_set(err, ERROR_INPUT, "more than %d components",
				 RESOLVE_COMPONENTS_MAX);
	grown = arena_array(roots->arena, roots->count + 1, sizeof(*grown));
	if (roots->count > 0)
		memcpy(grown, roots->items, roots->count * sizeof(*grown));
	roots->items = grown;
	grown[roots->count] = (struct resolve_root){ .name = name, .requirement = version };
	return semver_parse_range(roots->arena, version, &grown[roots->count++].range, err) ||
	       error_in(err, "%s", name);
}

static bool is_removed(const struct document *document, const char *name)
{
	for (size_t i = 0; document->removes[i]; i++)
		if (strcmp(document->removes[i], name) == 0)
			return true;
	return false;
}

/* The roots of one group, as earlier deployments left them; of the deployment's own group only
 * those that it says nothing about. */
static bool add_group(struct roots *roots, const struct document *document,
		      const struct confignode *group, struct error *err)
{
	static const char *const itself[] = { NULL };
	bool is_own = strcasecmp(group->key, document->group) == 0;

	for (const struct confignode *node = group->child; node; node = node->next) {
		const struct document_change *change = document_find(document, node->key);
		const char *version = configtree_text(roots->arena, node, itself);

		if (is_own && ((change && change->version) || is_removed(document, node->key)))
			continue;
		if (version && !add_root(roots, node->key, version, err))
			return false;
	}
	return true;
}

static bool collect_roots(struct deployer *deployer, struct roots *roots, struct error *err)
{
	static const char *const path[] = { "deployments", "groups", NULL };
	const struct document *document = &deployer->document;
	const struct confignode *groups =
		configtree_find(&deployer->nucleus->config.tree.root, path);

	for (size_t i = 0; i < document->change_count; i++)
		if (document->changes[i].version &&
		    !add_root(roots, document->changes[i].name, document->changes[i].version, err))
			return false;
	for (const struct confignode *group = groups ? groups->child : NULL; group;
	     group = group->next)
		if (!add_group(roots, document, group, err))
			return false;
	return true;
}

/* -- the plan -----------------------------------------------------------------------------------
 */

static const struct confignode *services_of(const struct deployer *deployer)
{
	return configtree_child(&deployer->nucleus->config.tree.root, "services");
}

static const char *active_version(const void *context, const char *name)
{
	static const char *const version[] = { "version", NULL };
	struct deployer *deployer = (struct deployer *)(uintptr_t)context;
	const struct confignode *node = configtree_child(services_of(deployer), name);

	return node ? configtree_text(&deployer->arena, node, version) : NULL;
}

static bool read_recipes(struct deployer *deployer, struct error *err)
{
	struct catalog *catalog = &deployer->catalog;
	const char *directory = deployer->document.recipe_directory;

	catalog->arena = &deployer->arena;
	catalog->device = &deployer->nucleus->device;
	if (directory && !catalog_add_directory(catalog, directory, err))
		return false;
	deployer->given_count = catalog->count;
	return catalog_add_stored(catalog, deployer->nucleus->root, err);
}

/* In the foreground somebody has typed the name. */
static bool check_removes(const struct deployer *deployer, struct error *err)
{
	const char *const *removes = deployer->document.removes;

	for (size_t i = 0; deployer->nucleus->options.is_foreground && removes[i]; i++)
		if (!configtree_child(services_of(deployer), removes[i]))
			return error_set(err, ERROR_NOT_FOUND, "--remove %s: it is not deployed",
					 removes[i]);
	return true;
}

/* What does not stop a deployment, but may not be what its author has meant. */
static void warn(void *context, const char *line)
{
	struct deployer *deployer = context;

	nucleus_warn(deployer->nucleus, "%s", line);
	if (deployer->warning_count < DEPLOYER_WARNINGS_MAX)
		deployer->warnings[deployer->warning_count++] =
			arena_strdup(&deployer->arena, line);
}

static bool is_given(const struct deployer *deployer, const struct recipe *recipe)
{
	for (size_t i = 0; i < deployer->given_count; i++)
		if (deployer->catalog.recipes[i] == recipe)
			return true;
	return false;
}

/* Of components that stay as they are nobody wants to hear again. */
static void warn_of_recipe(void *context, const struct recipe *recipe, const char *line)
{
	struct deployer *deployer = context;

	if (is_given(deployer, recipe) || document_find(&deployer->document, recipe->name))
		warn(deployer, line);
}

/* It is pulled anew by each deployment, and may be another image then. */
static void warn_of_images(struct deployer *deployer, const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->artifact_count; i++) {
		const char *image = recipe->artifacts[i].rest;
		const char *slash = strrchr(image, '/');
		struct error line;

		if (recipe->artifacts[i].scheme != RECIPE_DOCKER ||
		    strpbrk(slash ? slash : image, ":@"))
			continue;
		error_set(&line, ERROR_INPUT,
			  "%s: artifact docker:%s names neither a tag nor a digest: latest is used",
			  recipe->name, image);
		warn(deployer, line.text);
	}
}

static void warn_of_given_recipes(struct deployer *deployer)
{
	for (size_t i = 0; i < deployer->plan.count; i++) {
		const struct recipe *recipe = deployer->plan.components[i].recipe;

		if (!is_given(deployer, recipe))
			continue;
		recipeunknown_each(recipe->document, warn, deployer);
		warn_of_images(deployer, recipe);
	}
}

static void warn_of_removes(struct deployer *deployer)
{
	for (const char *const *name = deployer->document.removes; *name; name++) {
		struct error line;

		if (plan_find(&deployer->plan, *name))
			error_set(&line, ERROR_INPUT,
				  "%s stays: this deployment, another component or another group "
				  "needs it",
				  *name);
		else if (!configtree_child(services_of(deployer), *name))
			error_set(&line, ERROR_NOT_FOUND,
				  "%s is not deployed: there is nothing to remove", *name);
		else
			continue;
		warn(deployer, line.text);
	}
}

static void warn_of_changes(struct deployer *deployer)
{
	const struct document *document = &deployer->document;

	for (size_t i = 0; i < document->change_count; i++) {
		const char *name = document->changes[i].name;
		struct error line;

		if (plan_find(&deployer->plan, name) || resolve_is_builtin(name))
			continue;
		error_set(&line, ERROR_NOT_FOUND,
			  "%s is not deployed: what is said of its configuration, user or limits "
			  "is ignored",
			  name);
		warn(deployer, line.text);
	}
}

bool preparing_plan(struct deployer *deployer, struct error *err)
{
	struct roots roots = { .arena = &deployer->arena };
	struct resolve_result result = { 0 };
	struct plan_options options = { .root = deployer->nucleus->root,
					.settings = &deployer->nucleus->settings,
					.services = services_of(deployer),
					.document = &deployer->document,
					.context = deployer };

	if (!check_removes(deployer, err) || !collect_roots(deployer, &roots, err) ||
	    !read_recipes(deployer, err))
		return false;

	struct resolve_request request = { .catalog = &deployer->catalog,
					   .roots = roots.items,
					   .root_count = roots.count,
					   .active_version = active_version,
					   .context = deployer };

	/* One that goes on has said all that already. */
	if (deployer->phase == DEPLOYER_PREPARE) {
		options.on_warning = warn_of_recipe;
		deployer->warning_count = 0;
	}
	if (!resolve(&request, &deployer->arena, &result, err) ||
	    !plan_make(&deployer->plan, &deployer->arena, &options, &result, err))
		return false;
	if (deployer->phase == DEPLOYER_PREPARE) {
		warn_of_given_recipes(deployer);
		warn_of_removes(deployer);
		warn_of_changes(deployer);
	}
	return true;
}

/* Recursion is bounded by ARTIFACT_DEPTH_MAX. */
static void add_size(int dir, const char *name, int64_t *size, int depth)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autodir DIR *list = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list)) {
		struct stat status;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*size += status.st_blocks * 512;
		if (S_ISDIR(status.st_mode) && depth < ARTIFACT_DEPTH_MAX)
			add_size(fd, entry->d_name, size, depth + 1);
	}
}

/* -- files --------------------------------------------------------------------------------------
 */

/* Whose a component's files are: its own user's, if it has one. */
static bool choose_account(const struct nucleus *nucleus, const struct plan_component *component,
			   struct account *found, const struct account **account, struct error *err)
{
	const char *user = NULL;

	*account = nucleus->account;
	if (geteuid() != 0)
		return true;
	if (!json_text_or(json_get_fold(component->tree, "runWith"), "posixUser", NULL, &user, err))
		return false;
	if (!user)
		return true;
	*account = found;
	return account_find(found, user, "runWith.posixUser", err);
}

/* A device may come up before its network does, and a nucleus is patient with what passes; a person
 * in front of a terminal is told at once. False: there is no other attempt, or the nucleus ends. */
static bool wait_to_try_again(struct nucleus *nucleus, enum backoff kind, int attempts,
			      const char *why)
{
	struct pollfd cancel = { .fd = nucleus->stop_fd, .events = POLLIN };
	int64_t pause =
		backoff_pause(kind, attempts, nucleus->settings.longest_pause, backoff_jitter());

	if (pause < 0 || nucleus->options.is_foreground)
		return false;
	nucleus_say(nucleus, "%s (trying again in %lld s)", why, (long long)(pause + 999) / 1000);
	return poll(&cancel, 1, (int)pause) == 0;
}

/* Who has brought the file has put it elsewhere, perhaps. */
static void add_where_it_was_looked_for(const struct document *document,
					const struct recipe *recipe,
					const struct recipe_artifact *artifact, struct error *err)
{
	const struct error why = *err;

	if (document->artifact_directory && artifact->scheme == RECIPE_S3 &&
	    why.kind != ERROR_CORRUPT)
		error_set(err, why.kind, "%.600s (there is no %s/%s/%s/%s)", why.text,
			  document->artifact_directory, recipe->name, recipe->version_text,
			  artifact->file);
}

static bool get_artifact(const struct deployer *deployer, const struct artifact_context *context,
			 const struct recipe *recipe, const struct recipe_artifact *artifact,
			 struct error *err)
{
	enum backoff again;
	int attempts = 0;

	nucleus_say(deployer->nucleus, "%s: artifact %s", recipe->name, artifact->uri);
	while (!artifact_get(context, recipe, artifact, &again, err)) {
		add_where_it_was_looked_for(&deployer->document, recipe, artifact, err);
		if (!wait_to_try_again(deployer->nucleus, again, ++attempts, err->text))
			return false;
	}
	return true;
}

static bool get_artifacts(const struct deployer *deployer, struct artifact_context *context,
			  const struct plan_component *component, struct error *err)
{
	const struct recipe *recipe = component->recipe;
	struct account found;

	if (!choose_account(deployer->nucleus, component, &found, &context->account, err))
		return error_in(err, "%s", recipe->name);
	for (size_t k = 0; k < recipe->artifact_count; k++)
		if (!get_artifact(deployer, context, recipe, &recipe->artifacts[k], err))
			return false;
	return true;
}

/* Greengrass' two limits: room on the disk, and how much of it components may take. */
static bool check_room(const struct nucleus *nucleus, struct error *err)
{
	autofree char *packages = mem_printf("%s/packages", nucleus->root);
	struct statvfs disk;
	int64_t size = 0;

	if (statvfs(nucleus->root, &disk) < 0)
		return error_sys(err, "%s", nucleus->root);
	if ((int64_t)disk.f_bavail * (int64_t)disk.f_frsize < ROOM_MIN)
		return error_set(err, ERROR_NO_SPACE, "less than %d MB are free on the disk of %s",
				 ROOM_MIN / 1000000, nucleus->root);
	add_size(AT_FDCWD, packages, &size, 0);
	return size <= nucleus->settings.store_max ||
	       error_set(err, ERROR_NO_SPACE,
			 "components' files take %lld bytes, more than componentStoreMaxSizeBytes",
			 (long long)size);
}

static bool has_artifacts(const struct deployer *deployer)
{
	for (size_t i = 0; i < deployer->plan.count; i++)
		if (deployer->plan.components[i].recipe->artifact_count > 0)
			return true;
	return false;
}

/* In a child of the nucleus: the log's descriptor was closed with all others, and its number may be
 * another file's by the time something is said. */
static void begin_child(struct nucleus *nucleus)
{
	struct error err;

	journal_forget(&nucleus->journal);
	if (!nucleus->options.is_foreground && !journal_open(&nucleus->journal, &err))
		log_warning("%s", err.text);
}

static bool is_from_aws(const struct recipe_artifact *artifact)
{
	return artifact->scheme == RECIPE_S3 ||
	       (strstr(artifact->uri, "dkr.ecr") && strstr(artifact->uri, "amazonaws"));
}

/* In the store, or about to be put there: nobody is asked for it. */
static bool is_in_place(const struct deployer *deployer, const struct recipe *recipe,
			const struct recipe_artifact *artifact)
{
	autoarena struct arena arena = { 0 };
	const char *given = deployer->document.artifact_directory;

	return artifact->scheme == RECIPE_S3 &&
	       (access(arena_printf(&arena, "%s/%s",
				    interpolate_artifacts(&arena, deployer->nucleus->root,
							  recipe->name, recipe->version_text),
				    artifact->file),
		       F_OK) == 0 ||
		(given && access(arena_printf(&arena, "%s/%s/%s/%s", given, recipe->name,
					      recipe->version_text, artifact->file),
				 F_OK) == 0));
}

static bool needs_credentials(const struct deployer *deployer)
{
	for (size_t i = 0; i < deployer->plan.count; i++) {
		const struct recipe *recipe = deployer->plan.components[i].recipe;

		for (size_t k = 0; k < recipe->artifact_count; k++)
			if (is_from_aws(&recipe->artifacts[k]) &&
			    !is_in_place(deployer, recipe, &recipe->artifacts[k]))
				return true;
	}
	return false;
}

bool preparing_has_credentials(struct deployer *deployer)
{
	struct nucleus *nucleus = deployer->nucleus;

	if (!needs_credentials(deployer) || cloud_is_ready(&nucleus->cloud))
		return true;
	if (deployer->deadline == 0) {
		deployer->deadline = loop_now() + CREDENTIALS_MS;
		nucleus_say(nucleus, "Deployment %s waits for the device's credentials.",
			    deployer->document.id);
	}
	if (loop_now() >= deployer->deadline)
		return true; /* the attempt will say what is wrong */
	loop_arm(&nucleus->loop, &deployer->timer, LOOK_AGAIN_MS);
	return false;
}

bool preparing_fetch(void *context, struct error *err)
{
	struct deployer *deployer = context;
	struct nucleus *nucleus = deployer->nucleus;
	autofree char *docker = mem_printf("%s/docker", nucleus->bin);
	struct artifact_context artifacts = { .root = nucleus->root,
					      .settings = &nucleus->settings,
					      .account = nucleus->account,
					      .docker = docker,
					      .cancel_fd = nucleus->stop_fd };

	begin_child(nucleus);
	cloud_export_credentials(&nucleus->cloud);
	if (has_artifacts(deployer) && !check_room(nucleus, err))
		return false;
	for (size_t i = 0; i < deployer->given_count; i++)
		if (!catalog_store(deployer->catalog.recipes[i], nucleus->root, err))
			return false;
	if (deployer->document.artifact_directory &&
	    !artifact_merge(&artifacts, deployer->document.artifact_directory, err))
		return false;
	for (size_t i = 0; i < deployer->plan.count; i++)
		if (!get_artifacts(deployer, &artifacts, &deployer->plan.components[i], err))
			return false;
	return true;
}

/* -- old versions -------------------------------------------------------------------------------
 */

/* In force, or the version before that. */
static bool is_kept(struct deployer *deployer, const struct recipe *recipe)
{
	static const char *const now[] = { "version", NULL };
	static const char *const before[] = { "previousVersion", NULL };
	const struct confignode *node = configtree_child(services_of(deployer), recipe->name);
	const char *version = node ? configtree_text(&deployer->arena, node, now) : NULL;
	const char *previous = node ? configtree_text(&deployer->arena, node, before) : NULL;

	return (version && strcmp(version, recipe->version_text) == 0) ||
	       (previous && strcmp(previous, recipe->version_text) == 0);
}

static bool is_image_used(struct deployer *deployer, const char *uri)
{
	for (size_t i = 0; i < deployer->catalog.count; i++) {
		const struct recipe *recipe = deployer->catalog.recipes[i];

		for (size_t k = 0; is_kept(deployer, recipe) && k < recipe->artifact_count; k++)
			if (strcmp(recipe->artifacts[k].uri, uri) == 0)
				return true;
	}
	return false;
}

/* An image stays as long as a container needs it: its recipe too, then, so that the sweep after the
 * next deployment asks again. */
static bool remove_image(const struct deployer *deployer, const struct artifact_context *context,
			 const char *image, struct error *err)
{
	bool is_gone;

	for (int attempts = 1;; attempts++) {
		if (!artifact_remove_image(context, image, &is_gone, err))
			return false;
		if (is_gone)
			return true;
		error_set(err, ERROR_EXISTS, "image %s is in use", image);
		if (!wait_to_try_again(deployer->nucleus, BACKOFF_IN_USE, attempts, err->text))
			return false;
	}
}

static bool forget_version(struct deployer *deployer, const struct recipe *recipe,
			   const struct artifact_context *context, struct error *err)
{
	for (size_t i = 0; i < recipe->artifact_count; i++) {
		const struct recipe_artifact *artifact = &recipe->artifacts[i];

		if (artifact->scheme == RECIPE_DOCKER && !is_image_used(deployer, artifact->uri) &&
		    !remove_image(deployer, context, artifact->rest, err))
			return false;
	}
	return artifact_forget(context->root, recipe->name, recipe->version_text, err) &&
	       catalog_forget(recipe, context->root, err);
}

bool preparing_sweep(void *context, struct error *err)
{
	struct deployer *deployer = context;
	struct nucleus *nucleus = deployer->nucleus;
	autofree char *docker = mem_printf("%s/docker", nucleus->bin);
	struct artifact_context artifacts = { .root = nucleus->root,
					      .settings = &nucleus->settings,
					      .docker = docker,
					      .cancel_fd = nucleus->stop_fd };
	bool is_good = true;
	struct error why;

	begin_child(nucleus);
	deployer->document.recipe_directory = NULL;
	deployer->catalog = (struct catalog){ 0 };
	if (!read_recipes(deployer, err))
		return false;
	for (size_t i = 0; i < deployer->catalog.count; i++) {
		const struct recipe *recipe = deployer->catalog.recipes[i];

		/* One that cannot go must not keep the others. */
		if (!is_kept(deployer, recipe) &&
		    !forget_version(deployer, recipe, &artifacts, &why)) {
			*err = why;
			is_good = error_in(err, "%s %s", recipe->name, recipe->version_text);
		}
	}
	return is_good;
}
