/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/recipe.h"

#include <fcntl.h>

#include "base/file.h"
#include "lifecycle/recipeunknown.h"
#include "tests/unit/tap.h"

static const struct device device = { .os = "linux",
				      .architecture = "amd64",
				      .runtime = "aws_nucleus_lite" };

/* -- the seed's recipes -------------------------------------------------------------------------
 */

static const char *const seeds[] = {
	"com.example.MyDockerComposeComponent",
	"com.example.MyPrivateDockerComponent",
	"com.example.MyS3DockerComponent",
	"com.example.python.docker.ListS3Buckets",
	"com.example.python.docker.PublishToIoTCore",
	"com.example.python.docker.StreamFileToS3",
};

static bool read_seed(struct recipe *recipe, struct arena *arena, const char *name,
		      const char *extension)
{
	autofree char *path =
		mem_printf("%s/tests/cases/recipe/seed/%s-1.0.0.%s", SOURCE_ROOT, name, extension);
	autobuf struct buf text;
	struct error err;

	buf_init(&text, RECIPE_SIZE_MAX);
	return check_ok(
		file_read(AT_FDCWD, path, &text, &err) &&
			recipe_read(recipe, arena, path, text.data, text.length, &device, &err),
		&err, "read %s.%s", name, extension);
}

/* The YAML forms break three scripts over several lines with "\"; the shell sees one line. */
static const char *one_line(struct arena *arena, const char *script)
{
	char *text = arena_strdup(arena, script ? script : "(none)");
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && from[1] == '\n') {
			from += 1 + strspn(from + 2, " ");
			continue;
		}
		*to++ = *from;
	}
	while (to > text && to[-1] == '\n')
		to--;
	*to = '\0';
	return text;
}

static void compare_configurations(const struct json *a, const struct json *b, const char *name)
{
	if (!check(!a == !b, "%s: configuration", name) || !a)
		return;
	if (!check(a->type == b->type && a->count == b->count && a->boolean == b->boolean, "%s: %s",
		   name, a->key))
		return;
	check_text(b->text, a->text, "%s: %s", name, a->key);
	for (const struct json *left = a->child, *right = b->child; left && right;
	     left = left->next, right = right->next)
		compare_configurations(left, right, name);
}

static void add_line(void *context, const char *line)
{
	buf_printf(context, "%s\n", line);
}

static void check_unknown(const struct recipe *recipe, const char *expected, const char *what)
{
	autobuf struct buf lines;

	buf_init(&lines, 4096);
	recipeunknown_each(recipe->document, add_line, &lines);
	check_text(lines.length > 0 ? lines.data : "", expected, "%s: unknown keys", what);
}

static void test_seed(const char *name)
{
	autoarena struct arena arena = { 0 };
	struct recipe json, yaml;

	if (!read_seed(&json, &arena, name, "json") || !read_seed(&yaml, &arena, name, "yaml"))
		return;
	check_text(json.name, name, "%s: name", name);
	check_text(yaml.name, name, "%s: name in YAML", name);
	check_text(json.version_text, "1.0.0", "%s: version", name);
	check_text(yaml.version_text, "1.0.0", "%s: version in YAML", name);
	check(json.is_usable && yaml.is_usable, "%s: usable here", name);
	compare_configurations(json.configuration, yaml.configuration, name);
	check_unknown(&json, "", name);
	check_unknown(&yaml, "", name);
	for (int kind = 0; kind < STEP_KINDS; kind++)
		check_text(one_line(&arena, yaml.steps.kinds[kind].script),
			   one_line(&arena, json.steps.kinds[kind].script), "%s: %s", name,
			   step_name((enum step_kind)kind));
	check(json.steps.kinds[STEP_RUN].script != NULL, "%s: has a run script", name);
	if (check_int((long long)yaml.artifact_count, (long long)json.artifact_count,
		      "%s: artifacts", name))
		for (size_t i = 0; i < json.artifact_count; i++)
			check_text(yaml.artifacts[i].uri, json.artifacts[i].uri, "%s: artifact",
				   name);
	if (check_int((long long)yaml.dependency_count, (long long)json.dependency_count,
		      "%s: dependencies", name))
		for (size_t i = 0; i < json.dependency_count; i++)
			check_text(yaml.dependencies[i].requirement,
				   json.dependencies[i].requirement, "%s: %s", name,
				   json.dependencies[i].name);
}

