/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/device.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "base/pattern.h"

#define REGEX_MAX 256

/* uname's word → Greengrass' word */
static const struct {
	const char *machine;
	const char *architecture;
} architectures[] = {
	{ "x86_64", "amd64" },  { "i386", "x86" },           { "i486", "x86" },
	{ "i586", "x86" },      { "i686", "x86" },           { "aarch64", "aarch64" },
	{ "arm64", "aarch64" }, { "aarch64_be", "aarch64" },
};

static const char *architecture_of(const char *machine)
{
	for (size_t i = 0; i < COUNT_OF(architectures); i++)
		if (strcmp(architectures[i].machine, machine) == 0)
			return architectures[i].architecture;
	return strncmp(machine, "arm", 3) == 0 ? "arm" : machine;
}

bool device_detect(struct device *device, struct arena *arena, struct error *err)
{
	struct utsname names;

	if (uname(&names) < 0)
		return error_sys(err, "uname");

	const char *machine = arena_strdup(arena, names.machine);

	*device = (struct device){ .os = "linux",
				   .architecture = architecture_of(machine),
				   .detail = strncmp(machine, "arm", 3) == 0 ? machine : NULL,
				   .runtime = "aws_nucleus_lite" };
	return true;
}

static const char *attribute_of(const struct device *device, const char *name)
{
	const struct json *override = json_get(device->overrides, name);

	if (override && override->type == JSON_TEXT)
		return override->text;
	if (strcasecmp(name, "os") == 0)
		return device->os;
	if (strcasecmp(name, "architecture") == 0)
		return device->architecture;
	if (strcasecmp(name, "architecture.detail") == 0)
		return device->detail;
	if (strcasecmp(name, "runtime") == 0)
		return device->runtime;
	return NULL;
}

/* The expressions found in recipes (`/darwin|linux/`) mean the same to POSIX as to Java. A
 * backslash means other things. */
static bool matches_regex(const struct json *wanted, const char *have, bool *is_match,
			  struct error *err)
{
	size_t length = strlen(wanted->text);
	autofree char *whole = mem_printf("^(%.*s)$", (int)(length - 2), wanted->text + 1);
	struct error ignored;

	if (length > REGEX_MAX || strpbrk(wanted->text, "{\\"))
		return json_wrong(wanted, err,
				  "an expression has at most %d characters, and no '{' or '\\'",
				  REGEX_MAX);
	return pattern_search(whole, have, is_match, &ignored) ||
	       json_wrong(wanted, err, "not a regular expression");
}

static bool is_any(const char *name, const char *wanted)
{
	return (strcasecmp(name, "os") == 0 || strcasecmp(name, "architecture") == 0) &&
	       (strcmp(wanted, "all") == 0 || strcmp(wanted, "any") == 0);
}

/* The order of these questions is part of the format: greengrass-component-common has it so. */
static bool matches_attribute(const struct device *device, const struct json *wanted,
			      bool *is_match, struct error *err)
{
	*is_match = true;
	if (wanted->type == JSON_NULL)
		return true;
	if (wanted->type != JSON_TEXT)
		return json_expected(wanted, "a string", err);

	const char *text = wanted->text;
	const char *have = attribute_of(device, wanted->key);
	size_t length = strlen(text);

	if (strcmp(text, "*") == 0)
		return true;
	if (have && length > 2 && text[0] == '/' && text[length - 1] == '/')
		return matches_regex(wanted, have, is_match, err);
	*is_match = have && (is_any(wanted->key, text) ||
			     (isalnum((unsigned char)text[0]) && strcmp(text, have) == 0));
	return true;
}

bool device_matches(const struct device *device, const struct json *platform, bool *is_match,
		    struct error *err)
{
	*is_match = true;
	if (!platform)
		return true;
	if (platform->type != JSON_OBJECT)
		return json_expected(platform, "an object", err);
	for (const struct json *wanted = platform->child; wanted; wanted = wanted->next) {
		bool matches_this;

		if (!matches_attribute(device, wanted, &matches_this, err))
			return false;
		*is_match = *is_match && matches_this;
	}
	return true;
}
