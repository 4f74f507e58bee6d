/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/yaml.h"
#include "lifecycle/backoff.h"
#include "lifecycle/configtree.h"
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

const char *settings_run_directory(struct arena *arena)
{
	return directory(arena, "MOORING_RUN", "/run/mooring", "XDG_RUNTIME_DIR", ".cache");
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

static bool absolute_at(const struct json *object, const char *key, const char **path,
			struct error *err)
{
	if (!text_at(object, key, path, err))
		return false;
	return !*path || **path == '/' ||
	       json_wrong(json_get_fold(object, key), err, "\"%.200s\": expected an absolute path",
			  *path);
}

static bool int_at(const struct json *object, const char *key, int64_t fallback, int64_t *number,
		   struct error *err)
{
	const struct json *value = json_get_fold(object, key);

	*number = fallback;
	if (!value)
		return true;
	if (!json_as_int(value, number, err))
		return false;
	return *number > 0 || json_wrong(value, err, "must be above 0");
}

static bool bool_at(const struct json *object, const char *key, bool *value, struct error *err)
{
	const char *text = "false";

	if (!text_at(object, key, &text, err))
		return false;
	*value = strcasecmp(text, "true") == 0;
	return true;
}

static bool read_run_with(struct settings *settings, const struct json *configuration,
			  struct error *err)
{
	const struct json *run_with;

	return object_at(configuration, "runWithDefault", &run_with, err) &&
	       text_at(run_with, "posixUser", &settings->user, err) &&
	       text_at(run_with, "posixShell", &settings->shell, err) &&
	       service_parse_limits(&settings->limits,
				    json_get_fold(run_with, "systemResourceLimits"), err);
}

static bool read_proxy(struct settings_proxy *proxy, const struct json *configuration,
		       struct error *err)
{
	const struct json *network, *inner;

	return object_at(configuration, "networkProxy", &network, err) &&
	       object_at(network, "proxy", &inner, err) &&
	       text_at(network, "noProxyAddresses", &proxy->no_proxy, err) &&
	       text_at(inner, "url", &proxy->url, err) &&
	       text_at(inner, "username", &proxy->username, err) &&
	       text_at(inner, "password", &proxy->password, err);
}

static const char *encode(struct arena *arena, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	char *encoded = arena_alloc(arena, strlen(text) * 3 + 1);
	char *end = encoded;

	for (; *text; text++)
		if (strchr(plain, *text))
			*end++ = *text;
		else
			end += sprintf(end, "%%%02X", (unsigned char)*text);
	return encoded;
}

const char *settings_proxy_url(struct arena *arena, const struct settings_proxy *proxy)
{
	const char *host = proxy->url ? strstr(proxy->url, "://") : NULL;

	if (!host || !proxy->username || strchr(host, '@'))
		return proxy->url;
	return arena_printf(arena, "%.*s://%s:%s@%s", (int)(host - proxy->url), proxy->url,
			    encode(arena, proxy->username),
			    encode(arena, proxy->password ? proxy->password : ""), host + 3);
}

/* Whether the second of two words is there; neither is the first. */
static bool choice_at(const struct json *object, const char *key, const char *const words[2],
		      bool *is_second, struct error *err)
{
	const char *text = words[0];

	if (!text_at(object, key, &text, err))
		return false;
	*is_second = strcasecmp(text, words[1]) == 0;
	return *is_second || strcasecmp(text, words[0]) == 0 ||
	       json_wrong(json_get_fold(object, key), err, "\"%.40s\": expected %s or %s", text,
			  words[0], words[1]);
}

static bool level_at(const struct json *object, const char *key, enum logline_level *level,
		     struct error *err)
{
	const char *text = logline_level_name(LOGLINE_INFO);

	return text_at(object, key, &text, err) &&
	       (logline_parse_level(text, level) ||
		json_wrong(json_get_fold(object, key), err,
			   "\"%.40s\": there are the levels " LOGLINE_LEVEL_NAMES, text));
}

static bool read_logging(struct settings_logging *logging, const struct json *configuration,
			 struct error *err)
{
	static const char *const formats[] = { "TEXT", "JSON" };
	static const char *const outputs[] = { "FILE", "CONSOLE" };
	const struct json *value;

	if (!object_at(configuration, "logging", &value, err) ||
	    !choice_at(value, "format", formats, &logging->is_json, err) ||
	    !choice_at(value, "outputType", outputs, &logging->is_console, err) ||
	    !level_at(value, "level", &logging->level, err) ||
	    !absolute_at(value, "outputDirectory", &logging->directory, err) ||
	    !int_at(value, "fileSizeKB", 1024, &logging->file_size, err) ||
	    !int_at(value, "totalLogsSizeKB", 10240, &logging->total_size, err))
		return false;
	logging->file_size *= 1024;
	logging->total_size *= 1024;
	return true;
}

const struct json *settings_nucleus(const struct json *document)
{
	const struct json *services = json_get_fold(document, "services");
	const struct json *nucleus = json_get_fold(services, "aws.greengrass.Nucleus");

	if (!nucleus)
		nucleus = json_get_fold(services, "aws.greengrass.NucleusLite");
	return json_get_fold(nucleus, "configuration");
}

static bool read_nucleus(struct settings *settings, const struct json *document, struct error *err)
{
	const struct json *services, *nucleus, *configuration = settings_nucleus(document);

	if (!object_at(document, "services", &services, err) ||
	    !object_at(services, "aws.greengrass.Nucleus", &nucleus, err))
		return false;
	if (configuration && configuration->type != JSON_OBJECT)
		return json_expected(configuration, "an object", err);
	return text_at(configuration, "awsRegion", &settings->region, err) &&
	       text_at(configuration, "iotRoleAlias", &settings->role_alias, err) &&
	       text_at(configuration, "iotDataEndpoint", &settings->data_endpoint, err) &&
	       text_at(configuration, "iotCredEndpoint", &settings->credential_endpoint, err) &&
	       bool_at(configuration, "interpolateComponentConfiguration",
		       &settings->interpolates_configuration, err) &&
	       bool_at(configuration, "fipsMode", &settings->uses_fips, err) &&
	       int_at(configuration, "componentStoreMaxSizeBytes", 10000000000,
		      &settings->store_max, err) &&
	       read_run_with(settings, configuration, err) &&
	       read_proxy(&settings->proxy, configuration, err) &&
	       read_logging(&settings->logging, configuration, err) &&
	       object_at(configuration, "platformOverride", &settings->overrides, err);
}

static bool read_system(struct settings *settings, const struct json *document, struct error *err)
{
	const struct json *system;

	return object_at(document, "system", &system, err) &&
	       text_at(system, "thingName", &settings->thing_name, err) &&
	       text_at(system, "rootCaPath", &settings->root_ca, err) &&
	       text_at(system, "certificateFilePath", &settings->certificate, err) &&
	       text_at(system, "privateKeyPath", &settings->private_key, err) &&
	       absolute_at(system, "ipcSocketPath", &settings->ipc_socket, err);
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

static bool read_env(struct settings *settings, struct arena *arena, const struct json *document,
		     struct error *err)
{
	const struct json *services = json_get_fold(document, "services");

	settings->services =
		arena_array(arena, services ? services->count : 0, sizeof(*settings->services));
	for (const struct json *one = services ? services->child : NULL; one; one = one->next) {
		struct settings_service *service = &settings->services[settings->service_count++];

		service->name = one->key;
		if (!steps_parse_env(&service->env, arena, json_get_fold(one, "setenv"), err))
			return false;
	}
	return steps_parse_env(&settings->env, arena, json_get_fold(document, "setenv"), err);
}

const struct step_env *settings_service_env(const struct settings *settings, const char *name)
{
	static const struct step_env none = { 0 };

	for (size_t i = 0; i < settings->service_count; i++)
		if (strcmp(settings->services[i].name, name) == 0)
			return &settings->services[i].env;
	return &none;
}

static bool read_retry(struct settings *settings, const struct json *document, struct error *err)
{
	const struct json *retry;

	return object_at(document, "retry", &retry, err) &&
	       int_at(retry, "longestPauseMs", BACKOFF_LONGEST_MS, &settings->longest_pause, err);
}

bool settings_parse(struct settings *settings, struct arena *arena, const struct json *document,
		    struct error *err)
{
	*settings = (struct settings){ .shell = "sh", .region = getenv("AWS_REGION") };
	if (document && document->type == JSON_NULL)
		document = NULL; /* only comments */
	if (document && document->type != JSON_OBJECT)
		return json_expected(document, "an object", err);
	if (!read_system(settings, document, err) || !read_nucleus(settings, document, err))
		return false;
	settings->s3_region = settings->region;
	return read_s3(settings, document, err) && read_retry(settings, document, err) &&
	       read_env(settings, arena, document, err);
}

bool settings_read(struct arena *arena, const char *path, const struct json **document,
		   int64_t *time, struct error *err)
{
	const char *name =
		path ? path
		     : arena_printf(arena, "%s/mooring.yaml", settings_config_directory(arena));
	autoclose int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat status;
	autobuf struct buf text;

	*document = NULL;
	*time = CONFIGTREE_DEFAULT_TIME;
	buf_init(&text, SETTINGS_SIZE_MAX);
	if (fd < 0)
		return (!path && errno == ENOENT) || error_sys(err, "configuration %s", name);
	if (fstat(fd, &status) < 0 || !file_read_fd(fd, name, &text, err))
		return false;
	*time = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
	return yaml_parse(arena, name, text.data, text.length, document, err);
}
