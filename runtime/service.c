/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/tty.h"

#define SOCKET_NAME     "notify.sock"
#define INSIDE          "/run/notify" /* where the container finds the directory */
#define LISTEN_MAX      1024
#define MESSAGE_MAX     4096
#define BARRIER_WAIT_MS 30000
#define MESSAGES_MAX    64 /* in one go: who never stops talking shall not keep us */

/* -- what we were given ---------------------------------------------------------------------- */

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

/* podman's conmon says 1, since that is what the container's program will be. */
static bool is_for_us(const char *pid)
{
	return pid && (strtol(pid, NULL, 10) == getpid() || strcmp(pid, "1") == 0);
}

bool service_read(struct service *service, struct error *err)
{
	const char *count = variable("LISTEN_FDS");
	char *end;
	unsigned long number;

	*service = (struct service){ .notify = variable("NOTIFY_SOCKET") };
	if (!count || !is_for_us(variable("LISTEN_PID")))
		return true;
	number = strtoul(count, &end, 10);
	if (*end || count[0] < '0' || count[0] > '9' || number > LISTEN_MAX)
		return error_set(err, ERROR_INPUT,
				 "LISTEN_FDS: expected a number from 0 to %d, found %.40s",
				 LISTEN_MAX, count);
	service->listen_count = (unsigned int)number;
	service->listen_names = variable("LISTEN_FDNAMES");
	return true;
}

/* -- what the container gets ----------------------------------------------------------------- */

static void add_variable(struct arena *arena, struct spec_process *process, const char *text)
{
	const char **env = arena_array(arena, process->env_count + 2, sizeof(*env));

	if (process->env_count > 0)
		memcpy(env, process->env, process->env_count * sizeof(*env));
	env[process->env_count++] = text;
	process->env = env;
}

static void add_mount(struct arena *arena, struct spec *spec, const char *source)
{
	struct spec_mount *mounts = arena_array(arena, spec->mount_count + 1, sizeof(*mounts));

	if (spec->mount_count > 0)
		memcpy(mounts, spec->mounts, spec->mount_count * sizeof(*mounts));
	mounts[spec->mount_count++] = (struct spec_mount){
		.destination = INSIDE,
		.type = "bind",
		.source = source,
		.data = "",
		.flags = MS_BIND | MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY,
		.is_bind = true,
	};
	spec->mounts = mounts;
}

void service_add(const struct service *service, const char *state_dir, struct arena *arena,
		 struct spec *spec)
{
	struct spec_process *process = &spec->process;

	if (service->notify) {
		add_mount(arena, spec, arena_printf(arena, "%s/" SERVICE_NOTIFY_DIR, state_dir));
		add_variable(arena, process, "NOTIFY_SOCKET=" INSIDE "/" SOCKET_NAME);
	}
	if (service->listen_count == 0)
		return;
	add_variable(arena, process, arena_printf(arena, "LISTEN_FDS=%u", service->listen_count));
	add_variable(arena, process, "LISTEN_PID=1");
	if (service->listen_names)
		add_variable(arena, process,
			     arena_printf(arena, "LISTEN_FDNAMES=%s", service->listen_names));
}

/* -- the socket ------------------------------------------------------------------------------ */

bool service_make_dir(int state_dir, struct error *err)
{
	if (mkdirat(state_dir, SERVICE_NOTIFY_DIR, 0755) < 0 ||
	    fchmodat(state_dir, SERVICE_NOTIFY_DIR, 0755, 0) < 0)
		return error_sys(err, "make the directory of the notify socket");
	return true;
}

/* Any user of the container may be the one who is ready. Bound by way of a descriptor, since the
 * path may be longer than an address can be. */
bool service_listen(int state_dir, int *sock, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int dir = openat(state_dir, SERVICE_NOTIFY_DIR,
				   O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (dir < 0 || made < 0)
		return error_sys(err, "open the directory of the notify socket");
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, dir);
	if (bind(made, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(dir, SOCKET_NAME, 0777, 0) < 0)
		return error_sys(err, "bind the notify socket");
	*sock = take_fd(&made);
	return true;
}

/* "/path" or "@abstract". */
static bool connect_manager(const char *notify, int *sock, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(notify);
	autoclose int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (length >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "NOTIFY_SOCKET is too long: %s", notify);
	memcpy(address.sun_path, notify, length);
	if (notify[0] == '@')
		address.sun_path[0] = '\0';
	if (made < 0 || connect(made, (struct sockaddr *)&address,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
					    (notify[0] != '@'))) < 0)
		return error_sys(err, "connect to NOTIFY_SOCKET %s", notify);
	*sock = take_fd(&made);
	return true;
}

/* Of what a container says only this line gets through. */
static bool find_ready(int sock, char line[MESSAGE_MAX])
{
	char text[MESSAGE_MAX];

	for (int i = 0; i < MESSAGES_MAX; i++) {
		ssize_t got = recv(sock, text, sizeof(text) - 1, 0);

		if (got < 0)
			return false;
		text[got] = '\0';
		for (char *rest = text, *next; (next = strsep(&rest, "\n")) != NULL;) {
			if (strncmp(next, "READY=", 6) == 0) {
				strcpy(line, next);
				return true;
			}
		}
	}
	return false;
}

/* The manager closes the pipe once it has read all that was sent before: only then may the sender
 * end, or it would not be known any more whom the message is from. */
static bool await_barrier(int manager, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	autoclose int in = ends[0];
	autoclose int out = ends[1];
	struct pollfd fd = { .fd = in };

	if (!tty_send(manager, out, "BARRIER=1", err))
		return false;
	mem_cleanup_close(&out);
	out = -1;
	poll(&fd, 1, BARRIER_WAIT_MS); /* a manager without barriers is not waited for longer */
	return true;
}

static bool tell(const char *notify, const char *ready, pid_t pid, bool is_last, struct error *err)
{
	autofree char *first = mem_printf("%s\n", ready);
	autofree char *second = mem_printf("MAINPID=%d\n", pid);
	autoclose int manager = -1;

	if (!connect_manager(notify, &manager, err))
		return false;
	if (send(manager, first, strlen(first), MSG_NOSIGNAL) < 0 ||
	    send(manager, second, strlen(second), MSG_NOSIGNAL) < 0)
		return error_sys(err, "write to NOTIFY_SOCKET %s", notify);
	return !is_last || await_barrier(manager, err);
}

bool service_pass_on(int sock, const char *notify, pid_t pid, bool *is_ready, struct error *err)
{
	char line[MESSAGE_MAX];

	if (!find_ready(sock, line) || *is_ready)
		return true;
	*is_ready = true;
	return tell(notify, line, pid, false, err);
}

bool service_await(int sock, const char *notify, pid_t pid, int init, struct error *err)
{
	struct pollfd fds[] = { { .fd = sock, .events = POLLIN },
				{ .fd = init, .events = POLLIN } };
	char line[MESSAGE_MAX];

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_sys(err, "wait for the container to be ready");
		if (fds[0].revents && find_ready(sock, line))
			return tell(notify, line, pid, true, err);
		if (fds[1].revents)
			return true;
	}
}
