/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/recipe.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/texts.h"
#include "base/yaml.h"
#include "lifecycle/recipeartifact.h"
#include "lifecycle/selection.h"

#define FORMAT_VERSION "2020-01-25"

/* -- getters that fold case ---------------------------------------------------------------------
 */

static bool required_scalar(const struct json *object, const char *key, const char **text,
			    struct error *err)
{
	const struct json *value = json_get_fold(object, key);

	if (!value)
		return json_wrong(object, err, "%s is missing", key);
	return steps_scalar(value, text, err);
}

/* NULL where it is missing. */
static bool typed_member(const struct json *object, const char *key, enum json_type type,
			 const struct json **value, struct error *err)
{
	*value = json_get_fold(object, key);
	if (*value && (*value)->type != type)
		return json_expected(*value, type == JSON_OBJECT ? "an object" : "an array", err);
	return true;
}

/* -- names --------------------------------------------------------------------------------------
 */

bool recipe_is_component_name(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > RECIPE_NAME_MAX)
		return false;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false; /* the name becomes a directory */
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-._", *name))
			return false;
	return true;
}

static bool parse_name(struct recipe *recipe, const struct json *document, struct error *err)
{
	if (!required_scalar(document, "ComponentName", &recipe->name, err))
		return false;
	if (!recipe_is_component_name(recipe->name))
		return json_wrong(json_get_fold(document, "ComponentName"), err,
				  "a component name has 1 to %d letters, digits, '-', '.' or '_'",
				  RECIPE_NAME_MAX);
	return true;
}

static bool parse_version(struct recipe *recipe, const struct json *document, struct error *err)
{
	struct error why;

	if (!required_scalar(document, "ComponentVersion", &recipe->version_text, err))
		return false;
	if (!semver_parse(&recipe->version, recipe->version_text, &why))
		return json_wrong(json_get_fold(document, "ComponentVersion"), err, "%.400s",
				  why.text);
	return true;
}

static bool parse_type(struct recipe *recipe, const struct json *document, struct error *err)
{
	const struct json *type = json_get_fold(document, "ComponentType");

	recipe->type = RECIPE_GENERIC;
	return !type || json_as_text(type, &recipe->type, err);
}

static bool check_format(const struct json *document, struct error *err)
{
	const char *format;

	if (!json_get_fold(document, "RecipeFormatVersion") &&
	    !json_get_fold(document, "ComponentName"))
		return json_wrong(
			document, err,
			"this is no recipe: RecipeFormatVersion and ComponentName are "
			"missing (below --recipe-dir, .json, .yaml and .yml are recipes)");
	if (!required_scalar(document, "RecipeFormatVersion", &format, err))
		return false;
	if (strcmp(format, FORMAT_VERSION) != 0)
		return json_wrong(
			json_get_fold(document, "RecipeFormatVersion"), err,
			"\"%.40s\" is not a format this program knows: only " FORMAT_VERSION,
			format);
	return true;
}

/* -- dependencies and configuration -------------------------------------------------------------
 */

static bool parse_dependency(struct recipe_dependency *dependency, struct arena *arena,
			     const struct json *value, struct error *err)
{
	const char *kind = "HARD";
	struct error why;

	dependency->name = value->key;
	if (!recipe_is_component_name(value->key))
		return json_wrong(value, err, "not a component's name");
	if (value->type != JSON_OBJECT)
		return json_expected(value, "an object", err);
	if (!required_scalar(value, "VersionRequirement", &dependency->requirement, err))
		return false;
	if (!semver_parse_range(arena, dependency->requirement, &dependency->range, &why))
		return json_wrong(json_get_fold(value, "VersionRequirement"), err, "%.400s",
				  why.text);

	const struct json *type = json_get_fold(value, "DependencyType");

	if (type && !json_as_text(type, &kind, err))
		return false;
	dependency->is_soft = strcasecmp(kind, "SOFT") == 0;
	if (!dependency->is_soft && strcasecmp(kind, "HARD") != 0)
		return json_wrong(type, err, "expected HARD or SOFT, found \"%.40s\"", kind);
	return true;
}

static bool parse_dependencies(struct recipe *recipe, struct arena *arena,
			       const struct json *document, struct error *err)
{
	const struct json *all;

	if (!typed_member(document, "ComponentDependencies", JSON_OBJECT, &all, err))
		return false;
	if (!all)
		return true;
	if (all->count > RECIPE_DEPENDENCIES_MAX)
		return json_wrong(all, err, "more than %d dependencies", RECIPE_DEPENDENCIES_MAX);
	recipe->dependencies = arena_array(arena, all->count, sizeof(*recipe->dependencies));
	for (const struct json *value = all->child; value; value = value->next)
		if (!parse_dependency(&recipe->dependencies[recipe->dependency_count++], arena,
				      value, err))
			return false;
	return true;
}

static bool parse_configuration(struct recipe *recipe, const struct json *document,
				struct error *err)
{
	const struct json *configuration;

	return typed_member(document, "ComponentConfiguration", JSON_OBJECT, &configuration, err) &&
	       typed_member(configuration, "DefaultConfiguration", JSON_OBJECT,
			    &recipe->configuration, err);
}

/* -- manifests ----------------------------------------------------------------------------------
 */

struct manifests {
	struct texts selectors; /* of all manifests */
	const struct json *chosen;
};

static bool add_selections(struct texts *texts, const struct json *manifest, struct error *err)
{
	const struct json *selections;

	if (!typed_member(manifest, "Selections", JSON_ARRAY, &selections, err))
		return false;
	if (!selections)
		return true;
	for (const struct json *item = selections->child; item; item = item->next) {
		const char *text;

		if (texts->count >= RECIPE_SELECTIONS_MAX)
			return json_wrong(item, err, "more than %d selections",
					  RECIPE_SELECTIONS_MAX);
		if (!json_as_text(item, &text, err))
			return false;
		texts_add(texts, text);
	}
	return true;
}

