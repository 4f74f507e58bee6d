/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/proxied.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/passfd.h"
#include "base/proc.h"
#include "engine/portproxy.h"
#include "engine/portsocket.h"

#define PROGRAM "mooring-portproxy"
#define BACKLOG 128
#define PID_MAX 16
#define END_MS  5000

static bool listen_for(const struct published *port, struct bag *listeners, struct error *err)
{
	autoclose int fd = portsocket_open(port->protocol, AF_INET6);
	uint16_t number = port->outside;
	char address[IPADDR_TEXT_MAX];

	if (fd < 0 || !portsocket_bind(fd, &port->address, &number) ||
	    (port->protocol != PORT_UDP && listen(fd, BACKLOG) < 0))
		return error_sys(err, "listen at [%s]:%d", ipaddr_text(&port->address, address),
				 port->outside);
	return bag_put(listeners, take_fd(&fd), err);
}

bool proxied_listen(const struct endpoints *endpoints, struct bag *listeners, struct error *err)
{
	for (size_t i = 0; i < endpoints->port_count; i++) {
		if (endpoints->ports[i].address.family == AF_INET6 &&
		    !listen_for(&endpoints->ports[i], listeners, err))
			return false;
	}
	bag_seal(listeners);
	return true;
}

struct sending {
	const struct endpoints *endpoints, *inside;
	size_t next; /* of their ports */
	int socket;
	struct error *err;
};

/* The sockets are in the order of the ports. */
static bool fails_to_send(int fd, void *context)
{
	struct sending *sending = context;
	const struct endpoints *endpoints = sending->endpoints;

	while (sending->next < endpoints->port_count &&
	       endpoints->ports[sending->next].address.family != AF_INET6)
		sending->next++;
	if (sending->next == endpoints->port_count)
		return false;

	const struct published *port = &sending->inside->ports[sending->next++];
	const struct portproxy_order order = { (uint8_t)port->protocol, port->outside };

	return passfd_send(sending->socket, &order, sizeof(order), &fd, 1, 0) !=
		       (ssize_t)sizeof(order) &&
	       !error_sys(sending->err, "speak to " PROGRAM);
}

static bool start(int orders, int lifeline, pid_t *helper, struct error *err)
{
	autofree char *program = NULL;
	char text[PID_MAX] = "";
	struct proc proc;
	int status, ends[2];

	if (!proc_helper(PROGRAM, &program, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	autoclose int reading = ends[0], writing = ends[1];
	const char *const argv[] = { program, NULL };
	const char *const env[] = { NULL };
	const struct proc_fd fds[] = { { writing, STDOUT_FILENO },
				       { STDERR_FILENO, STDERR_FILENO },
				       { orders, 3 },
				       { lifeline, 4 } };
	const struct proc_options options = {
		.argv = argv, .env = env, .directory = "/", .fds = fds, .fd_count = COUNT_OF(fds)
	};

	/* It forks itself away at once. */
	if (!proc_spawn(&options, &proc, err) || !proc_wait(&proc, &status, err))
		return false;
	if (status != 0 || read(reading, text, sizeof(text) - 1) <= 0)
		return error_set(err, ERROR_SYSTEM, PROGRAM " does not start");
	*helper = (pid_t)strtol(text, NULL, 10);
	return true;
}

bool proxied_start(const struct bag *listeners, const struct endpoints *endpoints,
		   const struct endpoints *inside, struct bag *bag, char name[PROXIED_NAME_MAX],
		   struct error *err)
{
	autoclose int sending = -1, receiving = -1, kept = -1, lifeline = -1;
	unsigned long long start_time;
	pid_t helper = 0;
	int ends[2];

	name[0] = '\0';
	if (listeners->fd < 0)
		return true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket");
	sending = ends[0];
	receiving = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	lifeline = ends[0];
	kept = ends[1];
	if (!start(receiving, lifeline, &helper, err) || !proc_start_time(helper, &start_time, err))
		return false;
	snprintf(name, PROXIED_NAME_MAX, "proxy %d %llu", (int)helper, start_time);
	mem_cleanup_close(&receiving);
	receiving = -1;

	struct sending all = { endpoints, inside, 0, sending, err };

	return !bag_find(listeners, fails_to_send, &all) && bag_put(bag, take_fd(&kept), err);
}

/* The bag may be closed later, and a program takes its time to end. */
void proxied_end(const char *name)
{
	unsigned long long start_time;
	int pid;

	if (sscanf(name, "proxy %d %llu", &pid, &start_time) != 2)
		return;
	/* Nobody else gets the number from here on. */
	autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0 && proc_is_alive(pid, start_time) &&
	    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
		poll(&end, 1, END_MS);
}

bool proxied_is_lifeline(int fd)
{
	struct statfs info;

	/* The hub's FIFO has a name, and lies elsewhere. */
	return fstatfs(fd, &info) == 0 && info.f_type == PIPEFS_MAGIC;
}

void proxied_drop(struct endpoints *endpoints)
{
	size_t kept = 0;

	for (size_t i = 0; i < endpoints->port_count; i++) {
		if (endpoints->ports[i].address.family == AF_INET)
			endpoints->ports[kept++] = endpoints->ports[i];
	}
	endpoints->port_count = kept;
}
