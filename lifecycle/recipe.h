/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_RECIPE_H
#define LIFECYCLE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "lifecycle/device.h"
#include "lifecycle/semver.h"
#include "lifecycle/steps.h"

/*
 * A component recipe, format 2020-01-25: a document in, a checked struct out. After recipe_parse no
 * code looks at the document again (the configuration is the component's own tree).
 *
 * Keys are found in any case, unknown ones are ignored. Every manifest is checked, also those for
 * other platforms; the first that matches the device is the recipe's.
 */

#define RECIPE_GENERIC          "aws.greengrass.generic"

#define RECIPE_SIZE_MAX         (1024 * 1024)
#define RECIPE_NAME_MAX         128
#define RECIPE_MANIFESTS_MAX    64
#define RECIPE_ARTIFACTS_MAX    256
#define RECIPE_DEPENDENCIES_MAX 256
#define RECIPE_SELECTIONS_MAX   64
#define RECIPE_URI_MAX          2048

enum recipe_scheme {
	RECIPE_S3,
	RECIPE_DOCKER,
	RECIPE_GREENGRASS,
};

/* Whose permission an artifact's bit is. */
enum recipe_permission {
	RECIPE_NOBODY,
	RECIPE_OWNER,
	RECIPE_ALL,
};

struct recipe_artifact {
	enum recipe_scheme scheme;
	const char *uri;
	const char *rest; /* after "docker:" or "s3://" */
	const char *file; /* last part of an s3 key: its name here; NULL for docker */
	bool is_zip;      /* Unarchive: ZIP */
	enum recipe_permission read;
	enum recipe_permission execute;
	bool has_digest;
	unsigned char digest[32]; /* SHA-256 */
};

struct recipe_dependency {
	const char *name;
	const char *requirement;
	const struct semver_range *range;
	bool is_soft;
};

struct recipe {
	const char *name;
	const char *version_text;
	struct semver version;
	const char *type;                 /* ComponentType; only RECIPE_GENERIC is scripts */
	const struct json *document;      /* the whole, to be stored */
	const struct json *configuration; /* DefaultConfiguration, or NULL */
	struct recipe_dependency *dependencies;
	size_t dependency_count;

	bool is_usable; /* a manifest matches this device; the rest is empty otherwise */
	struct recipe_artifact *artifacts;
	size_t artifact_count;
	const struct json *lifecycle; /* the chosen one, or NULL; `steps` is its meaning */
	struct steps steps;
};

/* A file name tells JSON from YAML: .json, .yaml, .yml in any case. */
bool recipe_is_file_name(const char *name);

/* Parses a document called `name` (its file name). All lives in `arena`. */
must_check bool recipe_read(struct recipe *recipe, struct arena *arena, const char *name,
			    const char *text, size_t length, const struct device *device,
			    struct error *err);

/* The same from a tree. */
must_check bool recipe_parse(struct recipe *recipe, struct arena *arena,
			     const struct json *document, const struct device *device,
			     struct error *err);

/* True for what may name a component: letters, digits, '-', '.', '_', but no "." or "..". */
bool recipe_is_component_name(const char *name);

#endif