/* -- one recipe, bent ---------------------------------------------------------------------------
 */

#define HEAD                                                                                       \
	"RecipeFormatVersion: 2020-01-25\nComponentName: com.example.X\nComponentVersion: 1.0.0\n"

static bool read_yaml(struct recipe *recipe, struct arena *arena, const char *text,
		      struct error *err)
{
	return recipe_read(recipe, arena, "x.yaml", text, strlen(text), &device, err);
}

/* Recipes whose run script says which manifest, or which branch of a global Lifecycle, was taken.
 */
static const struct {
	const char *text;
	const char *run; /* NULL: no manifest is for this device */
} selections[] = {
	{ HEAD "Manifests: [{Lifecycle: {run: a}}, {Lifecycle: {run: b}}]", "a" },
	{ HEAD "Manifests: [{Platform: {}, Lifecycle: {run: a}}]", "a" },
	{ HEAD "Manifests: [{Platform: {os: windows}, Lifecycle: {run: a}},"
	       "{Platform: {os: linux}, Lifecycle: {run: b}}]",
	  "b" },
	{ HEAD "Manifests: [{Platform: {os: windows}, Lifecycle: {run: a}}]", NULL },
	{ HEAD "Manifests: [{Platform: {os: all, architecture: any}, Lifecycle: {run: a}}]", "a" },
	{ HEAD "Manifests: [{Platform: {os: '*', colour: '*'}, Lifecycle: {run: a}}]", "a" },
	{ HEAD "Manifests: [{Platform: {colour: red}, Lifecycle: {run: a}}]", NULL },
	{ HEAD "Manifests: [{Platform: {colour: all}, Lifecycle: {run: a}}]", NULL },
	{ HEAD "Manifests: [{Platform: {os: /darwin|linux/}, Lifecycle: {run: a}}]", "a" },
	{ HEAD "Manifests: [{Platform: {os: /darwin|linu/}, Lifecycle: {run: a}}]", NULL },
	{ HEAD "Manifests: [{Platform: {os: Linux}, Lifecycle: {run: a}}]", NULL },
	{ HEAD "Manifests: [{Platform: {OS: linux}, Lifecycle: {run: a}}]", "a" },
	{ HEAD "Manifests: [{Platform: {architecture: aarch64}, Lifecycle: {run: a}},"
	       "{Platform: {architecture: amd64}, Lifecycle: {run: b}}]",
	  "b" },
	{ HEAD "Manifests: [{Platform: {architecture.detail: armv7l}, Lifecycle: {run: a}}]",
	  NULL },
	{ HEAD
	  "Manifests: [{Platform: {os: linux, runtime: aws_nucleus_lite}, Lifecycle: {run: a}}]",
	  "a" },
	{ HEAD "Manifests: [{Platform: {runtime: '*'}, Lifecycle: {run: a}}]", "a" },
	{ HEAD "Manifests: [{Platform: {os: '-x'}, Lifecycle: {run: a}}]", NULL },
	{ HEAD "Manifests: [{Platform: {os: null}, Lifecycle: {run: a}}]", "a" },
	{ HEAD "Manifests: [{Platform: {os: linux}}]\nLifecycle: {run: g}", "g" },
	{ HEAD "Manifests: [{Platform: {os: linux}, Lifecycle: {run: a}}]\nLifecycle: {run: g}",
	  "a" },
	{ HEAD "Manifests: [{Selections: [linux]}]\nLifecycle: {run: {linux: l, all: g}}", "l" },
	{ HEAD "Manifests: [{Selections: [linux]}]\nLifecycle: {linux: {run: l}, all: {run: g}}",
	  "l" },
	{ HEAD "Manifests: [{Selections: [two, one]}]\nLifecycle: {run: {one: 1st, two: 2nd}}",
	  "2nd" },
	{ HEAD "Manifests: [{}, {Selections: [linux]}]\nLifecycle: {run: {linux: l, all: g}}",
	  "g" },
	{ HEAD "Manifests: [{}, {Selections: [linux]}]\nLifecycle: {run: {linux: l}}", "" },
	{ HEAD "Manifests: [{Selections: [linux]}]\nLifecycle: {run: {linux: {Script: l}}}", "l" },
	{ HEAD "Manifests: [{}]", "" },
};

