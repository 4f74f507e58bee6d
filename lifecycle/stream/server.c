/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define BACKLOG  64
#define SWEEP_MS 10000

/* -- who comes ----------------------------------------------------------------------------------
 */

/* Whoever has not shown a token yet must not keep out those who have one. */
static bool evict_stranger(struct server *server)
{
	struct session *oldest = NULL;

	for (struct session *session = server->sessions; session; session = session->next)
		if (session->stage < SESSION_OPEN && (!oldest || session->since < oldest->since))
			oldest = session;
	if (oldest)
		session_close(oldest);
	return oldest != NULL;
}

static void accept_client(struct server *server, int listener, bool is_local)
{
	autoclose int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (server->session_count == SERVER_SESSIONS_MAX && !evict_stranger(server)) {
		log_warning("refused a connection: %d clients are connected", SERVER_SESSIONS_MAX);
		return;
	}
	session_open(server, take_fd(&fd), is_local);
}

static void on_client(struct loop_watch *watch)
{
	accept_client(watch->context, watch->fd, false);
}

static void on_local_client(struct loop_watch *watch)
{
	accept_client(watch->context, watch->fd, true);
}

/* -- what passes --------------------------------------------------------------------------------
 */

static void on_sweep(struct loop_timer *timer)
{
	struct server *server = timer->context;
	int64_t now = stream_clock_wall(server->clock);
	struct session *next;
	struct error err;

	for (struct session *session = server->sessions; session; session = next) {
		next = session->next;
		session_sweep(session);
	}
	for (struct stream *stream = server->depot->streams; stream; stream = stream->next)
		if (!stream_expire(stream, now, &err))
			log_error("%s", err.text);
	loop_arm(server->clock->loop, timer, SWEEP_MS);
}

/* Closes who is done. What they held may be what others wait for. */
static void on_reap(struct loop_timer *timer)
{
	struct server *server = timer->context;
	struct session *next;

	for (struct session *session = server->sessions; session; session = next) {
		next = session->next;
		if (session_is_over(session))
			session_close(session);
		else if (session->is_starved)
			session_resume(session);
	}
}

/* -- opening, closing ---------------------------------------------------------------------------
 */

static bool listen_on_port(int *fd, int *port, struct error *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
	socklen_t size = sizeof(address);
	const int yes = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(*fd, (struct sockaddr *)&address, size) < 0 || listen(*fd, BACKLOG) < 0 ||
	    getsockname(*fd, (struct sockaddr *)&address, &size) < 0)
		return error_sys(err, "listen on 127.0.0.1:%d (STREAM_MANAGER_SERVER_PORT)", *port);
	*port = ntohs(address.sin_port);
	return true;
}

static bool listen_on_socket(int *fd, const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "%s: too long for the name of a socket", path);
	strcpy(address.sun_path, path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return error_sys(err, "socket");

	mode_t mask = umask(0177);
	bool is_bound = bind(*fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	umask(mask);
	if (!is_bound || listen(*fd, BACKLOG) < 0)
		return error_sys(err, "listen on %s", path);
	return true;
}

static void start_listening(struct server *server, struct loop_watch *watch, int fd,
			    void (*on_ready)(struct loop_watch *watch))
{
	*watch = (struct loop_watch){ .fd = fd, .on_ready = on_ready, .context = server };
	loop_watch(server->clock->loop, watch);
}

void server_start(struct server *server)
{
	server->listener.fd = server->control.fd = -1;
	server->scratch = mem_alloc(SERVER_SCRATCH_SIZE);
	server->sweep = (struct loop_timer){ .on_expiry = on_sweep, .context = server };
	server->reaper = (struct loop_timer){ .on_expiry = on_reap, .context = server };
	loop_arm(server->clock->loop, &server->sweep, SWEEP_MS);
}

bool server_open(struct server *server, int *port, const char *control, struct error *err)
{
	autoclose int listener = -1;
	autoclose int local = -1;

	server_start(server);
	if (!listen_on_port(&listener, port, err) ||
	    (control && !listen_on_socket(&local, control, err)))
		return false;
	start_listening(server, &server->listener, take_fd(&listener), on_client);
	if (control)
		start_listening(server, &server->control, take_fd(&local), on_local_client);
	return true;
}

void server_close(struct server *server)
{
	struct loop *loop = server->clock->loop;

	while (server->sessions)
		session_close(server->sessions);
	loop_disarm(loop, &server->sweep);
	loop_disarm(loop, &server->reaper);
	if (server->listener.fd >= 0)
		loop_unwatch(loop, &server->listener);
	if (server->control.fd >= 0)
		loop_unwatch(loop, &server->control);
	drop_fd(&server->listener.fd);
	drop_fd(&server->control.fd);
	free(server->scratch);
	server->scratch = NULL;
}
