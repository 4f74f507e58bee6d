/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "engine/logging.h"

/*
 * Starting mooring-logger: see logger.h.
 */

static const char *option_or(const struct container *container, const char *name)
{
	const char *value = logging_option(container, name);

	return value ? value : "";
}

/* The names of the journal's fields: capitals, digits and underlines, no underline in front. */
static const char *field(struct arena *arena, const char *pair)
{
	char *text = arena_strdup(arena, pair + strspn(pair, "_"));

	for (char *c = text; *c && *c != '='; c++)
		*c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
	return text + strspn(text, "_");
}

static bool journal_argv(const struct container *container, struct arena *arena, struct texts *argv,
			 struct error *err)
{
	autotexts struct texts attributes = { 0 };
	const char *tag;

	if (!logging_tag(container, "{{.ID}}", arena, &tag, err) ||
	    !logging_attributes(container, arena, &attributes, err))
		return false;
	const struct {
		const char *name, *value;
	} fields[] = { { "CONTAINER_ID", arena_strndup(arena, container->id, CONTAINER_SHORT_ID) },
		       { "CONTAINER_ID_FULL", container->id },
		       { "CONTAINER_NAME", container->name },
		       { "CONTAINER_TAG", tag },
		       { "SYSLOG_IDENTIFIER", tag },
		       { "IMAGE_NAME", container->image } };

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		texts_add(argv, arena_printf(arena, "%s=%s", fields[i].name, fields[i].value));
	for (size_t i = 0; i < attributes.count; i++) {
		const char *text = field(arena, attributes.items[i]);

		if (*text != '=')
			texts_add(argv, text);
	}
	return true;
}

static bool syslog_argv(const struct container *container, struct arena *arena, struct texts *argv,
			struct error *err)
{
	const char *tag;

	if (!logging_tag(container, "{{.ID}}", arena, &tag, err))
		return false;
	const char *const words[] = { tag, option_or(container, "syslog-address"),
				      option_or(container, "syslog-facility"),
				      option_or(container, "syslog-format") };

	texts_add_all(argv, words, COUNT_OF(words));
	return true;
}

/* At the end of what is there: earlier lives of the container have been told of. The directory is
 * opened anew: the one we have is a lock. */
static bool open_log(int lock, int *dir, int *log, struct error *err)
{
	*dir = openat(lock, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return error_sys(err, "open the container's directory");
	*log = openat(*dir, CONTAINER_LOG, O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		      0640);
	return (*log >= 0 && lseek(*log, 0, SEEK_END) >= 0) || error_sys(err, "open the log");
}

static bool start(const struct texts *argv, int dir, int log, int *end, struct error *err)
{
	int ends[2];
	int status;
	struct proc proc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	autoclose int reader = ends[0];
	autoclose int writer = ends[1];
	const char *const env[] = { NULL };
	const struct proc_fd fds[] = {
		{ STDERR_FILENO, STDERR_FILENO }, { log, 3 }, { dir, 4 }, { reader, 5 }
	};
	const struct proc_options options = { .argv = argv->items,
					      .env = env,
					      .directory = "/",
					      .fds = fds,
					      .fd_count = COUNT_OF(fds) };

	/* It forks itself away at once. */
	if (!proc_spawn(&options, &proc, err) || !proc_wait(&proc, &status, err))
		return false;
	if (status != 0)
		return error_set(err, ERROR_SYSTEM, "mooring-logger does not start");
	*end = take_fd(&writer);
	return true;
}

bool logging_forward(const struct container *container, int lock, int *end, struct error *err)
{
	const bool is_syslog = strcmp(container->log_driver, "syslog") == 0;
	autoarena struct arena arena = { 0 };
	autotexts struct texts argv = { 0 };
	autofree char *program = NULL;
	autoclose int dir = -1;
	autoclose int log = -1;

	*end = -1;
	if (!is_syslog && strcmp(container->log_driver, "journald") != 0)
		return true;
	if (!proc_helper("mooring-logger", &program, err))
		return false;
	texts_add(&argv, program);
	texts_add(&argv, container->log_driver);
	if (!(is_syslog ? syslog_argv(container, &arena, &argv, err)
			: journal_argv(container, &arena, &argv, err)) ||
	    !open_log(lock, &dir, &log, err))
		return error_in(err, "failed to initialize logging driver");
	return start(&argv, dir, log, end, err) ||
	       error_in(err, "failed to initialize logging driver");
}