/* A manifest for another platform is checked as well: a mistake shows on the author's machine. */
static bool check_manifest(struct arena *arena, const struct json *manifest, struct error *err)
{
	struct recipe scratch = { 0 };

	return steps_parse(&scratch.steps, arena, json_get_fold(manifest, "Lifecycle"), err) &&
	       recipeartifact_parse_all(&scratch, arena, manifest, err);
}

static bool scan_manifest(struct manifests *manifests, struct arena *arena,
			  const struct json *manifest, const struct device *device,
			  struct error *err)
{
	const struct json *platform;
	bool is_match;

	if (manifest->type != JSON_OBJECT)
		return json_expected(manifest, "an object", err);
	if (!typed_member(manifest, "Platform", JSON_OBJECT, &platform, err) ||
	    !device_matches(device, platform, &is_match, err) ||
	    !add_selections(&manifests->selectors, manifest, err) ||
	    !check_manifest(arena, manifest, err))
		return false;
	if (is_match && !manifests->chosen)
		manifests->chosen = manifest;
	return true;
}

static bool scan_manifests(struct manifests *manifests, struct arena *arena,
			   const struct json *document, const struct device *device,
			   struct error *err)
{
	const struct json *all;

	if (!typed_member(document, "Manifests", JSON_ARRAY, &all, err))
		return false;
	if (!all || all->count == 0)
		return json_wrong(document, err, "Manifests is missing or empty");
	if (all->count > RECIPE_MANIFESTS_MAX)
		return json_wrong(all, err, "more than %d manifests", RECIPE_MANIFESTS_MAX);
	for (const struct json *manifest = all->child; manifest; manifest = manifest->next)
		if (!scan_manifest(manifests, arena, manifest, device, err))
			return false;
	return true;
}

/* A manifest's own Lifecycle is used alone; without one, the global Lifecycle as it selects. */
static bool take_lifecycle(struct recipe *recipe, struct arena *arena,
			   const struct manifests *manifests, const struct json *document,
			   struct error *err)
{
	static const char *const none[] = { NULL };
	autotexts struct texts chosen = { 0 };
	const struct json *lifecycle = json_get_fold(manifests->chosen, "Lifecycle");

	if (lifecycle && lifecycle->count > 0) {
		recipe->lifecycle = lifecycle;
		return steps_parse(&recipe->steps, arena, lifecycle, err);
	}
	if (!typed_member(document, "Lifecycle", JSON_OBJECT, &lifecycle, err) ||
	    !add_selections(&chosen, manifests->chosen, err))
		return false;

	struct selection selection = {
		.selectors = manifests->selectors.count ? manifests->selectors.items : none,
		.chosen = chosen.count ? chosen.items : none,
	};
	struct error why;

	recipe->lifecycle = lifecycle ? selection_apply(&selection, arena, lifecycle) : NULL;
	if (!steps_parse(&recipe->steps, arena, recipe->lifecycle, &why))
		return json_wrong(document, err, "%.400s", why.text);
	return true;
}

static bool parse_manifests(struct recipe *recipe, struct arena *arena, const struct json *document,
			    const struct device *device, struct error *err)
{
	struct manifests manifests = { 0 };
	bool is_good = scan_manifests(&manifests, arena, document, device, err);

	if (is_good && manifests.chosen) {
		recipe->is_usable = true;
		is_good = take_lifecycle(recipe, arena, &manifests, document, err) &&
			  recipeartifact_parse_all(recipe, arena, manifests.chosen, err);
	}
	texts_done(&manifests.selectors);
	return is_good;
}

/* -- the whole ----------------------------------------------------------------------------------
 */

bool recipe_parse(struct recipe *recipe, struct arena *arena, const struct json *document,
		  const struct device *device, struct error *err)
{
	*recipe = (struct recipe){ .document = document };
	if (document->type == JSON_NULL)
		return json_wrong(document, err, "is empty");
	if (document->type != JSON_OBJECT)
		return json_expected(document, "an object", err);
	return check_format(document, err) && parse_name(recipe, document, err) &&
	       parse_version(recipe, document, err) && parse_type(recipe, document, err) &&
	       parse_dependencies(recipe, arena, document, err) &&
	       parse_configuration(recipe, document, err) &&
	       parse_manifests(recipe, arena, document, device, err);
}

static bool has_extension(const char *name, const char *extension)
{
	size_t length = strlen(name), extension_length = strlen(extension);

	return length > extension_length &&
	       strcasecmp(name + length - extension_length, extension) == 0;
}

bool recipe_is_file_name(const char *name)
{
	return has_extension(name, ".json") || has_extension(name, ".yaml") ||
	       has_extension(name, ".yml");
}

bool recipe_read(struct recipe *recipe, struct arena *arena, const char *name, const char *text,
		 size_t length, const struct device *device, struct error *err)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	const size_t mark_length = strlen(byte_order_mark);
	const struct json *document;

	if (length > RECIPE_SIZE_MAX)
		return error_set(err, ERROR_INPUT, "%s: a recipe has at most %d bytes", name,
				 RECIPE_SIZE_MAX);
	/* Some editors put one in front of UTF-8. */
	if (length >= mark_length && memcmp(text, byte_order_mark, mark_length) == 0) {
		text += mark_length;
		length -= mark_length;
	}
	if (has_extension(name, ".json") ? !json_parse(arena, name, text, length, &document, err)
					 : !yaml_parse(arena, name, text, length, &document, err))
		return false;
	return recipe_parse(recipe, arena, document, device, err);
}