static void test_selections(void)
{
	for (size_t i = 0; i < COUNT_OF(selections); i++) {
		const char *text = selections[i].text + strlen(HEAD);
		autoarena struct arena arena = { 0 };
		struct recipe recipe;
		struct error err;

		if (!check_ok(read_yaml(&recipe, &arena, selections[i].text, &err), &err, "%s",
			      text))
			continue;
		if (check_int(recipe.is_usable, selections[i].run != NULL, "usable: %s", text) &&
		    recipe.is_usable)
			check_text(recipe.steps.kinds[STEP_RUN].script ?: "", selections[i].run,
				   "%s", text);
	}
}

/* Keys without a value, as an editor's template leaves them; and what some editors begin with. */
static void test_left_empty(void)
{
	static const char yaml[] =
		"\xef\xbb\xbf" HEAD "ComponentDescription:\nComponentDependencies:\n"
		"ComponentConfiguration:\n  DefaultConfiguration:\nLifecycle:\nManifests:\n"
		"- Name:\n  Platform:\n  Selections:\n  Artifacts:\n  Lifecycle:\n"
		"    Install:\n    Setenv:\n"
		"    Run: {Script: a, Timeout: '60', RequiresPrivilege: 'true', Skipif: ,"
		" Setenv: }\n";
	static const char json[] = "\xef\xbb\xbf{\"RecipeFormatVersion\":\"2020-01-25\","
				   "\"ComponentName\":\"A\",\"ComponentVersion\":\"1.0.0\","
				   "\"Manifests\":[{\"Lifecycle\":{\"run\":\"a\"}}]}";
	autoarena struct arena arena = { 0 };
	struct recipe recipe;
	struct error err;

	if (check_ok(read_yaml(&recipe, &arena, yaml, &err), &err, "keys without values"))
		check_text(recipe.steps.kinds[STEP_RUN].script, "a", "the one that has some");
	if (check_ok(recipe_read(&recipe, &arena, "x.json", json, strlen(json), &device, &err),
		     &err, "a byte order mark in front of JSON"))
		check_text(recipe.steps.kinds[STEP_RUN].script, "a", "what follows it");
}

static void test_details(void)
{
	static const char text[] =
		"recipeformatversion: '2020-01-25'\n"
		"COMPONENTNAME: com.example.X\n"
		"componentVersion: 1.2.3-rc.1+b\n"
		"SomethingNew: {a: [1]}\n"
		"ComponentDependencies:\n"
		"  com.example.A: {versionrequirement: ^1.0.0, dependencytype: soft}\n"
		"  com.example.B: {VersionRequirement: 2.0}\n"
		"Manifests:\n"
		"- Lifecycle:\n"
		"    SetEnv: {A: 1.50, B: true, C: text, D: null}\n"
		"    errorResetTime: 10\n"
		"    INSTALL: {script: make, timeout: 900, REQUIRESPRIVILEGE: true,\n"
		"              skipif: onpath docker, Setenv: [ignored]}\n"
		"    Run: ' '\n"
		"  Artifacts:\n"
		"  - uri: S3://bucket/a/b c.tar\n"
		"    permission: {read: all, Execute: Owner}\n"
		"    digest: n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n"
		"    algorithm: sha-256\n"
		"  - {Uri: 'docker:x:1'}\n";
	autoarena struct arena arena = { 0 };
	struct recipe recipe;
	struct error err;

	if (!check_ok(read_yaml(&recipe, &arena, text, &err), &err, "keys in any case"))
		return;
	check_text(recipe.version_text, "1.2.3-rc.1+b", "version");
	check(recipe.dependencies[0].is_soft && !recipe.dependencies[1].is_soft, "SOFT and HARD");
	check_text(recipe.dependencies[1].requirement, "2.0", "a requirement that looks a number");

	const struct step *install = &recipe.steps.kinds[STEP_INSTALL];

	check_text(install->script, "make", "Script");
	check_text(install->log_name, "INSTALL.script", "name in the log");
	check_text(install->timeout, "900", "Timeout");
	check_text(install->privilege, "true", "RequiresPrivilege");
	check_text(install->skip_if, "onpath docker", "Skipif");
	check_int((long long)install->env.count, 0, "a Setenv that is a list");
	check_text(recipe.steps.kinds[STEP_RUN].script, NULL, "a blank script is none");
	check_int(recipe.steps.error_reset_time, 10, "errorResetTime");
	check_int((long long)recipe.steps.env.count, 3, "Setenv without the null");
	check_text(recipe.steps.env.variables[0].value, "1.50", "a number as it was written");
	check_text(recipe.steps.env.variables[1].value, "true", "a boolean");

	const struct recipe_artifact *artifact = &recipe.artifacts[0];

	check_text(artifact->file, "b c.tar", "the file of an S3 key");
	check_text(artifact->rest, "bucket/a/b c.tar", "bucket and key");
	check(artifact->read == RECIPE_ALL && artifact->execute == RECIPE_OWNER, "permission");
	check(artifact->has_digest && artifact->digest[0] == 0x9f && artifact->digest[31] == 0x08,
	      "digest");
	check(recipe.artifacts[1].scheme == RECIPE_DOCKER, "a docker: artifact");
	check_text(recipe.artifacts[1].rest, "x:1", "its image");
}

