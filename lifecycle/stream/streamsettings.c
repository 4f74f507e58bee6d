/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/streamsettings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>

#include "lifecycle/stream/definition.h"

#define PORT_DEFAULT     8088
#define PARALLEL_DEFAULT 5
#define PARALLEL_MAX     16
#define KINESIS_DELAY_MS 1000
#define MEMORY_SHARE     8           /* of the machine's, at most, for streams in memory */
#define PART_SIZE_MAX    (5LL << 30) /* S3's own limit */

/* -- values that may be numbers or texts --------------------------------------------------------
 */

static bool read_int(const struct json *map, const char *key, int64_t fallback, int64_t low,
		     int64_t high, int64_t *value, struct error *err)
{
	const struct json *member = json_get(map, key);
	char *end = NULL;

	*value = fallback;
	if (!member || (member->type == JSON_TEXT && member->text[0] == '\0'))
		return true;
	errno = 0;
	if (member->type == JSON_TEXT || member->type == JSON_NUMBER)
		*value = strtoll(member->text, &end, 10);
	if (!end || end == member->text || *end != '\0' || errno || *value < low || *value > high)
		return json_wrong(member, err, "expected a whole number from %lld to %lld",
				  (long long)low, (long long)high);
	return true;
}

static bool read_bool(const struct json *map, const char *key, bool fallback, bool *value,
		      struct error *err)
{
	const struct json *member = json_get(map, key);

	*value = fallback;
	if (!member)
		return true;
	if (member->type == JSON_BOOL) {
		*value = member->boolean;
		return true;
	}
	if (member->type != JSON_TEXT ||
	    (strcasecmp(member->text, "true") != 0 && strcasecmp(member->text, "false") != 0))
		return json_wrong(member, err, "expected true or false");
	*value = strcasecmp(member->text, "true") == 0;
	return true;
}

static bool read_level(const struct json *map, enum log_level *level, struct error *err)
{
	static const struct {
		const char *name;
		enum log_level level;
	} names[] = {
		{ "TRACE", LOG_LEVEL_DEBUG }, { "DEBUG", LOG_LEVEL_DEBUG },
		{ "INFO", LOG_LEVEL_INFO },   { "WARN", LOG_LEVEL_WARNING },
		{ "ERROR", LOG_LEVEL_ERROR },
	};
	const char *name;

	if (!json_text_or(map, "LOG_LEVEL", "INFO", &name, err))
		return false;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcasecmp(names[i].name, name) == 0) {
			*level = names[i].level;
			return true;
		}
	}
	return json_wrong(json_get(map, "LOG_LEVEL"), err,
			  "expected TRACE, DEBUG, INFO, WARN or ERROR");
}

/* -- the object ---------------------------------------------------------------------------------
 */

static bool read_configuration(struct stream_settings *settings, const struct json *map,
			       struct error *err)
{
	int64_t port, parallel;

	if (!json_text_or(map, "STREAM_MANAGER_STORE_ROOT_DIR", settings->root, &settings->root,
			  err) ||
	    !read_int(map, "STREAM_MANAGER_SERVER_PORT", PORT_DEFAULT, 0, UINT16_MAX, &port, err) ||
	    !read_bool(map, "STREAM_MANAGER_AUTHENTICATE_CLIENT", true,
		       &settings->does_authenticate, err) ||
	    !read_int(map, "STREAM_MANAGER_EXPORTER_MAX_BANDWIDTH", 0, 0, INT32_MAX,
		      &settings->bandwidth, err) ||
	    !read_int(map, "STREAM_MANAGER_THREAD_POOL_SIZE", PARALLEL_DEFAULT, 1, INT32_MAX,
		      &parallel, err) ||
	    !read_int(map, "STREAM_MANAGER_EXPORTER_THREAD_POOL_SIZE", parallel, 1, INT32_MAX,
		      &settings->parallel, err) ||
	    !read_int(map,
		      "STREAM_MANAGER_EXPORTER_S3_DESTINATION_MULTIPART_UPLOAD_MIN_PART_SIZE_BYTES",
		      DEFINITION_PART_SIZE_MIN, DEFINITION_PART_SIZE_MIN, PART_SIZE_MAX,
		      &settings->part_size_min, err) ||
	    !read_int(map, "STREAM_MANAGER_EXPORTER_KINESIS_INTER_CALL_DELAY_MS", KINESIS_DELAY_MS,
		      0, INT32_MAX, &settings->kinesis_delay, err) ||
	    !read_level(map, &settings->log_level, err))
		return false;
	settings->port = (int)port;
	if (settings->parallel > PARALLEL_MAX)
		settings->parallel = PARALLEL_MAX;
	if (!settings->root || settings->root[0] != '/')
		return error_set(err, ERROR_INPUT,
				 "STREAM_MANAGER_STORE_ROOT_DIR: expected an absolute path");
	return true;
}

static bool read_user(struct stream_settings *settings, const struct json *user, struct error *err)
{
	int64_t uid, gid;

	if (!user)
		return true;
	if (!json_int(user, "uid", &uid, err) || !json_int(user, "gid", &gid, err))
		return false;
	settings->has_user = true;
	settings->uid = (uid_t)uid;
	settings->gid = (gid_t)gid;
	return true;
}

static bool read_places(struct stream_settings *settings, const struct json *root,
			struct error *err)
{
	const struct json *endpoints = json_get(root, "endpoints");
	const struct json *credentials = json_get(root, "credentials");

	return json_text_or(root, "region", NULL, &settings->region, err) &&
	       json_text_or(endpoints, "s3", NULL, &settings->s3_endpoint, err) &&
	       json_text_or(endpoints, "kinesis", NULL, &settings->kinesis_endpoint, err) &&
	       json_text_or(endpoints, "sitewise", NULL, &settings->sitewise_endpoint, err) &&
	       json_bool_or(root, "path_style", settings->s3_endpoint != NULL,
			    &settings->is_path_style, err) &&
	       json_text_or(credentials, "uri", NULL, &settings->credentials_uri, err) &&
	       json_text_or(credentials, "token", "", &settings->credentials_token, err);
}

static int64_t share_of_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 ? (int64_t)info.totalram * info.mem_unit / MEMORY_SHARE
				   : 16LL << 20;
}

bool stream_settings_parse(struct stream_settings *settings, struct arena *arena, const char *text,
			   size_t length, struct error *err)
{
	const struct json *root, *configuration;

	*settings = (struct stream_settings){ 0 };
	return json_parse(arena, "settings", text, length, &root, err) &&
	       json_text_or(root, "root", NULL, &settings->root, err) &&
	       json_text_or(root, "control", NULL, &settings->control, err) &&
	       json_int_or(root, "memory_limit", share_of_memory(), &settings->memory_limit, err) &&
	       read_user(settings, json_get(root, "user"), err) &&
	       read_places(settings, root, err) &&
	       json_object_or_null(root, "configuration", &configuration, err) &&
	       read_configuration(settings, configuration, err);
}
