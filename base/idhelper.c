/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idhelper.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"

#define ANSWER_MAX 256

static const struct program {
	const char *name, *grants;
} programs[] = {
	[IDHELPER_UIDS] = { "newuidmap", "/etc/subuid" },
	[IDHELPER_GIDS] = { "newgidmap", "/etc/subgid" },
};

/* Not by PATH, which may be missing or anybody's: where distributions put set-uid programs. */
static bool find_program(const char *program, const char *name, char **path, struct error *err)
{
	static const char *const places[] = { "/usr/bin", "/bin", "/usr/local/bin",
					      "/run/wrappers/bin" };

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		*path = mem_printf("%s/%s", places[i], program);
		if (access(*path, X_OK) == 0)
			return true;
		mem_cleanup_free(path);
		*path = NULL;
	}
	return error_set(err, ERROR_NOT_FOUND,
			 "%s maps more than the caller's own id, which takes %s: it is not in "
			 "/usr/bin (install the package uidmap)",
			 name, program);
}

/* PID INSIDE OUTSIDE COUNT … */
static const char **arguments(struct arena *arena, const char *path, pid_t pid,
			      const struct idhelper_range *ranges, size_t count)
{
	const char **argv = arena_array(arena, 3 * count + 3, sizeof(*argv));
	size_t used = 0;

	argv[used++] = path;
	argv[used++] = arena_printf(arena, "%d", pid);
	for (size_t i = 0; i < count; i++) {
		argv[used++] = arena_printf(arena, "%" PRIu32, ranges[i].inside);
		argv[used++] = arena_printf(arena, "%" PRIu32, ranges[i].outside);
		argv[used++] = arena_printf(arena, "%" PRIu32, ranges[i].count);
	}
	return argv;
}

/* The first line of what the program said on its standard error. */
static void read_answer(int pipe, char answer[ANSWER_MAX])
{
	ssize_t got = read(pipe, answer, ANSWER_MAX - 1);

	answer[got < 0 ? 0 : got] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
}

bool idhelper_map(enum idhelper_kind kind, pid_t pid, const char *name,
		  const struct idhelper_range *ranges, size_t count, struct error *err)
{
	const struct program *program = &programs[kind];
	autoarena struct arena arena = { 0 };
	autofree char *path = NULL;
	char answer[ANSWER_MAX];
	int ends[2];
	int status;

	if (!find_program(program->name, name, &path, err))
		return false;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_sys(err, "make a pipe");
	autoclose int reading = ends[0];
	autoclose int writing = ends[1];
	struct proc_fd errors = { .from = writing, .to = STDERR_FILENO };
	struct proc_options options = { .argv = arguments(&arena, path, pid, ranges, count),
					.fds = &errors,
					.fd_count = 1 };
	struct proc proc;

	if (!proc_spawn(&options, &proc, err) || !proc_wait(&proc, &status, err))
		return error_in(err, "map ids");
	if (status == 0)
		return true;
	read_answer(reading, answer);
	return error_set(err, ERROR_DENIED, "%s refused %s: see %s (%s)", program->name, name,
			 program->grants, answer);
}

/* "alice:100000:65536", or with the number in place of the name. */
static bool parse_grant(char *line, const char *user, uid_t uid, struct idhelper_range *range)
{
	char *first = strchr(line, ':');
	char *end;

	if (!first)
		return false;
	*first++ = '\0';
	if (strcmp(line, user) != 0 && (strtoull(line, &end, 10) != uid || *end || end == line))
		return false;
	unsigned long long start = strtoull(first, &end, 10);

	if (end == first || *end != ':')
		return false;
	unsigned long long count = strtoull(end + 1, NULL, 10);

	*range = (struct idhelper_range){ .outside = (uint32_t)start, .count = (uint32_t)count };
	return start > 0 && count > 0 && start <= UINT32_MAX && count <= UINT32_MAX - start;
}

size_t idhelper_grants(enum idhelper_kind kind, const char *user, uid_t uid,
		       struct idhelper_range *ranges, size_t room)
{
	autofile FILE *file = fopen(programs[kind].grants, "re");
	autofree char *line = NULL;
	size_t capacity = 0;
	size_t count = 0;

	while (file && count < room && getline(&line, &capacity, file) > 0)
		count += parse_grant(line, user, uid, &ranges[count]);
	return count;
}