#define MANIFEST(text) HEAD "Manifests: [{" text "}]"
#define ARTIFACT(text) MANIFEST("Artifacts: [{" text "}]")

static const struct {
	const char *text;
	const char *part;
} bad[] = {
	{ "[1, 2]", "x.yaml: expected an object, found an array" },
	{ "RecipeFormatVersion: 2025-01-01\nComponentName: x\nComponentVersion: 1.0.0",
	  "RecipeFormatVersion: \"2025-01-01\" is not a format" },
	{ "ComponentName: x\nComponentVersion: 1.0.0", "RecipeFormatVersion is missing" },
	{ "RecipeFormatVersion: 2020-01-25\nComponentVersion: 1.0.0", "ComponentName is missing" },
	{ "RecipeFormatVersion: 2020-01-25\nComponentName: ''\nComponentVersion: 1.0.0",
	  "ComponentName: a component name has 1 to 128" },
	{ "RecipeFormatVersion: 2020-01-25\nComponentName: ../x\nComponentVersion: 1.0.0",
	  "ComponentName: a component name" },
	{ "RecipeFormatVersion: 2020-01-25\nComponentName: ..\nComponentVersion: 1.0.0",
	  "ComponentName: a component name" },
	{ "RecipeFormatVersion: 2020-01-25\nComponentName: [x]\nComponentVersion: 1.0.0",
	  "ComponentName: expected a string, found an array" },
	{ "RecipeFormatVersion: 2020-01-25\nComponentName: x\nComponentVersion: 1.0",
	  "ComponentVersion: \"1.0\" is not a version" },
	{ "RecipeFormatVersion: 2020-01-25\nComponentName: x\nComponentVersion: 1.0.0/../..",
	  "is not a version" },
	{ HEAD, "Manifests is missing or empty" },
	{ HEAD "Manifests: []", "Manifests is missing or empty" },
	{ HEAD "Manifests: {}", "Manifests: expected an array, found an object" },
	{ HEAD "Manifests: [null]", "Manifests[0]: expected an object, found null" },
	{ HEAD "Manifests: [{}, {Lifecycle: {run: 5}}]",
	  "x.yaml: Manifests[1].Lifecycle.run: expected a string or an object, found a number" },
	{ MANIFEST("Lifecycle: {Run: {Script: [a]}}"),
	  "Manifests[0].Lifecycle.Run.Script: expected a string, found an array" },
	{ MANIFEST("Lifecycle: {Run: {Timeout: 1}}"), "Lifecycle.Run: Script is missing" },
	{ MANIFEST("Lifecycle: {Run: {Script: a, Timeout: [1]}}"), "Run.Timeout: expected" },
	{ MANIFEST("Lifecycle: {Setenv: a}"), "Setenv: expected an object" },
	{ MANIFEST("Lifecycle: {Setenv: {'A=B': c}}"), "A=B: not a name for a variable" },
	{ MANIFEST("Lifecycle: {Setenv: {A: {}}}"), "Setenv.A: expected a string" },
	{ MANIFEST("Lifecycle: {errorResetTime: -1}"), "must not be negative" },
	{ MANIFEST("Lifecycle: text"), "Lifecycle: expected an object, found a string" },
	{ MANIFEST("Platform: linux"), "Platform: expected an object" },
	{ MANIFEST("Platform: {os: [linux]}"), "Platform.os: expected a string" },
	{ MANIFEST("Platform: {os: '/(/'}"), "Platform.os: not a regular expression" },
	{ MANIFEST("Platform: {os: '/((a{1,99}){1,99}){1,99}/'}"), "Platform.os: an expression" },
	{ MANIFEST("Platform: {os: '/(a*)\\\\1/'}"), "Platform.os: an expression" },
	{ MANIFEST("Selections: linux"), "Selections: expected an array" },
	{ HEAD "Manifests: [{}]\nLifecycle: {run: {all: [1]}}", "Lifecycle: run: expected" },
	{ MANIFEST("Artifacts: {}"), "Artifacts: expected an array" },
	{ ARTIFACT(""), "Artifacts[0]: URI is missing" },
	{ ARTIFACT("URI: 5"), "Artifacts[0].URI: expected a string" },
	{ ARTIFACT("URI: 'http://x/y'"), "\"http://x/y\" has none of the schemes" },
	{ ARTIFACT("URI: 'file:///etc/passwd'"), "has none of the schemes" },
	{ ARTIFACT("URI: 's3://bucket'"), "expected s3://BUCKET/KEY" },
	{ ARTIFACT("URI: 's3:///key'"), "expected s3://BUCKET/KEY" },
	{ ARTIFACT("URI: 's3://bucket/a/..'"), "expected s3://BUCKET/KEY" },
	{ ARTIFACT("URI: 's3://bucket/dir/'"), "expected s3://BUCKET/KEY" },
	{ ARTIFACT("URI: 'docker:'"), "names nothing" },
	{ ARTIFACT("URI: 'docker:--privileged'"), "names nothing" },
	{ ARTIFACT("URI: \"docker:a\\nb\""), "control characters" },
	{ ARTIFACT("URI: 'docker:x', Unarchive: TAR"), "Unarchive: \"TAR\" is none of" },
	{ ARTIFACT("URI: 'docker:x', Permission: {Read: SOME}"), "Read: \"SOME\" is none of" },
	{ ARTIFACT("URI: 'docker:x', Permission: all"), "Permission: expected an object" },
	{ ARTIFACT("URI: 's3://b/k', Digest: abc"), "Digest: not a SHA-256 in Base64" },
	{ ARTIFACT("URI: 's3://b/k', Digest: x, Algorithm: MD5"), "\"MD5\" is not supported" },
	{ MANIFEST("") "\nComponentDependencies: [a]", "ComponentDependencies: expected" },
	{ MANIFEST("") "\nComponentDependencies: {a: ^1}", "ComponentDependencies.a: expected" },
	{ MANIFEST("") "\nComponentDependencies: {a: {}}", "VersionRequirement is missing" },
	{ MANIFEST("") "\nComponentDependencies: {../a: {VersionRequirement: 1}}",
	  "not a component" },
	{ MANIFEST("") "\nComponentDependencies: {a: {VersionRequirement: latest}}",
	  "is not a version requirement" },
	{ MANIFEST("") "\nComponentDependencies: {a: {VersionRequirement: 1, DependencyType: X}}",
	  "expected HARD or SOFT" },
	{ MANIFEST("") "\nComponentConfiguration: {DefaultConfiguration: [1]}",
	  "DefaultConfiguration: expected an object" },
};

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		autoarena struct arena arena = { 0 };
		struct recipe recipe;
		struct error err;

		check_error(read_yaml(&recipe, &arena, bad[i].text, &err), &err, ERROR_INPUT,
			    bad[i].part, "%s", bad[i].text);
	}
}

