/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/monitor.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/texts.h"
#include "runtime/detach.h"
#include "runtime/exitrecord.h"
#include "runtime/jsonlog.h"
#include "runtime/signame.h"
#include "runtime/supervise.h"

#define FD_MAX              1048576
#define HOLDS_MAX           4
#define STOP_SECONDS_MAX    (365 * 24 * 3600)
#define ANSWER_MAX          4096 /* bytes of a message of our own monitor */
#define LOG_FILES_MAX       1000
#define EXIT_OTHER          125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

struct command {
	struct supervise_options options;
	struct texts exit_command;
	struct texts probe_command;
	int holds[HOLDS_MAX]; /* only kept open: a lock lasts as long as the monitor; -1: none */
	bool is_detached;     /* by the caller */
};

enum option {
	OPTION_BUNDLE,
	OPTION_DETACHED,
	OPTION_EXIT_FILE,
	OPTION_LOG_FILE,
	OPTION_LOG_ATTRS,
	OPTION_LOG_MAX_SIZE,
	OPTION_LOG_MAX_FILES,
	OPTION_LOG_PRESS,
	OPTION_CLIENT_FD,
	OPTION_ATTACH_FD,
	OPTION_STDIN_FD,
	OPTION_STDOUT_FD,
	OPTION_STDERR_FD,
	OPTION_HOLD_FD,
	OPTION_GUARD_FD,
	OPTION_RESTART_FILE,
	OPTION_JOURNAL,
	OPTION_STOP_SIGNAL,
	OPTION_STOP_TIMEOUT,
	OPTION_EXIT_COMMAND,
	OPTION_PROBE_COMMAND,
	OPTION_PROBE_INTERVAL,
	OPTION_PROBE_FIRST_INTERVAL,
	OPTION_PROBE_START_PERIOD,
};

static const struct option_name {
	const char *name;
	long long max; /* of a number; 0: a text */
} option_names[] = {
	[OPTION_BUNDLE] = { "--bundle", 0 },
	[OPTION_DETACHED] = { "--detached", 1 },
	[OPTION_EXIT_FILE] = { "--exit-file", 0 },
	[OPTION_LOG_FILE] = { "--log-file", 0 },
	[OPTION_LOG_ATTRS] = { "--log-attrs", 0 },
	[OPTION_LOG_MAX_SIZE] = { "--log-max-size", INT64_MAX },
	[OPTION_LOG_MAX_FILES] = { "--log-max-files", LOG_FILES_MAX },
	[OPTION_LOG_PRESS] = { "--log-press", 0 },
	[OPTION_CLIENT_FD] = { "--client-fd", FD_MAX },
	[OPTION_ATTACH_FD] = { "--attach-fd", FD_MAX },
	[OPTION_STDIN_FD] = { "--stdin-fd", FD_MAX },
	[OPTION_STDOUT_FD] = { "--stdout-fd", FD_MAX },
	[OPTION_STDERR_FD] = { "--stderr-fd", FD_MAX },
	[OPTION_HOLD_FD] = { "--hold-fd", FD_MAX },
	[OPTION_GUARD_FD] = { "--guard-fd", FD_MAX },
	[OPTION_RESTART_FILE] = { "--restart-file", 0 },
	[OPTION_JOURNAL] = { "--journal", 0 },
	[OPTION_STOP_SIGNAL] = { "--stop-signal", 0 },
	[OPTION_STOP_TIMEOUT] = { "--stop-timeout", STOP_SECONDS_MAX },
	[OPTION_EXIT_COMMAND] = { "--exit-command", 0 },
	[OPTION_PROBE_COMMAND] = { "--probe-command", 0 },
	[OPTION_PROBE_INTERVAL] = { "--probe-interval", INT64_MAX / 2 },
	[OPTION_PROBE_FIRST_INTERVAL] = { "--probe-first-interval", INT64_MAX / 2 },
	[OPTION_PROBE_START_PERIOD] = { "--probe-start-period", INT64_MAX / 2 },
};

/* A path that still means the same once the working directory is another. */
static const char *absolute(struct arena *arena, const char *path)
{
	char here[PATH_MAX];

	if (path[0] == '/' || !getcwd(here, sizeof(here)))
		return path;
	return arena_printf(arena, "%s/%s", here, path);
}

