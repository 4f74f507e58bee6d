/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "engine/gatekeeper.h"

/*
 * mooring-gate: see gate.h. Where systemd listens, one of us is started for each connection, with
 * the connection as its stdin; elsewhere --listen makes the socket, and a process of 40 KiB waits.
 */

#define CONNECTIONS_MAX 512
#define LISTEN_BACKLOG  128

static const char usage[] =
	"usage: mooring-gate [--group NAME]                           a connection on stdin\n"
	"       mooring-gate --listen [--socket PATH] [--group NAME]  a service\n";

struct settings {
	bool is_listening;
	const char *socket;
	const char *group;
};

static bool parse(char **argv, struct settings *settings)
{
	*settings = (struct settings){ .socket = GATE_SOCKET, .group = "docker" };
	while (*++argv) {
		if (strcmp(*argv, "--listen") == 0)
			settings->is_listening = true;
		else if (strcmp(*argv, "--socket") == 0 && argv[1])
			settings->socket = *++argv;
		else if (strcmp(*argv, "--group") == 0 && argv[1])
			settings->group = *++argv;
		else
			return false;
	}
	return true;
}

/* A socket file that an earlier listener left is replaced; a living listener's is not. */
static bool is_answered(const struct sockaddr_un *address)
{
	autoclose int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	return probe >= 0 &&
	       connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

/* Nobody can connect before the file has its group: it is made for root alone. */
static bool open_listener(const struct settings *settings, gid_t group, int *fd, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = settings->socket;
	autoclose int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (listener < 0)
		return error_sys(err, "make a socket");
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (is_answered(&address))
		return error_set(err, ERROR_EXISTS, "%s: another mooring-gate listens there", path);
	unlink(path);
	umask(0177);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "make the socket %s", path);
	umask(022);
	if (chown(path, 0, group) < 0 || chmod(path, 0660) < 0)
		return error_sys(err, "give %s to group %s", path, settings->group);
	if (listen(listener, LISTEN_BACKLOG) < 0)
		return error_sys(err, "listen on %s", path);
	*fd = take_fd(&listener);
	return true;
}

static bool open_signals(int *fd, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*fd = signalfd(-1, &set, SFD_CLOEXEC);
	return *fd >= 0 || error_sys(err, "signalfd");
}

static void serve_in_child(int listener, gid_t group, int *count)
{
	autoclose int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	sigset_t none;

	if (connection < 0)
		return;
	pid_t child = *count < CONNECTIONS_MAX ? fork() : -1;

	if (child == 0) {
		close(listener);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(gatekeeper_serve(connection, group));
	}
	if (child > 0)
		++*count;
	else
		syslog(LOG_WARNING, "a connection is refused: %s",
		       *count < CONNECTIONS_MAX ? error_words(errno) : "too many at once");
}

static int listen_for_ever(int listener, int signals, gid_t group)
{
	struct pollfd ready[] = { { .fd = listener, .events = POLLIN },
				  { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	int count = 0;

	for (;;) {
		if (poll(ready, COUNT_OF(ready), -1) < 0)
			continue;
		if (ready[1].revents && read(signals, &info, sizeof(info)) > 0 &&
		    info.ssi_signo != SIGCHLD)
			return 0; /* commands that run go on: each has a process of its own */
		while (count > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			count--;
		if (ready[0].revents)
			serve_in_child(listener, group, &count);
	}
}

static int serve(const struct settings *settings, struct error *err)
{
	const struct group *group = getgrnam(settings->group);
	autoclose int listener = -1;
	autoclose int signals = -1;

	if (!group)
		return error_set(err, ERROR_NOT_FOUND,
				 "there is no group %s (groupadd --system %s)", settings->group,
				 settings->group);
	if (!settings->is_listening)
		return gatekeeper_serve(STDIN_FILENO, group->gr_gid);
	if (!open_listener(settings, group->gr_gid, &listener, err) || !open_signals(&signals, err))
		return 1;
	return listen_for_ever(listener, signals, group->gr_gid);
}

int main(int argc, char **argv)
{
	struct settings settings;
	struct error err = { .text = "" };

	(void)argc;
	proc_settle();
	log_set_program("mooring-gate");
	openlog("mooring-gate", LOG_PID, LOG_AUTHPRIV);
	if (!parse(argv, &settings)) {
		fputs(usage, stderr);
		return 2;
	}
	int code = serve(&settings, &err);

	if (*err.text) {
		log_error("%s", err.text);
		return 1;
	}
	return code;
}
