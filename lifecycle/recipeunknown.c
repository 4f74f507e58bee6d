/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/recipeunknown.h"

#include <strings.h>

#include "lifecycle/steps.h"

static const char *const recipe_keys[] = {
	"RecipeFormatVersion",   "ComponentName",      "ComponentVersion", "ComponentType",
	"ComponentDescription",  "ComponentPublisher", "ComponentSource",  "ComponentConfiguration",
	"ComponentDependencies", "Manifests",          "Lifecycle",        NULL,
};
static const char *const configuration_keys[] = { "DefaultConfiguration", NULL };
static const char *const dependency_keys[] = { "VersionRequirement", "DependencyType", NULL };
static const char *const manifest_keys[] = {
	"Name", "Platform", "Lifecycle", "Selections", "Artifacts", NULL,
};
static const char *const artifact_keys[] = {
	"URI", "Unarchive", "Permission", "Digest", "Algorithm", NULL,
};
static const char *const lifecycle_keys[] = { "Setenv", "errorResetTime", NULL }; /* and steps */
static const char *const step_keys[] = {
	"Script", "Skipif", "Timeout", "RequiresPrivilege", "BootstrapOnRollback", "Setenv", NULL,
};

struct search {
	void (*tell)(void *context, const char *line);
	void *context;
	size_t count;
};

static bool is_known(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (strcasecmp(*known, key) == 0)
			return true;
	return false;
}

static bool is_step(const char *key)
{
	for (int kind = 0; kind < STEP_KINDS; kind++)
		if (strcasecmp(step_name(kind), key) == 0)
			return true;
	return false;
}

static void found(struct search *search, const struct json *member)
{
	struct error line;

	if (search->count++ >= RECIPEUNKNOWN_MAX)
		return;
	json_wrong(member, &line, "no such key is known; it is ignored");
	search->tell(search->context, line.text);
}

static void check(struct search *search, const struct json *object, const char *const *known)
{
	if (!object || object->type != JSON_OBJECT)
		return;
	for (const struct json *member = object->child; member; member = member->next)
		if (!is_known(member->key, known))
			found(search, member);
}

static void check_each(struct search *search, const struct json *all, const char *const *known)
{
	for (const struct json *item = all ? all->child : NULL; item; item = item->next)
		check(search, item, known);
}

static void check_lifecycle(struct search *search, const struct json *lifecycle)
{
	for (const struct json *member = lifecycle ? lifecycle->child : NULL; member;
	     member = member->next) {
		if (is_step(member->key))
			check(search, member, step_keys);
		else if (!is_known(member->key, lifecycle_keys))
			found(search, member);
	}
}

void recipeunknown_each(const struct json *document, void (*tell)(void *context, const char *line),
			void *context)
{
	struct search search = { .tell = tell, .context = context };
	const struct json *manifests = json_get_fold(document, "Manifests");

	check(&search, document, recipe_keys);
	check(&search, json_get_fold(document, "ComponentConfiguration"), configuration_keys);
	check_each(&search, json_get_fold(document, "ComponentDependencies"), dependency_keys);
	check_each(&search, manifests, manifest_keys);
	for (const struct json *manifest = manifests ? manifests->child : NULL; manifest;
	     manifest = manifest->next) {
		check_lifecycle(&search, json_get_fold(manifest, "Lifecycle"));
		check_each(&search, json_get_fold(manifest, "Artifacts"), artifact_keys);
	}
}