static bool parse_number(enum option option, const char *text, int64_t *number, struct error *err)
{
	char *end;

	*number = strtoll(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || *number > option_names[option].max)
		return error_set(err, ERROR_INPUT, "%s: \"%.40s\" is no number from 0 to %lld",
				 option_names[option].name, text, option_names[option].max);
	return true;
}

static void set_number(struct supervise_options *options, enum option option, int64_t number)
{
	int small = (int)number;

	switch (option) {
	case OPTION_LOG_MAX_SIZE:
		options->log_max_size = number;
		break;
	case OPTION_PROBE_INTERVAL:
		options->probe.interval = number;
		break;
	case OPTION_PROBE_FIRST_INTERVAL:
		options->probe.first_interval = number;
		break;
	case OPTION_PROBE_START_PERIOD:
		options->probe.start_period = number;
		break;
	case OPTION_LOG_MAX_FILES:
		options->log_max_files = small > 0 ? small : 1;
		break;
	case OPTION_CLIENT_FD:
		options->client = small;
		break;
	case OPTION_ATTACH_FD:
		options->door = small;
		break;
	case OPTION_STDIN_FD:
		options->in = small;
		break;
	case OPTION_STDOUT_FD:
		options->out = small;
		break;
	case OPTION_STDERR_FD:
		options->err = small;
		break;
	case OPTION_GUARD_FD:
		options->guard = small;
		break;
	default:
		options->stop_seconds = small;
	}
}

static bool add_hold(struct command *command, int fd, struct error *err)
{
	for (size_t i = 0; i < HOLDS_MAX; i++) {
		if (command->holds[i] < 0) {
			command->holds[i] = fd;
			return true;
		}
	}
	return error_set(err, ERROR_INPUT, "--hold-fd: more than %d of them", HOLDS_MAX);
}

static bool set_option(struct arena *arena, struct command *command, enum option option,
		       const char *value, struct error *err)
{
	struct supervise_options *options = &command->options;
	int64_t number;

	switch (option) {
	case OPTION_BUNDLE:
		options->bundle = absolute(arena, value);
		return true;
	case OPTION_EXIT_FILE:
		options->exit_file = absolute(arena, value);
		return true;
	case OPTION_LOG_FILE:
		options->log_file = absolute(arena, value);
		return true;
	case OPTION_LOG_ATTRS:
		options->log_attrs = value;
		return strlen(value) <= JSONLOG_ATTRS_MAX ||
		       error_set(err, ERROR_INPUT, "--log-attrs: more than %d bytes",
				 JSONLOG_ATTRS_MAX);
	case OPTION_LOG_PRESS:
		options->log_press = absolute(arena, value);
		return true;
	case OPTION_RESTART_FILE:
		options->restart_file = absolute(arena, value);
		return true;
	case OPTION_JOURNAL:
		options->journal = absolute(arena, value);
		return true;
	case OPTION_EXIT_COMMAND:
		texts_add(&command->exit_command, value);
		return true;
	case OPTION_PROBE_COMMAND:
		texts_add(&command->probe_command, value);
		options->probe.argv = command->probe_command.items;
		return true;
	case OPTION_STOP_SIGNAL:
		return signame_parse(value, &options->stop_signal, err) ||
		       error_in(err, "--stop-signal");
	default:
		if (!parse_number(option, value, &number, err))
			return false;
		if (option == OPTION_HOLD_FD)
			return add_hold(command, (int)number, err);
		if (option == OPTION_DETACHED) {
			command->is_detached = number != 0;
			return true;
		}
		set_number(options, option, number);
		return true;
	}
}

static bool find_option(const char *name, enum option *option)
{
	for (size_t i = 0; i < COUNT_OF(option_names); i++)
		if (strcmp(option_names[i].name, name) == 0) {
			*option = (enum option)i;
			return true;
		}
	return false;
}

static bool parse(struct arena *arena, const char *root, char **argv, struct command *command,
		  struct error *err)
{
	struct supervise_options *options = &command->options;
	enum option option;
	char **at = argv + 1;

