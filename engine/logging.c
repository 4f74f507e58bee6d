/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logging.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonout.h"
#include "base/proc.h"
#include "base/size.h"
#include "base/word.h"
#include "engine/logaddress.h"

/* Unless the user says otherwise (max-size=-1: no limit). Docker's own default is no limit, which a
 * small flash does not forgive; see docs/compat.md. */
#define LOG_MAX_SIZE   (10 << 20)
#define LOG_MAX_FILES  3
#define LOCAL_FILES    5    /* docker's, of the driver local, where only max-size is given */
#define ATTRIBUTES_MAX 8192 /* bytes in each record; the monitor takes no more */

enum {
	JSON_FILE = 1,
	LOCAL = 2,
	SYSLOG = 4,
	JOURNALD = 8,
	FILES = JSON_FILE | LOCAL,
	FORWARDED = SYSLOG | JOURNALD,
	ALL = FILES | FORWARDED
};

static const struct {
	const char *name;
	unsigned int bit;
} drivers[] = {
	{ "json-file", JSON_FILE },
	{ "local", LOCAL },
	{ "syslog", SYSLOG },
	{ "journald", JOURNALD },
};

static bool read_size(struct container *container, const char *name, const char *value,
		      struct error *err)
{
	if (strcmp(value, "-1") == 0) { /* no limit, as with docker */
		container->log_max_size = -1;
		return true;
	}
	if (size_parse(value, &container->log_max_size, err) && container->log_max_size > 0)
		return true;
	return error_set(err, ERROR_INPUT, "invalid value for %s: %s", name, value);
}

static bool read_count(struct container *container, const char *name, const char *value,
		       struct error *err)
{
	char *end;
	long long count = strtoll(value, &end, 10);

	if (!*value || *end || count > INT_MAX)
		return error_set(err, ERROR_INPUT, "invalid value for %s: %s", name, value);
	if (count < 1)
		return error_set(err, ERROR_INPUT, "%s cannot be less than 1", name);
	container->log_max_files = count;
	return true;
}

static bool check_bool(struct container *container, const char *name, const char *value,
		       struct error *err)
{
	bool ignored;

	(void)container;
	return word_is_bool(value, &ignored) ||
	       error_set(err, ERROR_INPUT,
			 "invalid value for %s: strconv.ParseBool: parsing \"%s\": invalid syntax",
			 name, value);
}

static bool check_mode(struct container *container, const char *name, const char *value,
		       struct error *err)
{
	(void)container;
	(void)name;
	return !*value || strcmp(value, "blocking") == 0 || strcmp(value, "non-blocking") == 0 ||
	       error_set(err, ERROR_INPUT, "logger: logging mode not supported: %s", value);
}

static bool check_buffer(struct container *container, const char *name, const char *value,
			 struct error *err)
{
	const char *mode = logging_option(container, "mode");
	int64_t size;

	if (!mode || strcmp(mode, "non-blocking") != 0)
		return error_set(err, ERROR_INPUT,
				 "logger: %s option is only supported with 'mode=non-blocking'",
				 name);
	return size_parse(value, &size, err) || error_in(err, "error parsing option %s", name);
}

static bool check_address(struct container *container, const char *name, const char *value,
			  struct error *err)
{
	struct logaddress address;

	(void)container;
	(void)name;
	return logaddress_parse(value, &address, err);
}

static bool check_facility(struct container *container, const char *name, const char *value,
			   struct error *err)
{
	int facility;

	(void)container;
	(void)name;
	return logaddress_facility(value, &facility) ||
	       error_set(err, ERROR_INPUT, "invalid syslog facility");
}

static bool check_format(struct container *container, const char *name, const char *value,
			 struct error *err)
{
	(void)container;
	(void)name;
	return !*value || strcmp(value, "rfc3164") == 0 || strcmp(value, "rfc5424") == 0 ||
	       strcmp(value, "rfc5424micro") == 0 ||
	       error_set(err, ERROR_INPUT, "Invalid syslog format");
}

static const struct option {
	const char *name;
	unsigned int drivers;
	bool (*read)(struct container *container, const char *name, const char *value,
		     struct error *err); /* NULL: any value will do here */
} known[] = {
	{ "max-size", FILES, read_size },
	{ "max-file", FILES, read_count },
	{ "compress", FILES, check_bool },
	{ "labels", ALL, NULL },
	{ "labels-regex", ALL, NULL },
	{ "env", ALL, NULL },
	{ "env-regex", ALL, NULL },
	{ "tag", ALL, NULL },
	{ "mode", ALL, check_mode },
	{ "max-buffer-size", ALL, check_buffer },
	{ "cache-disabled", FORWARDED, check_bool },
	{ "cache-max-size", FORWARDED, read_size },
	{ "cache-max-file", FORWARDED, read_count },
	{ "cache-compress", FORWARDED, check_bool },
	{ "syslog-address", SYSLOG, check_address },
	{ "syslog-facility", SYSLOG, check_facility },
	{ "syslog-format", SYSLOG, check_format },
};

static unsigned int bit_of(const char *driver)
{
	for (size_t i = 0; i < COUNT_OF(drivers); i++) {
		if (strcmp(drivers[i].name, driver) == 0)
			return drivers[i].bit;
	}
	return 0;
}

static bool refuse(const char *name, const char *driver, struct error *err)
{
	return error_set(err, ERROR_INPUT,
			 strcmp(driver, "local") == 0 ? "unknown log opt '%s' for log driver %s"
						      : "unknown log opt '%s' for %s log driver",
			 name, driver);
}

