/* SPDX-License-Identifier: Apache-2.0 */
#include "image/config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "image/limits.h"

/* -- reading ------------------------------------------------------------------------------------
 */

/* Each of them is compared with all others when a container is made. */
static bool check_count(const char *key, size_t count, struct error *err)
{
	return count <= LIMIT_CONFIG_ITEMS ||
	       error_set(err, ERROR_INPUT, "config.%s has %zu entries, more than %d", key, count,
			 LIMIT_CONFIG_ITEMS);
}

static bool read_texts(struct arena *arena, const struct json *object, const char *key,
		       const char *const **texts, size_t *count, struct error *err)
{
	const char **values;

	if (!json_text_array(arena, object, key, &values, count, err) ||
	    !check_count(key, *count, err))
		return false;
	*texts = values;
	return true;
}

/* Entrypoint and Cmd: very old builders wrote one string instead of an array. */
static bool read_command(struct arena *arena, const struct json *object, const char *key,
			 const char *const **texts, size_t *count, struct error *err)
{
	const struct json *value = json_get(object, key);

	if (!value || value->type != JSON_TEXT)
		return read_texts(arena, object, key, texts, count, err);

	const char **one = arena_array(arena, 2, sizeof(*one));

	one[0] = value->text;
	*texts = one;
	*count = 1;
	return true;
}

/* {"80/tcp": {}, …}: the member names are the value. */
static bool read_set(struct arena *arena, const struct json *object, const char *key,
		     const char *const **texts, size_t *count, struct error *err)
{
	const struct json *set;

	if (!json_object_or_null(object, key, &set, err))
		return false;
	*count = set ? set->count : 0;
	if (!check_count(key, *count, err))
		return false;

	const char **names = arena_array(arena, *count + 1, sizeof(*names));

	for (const struct json *member = set ? set->child : NULL; member; member = member->next)
		names[member->index] = member->key;
	*texts = names;
	return true;
}

static bool read_labels(struct arena *arena, const struct json *object, struct image_config *config,
			struct error *err)
{
	const struct json *labels;

	if (!json_object_or_null(object, "Labels", &labels, err))
		return false;
	config->label_count = labels ? labels->count : 0;
	if (!check_count("Labels", config->label_count, err))
		return false;

	struct image_label *list = arena_array(arena, config->label_count + 1, sizeof(*list));

	for (const struct json *label = labels ? labels->child : NULL; label; label = label->next) {
		list[label->index].key = label->key;
		if (!json_as_text(label, &list[label->index].value, err))
			return false;
	}
	config->labels = list;
	return true;
}

static bool read_healthcheck(struct arena *arena, const struct json *object,
			     struct image_healthcheck *check, struct error *err)
{
	const struct json *health;

	if (!json_object_or_null(object, "Healthcheck", &health, err))
		return false;
	return read_texts(arena, health, "Test", &check->test, &check->test_count, err) &&
	       json_int_or(health, "Interval", 0, &check->interval, err) &&
	       json_int_or(health, "Timeout", 0, &check->timeout, err) &&
	       json_int_or(health, "StartPeriod", 0, &check->start_period, err) &&
	       json_int_or(health, "StartInterval", 0, &check->start_interval, err) &&
	       json_int_or(health, "Retries", 0, &check->retries, err);
}

static bool read_process(struct arena *arena, const struct json *object,
			 struct image_config *config, struct error *err)
{
	return read_texts(arena, object, "Env", &config->env, &config->env_count, err) &&
	       read_command(arena, object, "Entrypoint", &config->entrypoint,
			    &config->entrypoint_count, err) &&
	       read_command(arena, object, "Cmd", &config->cmd, &config->cmd_count, err) &&
	       json_text_or(object, "User", "", &config->user, err) &&
	       json_text_or(object, "WorkingDir", "", &config->working_dir, err) &&
	       json_text_or(object, "StopSignal", NULL, &config->stop_signal, err) &&
	       json_int_or(object, "StopTimeout", -1, &config->stop_timeout, err);
}

bool image_config_parse(struct arena *arena, const struct json *root, struct image_config *config,
			struct error *err)
{
	const struct json *object;

	*config = (struct image_config){ 0 };
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	return json_text_or(root, "os", "", &config->os, err) &&
	       json_text_or(root, "architecture", "", &config->architecture, err) &&
	       json_text_or(root, "variant", "", &config->variant, err) &&
	       json_text_or(root, "created", "", &config->created, err) &&
	       json_object_or_null(root, "config", &object, err) &&
	       read_process(arena, object, config, err) &&
	       read_set(arena, object, "ExposedPorts", &config->exposed_ports,
			&config->exposed_port_count, err) &&
	       read_set(arena, object, "Volumes", &config->volumes, &config->volume_count, err) &&
	       read_labels(arena, object, config, err) &&
	       read_texts(arena, object, "OnBuild", &config->on_build, &config->on_build_count,
			  err) &&
	       read_healthcheck(arena, object, &config->healthcheck, err);
}

