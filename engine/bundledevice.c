/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundledevice.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/word.h"

#define DEPTH_MAX 8 /* directories within each other below /dev */

/* "SOURCE[:TARGET[:MODE]]"; "SOURCE:rwm" is a mode too. */
struct request {
	const char *source, *target, *access;
};

/* What is done for each device: a type of function, since two functions take one. */
typedef void node_writer(struct jsonout *out, const char *target, const char *access,
			 const struct stat *status);

static bool is_mode(const char *text)
{
	return *text && text[strspn(text, "rwm")] == '\0';
}

/* VENDOR/CLASS=DEVICE, by the Container Device Interface. */
static bool is_cdi(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && slash != text && strchr(slash, '=') && !strchr(text, ':');
}

static bool parse(struct arena *arena, const char *text, struct request *request, struct error *err)
{
	char *rest = arena_strdup(arena, text);
	const char *second;
	const char *third;

	request->source = strsep(&rest, ":");
	second = rest ? strsep(&rest, ":") : NULL;
	third = rest ? strsep(&rest, ":") : NULL;
	if (rest || !*request->source)
		return error_set(err, ERROR_INPUT, "bad format for path: %s", text);
	if (is_cdi(text))
		return error_set(
			err, ERROR_UNSUPPORTED,
			"could not select device driver \"cdi\" with capabilities: []: CDI "
			"devices are not supported, give the device's node: %s",
			text);
	if (second && !third && is_mode(second)) {
		third = second;
		second = NULL;
	}
	if (third && !is_mode(third))
		return error_set(err, ERROR_INPUT, "bad mode specified: %s", third);
	request->target = second ? second : request->source;
	request->access = third ? third : "rwm";
	return request->target[0] == '/' ||
	       error_set(err, ERROR_INPUT, "%s is not an absolute path", request->target);
}

bool device_check(const char *text, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct request request;

	return parse(&arena, text, &request, err);
}

static void write_node(struct jsonout *out, const char *target, const char *access,
		       const struct stat *status)
{
	(void)access;
	jsonout_object(out, NULL);
	jsonout_text(out, "path", target);
	jsonout_text(out, "type", S_ISBLK(status->st_mode) ? "b" : "c");
	jsonout_int(out, "major", major(status->st_rdev));
	jsonout_int(out, "minor", minor(status->st_rdev));
	jsonout_int(out, "fileMode", status->st_mode & 0777);
	jsonout_int(out, "uid", status->st_uid);
	jsonout_int(out, "gid", status->st_gid);
	jsonout_object_end(out);
}

static void write_rule(struct jsonout *out, bool is_allowed, const char *type, int64_t major_number,
		       int64_t minor_number, const char *access)
{
	jsonout_object(out, NULL);
	jsonout_bool(out, "allow", is_allowed);
	if (type)
		jsonout_text(out, "type", type);
	if (major_number >= 0)
		jsonout_int(out, "major", major_number);
	if (minor_number >= 0)
		jsonout_int(out, "minor", minor_number);
	jsonout_text(out, "access", access);
	jsonout_object_end(out);
}

static void write_device_rule(struct jsonout *out, const char *target, const char *access,
			      const struct stat *status)
{
	(void)target;
	write_rule(out, true, S_ISBLK(status->st_mode) ? "b" : "c", major(status->st_rdev),
		   minor(status->st_rdev), access);
}

