/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/usernet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/ident.h"
#include "engine/port.h"
#include "engine/proxied.h"
#include "engine/publish.h"
#include "runtime/kernel.h"

#define PROGRAM     "slirp4netns"
#define START_MS    10000
#define REQUEST_MAX USERNET_ANSWER_MAX
#define READY_FD    3
#define EXIT_FD     4
#define SPACE_FD    USERNET_SPACE_FD
#define SPACE_PATH  "/proc/self/fd/5"
#define ASK_SECONDS 10
#define TUN         "/dev/net/tun"

bool usernet_is_needed(void)
{
	autoclose int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	autoclose int owner = network < 0 ? -1 : ioctl(network, NS_GET_USERNS);

	return network >= 0 && owner < 0 && errno == EPERM;
}

static bool check_device(struct error *err)
{
	autoclose int device = open(TUN, O_RDWR | O_CLOEXEC);

	if (device >= 0)
		return true;
	return error_sys(err, "a network without root needs " TUN
			      " (the kernel's module tun, and leave to open it), or --network host "
			      "or none: open it");
}

bool usernet_find_program(char path[USERNET_PROGRAM_MAX], struct error *err)
{
	static const char *const places[] = { "/usr/bin", "/usr/local/bin", "/bin" };

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		snprintf(path, USERNET_PROGRAM_MAX, "%s/" PROGRAM, places[i]);
		if (access(path, X_OK) == 0)
			return check_device(err);
	}
	return error_set(err, ERROR_UNSUPPORTED,
			 "a network without root needs the program " PROGRAM
			 ": install it, or use --network host or none");
}

/* The child: waits for its word, then becomes the program. */
static _Noreturn void be_helper(const char *program, const char *api, const char *device,
				pid_t parent, int go, int ready, int exit_fd)
{
	char namespace[64];
	char byte;

	setsid();
	snprintf(namespace, sizeof(namespace), "/proc/%d/ns/net", (int)parent);
	if (read(go, &byte, 1) != 1)
		_exit(0); /* the start has failed */
	int null = open("/dev/null", O_RDWR);
	int space = open(namespace, O_RDONLY);
	int kept_ready = fcntl(ready, F_DUPFD, 10), kept_exit = fcntl(exit_fd, F_DUPFD, 10);
	int kept_space = space < 0 ? -1 : fcntl(space, F_DUPFD, 10);

	if (null < 0 || kept_ready < 0 || kept_exit < 0 || kept_space < 0)
		_exit(1);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	dup2(kept_ready, READY_FD);
	dup2(kept_exit, EXIT_FD);
	dup2(kept_space, SPACE_FD);
	if (kernel_close_range(SPACE_FD + 1, ~0U) < 0)
		_exit(1);
	/* It parses what containers send: without the user's files, rights and system calls. */
	execl(program, PROGRAM, "--configure", "--enable-ipv6", "--mtu=65520", "--enable-sandbox",
	      "--enable-seccomp", "--disable-host-loopback", "--ready-fd=3", "--exit-fd=4",
	      "--api-socket", api, "--netns-type=path", SPACE_PATH, device, (char *)NULL);
	_exit(1);
}

void usernet_expect(const struct engine *engine, const struct container *container,
		    const struct container_network *wanted, struct arena *arena,
		    struct endpoints *endpoints)
{
	struct network network;
	struct error ignored; /* told when it is joined */
	struct endpoint *expected;

	if (endpoints->count == ENDPOINTS_MAX ||
	    !network_find(engine, arena, wanted->name, &network, &ignored))
		return;
	if (!endpoints->items)
		endpoints->items = arena_array(arena, ENDPOINTS_MAX, sizeof(*endpoints->items));
	expected = &endpoints->items[endpoints->count++];
	*expected = (struct endpoint){
		.network = network.name,
		.is_internal = network.is_internal,
		.gw_priority = wanted->gw_priority,
	};
	ident_derive(container->id, network.id, expected->id, IDENT_LENGTH);
}

/* Reserved for the moment, for docker's words about what is in use: the program listens itself. */
bool usernet_choose_ports(const struct engine *engine, const struct container *container,
			  struct arena *arena, struct endpoints *endpoints, struct bag *listeners,
			  struct error *err)
{
	struct bag probe = BAG_EMPTY;
	size_t count = endpoints->count;

	for (size_t i = 0; i < container->network_count; i++)
		usernet_expect(engine, container, &container->networks[i], arena, endpoints);
	bool is_outward = endpoints_outward(endpoints) != NULL; /* else it is published later */
	bool is_done =
		!is_outward || publish_reserve(engine, container, arena, &probe, endpoints, err);

	endpoints->count = count;
	bag_close(&probe);
	return is_done && proxied_listen(endpoints, listeners, err);
}

bool usernet_fork(const char *program, struct usernet *usernet, const char *device, int life,
		  int other_end, struct error *err)
{
	pid_t self = getpid();
	int go[2], ready[2];

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	usernet->helper = fork();
	if (usernet->helper == 0) {
		close(go[1]);
		close(other_end); /* else it would keep itself alive */
		be_helper(program, usernet->api, device, self, go[0], ready[1], life);
	}
	close(go[0]);
	close(ready[1]);
	usernet->go = go[1];
	usernet->ready = ready[0];
	return usernet->helper > 0 || error_sys(err, "fork");
}

/* Its one byte says that the container's link is up. */
static bool await_ready(const struct usernet *usernet, struct error *err)
{
	struct pollfd wait = { .fd = usernet->ready, .events = POLLIN };
	char byte;

	if (poll(&wait, 1, START_MS) == 1 && read(usernet->ready, &byte, 1) == 1)
		return true;
	return error_set(err, ERROR_SYSTEM, PROGRAM " does not start: use --network host or none");
}

bool usernet_start(struct usernet *usernet, struct error *err)
{
	return (write(usernet->go, "", 1) == 1 || error_sys(err, "start " PROGRAM)) &&
	       await_ready(usernet, err);
}

bool usernet_ask(const char *api, const char *text, char answer[USERNET_ANSWER_MAX],
		 struct error *err)
{
	const struct timeval patience = { .tv_sec = ASK_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t got;

	if (strlen(api) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "%s is too long for a socket's name", api);
	memcpy(address.sun_path, api, strlen(api));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text) ||
	    shutdown(fd, SHUT_WR) < 0)
		return error_sys(err, "speak to " PROGRAM);
	got = read(fd, answer, USERNET_ANSWER_MAX - 1);
	answer[got > 0 ? got : 0] = '\0';
	return (got > 0 && !strstr(answer, "\"error\"")) ||
	       error_set(err, ERROR_SYSTEM, PROGRAM " refuses: %s", answer);
}

bool usernet_listen(const char *api, const struct published *port, uint16_t guest_port, int *id,
		    struct error *err)
{
	char host[IPADDR_TEXT_MAX], text[REQUEST_MAX], answer[USERNET_ANSWER_MAX];

	snprintf(text, sizeof(text),
		 "{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"%s\",\"host_addr\":"
		 "\"%s\",\"host_port\":%d,\"guest_port\":%d}}",
		 port_protocol_name(port->protocol), ipaddr_text(&port->address, host),
		 port->outside, guest_port);
	if (!usernet_ask(api, text, answer, err))
		return error_in(err, "publish a port");

	const char *found = strstr(answer, "\"id\":");

	*id = found ? (int)strtol(found + strlen("\"id\":"), NULL, 10) : 0;
	return true;
}

void usernet_close(struct usernet *usernet)
{
	mem_cleanup_close(&usernet->go);
	mem_cleanup_close(&usernet->ready);
	*usernet = USERNET_NONE;
}
