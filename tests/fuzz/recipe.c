/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: the first byte chooses JSON or YAML, the rest is the document. */
#include "lifecycle/recipe.h"

#include <assert.h>
#include <string.h>

#include "lifecycle/interpolate.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_recipe(struct arena *arena, const struct recipe *recipe)
{
	struct interpolate_component self = { .name = recipe->name,
					      .version = recipe->version_text,
					      .configuration = recipe->configuration };
	struct interpolate_scope scope = { .root = "/r", .self = &self };
	struct error err;

	/* What becomes a path must be one plain component. */
	assert(recipe_is_component_name(recipe->name));
	assert(!strchr(recipe->version_text, '/'));
	for (size_t i = 0; i < recipe->artifact_count; i++)
		assert(!recipe->artifacts[i].file || !strchr(recipe->artifacts[i].file, '/'));
	for (int kind = 0; kind < STEP_KINDS; kind++) {
		const char *script = recipe->steps.kinds[kind].script, *filled;

		if (script && interpolate(&scope, arena, script, &filled, &err))
			assert(strlen(filled) <= INTERPOLATE_TEXT_MAX);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const struct device device = { .os = "linux", .architecture = "amd64" };
	autoarena struct arena arena = { 0 };
	struct recipe recipe;
	struct error err;

	if (size == 0)
		return 0;
	if (recipe_read(&recipe, &arena, data[0] & 1 ? "x.json" : "x.yaml", (const char *)data + 1,
			size - 1, &device, &err))
		check_recipe(&arena, &recipe);
	else
		assert(!strchr(err.text, '\n'));
	return 0;
}
