/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mountspec.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/size.h"

static bool parse_flag(const char *key, const char *value, bool *flag, struct error *err)
{
	*flag = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
	return *flag || strcmp(value, "false") == 0 || strcmp(value, "0") == 0 ||
	       error_set(err, ERROR_INPUT, "invalid value for %s: %s", key, value);
}

static bool set_recursion(struct mountspec *spec, const char *value, struct error *err)
{
	static const char *const words[] = {
		[MOUNTSPEC_ENABLED] = "enabled",
		[MOUNTSPEC_DISABLED] = "disabled",
		[MOUNTSPEC_WRITABLE] = "writable",
		[MOUNTSPEC_READONLY] = "readonly",
	};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcmp(words[i], value) == 0) {
			spec->recursion = (enum mountspec_recursion)i;
			return true;
		}
	}
	return error_set(err, ERROR_INPUT,
			 "invalid value for bind-recursive: %s (must be \"enabled\", \"disabled\", "
			 "\"writable\", or \"readonly\")",
			 value);
}

static bool set_propagation(struct mountspec *spec, const char *value, struct error *err)
{
	static const char *const words[] = { "private", "rprivate", "shared",
					     "rshared", "slave",    "rslave" };

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcmp(words[i], value) == 0) {
			spec->propagation = value;
			return true;
		}
	}
	return error_set(err, ERROR_INPUT, "invalid value for bind-propagation: %s", value);
}

static bool set_tmpfs(struct mountspec *spec, const char *key, const char *value, struct error *err)
{
	struct error cause;
	int64_t bytes;
	char *end;

	if (strcmp(key, "tmpfs-size") == 0) {
		spec->tmpfs_size = value;
		return size_parse(value, &bytes, &cause) ||
		       error_set(err, ERROR_INPUT, "invalid value for %s: %s", key, value);
	}
	spec->tmpfs_mode = value;
	strtoul(value, &end, 8);
	return (*value && !*end) ||
	       error_set(err, ERROR_INPUT, "invalid value for %s: %s", key, value);
}

static bool set_bind(struct mountspec *spec, const char *key, const char *value, bool *is_known,
		     struct error *err)
{
	*is_known = true;
	if (strcmp(key, "bind-propagation") == 0)
		return set_propagation(spec, value, err);
	if (strcmp(key, "bind-recursive") == 0)
		return set_recursion(spec, value, err);
	*is_known = strcmp(key, "consistency") == 0;
	return true;
}

/* Those that need no more than to be kept. */
static bool keep(struct arena *arena, struct mountspec *spec, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **place;
	} places[] = {
		{ "type", &spec->type },
		{ "source", &spec->source },
		{ "src", &spec->source },
		{ "target", &spec->target },
		{ "destination", &spec->target },
		{ "dst", &spec->target },
		{ "volume-driver", &spec->driver },
		{ "image-subpath", &spec->image_subpath },
		{ "volume-subpath", &spec->subpath },
	};

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		if (strcmp(places[i].key, key) == 0) {
			*places[i].place = value;
			return true;
		}
	}
	if (strcmp(key, "volume-opt") == 0)
		texts_add_in(&spec->options, arena, value);
	else if (strcmp(key, "volume-label") == 0)
		texts_add_in(&spec->labels, arena, value);
	else
		return false;
	return true;
}

static bool set_field(struct arena *arena, struct mountspec *spec, const char *key,
		      const char *value, const char *field, struct error *err)
{
	bool is_flat, is_known;

	if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0)
		return parse_flag(key, value, &spec->is_readonly, err);
	if (strcmp(key, "volume-nocopy") == 0)
		return parse_flag(key, value, &spec->is_without_copy, err);
	if (strcmp(key, "volume-anonymous") == 0)
		return parse_flag(key, value, &spec->is_anonymous, err);
	if (strcmp(key, "bind-nonrecursive") == 0) {
		if (!parse_flag(key, value, &is_flat, err))
			return false;
		spec->recursion = is_flat ? MOUNTSPEC_DISABLED : spec->recursion;
		return true;
	}
	if (!value)
		return error_set(err, ERROR_INPUT, "invalid field '%s' must be a key=value pair",
				 field);
	if (keep(arena, spec, key, value))
		return true;
	if (strcmp(key, "tmpfs-size") == 0 || strcmp(key, "tmpfs-mode") == 0)
		return set_tmpfs(spec, key, value, err);
	if (!set_bind(spec, key, value, &is_known, err))
		return false;
	return is_known || error_set(err, ERROR_INPUT, "unexpected key '%s' in '%s'", key, field);
}

/* What belongs to another kind of mount. */
static bool check_kinds(const struct mountspec *spec, struct error *err)
{
	bool has_volume = spec->is_without_copy || spec->is_anonymous || spec->driver ||
			  spec->subpath || spec->options.count || spec->labels.count;
	bool has_bind = *spec->propagation || spec->recursion != MOUNTSPEC_ENABLED;
	const struct {
		const char *type;
		bool is_given;
	} kinds[] = { { "volume", has_volume },
		      { "bind", has_bind },
		      { "tmpfs", spec->tmpfs_size || spec->tmpfs_mode },
		      { "image", spec->image_subpath } };

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (kinds[i].is_given && strcmp(kinds[i].type, spec->type) != 0)
			return error_set(err, ERROR_INPUT,
					 "cannot mix '%s-*' options with mount type '%s'",
					 kinds[i].type, spec->type);
	}
	return true;
}

static bool check(const struct mountspec *spec, struct error *err)
{
	if (strcmp(spec->type, "bind") != 0 && strcmp(spec->type, "volume") != 0 &&
	    strcmp(spec->type, "tmpfs") != 0 && strcmp(spec->type, "image") != 0)
		return error_set(err, ERROR_INPUT,
				 "invalid mount config for type \"%s\": mount type unknown",
				 spec->type);
	if (!spec->target || !*spec->target)
		return error_set(err, ERROR_INPUT, "target is required");
	if (!check_kinds(spec, err))
		return false;
	bool is_writable = spec->recursion == MOUNTSPEC_WRITABLE;
	if ((is_writable || spec->recursion == MOUNTSPEC_READONLY) && !spec->is_readonly)
		return error_set(err, ERROR_INPUT,
				 "option 'bind-recursive=%s' requires 'readonly' to be specified "
				 "in conjunction",
				 is_writable ? "writable" : "readonly");
	if (spec->recursion == MOUNTSPEC_READONLY && strcmp(spec->propagation, "rprivate") != 0)
		return error_set(
			err, ERROR_INPUT,
			"option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' "
			"to be specified in conjunction");
	return !spec->driver || !*spec->driver || strcmp(spec->driver, "local") == 0 ||
	       error_set(err, ERROR_NOT_FOUND,
			 "error looking up volume plugin %s: plugin \"%s\" not found", spec->driver,
			 spec->driver);
}

static void lower(char *text)
{
	for (char *c = text; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	}
}

bool mountspec_parse(struct arena *arena, const char *text, struct mountspec *spec,
		     struct error *err)
{
	char *rest = arena_strdup(arena, text);

	*spec = (struct mountspec){ .type = "volume", .propagation = "" };
	for (char *field; (field = csv_next(&rest));) {
		char *key = arena_strdup(arena, field);
		char *equals = strchr(key, '=');

		if (equals)
			*equals = '\0';
		lower(key);
		if (equals && strcmp(key, "type") == 0)
			lower(equals + 1);
		if (!set_field(arena, spec, key, equals ? equals + 1 : NULL, field, err))
			return false;
	}
	return check(spec, err);
}