bool image_config_diff_ids(struct arena *arena, const struct json *root, struct digest **diff_ids,
			   size_t *count, struct error *err)
{
	const struct json *rootfs, *list;
	const char *type;

	if (!json_object_or_null(root, "rootfs", &rootfs, err) ||
	    !json_text_or(rootfs, "type", "layers", &type, err) ||
	    !json_array_or_null(rootfs, "diff_ids", &list, err))
		return false;
	if (strcmp(type, "layers") != 0)
		return error_set(err, ERROR_UNSUPPORTED, "rootfs.type is \"%.40s\", not \"layers\"",
				 type);
	*count = list ? list->count : 0;
	if (*count > LIMIT_LAYERS)
		return error_set(err, ERROR_INPUT, "image has %zu layers, more than %d", *count,
				 LIMIT_LAYERS);
	*diff_ids = arena_array(arena, *count + 1, sizeof(**diff_ids));
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		const char *text;

		if (!json_as_text(item, &text, err) ||
		    !digest_parse(&(*diff_ids)[item->index], text, err))
			return error_in(err, "rootfs.diff_ids");
	}
	return true;
}

/* -- writing ------------------------------------------------------------------------------------
 */

static void write_set(struct jsonout *out, const char *key, const char *const *names, size_t count)
{
	jsonout_object(out, key);
	for (size_t i = 0; i < count; i++) {
		jsonout_object(out, names[i]);
		jsonout_object_end(out);
	}
	jsonout_object_end(out);
}

static void write_healthcheck(struct jsonout *out, const struct image_healthcheck *check)
{
	jsonout_object(out, "Healthcheck");
	jsonout_texts(out, "Test", check->test, check->test_count);
	jsonout_int(out, "Interval", check->interval);
	jsonout_int(out, "Timeout", check->timeout);
	jsonout_int(out, "StartPeriod", check->start_period);
	jsonout_int(out, "StartInterval", check->start_interval);
	jsonout_int(out, "Retries", check->retries);
	jsonout_object_end(out);
}

void image_config_write(struct jsonout *out, const struct image_config *config)
{
	jsonout_text(out, "os", config->os);
	jsonout_text(out, "architecture", config->architecture);
	if (config->variant[0])
		jsonout_text(out, "variant", config->variant);
	jsonout_text(out, "created", config->created);
	jsonout_object(out, "config");
	jsonout_texts(out, "Env", config->env, config->env_count);
	jsonout_texts(out, "Entrypoint", config->entrypoint, config->entrypoint_count);
	jsonout_texts(out, "Cmd", config->cmd, config->cmd_count);
	jsonout_text(out, "User", config->user);
	jsonout_text(out, "WorkingDir", config->working_dir);
	if (config->stop_signal)
		jsonout_text(out, "StopSignal", config->stop_signal);
	if (config->stop_timeout >= 0)
		jsonout_int(out, "StopTimeout", config->stop_timeout);
	write_set(out, "ExposedPorts", config->exposed_ports, config->exposed_port_count);
	write_set(out, "Volumes", config->volumes, config->volume_count);
	jsonout_object(out, "Labels");
	for (size_t i = 0; i < config->label_count; i++)
		jsonout_text(out, config->labels[i].key, config->labels[i].value);
	jsonout_object_end(out);
	if (config->on_build_count > 0)
		jsonout_texts(out, "OnBuild", config->on_build, config->on_build_count);
	if (config->healthcheck.test_count > 0)
		write_healthcheck(out, &config->healthcheck);
	jsonout_object_end(out);
}

/* -- time ---------------------------------------------------------------------------------------
 */

/* ".123456789" → nanoseconds; advances *text. */
static long read_fraction(const char **text)
{
	long nanoseconds = 0, unit = 100000000;

	if (**text != '.')
		return 0;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		nanoseconds += (**text - '0') * unit;
	return nanoseconds;
}

/* "Z", "+02:00", "-0700": seconds east of Greenwich; false if it is none. */
static bool read_zone(const char *text, int64_t *offset)
{
	int hours, minutes;

	*offset = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d:%2d", &hours, &minutes) != 2)
		return false;
	*offset = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
	return true;
}

/* Exactly so many digits, then one of `ends` ("": whatever); advances *text. */
static bool read_digits(const char **text, int digits, const char *ends, int *number)
{
	*number = 0;
	for (int i = 0; i < digits; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	if (!*ends)
		return true;
	return **text && strchr(ends, *(*text)++) != NULL;
}

/* Days since 1970 of a date of the Gregorian calendar; a year begins with March here, so that the
 * day that may be missing is its last. */
static int64_t days_of(int year, int month, int day)
{
	const int64_t from_march = month > 2 ? month - 3 : month + 9;
	const int64_t years = month > 2 ? year : year - 1;

	return years * 365 + years / 4 - years / 100 + years / 400 + (from_march * 153 + 2) / 5 +
	       day - 1 - 719468;
}

/* By hand: sscanf and timegm take the time of a system call or three, and lists have many dates. */
bool image_time_parse(const char *text, int64_t *seconds, long *nanoseconds)
{
	int year, month, day, hour, minute, second;
	int64_t offset;

	*seconds = 0;
	*nanoseconds = 0;
	if (!read_digits(&text, 4, "-", &year) || !read_digits(&text, 2, "-", &month) ||
	    !read_digits(&text, 2, "Tt ", &day) || !read_digits(&text, 2, ":", &hour) ||
	    !read_digits(&text, 2, ":", &minute) || !read_digits(&text, 2, "", &second) ||
	    month < 1 || month > 12)
		return false;

	long fraction = read_fraction(&text);

	if (!read_zone(text, &offset))
		return false;
	*seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	*nanoseconds = fraction;
	return true;
}
