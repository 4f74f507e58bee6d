/* SPDX-License-Identifier: Apache-2.0 */
/* What a process can still do after fetch_confine, tried in a child. */
#include "registry/fetch_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static bool can_read_files(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static void *do_nothing(void *argument)
{
	return argument;
}

static bool can_thread(void)
{
	pthread_t thread;
	int token;
	void *result = NULL;

	return pthread_create(&thread, NULL, do_nothing, &token) == 0 &&
	       pthread_join(thread, &result) == 0 && result == &token;
}

static bool can_reach_the_network(void)
{
	struct sockaddr_in peer = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	peer.sin_port = htons(9);
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 && connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0;
}

static bool can_look_up_names(void)
{
	struct addrinfo *found = NULL;

	return getaddrinfo("localhost", "80", NULL, &found) == 0;
}

/* --- and what it cannot --- */

static bool can_open_for_writing(void)
{
	return open("/dev/null", O_WRONLY) >= 0 || open("/dev/null", O_RDWR) >= 0 ||
	       open("/dev/null", O_RDONLY | O_TRUNC) >= 0 ||
	       open("/tmp", O_TMPFILE | O_RDWR, 0600) >= 0 || creat("/tmp/x", 0600) >= 0;
}

static bool can_change_files(void)
{
	return mkdir("/tmp/mooring-confine", 0700) == 0 || symlink("/", "/tmp/mooring-c") == 0 ||
	       unlink("/tmp/mooring-none") == 0 || errno != ENOSYS;
}

static bool can_execute(void)
{
	char *const argv[] = { NULL };

	execve("/bin/true", argv, argv);
	return errno != ENOSYS;
}

static bool can_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child >= 0;
}

static bool can_trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || errno != ENOSYS;
}

static bool can_kill(void)
{
	return kill(getppid(), 0) == 0 || errno != ENOSYS;
}

static bool can_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && listen(fd, 1) == 0;
}

static bool can_use_unix_sockets(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool can_raise_limits_or_users(void)
{
	return setuid(0) == 0 || setgid(0) == 0 || chroot("/") == 0;
}

static const struct {
	const char *what;
	bool (*attempt)(void);
	bool is_allowed;
} attempts[] = {
	{ "read files", can_read_files, true },
	{ "start a thread", can_thread, true },
	{ "reach the network", can_reach_the_network, true },
	{ "look up names", can_look_up_names, true },
	{ "open for writing", can_open_for_writing, false },
	{ "change files", can_change_files, false },
	{ "execute", can_execute, false },
	{ "fork", can_fork, false },
	{ "trace", can_trace, false },
	{ "send signals", can_kill, false },
	{ "listen", can_listen, false },
	{ "use Unix or raw sockets", can_use_unix_sockets, false },
	{ "become root", can_raise_limits_or_users, false },
};

/* 0: could not; 1: could; anything else: did not get that far. */
static int attempt_confined(bool (*attempt)(void))
{
	struct error err;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (!fetch_confine(&err)) {
			printf("# %s\n", err.text);
			fflush(stdout);
			_exit(2);
		}
		_exit(attempt() ? 1 : 0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(attempts); i++)
		check_int(attempt_confined(attempts[i].attempt), attempts[i].is_allowed, "%s %s",
			  attempts[i].is_allowed ? "can" : "cannot", attempts[i].what);
	return tap_done();
}
