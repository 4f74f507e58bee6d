/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/passfd.h"

/* Connecting. --------------------------------------------------------------------------------- */

static bool connect_gate(const char *path, int *fd, enum gate_outcome *outcome, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (connection < 0)
		return error_sys(err, "make a socket");
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0) {
		*fd = take_fd(&connection);
		return true;
	}
	if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
		*outcome = GATE_ABSENT;
	else if (errno == EACCES || errno == EPERM)
		*outcome = GATE_CLOSED;
	else
		return error_sys(err, "connect to %s", path);
	return true;
}

/* Asking. ------------------------------------------------------------------------------------- */

static void add_texts(struct buf *text, const char *const *items, uint32_t *count)
{
	for (*count = 0; items[*count]; ++*count)
		buf_add(text, items[*count], strlen(items[*count]) + 1);
}

static bool open_text(const struct buf *text, int *fd, struct error *err)
{
	autoclose int file = memfd_create("gate", MFD_CLOEXEC);

	if (file < 0)
		return error_sys(err, "memfd_create");
	if (!file_write(file, "arguments", text->data, text->length, err))
		return false;
	*fd = take_fd(&file);
	return true;
}

static bool send_request(int gate, const struct gate_request *request, const int *fds,
			 struct error *err)
{
	return passfd_send(gate, request, sizeof(*request), fds, GATE_FDS, 0) ==
		       (ssize_t)sizeof(*request) ||
	       error_sys(err, "ask mooring-gate");
}

static bool ask(int gate, const char *const *argv, struct error *err)
{
	struct gate_request request = { .version = GATE_VERSION, .mask = umask(0) };
	autobuf struct buf text;
	autoclose int directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int words = -1;

	umask((mode_t)request.mask);
	buf_init(&text, GATE_TEXT_MAX);
	add_texts(&text, argv, &request.arguments);
	add_texts(&text, (const char *const *)environ, &request.variables);
	if (directory < 0)
		return error_sys(err, "open the working directory");
	if (!buf_check(&text, "arguments and environment", err) || !open_text(&text, &words, err))
		return false;
	const int fds[GATE_FDS] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, directory, words };

	return send_request(gate, &request, fds, err);
}

/* Waiting. ------------------------------------------------------------------------------------ */

/* A blocked signal is delivered though it is ignored; nohup's clients mean it. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* All that may be passed on. Job control stays between the terminal and us. */
static bool open_signals(int *fd, struct error *err)
{
	static const int ours[] = { SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGURG };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < COUNT_OF(ours); i++)
		sigdelset(&set, ours[i]);
	for (int number = 1; number < NSIG; number++)
		if (is_ignored(number))
			sigdelset(&set, number);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, "block signals");
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd >= 0 || error_sys(err, "signalfd");
}

static void pass_on(int gate, int signals)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		struct gate_signal message = { .number = (int32_t)info.ssi_signo };

		if (send(gate, &message, sizeof(message), MSG_NOSIGNAL) < 0)
			return; /* it has hung up: the answer, or its absence, comes next */
	}
}

static bool receive(int gate, struct gate_answer *answer, struct error *err)
{
	ssize_t length = recv(gate, answer, sizeof(*answer), 0);

	if (length < 0 && errno != ECONNRESET)
		return error_sys(err, "hear from mooring-gate");
	if (length != (ssize_t)sizeof(*answer))
		return error_set(err, ERROR_SYSTEM,
				 "mooring-gate hung up (see the system log of its service)");
	return true;
}

static bool await_answer(int gate, int signals, struct gate_answer *answer, struct error *err)
{
	struct pollfd ready[] = { { .fd = gate, .events = POLLIN },
				  { .fd = signals, .events = POLLIN } };

	for (;;) {
		if (poll(ready, COUNT_OF(ready), -1) < 0 && errno != EINTR)
			return error_sys(err, "wait for mooring-gate");
		if (ready[0].revents)
			return receive(gate, answer, err);
		if (ready[1].revents)
			pass_on(gate, signals);
	}
}

bool gate_call(const char *socket, const char *const *argv, enum gate_outcome *outcome, int *code,
	       struct error *err)
{
	struct gate_answer answer;
	autoclose int gate = -1;
	autoclose int signals = -1;

	*outcome = GATE_CALLED;
	if (!connect_gate(socket, &gate, outcome, err))
		return false;
	if (*outcome != GATE_CALLED)
		return true;
	if (!open_signals(&signals, err) || !ask(gate, argv, err) ||
	    !await_answer(gate, signals, &answer, err))
		return false;
	if (answer.refused == EACCES)
		*outcome = GATE_CLOSED;
	else if (answer.refused == GATE_NO_DIRECTORY)
		return error_set(err, ERROR_DENIED,
				 "the working directory is closed to root, as whom the command "
				 "runs: go to another one, or mount this one with allow_root");
	else if (answer.refused) {
		errno = answer.refused;
		return error_sys(err, "mooring-gate cannot start the command");
	}
	*code = answer.code;
	return true;
}
