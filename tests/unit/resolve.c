/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/resolve.h"

#include "base/buf.h"
#include "tests/unit/tap.h"

static const struct device device = { .os = "linux", .architecture = "amd64" };

/* "a@1.0.0 b^1.0.0 c~2" is component a, version 1.0.0, which needs b at ^1.0.0 and c at ~2; a '?'
 * before a requirement makes it soft. */
static struct recipe *make_recipe(struct arena *arena, const char *text)
{
	struct recipe *recipe = arena_alloc(arena, sizeof(*recipe));
	char *rest = arena_strdup(arena, text);
	char *word = strsep(&rest, " ");
	struct error err;

	recipe->name = strsep(&word, "@");
	recipe->version_text = word;
	recipe->is_usable = true;
	recipe->dependencies = arena_array(arena, 8, sizeof(*recipe->dependencies));
	if (!semver_parse(&recipe->version, word, &err))
		exit(2);
	while ((word = strsep(&rest, " ")) != NULL) {
		struct recipe_dependency *dependency =
			&recipe->dependencies[recipe->dependency_count++];
		size_t length = strcspn(word, "^~=<>?");

		dependency->name = arena_strndup(arena, word, length);
		dependency->is_soft = word[length] == '?';
		dependency->requirement = word + length + dependency->is_soft;
		if (!semver_parse_range(arena, dependency->requirement, &dependency->range, &err))
			exit(2);
	}
	return recipe;
}

static const struct {
	const char *recipes; /* ';'-separated */
	const char *roots;   /* "a=1.0.0 b=*" */
	const char *active;  /* "b=1.0.0", or NULL */
	const char *result;  /* in start order, or a part of the error after '!' */
} cases[] = {
	{ "a@1.0.0", "a=1.0.0", NULL, "a@1.0.0" },
	{ "a@1.0.0;a@2.0.0", "a=1.0.0", NULL, "a@1.0.0" },
	{ "a@1.0.0;a@2.0.0", "a=*", NULL, "a@2.0.0" },
	{ "a@1.0.0 b^1.0.0;b@1.0.0;b@1.9.0;b@2.0.0", "a=1.0.0", NULL, "b@1.9.0 a@1.0.0" },
	{ "a@1.0.0 b^1.0.0;b@1.0.0;b@1.9.0", "a=1.0.0", "b=1.0.0", "b@1.0.0 a@1.0.0" },
	{ "a@1.0.0 b^1.0.0;b@1.9.0;b@2.0.0", "a=1.0.0", "b=2.0.0", "b@1.9.0 a@1.0.0" },
	{ "a@1.0.0 b^1.0.0 c^1.0.0;b@1.0.0 d>=1.0.0;c@1.0.0 d<2.0.0;d@1.5.0;d@2.0.0", "a=1.0.0",
	  NULL, "d@1.5.0 b@1.0.0 c@1.0.0 a@1.0.0" },
	{ "a@1.0.0;b@1.0.0", "a=1.0.0 b=1.0.0", NULL, "a@1.0.0 b@1.0.0" },
	{ "a@1.0.0 b?^1.0.0;b@1.0.0 a^1.0.0", "a=1.0.0", NULL, "a@1.0.0 b@1.0.0" },
	{ "a@1.0.0 aws.greengrass.TokenExchangeService^2.0.0", "a=1.0.0", NULL, "a@1.0.0" },
	{ "a@1.0.0 aws.greengrass.Cli^2.0.0;aws.greengrass.Cli@2.1.0", "a=1.0.0", NULL,
	  "aws.greengrass.Cli@2.1.0 a@1.0.0" },
	/* The newer b needs something that is gone again with the older b. */
	{ "a@1.0.0 b^1.0.0 c^1.0.0;b@1.1.0 d^1.0.0;b@1.0.0;c@1.0.0 b=1.0.0;d@1.0.0", "a=1.0.0",
	  NULL, "b@1.0.0 c@1.0.0 a@1.0.0" },
	{ "a@1.0.0", "a=2.0.0", NULL,
	  "!no usable version of a meets all requirements: 2.0.0 (asked "
	  "for); there are: 1.0.0" },
	{ "a@1.0.0", "b=1.0.0", NULL, "!no recipe of b was found" },
	{ "a@1.0.0 b^2.0.0;b@1.0.0", "a=1.0.0", NULL, "!^2.0.0 (for a); there are: 1.0.0" },
	{ "a@1.0.0 b^1.0.0 c^1.0.0;b@1.0.0 d^1.0.0;c@1.0.0 d^2.0.0;d@1.0.0;d@2.0.0", "a=1.0.0",
	  NULL, "!^1.0.0 (for b), ^2.0.0 (for c)" },
	{ "a@1.0.0 b^1.0.0;b@1.0.0 a^1.0.0", "a=1.0.0", NULL, "!a needs b needs a" },
	{ "a@1.0.0 a^1.0.0", "a=1.0.0", NULL, "!a needs a" },
};

static const char *active_version(const void *context, const char *name)
{
	const char *active = context;
	size_t length = strlen(name);

	return active && strncmp(active, name, length) == 0 && active[length] == '='
		       ? active + length + 1
		       : NULL;
}

static size_t parse_roots(struct arena *arena, const char *text, struct resolve_root *roots)
{
	char *rest = arena_strdup(arena, text);
	size_t count = 0;
	struct error err;

	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		struct resolve_root *root = &roots[count++];

		root->name = strsep(&word, "=");
		root->requirement = word;
		if (!semver_parse_range(arena, word, &root->range, &err))
			exit(2);
	}
	return count;
}

static void check_case(size_t i)
{
	autoarena struct arena arena = { 0 };
	struct recipe *recipes[16];
	struct resolve_root roots[8] = { 0 };
	struct catalog catalog = { .recipes = recipes, .device = &device };
	struct resolve_request request = { .catalog = &catalog,
					   .roots = roots,
					   .active_version = active_version,
					   .context = cases[i].active };
	struct resolve_result result;
	autobuf struct buf got;
	struct error err;
	char *rest = arena_strdup(&arena, cases[i].recipes);

	buf_init(&got, 1024);
	for (char *text = strsep(&rest, ";"); text; text = strsep(&rest, ";"))
		recipes[catalog.count++] = make_recipe(&arena, text);
	request.root_count = parse_roots(&arena, cases[i].roots, roots);

	bool is_good = resolve(&request, &arena, &result, &err);

	if (cases[i].result[0] == '!') {
		check(!is_good && strstr(err.text, cases[i].result + 1), "%s: %s", cases[i].recipes,
		      is_good ? "resolved" : err.text);
		return;
	}
	for (size_t k = 0; is_good && k < result.count; k++)
		buf_printf(&got, "%s%s@%s", k > 0 ? " " : "", result.recipes[k]->name,
			   result.recipes[k]->version_text);
	if (check_ok(is_good, &err, "%s", cases[i].recipes))
		check_text(got.data, cases[i].result, "%s", cases[i].recipes);
}

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check_case(i);
	return tap_done();
}