static bool read_option(struct container *container, const char *text, struct error *err)
{
	const size_t length = strcspn(text, "=");
	autofree char *name = mem_printf("%.*s", (int)length, text);

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		const struct option *option = &known[i];

		if (strcmp(option->name, name) == 0 &&
		    (option->drivers & bit_of(container->log_driver)))
			return !option->read ||
			       option->read(container, name, text + length + 1, err);
	}
	return refuse(name, container->log_driver, err);
}

/* How many files there may be; 0: one, without end. */
static int64_t count_files(const struct container *container)
{
	if (container->log_max_size < 0)
		return 0;
	if (container->log_max_files > 0)
		return container->log_max_files;
	if (container->log_max_size == 0)
		return LOG_MAX_FILES;
	return bit_of(container->log_driver) == LOCAL ? LOCAL_FILES : 1;
}

static bool is_true(const char *value)
{
	return strchr("1tT", value[0]) != NULL;
}

/* Rotated files are packed: "local" does it unless it is told not to. */
static bool is_packed(const struct container *container)
{
	const char *wish = logging_option(container, "compress");
	unsigned int driver = bit_of(container->log_driver);

	return (driver & FILES) && (wish ? is_true(wish) : driver == LOCAL) &&
	       count_files(container) > 1;
}

#define REMEDY ": add --log-opt max-file=2 or more"

static bool check_packing(const struct container *container, struct error *err)
{
	const char *wish = logging_option(container, "compress");

	if (!wish || !is_true(wish) || count_files(container) > 1)
		return true;
	return error_set(err, ERROR_INPUT,
			 bit_of(container->log_driver) == LOCAL
				 ? "compression cannot be enabled when max file count is 1" REMEDY
				 : "compress cannot be true when max-file is less than 2 or "
				   "max-size is not set" REMEDY);
}

bool logging_check(struct container *container, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts attributes = { 0 };
	const char *tag;

	if (strcmp(container->log_driver, "none") == 0)
		return !container->log_options.count ||
		       error_set(err, ERROR_INPUT, "invalid logging opts for driver none");
	if (!bit_of(container->log_driver))
		return error_set(err, ERROR_INPUT,
				 "error looking up logging plugin %s: plugin \"%s\" not found",
				 container->log_driver, container->log_driver);
	for (size_t i = 0; i < container->log_options.count; i++) {
		if (!read_option(container, container->log_options.items[i], err))
			return false;
	}
	return check_packing(container, err) && logging_tag(container, "", &arena, &tag, err) &&
	       logging_attributes(container, &arena, &attributes, err);
}

const char *logging_option(const struct container *container, const char *name)
{
	const size_t length = strlen(name);

	for (size_t i = 0; i < container->log_options.count; i++) {
		const char *text = container->log_options.items[i];

		if (strncmp(text, name, length) == 0 && text[length] == '=')
			return text + length + 1;
	}
	return NULL;
}

bool logging_is_readable(const struct container *container)
{
	const char *disabled = logging_option(container, "cache-disabled");

	return strcmp(container->log_driver, "none") != 0 && !(disabled && is_true(disabled));
}

/* What the monitor is told. ------------------------------------------------------------------- */

static bool write_attributes(const struct texts *attributes, struct arena *arena,
			     const char **object, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, ATTRIBUTES_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	for (size_t i = 0; i < attributes->count; i++) {
		const size_t length = strcspn(attributes->items[i], "=");

		jsonout_text(&out, arena_strndup(arena, attributes->items[i], length),
			     attributes->items[i] + length + 1);
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!buf_check(&text, "log attributes", err))
		return false;
	*object = arena_strndup(arena, text.data, text.length);
	return true;
}

static bool add_attributes(const struct container *container, struct arena *arena,
			   struct texts *argv, struct error *err)
{
	autotexts struct texts attributes = { 0 };
	const char *object;
	const char *tag;

	if (!logging_attributes(container, arena, &attributes, err) ||
	    !logging_tag(container, "", arena, &tag, err))
		return false;
	if (*tag)
		texts_add(&attributes, arena_printf(arena, "tag=%s", tag));
	if (!attributes.count)
		return true;
	if (!write_attributes(&attributes, arena, &object, err))
		return false;
	texts_add(argv, "--log-attrs");
	texts_add(argv, object);
	return true;
}

static bool add_packing(struct arena *arena, struct texts *argv, struct error *err)
{
	autofree char *program = NULL;

	if (!proc_helper("mooring-logpress", &program, err))
		return false;
	texts_add(argv, "--log-press");
	texts_add(argv, arena_strdup(arena, program));
	return true;
}

bool logging_monitor_argv(const struct container *container, const char *path, struct arena *arena,
			  struct texts *argv, struct error *err)
{
	const bool is_default = container->log_max_size == 0;

	if (strcmp(container->log_driver, "none") == 0)
		return true;
	texts_add(argv, "--log-file");
	texts_add(argv, arena_printf(arena, "%s/" CONTAINER_LOG, path));
	if (!(bit_of(container->log_driver) & FORWARDED) &&
	    !add_attributes(container, arena, argv, err))
		return false;
	if (container->log_max_size < 0)
		return true;
	texts_add(argv, "--log-max-size");
	texts_add(argv,
		  arena_printf(arena, "%lld",
			       (long long)(is_default ? LOG_MAX_SIZE : container->log_max_size)));
	texts_add(argv, "--log-max-files");
	texts_add(argv, arena_printf(arena, "%lld", (long long)count_files(container)));
	return !is_packed(container) || add_packing(arena, argv, err);
}
