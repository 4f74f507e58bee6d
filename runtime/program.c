/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

#define PASSWD_MAX (1 << 20)

static const char *variable(const struct spec_process *process, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < process->env_count; i++)
		if (strncmp(process->env[i], name, length) == 0 && process->env[i][length] == '=')
			return process->env[i] + length + 1;
	return NULL;
}

#define CAP_DAC_OVERRIDE 1

/* 0 if it may be executed, else an errno. The capabilities are not yet those that it will be
 * executed with. */
static int try_path(const struct spec_process *process, const char *path)
{
	bool is_mighty = process->capabilities.effective & 1ULL << CAP_DAC_OVERRIDE;
	struct stat info;

	if (stat(path, &info) < 0)
		return errno;
	if (S_ISDIR(info.st_mode) || !(info.st_mode & 0111))
		return EACCES;
	return is_mighty || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static bool find_named(const struct spec_process *process, char path[PATH_MAX],
		       enum container_fault *fault, struct error *err)
{
	const char *name = process->args[0];
	int reason = try_path(process, name);

	if (reason == 0 && snprintf(path, PATH_MAX, "%s", name) < PATH_MAX)
		return true;
	if (reason == EACCES || reason == EPERM) {
		*fault = CONTAINER_FAULT_NOT_EXECUTABLE;
		return error_set(err, ERROR_DENIED, "exec: \"%s\": permission denied", name);
	}
	*fault = CONTAINER_FAULT_NOT_FOUND;
	return error_set(err, ERROR_NOT_FOUND, "exec: \"%s\": stat %s: %s", name, name,
			 reason == ENOTDIR ? "not a directory" : "no such file or directory");
}

bool program_find(const struct spec_process *process, char path[PATH_MAX],
		  enum container_fault *fault, struct error *err)
{
	const char *name = process->args[0];
	const char *search = variable(process, "PATH");
	bool is_denied = false;

	if (strchr(name, '/'))
		return find_named(process, path, fault, err);
	for (const char *from = search; name[0] && from && *from;) {
		size_t length = strcspn(from, ":");
		int reason;

		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, from, length ? "/" : "./",
			     name) < PATH_MAX) {
			reason = try_path(process, path);
			if (reason == 0)
				return true;
			is_denied = is_denied || reason == EACCES;
		}
		from += length + (from[length] == ':');
	}
	if (is_denied) {
		*fault = CONTAINER_FAULT_NOT_EXECUTABLE;
		return error_set(err, ERROR_DENIED, "exec: \"%s\": permission denied", name);
	}
	*fault = CONTAINER_FAULT_NOT_FOUND;
	return error_set(err, ERROR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH",
			 name);
}

/* -- environment ----------------------------------------------------------------------------- */

/* "name:password:uid:gid:comment:home:shell": the home of this uid, or NULL. */
static const char *home_in_line(char *line, uid_t uid)
{
	char *fields[7] = { 0 }, *end;
	size_t count = 0;

	while (count < 7 && line)
		fields[count++] = strsep(&line, ":");
	if (count < 6 || fields[2][0] < '0' || fields[2][0] > '9')
		return NULL;
	unsigned long long number = strtoull(fields[2], &end, 10);

	return *end == '\0' && number == uid && fields[5][0] == '/' ? fields[5] : NULL;
}

/* The file is the image's: it may be anything, also a FIFO on which open would hang, or a link to
 * what claims to be empty and never ends (/proc/self/pagemap). */
static const char *find_home(struct arena *arena, uid_t uid)
{
	autoclose int fd = open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	autobuf struct buf text = { 0 };
	struct error ignored;
	struct stat info;
	char *rest;

	buf_init(&text, PASSWD_MAX);
	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0 ||
	    !file_read_fd(fd, "/etc/passwd", &text, &ignored))
		return "/";
	rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		const char *home = home_in_line(line, uid);

		if (home)
			return arena_strdup(arena, home);
	}
	return "/";
}

struct entry {
	const char *text; /* "NAME=VALUE" */
	size_t name;      /* its length */
	size_t index;
};

/* By name; the last of a name first. */
static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	size_t shorter = a->name < b->name ? a->name : b->name;
	int order = strncmp(a->text, b->text, shorter);

	if (order == 0 && a->name != b->name)
		order = a->name < b->name ? -1 : 1;
	return order ? order : (a->index > b->index ? -1 : 1);
}

static bool is_same_name(const struct entry *a, const struct entry *b)
{
	return a->name == b->name && strncmp(a->text, b->text, a->name) == 0;
}

/* Copies what counts, in the order in which it stands, with room for one more. */
static void drop_repeated(struct arena *arena, struct spec_process *process)
{
	size_t count = process->env_count, kept = 0;
	const char **env = arena_array(arena, count + 2, sizeof(*env));
	struct entry *entries = arena_array(arena, count + 1, sizeof(*entries));

	for (size_t i = 0; i < count; i++)
		entries[i] = (struct entry){ .text = process->env[i],
					     .name = strcspn(process->env[i], "="),
					     .index = i };
	qsort(entries, count, sizeof(*entries), compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !is_same_name(&entries[i - 1], &entries[i]))
			env[entries[i].index] = entries[i].text;
	for (size_t i = 0; i < count; i++)
		if (env[i])
			env[kept++] = env[i];
	memset(env + kept, 0, (count + 1 - kept) * sizeof(*env));
	process->env = env;
	process->env_count = kept;
}

void program_complete_env(struct arena *arena, struct spec_process *process)
{
	const char *home;
	size_t at = 0;

	drop_repeated(arena, process);
	home = variable(process, "HOME");
	if (home && home[0])
		return;
	while (at < process->env_count && strncmp(process->env[at], "HOME=", 5) != 0)
		at++;
	process->env_count += at == process->env_count;
	process->env[at] = arena_printf(arena, "HOME=%s", find_home(arena, process->user.uid));
}