static void test_limits(void)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	struct recipe recipe;
	struct error err;

	buf_init(&text, 4 * RECIPE_SIZE_MAX);
	buf_add_text(&text, HEAD "Manifests: [{Artifacts: [");
	for (int i = 0; i <= RECIPE_ARTIFACTS_MAX; i++)
		buf_add_text(&text, "{URI: 'docker:x'},");
	buf_add_text(&text, "]}]");
	check_error(read_yaml(&recipe, &arena, text.data, &err), &err, ERROR_INPUT,
		    "more than 256 artifacts", "many artifacts");

	buf_clear(&text);
	buf_add_text(&text, HEAD "Manifests: [{Lifecycle: {Run: '");
	for (int i = 0; i <= STEP_SCRIPT_MAX; i++)
		buf_add_char(&text, 'x');
	buf_add_text(&text, "'}}]");
	check_error(read_yaml(&recipe, &arena, text.data, &err), &err, ERROR_INPUT,
		    "the script exceeds 65536 bytes", "a long script");

	buf_clear(&text);
	for (int i = 0; i < 10000; i++)
		buf_add_text(&text, "{\"a\":");
	check_error(recipe_read(&recipe, &arena, "x.json", text.data, text.length, &device, &err),
		    &err, ERROR_INPUT, "x.json: nested too deeply", "JSON nested 10000 deep");

	buf_clear(&text);
	for (int i = 0; i <= RECIPE_SIZE_MAX; i++)
		buf_add_char(&text, ' ');
	check_error(recipe_read(&recipe, &arena, "x.json", text.data, text.length, &device, &err),
		    &err, ERROR_INPUT, "at most 1048576 bytes", "a large file");
}

