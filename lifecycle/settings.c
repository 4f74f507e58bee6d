/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/yaml.h"
#include "lifecycle/steps.h"

/* -- places -------------------------------------------------------------------------------------
 */

/* The three rules of docs/architecture.md, "Directories". */
static const char *directory(struct arena *arena, const char *variable, const char *for_root,
			     const char *xdg, const char *below_home)
{
	const char *own = getenv(variable), *base = getenv(xdg), *home = getenv("HOME");

	if (own && *own)
		return arena_strdup(arena, own);
	if (geteuid() == 0)
		return for_root;
	if (base && *base)
		return arena_printf(arena, "%s/mooring", base);
	return arena_printf(arena, "%s/%s/mooring", home ? home : "/", below_home);
}

const char *settings_data_directory(struct arena *arena)
{
	return directory(arena, "MOORING_ROOT", "/var/lib/mooring", "XDG_DATA_HOME",
			 ".local/share");
}

const char *settings_config_directory(struct arena *arena)
{
	return directory(arena, "MOORING_CONFIG", "/etc/mooring", "XDG_CONFIG_HOME", ".config");
}

/* -- content ------------------------------------------------------------------------------------
 */

static bool object_at(const struct json *object, const char *key, const struct json **value,
		      struct error *err)
{
	*value = json_get_fold(object, key);
	if (*value && (*value)->type != JSON_OBJECT)
		return json_expected(*value, "an object", err);
	return true;
}

/* Missing and empty leave *text alone. */
static bool text_at(const struct json *object, const char *key, const char **text,
		    struct error *err)
{
	const struct json *value = json_get_fold(object, key);
	const char *found;

	if (!value)
		return true;
	if (!steps_scalar(value, &found, err))
		return false;
	if (*found)
		*text = found;
	return true;
}

static bool read_nucleus(struct settings *settings, const struct json *document, struct error *err)
{
	const struct json *services, *nucleus, *configuration, *run_with;

	if (!object_at(document, "services", &services, err) ||
	    !object_at(services, "aws.greengrass.Nucleus", &nucleus, err) ||
	    (!nucleus && !object_at(services, "aws.greengrass.NucleusLite", &nucleus, err)) ||
	    !object_at(nucleus, "configuration", &configuration, err) ||
	    !object_at(configuration, "runWithDefault", &run_with, err))
		return false;
	return text_at(configuration, "awsRegion", &settings->region, err) &&
	       text_at(run_with, "posixUser", &settings->user, err) &&
	       text_at(run_with, "posixShell", &settings->shell, err) &&
	       object_at(configuration, "platformOverride", &settings->overrides, err);
}

static bool read_s3(struct settings *settings, const struct json *document, struct error *err)
{
	const struct json *s3;

	if (!object_at(document, "s3", &s3, err) ||
	    !text_at(s3, "endpoint", &settings->s3_endpoint, err) ||
	    !text_at(s3, "region", &settings->s3_region, err))
		return false;
	settings->has_path_style = json_get(s3, "path_style") != NULL;
	return json_bool_or(s3, "path_style", false, &settings->path_style, err);
}

static bool parse(struct settings *settings, const struct json *document, struct error *err)
{
	const struct json *system;

	if (document->type == JSON_NULL)
		return true; /* only comments */
	if (document->type != JSON_OBJECT)
		return json_expected(document, "an object", err);
	if (!object_at(document, "system", &system, err) ||
	    !text_at(system, "thingName", &settings->thing_name, err) ||
	    !read_nucleus(settings, document, err))
		return false;
	settings->s3_region = settings->region;
	return read_s3(settings, document, err);
}

bool settings_read(struct settings *settings, struct arena *arena, const char *path,
		   struct error *err)
{
	const char *name =
		path ? path
		     : arena_printf(arena, "%s/mooring.yaml", settings_config_directory(arena));
	autoclose int fd = open(name, O_RDONLY | O_CLOEXEC);
	const struct json *document;
	autobuf struct buf text;

	*settings = (struct settings){ .shell = "sh", .region = getenv("AWS_REGION") };
	settings->s3_region = settings->region;
	buf_init(&text, SETTINGS_SIZE_MAX);
	if (fd < 0)
		return (!path && errno == ENOENT) || error_sys(err, "configuration %s", name);
	if (!file_read_fd(fd, name, &text, err))
		return false;
	return yaml_parse(arena, name, text.data, text.length, &document, err) &&
	       parse(settings, document, err);
}