/* What the container gets of its own, or has no business with. */
static bool is_skipped(const char *name)
{
	static const char *const names[] = { ".",      "..",      "pts",    "shm",    "fd",
					     "mqueue", "stdin",   "stdout", "stderr", "core",
					     "log",    "console", "ptmx" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Calls `each` for every device node in the directory and below it. False: there is none. */
static bool walk(struct jsonout *out, struct arena *arena, const struct request *request, int depth,
		 node_writer *each)
{
	autodir DIR *dir = opendir(request->source);
	bool has_any = false;

	if (!dir || depth > DEPTH_MAX)
		return false;
	for (struct dirent *entry; (entry = readdir(dir));) {
		struct stat status;
		struct request child = *request;

		if (is_skipped(entry->d_name))
			continue;
		child.source = arena_printf(arena, "%s/%s", request->source, entry->d_name);
		child.target = arena_printf(arena, "%s/%s", request->target, entry->d_name);
		if (fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(status.st_mode)) {
			has_any |= walk(out, arena, &child, depth + 1, each);
		} else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
			each(out, child.target, child.access, &status);
			has_any = true;
		}
	}
	return has_any;
}

static bool each_request(struct jsonout *out, const struct container *container,
			 struct arena *arena, node_writer *each, struct error *err)
{
	for (size_t i = 0; i < container->devices.count; i++) {
		struct request request;
		struct stat status;

		if (!parse(arena, container->devices.items[i], &request, err))
			return false;
		if (stat(request.source, &status) < 0)
			return error_set(err, ERROR_NOT_FOUND,
					 "error gathering device information while adding custom "
					 "device \"%s\": no such file or directory",
					 request.source);
		if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
			each(out, request.target, request.access, &status);
		else if (!S_ISDIR(status.st_mode) || !walk(out, arena, &request, 0, each))
			return error_set(err, ERROR_INPUT,
					 "error gathering device information while adding custom "
					 "device \"%s\": not a device node",
					 request.source);
	}
	return true;
}

bool device_write_nodes(struct jsonout *out, const struct container *container, struct arena *arena,
			struct error *err)
{
	static const struct request all = { .source = "/dev", .target = "/dev", .access = "rwm" };

	jsonout_array(out, "devices");
	if (container->is_privileged)
		walk(out, arena, &all, 0, write_node);
	if (!each_request(out, container, arena, write_node, err))
		return false;
	jsonout_array_end(out);
	return true;
}

/* "c 1:3 mr", with * for any number. */
struct rule {
	char type[2];
	int64_t major, minor; /* -1: any */
	char access[4];
};

static bool parse_rule_number(const char *text, int64_t *number)
{
	if (strcmp(text, "*") == 0) {
		*number = -1;
		return true;
	}
	*number = strtoll(text, NULL, 10);
	return word_is_digits(text) && strlen(text) < 10;
}

static bool parse_rule(const char *text, struct rule *rule, struct error *err)
{
	char major_text[16];
	char minor_text[16];
	int end = 0;

	if (sscanf(text, "%1[acb] %15[0-9*]:%15[0-9*] %3[rwm]%n", rule->type, major_text,
		   minor_text, rule->access, &end) != 4 ||
	    text[end] || !parse_rule_number(major_text, &rule->major) ||
	    !parse_rule_number(minor_text, &rule->minor))
		return error_set(err, ERROR_INPUT, "invalid device cgroup format '%s'", text);
	return true;
}

bool device_check_rule(const char *text, struct error *err)
{
	struct rule rule;

	return parse_rule(text, &rule, err);
}

static bool write_asked_rules(struct jsonout *out, const struct container *container,
			      struct error *err)
{
	for (size_t i = 0; i < container->device_rules.count; i++) {
		struct rule rule;

		if (!parse_rule(container->device_rules.items[i], &rule, err))
			return false;
		write_rule(out, true, rule.type, rule.major, rule.minor, rule.access);
	}
	return true;
}

bool device_write_rules(struct jsonout *out, const struct container *container, struct error *err)
{
	static const struct {
		int major, minor;
	} allowed[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 },   { 1, 9 },
			{ 5, 0 }, { 5, 1 }, { 5, 2 }, { 136, -1 } };
	autoarena struct arena arena = { 0 };

	jsonout_array(out, "devices");
	write_rule(out, container->is_privileged, NULL, -1, -1, "rwm");
	if (!container->is_privileged) {
		for (size_t i = 0; i < COUNT_OF(allowed); i++)
			write_rule(out, true, "c", allowed[i].major, allowed[i].minor, "rwm");
		write_rule(out, true, "c", -1, -1, "m");
		write_rule(out, true, "b", -1, -1, "m");
	}
	if (!each_request(out, container, &arena, write_device_rule, err) ||
	    !write_asked_rules(out, container, err))
		return false;
	jsonout_array_end(out);
	return true;
}
