/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/s3task.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/utf8.h"

#define RESERVED_METADATA "$aws-gg-"
#define LETTERS           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* -- inputUrl -----------------------------------------------------------------------------------
 */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return found ? (int)(found - digits) : -1;
}

static bool percent_decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		int high, low;

		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		high = hex_digit(from[1]);
		low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || high * 16 + low == 0)
			return false;
		*to++ = (char)(high * 16 + low);
		from += 2;
	}
	*to = '\0';
	return true;
}

/* "file:/a", "file:///a", "file://localhost/a", or "/a" as it is. */
static bool read_path(struct s3_task *task, struct arena *arena, struct error *err)
{
	const char *url;
	char *path;

	if (!json_text(task->json, "inputUrl", &url, err))
		return false;
	path = arena_strdup(arena, url);
	if (strncmp(path, "file:", 5) == 0) {
		path += 5;
		if (strncmp(path, "//localhost/", 12) == 0)
			path += 11;
		else if (strncmp(path, "///", 3) == 0)
			path += 2;
		if (!percent_decode(path))
			return error_set(err, ERROR_INPUT, "inputUrl: a wrong %%-sequence");
	}
	if (path[0] != '/' || path[1] == '/')
		return error_set(err, ERROR_INPUT,
				 "inputUrl: expected file:/PATH with an absolute path");
	task->path = path;
	return true;
}

/* -- bucket -------------------------------------------------------------------------------------
 */

static bool is_address(const char *text)
{
	return text[strspn(text, "0123456789.")] == '\0';
}

static bool read_bucket(struct s3_task *task, struct error *err)
{
	size_t length;

	if (!json_text(task->json, "bucket", &task->bucket, err))
		return false;
	length = strlen(task->bucket);
	if (length < 3 || length > 63 ||
	    task->bucket[strspn(task->bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-")] != '\0' ||
	    !isalnum((unsigned char)task->bucket[0]) ||
	    !isalnum((unsigned char)task->bucket[length - 1]) || strstr(task->bucket, "..") ||
	    is_address(task->bucket))
		return error_set(err, ERROR_INPUT, "bucket: \"%.80s\" is no name of a bucket",
				 task->bucket);
	return true;
}

/* -- key ----------------------------------------------------------------------------------------
 */

/* Length of a placeholder that `at` begins with: "!{" letters ":" letters or "/" "}". 0: none. */
static size_t placeholder_length(const char *at)
{
	size_t name, pattern;

	if (strncmp(at, "!{", 2) != 0)
		return 0;
	name = strspn(at + 2, LETTERS);
	if (name == 0 || at[2 + name] != ':')
		return 0;
	pattern = strspn(at + 3 + name, LETTERS "/");
	return pattern > 0 && at[3 + name + pattern] == '}' ? 4 + name + pattern : 0;
}

static bool read_key(struct s3_task *task, struct error *err)
{
	size_t step;

	if (!json_text(task->json, "key", &task->key, err))
		return false;
	if (task->key[0] == '\0' || strlen(task->key) > S3_KEY_MAX)
		return error_set(err, ERROR_INPUT, "key: must be 1 to %d bytes", S3_KEY_MAX);
	for (const char *at = task->key; *at; at += step) {
		step = placeholder_length(at);
		if (step > 0)
			continue;
		if (strchr("\\{}%`[]\"'<>~#^?| ", *at) || (unsigned char)*at < ' ' || *at == 127)
			return error_set(err, ERROR_INPUT, "key: must not hold '%c'",
					 isprint((unsigned char)*at) ? *at : '?');
		step = 1;
	}
	return true;
}

/* -- metadata -----------------------------------------------------------------------------------
 */

static bool is_header_name(const char *text)
{
	static const char allowed[] = LETTERS "0123456789!#$%&'*+-.^_`|~";

	return text[0] && text[strspn(text, allowed)] == '\0';
}

static bool is_header_value(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static char *lower(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

static bool read_metadata(struct s3_task *task, struct arena *arena, struct error *err)
{
	const struct json *map;
	size_t size = 0;

	if (!json_object_or_null(task->json, "userMetadata", &map, err))
		return false;
	for (const struct json *entry = map ? map->child : NULL; entry; entry = entry->next) {
		struct s3_metadata *metadata = &task->metadata[task->metadata_count];

		if (entry->type == JSON_NULL)
			continue;
		if (task->metadata_count == S3_TASK_METADATA_MAX)
			return error_set(err, ERROR_INPUT, "userMetadata: more than %d entries",
					 S3_TASK_METADATA_MAX);
		if (!json_as_text(entry, &metadata->value, err))
			return false;
		if (!is_header_name(entry->key) || !is_header_value(metadata->value) ||
		    strncmp(entry->key, RESERVED_METADATA, strlen(RESERVED_METADATA)) == 0)
			return error_set(err, ERROR_INPUT,
					 "userMetadata: \"%.80s\" cannot be sent as a header",
					 entry->key);
		metadata->name = lower(arena, entry->key);
		size += strlen(metadata->name) + strlen(metadata->value);
		task->metadata_count++;
	}
	if (size > S3_TASK_METADATA_SIZE)
		return error_set(err, ERROR_INPUT, "userMetadata: more than %d bytes",
				 S3_TASK_METADATA_SIZE);
	return true;
}

bool s3_task_parse(struct s3_task *task, struct arena *arena, const char *text, size_t length,
		   struct error *err)
{
	*task = (struct s3_task){ 0 };
	if (length > S3_TASK_SIZE_MAX)
		return error_set(err, ERROR_INPUT, "S3 task: larger than %d bytes",
				 S3_TASK_SIZE_MAX);
	if (!json_parse(arena, "S3 task", text, length, &task->json, err)) {
		task->json = NULL;
		return false;
	}
	if (task->json->type != JSON_OBJECT)
		return error_set(err, ERROR_INPUT, "S3 task: expected an object");
	return read_path(task, arena, err) && read_bucket(task, err) && read_key(task, err) &&
	       read_metadata(task, arena, err);
}