	*command = (struct command){ .options = { .state_root = absolute(arena, root),
						  .log_max_files = 1,
						  .client = -1,
						  .door = -1,
						  .in = -1,
						  .out = -1,
						  .err = -1,
						  .guard = -1,
						  .stop_signal = SIGTERM,
						  .stop_seconds = 10 } };
	memset(command->holds, -1, sizeof(command->holds));
	for (; *at && strncmp(*at, "--", 2) == 0; at += 2) {
		if (!find_option(*at, &option))
			return error_set(err, ERROR_INPUT, "unknown option %.60s", *at);
		if (!at[1])
			return error_set(err, ERROR_INPUT, "%s needs a value", *at);
		if (!set_option(arena, command, option, at[1], err))
			return false;
	}
	if (!*at || at[1])
		return error_set(err, ERROR_INPUT, "expected one container id after the options");
	options->id = *at;
	if (!options->bundle || !options->exit_file)
		return error_set(err, ERROR_INPUT, "--bundle and --exit-file are needed");
	if (command->is_detached && options->client < 0)
		return error_set(err, ERROR_INPUT, "--detached needs --client-fd");
	return true;
}

/* Without a client of the caller's we are the client ourselves, until the container has started. */
static int wait_for_start(int client)
{
	autoarena struct arena arena = { 0 };
	const struct json *message;
	const char *kind = "other";
	const char *why = "the monitor ended before the container started";
	struct error err;
	autofree char *text = mem_alloc(ANSWER_MAX);
	ssize_t length = recv(client, text, ANSWER_MAX, 0);

	if (length > 0 && json_parse(&arena, "monitor", text, (size_t)length, &message, &err)) {
		if (json_get(message, "pid")) {
			static const char detach[] = "{\"detach\":true}";

			send(client, detach, sizeof(detach) - 1, MSG_NOSIGNAL);
			return 0;
		}
		if (!json_text_or(message, "kind", kind, &kind, &err) ||
		    !json_text_or(message, "text", why, &why, &err))
			why = err.text;
	}
	log_error("%s", why);
	return strcmp(kind, "not-found") == 0        ? EXIT_NOT_FOUND
	       : strcmp(kind, "not-executable") == 0 ? EXIT_NOT_EXECUTABLE
						     : EXIT_OTHER;
}

/* The monitor's last act. What it held goes on being held: whoever waits for the lock on it
 * waits for the command too. */
static int execute(const struct command *command)
{
	const struct texts *argv = &command->exit_command;
	sigset_t none;

	if (argv->count == 0)
		return 0;
	for (size_t i = 0; i < HOLDS_MAX; i++) {
		if (command->holds[i] >= 0)
			fcntl(command->holds[i], F_SETFD, 0);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv->items[0], (char *const *)(uintptr_t)argv->items);
	return EXIT_OTHER;
}

static bool run(struct command *command, int *code, struct error *err)
{
	struct supervise_options *options = &command->options;
	int *const kept[] = { &options->client,   &options->door,     &options->in,
			      &options->out,      &options->err,      &options->guard,
			      &command->holds[0], &command->holds[1], &command->holds[2],
			      &command->holds[3] };
	autoclose int own_client = -1;
	pid_t child = 0;

	if (!detach_keep_fds(kept, COUNT_OF(kept), err))
		return false;
	if (options->client < 0) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
			return error_sys(err, "make a socket");
		own_client = ends[0];
		options->client = ends[1];
	}
	if (!command->is_detached && !detach_fork(&child, err))
		return false;
	if (child > 0) {
		close(options->client);
		*code = own_client >= 0 ? wait_for_start(own_client) : 0;
		return true;
	}
	mem_cleanup_close(&own_client);
	own_client = -1;
	if (!detach_settle(err))
		return false;
	prctl(PR_SET_NAME, MONITOR_NAME, 0, 0, 0);
	exitrecord_keep_space(options->exit_file);
	*code = supervise(options) ? 0 : execute(command);
	return true;
}

int monitor_verb(const char *root, int argc, char **argv)
{
	autoarena struct arena arena = { 0 };
	struct command command;
	struct error err;
	int code = EXIT_OTHER;

	(void)argc;
	if (!parse(&arena, root, argv, &command, &err) || !run(&command, &code, &err))
		log_error("monitor: %s", err.text);
	texts_done(&command.exit_command);
	texts_done(&command.probe_command);
	return code;
}
