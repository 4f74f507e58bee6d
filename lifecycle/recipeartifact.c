/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/recipeartifact.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/path.h"

/* -- words --------------------------------------------------------------------------------------
 */

struct word {
	const char *text;
	int value;
};

static const struct word permissions[] = {
	{ "NONE", RECIPE_NOBODY },
	{ "OWNER", RECIPE_OWNER },
	{ "ALL", RECIPE_ALL },
};

static const struct word archives[] = {
	{ "NONE", false },
	{ "ZIP", true },
};

/* Reads a member that is one of a few words, in any case; missing leaves *value alone. */
static bool word_of(const struct json *object, const char *key, const struct word *words,
		    size_t count, int *value, struct error *err)
{
	const struct json *member = json_get_fold(object, key);
	autobuf struct buf known = { 0 };
	const char *text;

	if (!member)
		return true;
	if (!json_as_text(member, &text, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(words[i].text, text) == 0) {
			*value = words[i].value;
			return true;
		}
	}
	buf_init(&known, 80);
	for (size_t i = 0; i < count; i++)
		buf_printf(&known, "%s%s", i > 0 ? ", " : "", words[i].text);
	return json_wrong(member, err, "\"%.40s\" is none of %s", text, known.data);
}

/* -- URI ----------------------------------------------------------------------------------------
 */

static const struct {
	const char *prefix;
	enum recipe_scheme scheme;
} schemes[] = {
	{ "s3://", RECIPE_S3 },
	{ "docker:", RECIPE_DOCKER },
	{ "greengrass:", RECIPE_GREENGRASS },
};

static bool find_scheme(struct recipe_artifact *artifact)
{
	for (size_t i = 0; i < COUNT_OF(schemes); i++) {
		size_t length = strlen(schemes[i].prefix);

		if (strncasecmp(artifact->uri, schemes[i].prefix, length) != 0)
			continue;
		artifact->scheme = schemes[i].scheme;
		artifact->rest = artifact->uri + length;
		return true;
	}
	return false;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

/* "bucket/a/b.tar" is kept as b.tar: the file is what matters, not its directory in the bucket. */
static bool parse_s3(struct recipe_artifact *artifact, const struct json *place, struct error *err)
{
	const char *slash = strchr(artifact->rest, '/');
	const char *last = strrchr(artifact->rest, '/');

	if (!slash || slash == artifact->rest || !path_is_component(last + 1) ||
	    strlen(last + 1) > 255)
		return json_wrong(place, err, "expected s3://BUCKET/KEY ending in a file name");
	artifact->file = last + 1;
	return true;
}

static bool parse_uri(struct recipe_artifact *artifact, const struct json *value, struct error *err)
{
	const struct json *uri = json_get_fold(value, "URI");

	if (!uri)
		return json_wrong(value, err, "URI is missing");
	if (!json_as_text(uri, &artifact->uri, err))
		return false;
	if (strlen(artifact->uri) > RECIPE_URI_MAX || !is_printable(artifact->uri))
		return json_wrong(uri, err, "too long, or holds control characters");
	if (!find_scheme(artifact))
		return json_wrong(uri, err,
				  "\"%.200s\" has none of the schemes s3://, docker:, greengrass: "
				  "(a local file needs no URI: put it into the artifact directory)",
				  artifact->uri);
	if (artifact->scheme == RECIPE_S3)
		return parse_s3(artifact, uri, err);
	if (artifact->rest[0] == '\0' || artifact->rest[0] == '-')
		return json_wrong(uri, err, "names nothing");
	return true;
}

/* -- digest -------------------------------------------------------------------------------------
 */

static int base64_value(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(alphabet, c) : NULL;

	return found ? (int)(found - alphabet) : -1;
}

#define SHA256_BASE64 43 /* characters, without the one '=' at the end */

static bool decode_digest(unsigned char *digest, const char *text)
{
	uint32_t bits = 0;
	int count = 0;

	if (strlen(text) < SHA256_BASE64 ||
	    (strcmp(text + SHA256_BASE64, "=") != 0 && strcmp(text + SHA256_BASE64, "") != 0))
		return false;
	for (int i = 0; i < SHA256_BASE64; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*digest++ = (unsigned char)(bits >> count);
		}
	}
	return true;
}

static bool parse_digest(struct recipe_artifact *artifact, const struct json *value,
			 struct error *err)
{
	const struct json *digest = json_get_fold(value, "Digest");
	const struct json *algorithm = json_get_fold(value, "Algorithm");
	const char *text;

	if (!digest)
		return true;
	if (algorithm) {
		if (!json_as_text(algorithm, &text, err))
			return false;
		if (strcasecmp(text, "SHA-256") != 0)
			return json_wrong(algorithm, err,
					  "\"%.40s\" is not supported: only SHA-256", text);
	}
	if (!json_as_text(digest, &text, err))
		return false;
	if (!decode_digest(artifact->digest, text))
		return json_wrong(digest, err, "not a SHA-256 in Base64");
	artifact->has_digest = true;
	return true;
}

/* -- artifacts ----------------------------------------------------------------------------------
 */

static bool parse_permission(struct recipe_artifact *artifact, const struct json *value,
			     struct error *err)
{
	const struct json *permission = json_get_fold(value, "Permission");
	int read = RECIPE_OWNER, execute = RECIPE_NOBODY;

	if (permission && permission->type != JSON_OBJECT)
		return json_expected(permission, "an object", err);
	if (!word_of(permission, "Read", permissions, COUNT_OF(permissions), &read, err) ||
	    !word_of(permission, "Execute", permissions, COUNT_OF(permissions), &execute, err))
		return false;
	artifact->read = (enum recipe_permission)read;
	artifact->execute = (enum recipe_permission)execute;
	return true;
}

static bool parse_one(struct recipe_artifact *artifact, const struct json *value, struct error *err)
{
	int is_zip = false;

	if (value->type != JSON_OBJECT)
		return json_expected(value, "an object", err);
	if (!parse_uri(artifact, value, err) || !parse_digest(artifact, value, err) ||
	    !parse_permission(artifact, value, err) ||
	    !word_of(value, "Unarchive", archives, COUNT_OF(archives), &is_zip, err))
		return false;
	artifact->is_zip = is_zip;
	return true;
}

bool recipeartifact_parse_all(struct recipe *recipe, struct arena *arena,
			      const struct json *manifest, struct error *err)
{
	const struct json *all = json_get_fold(manifest, "Artifacts");

	if (!all)
		return true;
	if (all->type != JSON_ARRAY)
		return json_expected(all, "an array", err);
	if (all->count > RECIPE_ARTIFACTS_MAX)
		return json_wrong(all, err, "more than %d artifacts", RECIPE_ARTIFACTS_MAX);
	recipe->artifacts = arena_array(arena, all->count, sizeof(*recipe->artifacts));
	for (const struct json *value = all->child; value; value = value->next)
		if (!parse_one(&recipe->artifacts[recipe->artifact_count++], value, err))
			return false;
	return true;
}