static void test_names(void)
{
	check(recipe_is_file_name("a.json") && recipe_is_file_name("a.YAML") &&
		      recipe_is_file_name("a.yml"),
	      "recipes");
	check(!recipe_is_file_name("a.txt") && !recipe_is_file_name(".json") &&
		      !recipe_is_file_name("json") && !recipe_is_file_name("a.json~"),
	      "no recipes");
}

static void test_unknown(void)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf many;
	autobuf struct buf expected;
	struct recipe recipe;
	struct error err;

	if (check_ok(read_yaml(&recipe, &arena,
			       HEAD
			       "Colour: red\n"
			       "ComponentConfiguration: {Default: {a: 1}}\n"
			       "ComponentDependencies: {B: {VersionRequirement: '*', Type: SOFT}}\n"
			       "Lifecycle: {mine: {run: a}}\n"
			       "Manifests: [{LifeCycles: {}, Artifacts: [{URI: 's3://bkt/a', Zip: "
			       "1}],\n"
			       "  LIFECYCLE: {Runn: b, run: {Script: c, timeOut: 3, User: d},\n"
			       "    setEnv: {E: e}, errorResetTime: 4}}]",
			       &err),
		     &err, "read unknown keys"))
		check_unknown(
			&recipe,
			"x.yaml: Colour: no such key is known; it is ignored\n"
			"x.yaml: ComponentConfiguration.Default: no such key is known; it is "
			"ignored\n"
			"x.yaml: ComponentDependencies.B.Type: no such key is known; it is "
			"ignored\n"
			"x.yaml: Manifests[0].LifeCycles: no such key is known; it is ignored\n"
			"x.yaml: Manifests[0].LIFECYCLE.Runn: no such key is known; it is ignored\n"
			"x.yaml: Manifests[0].LIFECYCLE.run.User: no such key is known; it is "
			"ignored\n"
			"x.yaml: Manifests[0].Artifacts[0].Zip: no such key is known; it is "
			"ignored\n",
			"a recipe");

	buf_init(&many, 4096);
	buf_init(&expected, 4096);
	buf_printf(&many, "%sManifests: [{}]\n", HEAD);
	for (int i = 0; i < 100; i++) {
		buf_printf(&many, "k%d: 1\n", i);
		if (i < RECIPEUNKNOWN_MAX)
			buf_printf(&expected, "x.yaml: k%d: no such key is known; it is ignored\n",
				   i);
	}
	if (check_ok(read_yaml(&recipe, &arena, many.data, &err), &err, "read many"))
		check_unknown(&recipe, expected.data, "many");
}

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(seeds); i++)
		test_seed(seeds[i]);
	test_selections();
	test_details();
	test_left_empty();
	test_bad();
	test_limits();
	test_names();
	test_unknown();
	return tap_done();
}
